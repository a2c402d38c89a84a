"""Images in an .npz: read some at a time, so that their number costs no memory.

The key `images` holds (N, H, W, C), C 1 or 3: uint8, or floats. Floats are in the range that the
key `range` tells, two numbers, as this program writes it. Without that key they are in [-1, 1] if
any is below 0; else they may as well be in [0, 1], and whoever reads them has to say so.
"""

import math
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeAlias
from zipfile import BadZipFile, ZipFile

import numpy as np

from dermgan_jax import files
from dermgan_jax.data.pixel_range import to_signed
from dermgan_jax.errors import UserError
from dermgan_jax.files import Path

Range: TypeAlias = tuple[float, float]

IMAGES, RANGE = "images", "range"
SIGNED, UNSIGNED = (-1.0, 1.0), (0.0, 1.0)
RANGES = (SIGNED, UNSIGNED)
CHUNK = 256  # images read at a time
LARGEST_OVERSHOOT = 16  # generators leave [-1, 1] by far less, values of 0 to 255 by far more


def open_floats(path: Path, channels: int, value_range: Range | None = None) -> np.ndarray:
    """All images of an .npz as float32 (N, H, W, channels) in [-1, 1]; what overshoots stays.

    Args:
      path, channels, value_range: as of `read`.

    Raises:
      UserError: as `read`.
    """
    with faults_named(path):
        chunks = [
            to_signed(images) if images.dtype == np.uint8 else images
            for images in read(path, channels, value_range=value_range)
        ]
    return np.concatenate(chunks)


def read(
    path: Path,
    channels: int,
    choose: Callable[[int], np.ndarray] = np.arange,
    value_range: Range | None = None,
) -> Iterator[np.ndarray]:
    """Images, some at a time: uint8 as stored, or float32 brought to [-1, 1].

    Args:
      path: the file.
      channels: 3 or 1; grey images are repeated to give 3.
      choose: number of images -> positions of those wanted, ascending.
      value_range: of floats, where the file does not tell it.

    Raises:
      UserError: if there are no such images, or their range is not known or is another.
    """
    with path.open("rb") as raw, ZipFile(raw) as archive:
        told = _told_range(path, archive)
        if told and value_range and told != value_range:
            raise UserError(f"{path} says that its range is {told}, not {value_range}")
        told = told or value_range
        with archive.open(_member(path, archive)) as file:
            shape, dtype = _header(path, file, channels)
            kept = np.zeros(shape[0], bool)
            kept[choose(shape[0])] = True
            lowest, withheld = 0.0, []
            for first in range(0, shape[0], CHUNK):
                part = kept[first : first + CHUNK]
                size = (len(part), *shape[1:])
                buffer = file.read(math.prod(size) * dtype.itemsize)
                images = np.frombuffer(buffer, dtype).reshape(size)
                lowest = min(lowest, float(images.min(initial=0)))
                images = np.repeat(images[part], channels // shape[-1], axis=-1)
                if dtype == np.uint8:
                    yield images
                    continue
                # Written so that NaN fails too.
                if not np.abs(images).max(initial=0) < LARGEST_OVERSHOOT:
                    raise UserError(f"'images' in {path} are not floats in [-1, 1]: rescale them")
                if told is None and lowest >= 0:
                    withheld.append(images)  # until a value says what they are
                    continue
                yield from (_signed(path, each, told or SIGNED) for each in (*withheld, images))
                withheld = []
    if withheld:
        raise UserError(
            f"no value of 'images' in {path} is below 0, so that they may be in [0, 1] or in "
            "[-1, 1]: say it with --range=0,1 or --range=-1,1, or save them as uint8, "
            " or with a key 'range': numpy.savez(FILE, images=images, range=(0, 1))"
        )


def read_labels(path: Path, num: int, num_classes: int) -> np.ndarray | None:
    """The key `labels` of an .npz of `num` images: int (num,), or None if there is none.

    Raises:
      UserError: if they are not one class for each image.
    """
    try:
        with files.open_arrays(path) as arrays:
            if "labels" not in arrays:
                return None
            labels = arrays["labels"]
    except ValueError as error:  # an array of Python objects
        raise UserError(f"'labels' in {path} cannot be read: {error}") from error
    if (
        labels.shape != (num,)
        or not np.issubdtype(labels.dtype, np.integer)
        or not ((labels >= 0) & (labels < num_classes)).all()
    ):
        raise UserError(
            f"'labels' in {path} are no {num} whole numbers from 0 to {num_classes - 1}, one per "
            "image"
        )
    return labels


def other_keys(path: Path) -> list[str]:
    """Names of the arrays beside the images and their range, sorted."""
    with files.open_arrays(path) as arrays:
        return sorted({*arrays} - {IMAGES, RANGE})


@contextmanager
def faults_named(path: Path) -> Iterator[None]:
    """Whatever goes wrong with the file becomes a message that names it."""
    try:
        yield
    except (OSError, ValueError, EOFError, BadZipFile, zlib.error) as error:
        raise UserError(f"{path} cannot be read as an .npz file: {error}") from error


def _signed(path: Path, images: np.ndarray, value_range: Range) -> np.ndarray:
    images = np.float32(images)
    if value_range == SIGNED:
        return images
    if images.min(initial=0) < 0 or images.max(initial=0) > 1:
        raise UserError(f"'images' in {path} are not all in [0, 1], as is said of them")
    return images * 2 - 1


def _told_range(path: Path, archive: ZipFile) -> Range | None:
    if f"{RANGE}.npy" not in archive.namelist():
        return None
    with archive.open(f"{RANGE}.npy") as file:
        found = np.lib.format.read_array(file, allow_pickle=False)
    told = tuple(map(float, found.ravel()))
    if told not in RANGES:
        raise UserError(f"'range' in {path} is {told}; expected (0, 1) or (-1, 1)")
    return told


def _member(path: Path, archive: ZipFile) -> str:
    names = archive.namelist()
    if f"{IMAGES}.npy" not in names:
        keys = ", ".join(sorted(name.removesuffix(".npy") for name in names)) or "nothing"
        raise UserError(f"{path} has no key 'images', but {keys}: save it with images=…")
    return f"{IMAGES}.npy"


def _header(path: Path, file, channels: int) -> tuple[tuple[int, ...], np.dtype]:
    """Shape (N, H, W, C) and type of the images, whose bytes follow."""
    version = np.lib.format.read_magic(file)
    read_header = {
        (1, 0): np.lib.format.read_array_header_1_0,
        (2, 0): np.lib.format.read_array_header_2_0,
    }.get(version)
    if read_header is None:
        raise ValueError(f"format version {version}")
    shape, fortran_order, dtype = read_header(file)
    if len(shape) != 4 or shape[-1] not in (1, channels) or shape[0] == 0 or fortran_order:
        order = " in Fortran order" if fortran_order else ""
        first = len(shape) == 4 and shape[1] in (1, 3) and shape[-1] not in (1, 3)
        remedy = ": channels come last, images.transpose(0, 2, 3, 1)" if first else ""
        raise UserError(
            f"'images' in {path} has shape {shape}{order}; expected (N, H, W, {channels}){remedy}"
        )
    if dtype != np.uint8 and not np.issubdtype(dtype, np.floating):
        raise UserError(f"'images' in {path} is {dtype}; expected uint8 or float32")
    return shape, dtype
