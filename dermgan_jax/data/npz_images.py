"""Images in an .npz: read some at a time, so that their number costs no memory.

The key `images` holds (N, H, W, C), C 1 or 3: uint8, or floats. Floats are in the range that the
key `range` tells, two numbers, as this program writes it. Without that key they are in [-1, 1] if
any is below 0; else they may as well be in [0, 1], and whoever reads them has to say so.
"""

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeAlias

import numpy as np

from dermgan_jax import files
from dermgan_jax.data.pixel_range import to_signed
from dermgan_jax.errors import UserError
from dermgan_jax.files import Path
from dermgan_jax.npz_files import Arrays, Member, read_exactly
from dermgan_jax.reading_limits import Budget

Range: TypeAlias = tuple[float, float]

IMAGES, RANGE = "images", "range"
SIGNED, UNSIGNED = (-1.0, 1.0), (0.0, 1.0)
RANGES = (SIGNED, UNSIGNED)
CHUNK = 256  # images read at a time, fewer if they are large
CHUNK_BYTES = 1 << 26
HONEST_GROWTH = 20  # times that pictures may have been compressed without anybody wondering
LARGEST_OVERSHOOT = 16  # generators leave [-1, 1] by far less, values of 0 to 255 by far more


def open_floats(path: Path, channels: int, value_range: Range | None = None) -> np.ndarray:
    """All images of an .npz as float32 (N, H, W, channels) in [-1, 1]; what overshoots stays.

    Args:
      path, channels, value_range: as of `read`.

    Raises:
      UserError: as `read`.
    """
    with faults_named(path):
        require_honest(path, copies=8)  # bytes become floats, which are put together
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
    with files.open_arrays(path) as arrays:
        told = _told_range(path, arrays)
        if told and value_range and told != value_range:
            raise UserError(f"{path} says that its range is {told}, not {value_range}")
        told = told or value_range
        _require_images(path, arrays)
        with arrays.opened(IMAGES) as member:
            _require_shape(path, member, channels)
            shape, dtype = member.shape, member.dtype
            step = min(CHUNK, max(1, CHUNK_BYTES // (math.prod(shape[1:]) * dtype.itemsize)))
            kept = np.zeros(shape[0], bool)
            kept[choose(shape[0])] = True
            lowest, withheld = 0.0, []
            for first in range(0, shape[0], step):
                part = kept[first : first + step]
                size = (len(part), *shape[1:])
                buffer = read_exactly(member.file, math.prod(size) * dtype.itemsize)
                images = np.frombuffer(buffer, dtype).reshape(size)
                lowest = min(lowest, float(images.min(initial=0)))
                images = np.repeat(images[part], channels // shape[-1], axis=-1)
                if dtype == np.uint8:
                    yield images
                    continue
                if not np.isfinite(images).all():
                    raise UserError(f"'images' in {path} has NaN or infinite values")
                if np.abs(images).max(initial=0) >= LARGEST_OVERSHOOT:
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
    with files.open_arrays(path) as arrays:
        if "labels" not in arrays:
            return None
        labels = arrays["labels"]
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
    except OSError as error:
        raise UserError(f"{path} cannot be read as an .npz file: {error}") from error


def require_honest(path: Path, copies: int) -> None:
    """Checks that images which were compressed very much, as blank ones are, do not become many.

    Args:
      path: of an .npz.
      copies: how many times the size of the stored images will be taken.

    Raises:
      UserError: if they do, or as `read`.
    """
    with files.open_arrays(path) as arrays:
        _require_images(path, arrays)
        unpacked, stored = arrays.growth(IMAGES)
    if unpacked > HONEST_GROWTH * stored:
        Budget(str(path), stored).take(copies * unpacked)


def _signed(path: Path, images: np.ndarray, value_range: Range) -> np.ndarray:
    images = np.float32(images)
    if value_range == SIGNED:
        return images
    if images.min(initial=0) < 0 or images.max(initial=0) > 1:
        raise UserError(f"'images' in {path} are not all in [0, 1], as is said of them")
    return images * 2 - 1


def _told_range(path: Path, arrays: Arrays) -> Range | None:
    if RANGE not in arrays:
        return None
    found = arrays[RANGE]
    told = tuple(map(float, found.ravel()[:3])) if found.dtype.kind in "fiu" else ()
    if told not in RANGES:
        raise UserError(f"'range' in {path} is {told}; expected (0, 1) or (-1, 1)")
    return told


def _require_images(path: Path, arrays: Arrays) -> None:
    if IMAGES not in arrays:
        keys = ", ".join(sorted(arrays)) or "nothing"
        raise UserError(f"{path} has no key 'images', but {keys}: save it with images=…")


def _require_shape(path: Path, member: Member, channels: int) -> None:
    """Checks that an array holds images (N, H, W, C), in the order of memory."""
    shape, dtype = member.shape, member.dtype
    in_order = not member.fortran_order
    if len(shape) != 4 or shape[-1] not in (1, channels) or not math.prod(shape) or not in_order:
        order = "" if in_order else " in Fortran order"
        first = len(shape) == 4 and shape[1] in (1, 3) and shape[-1] not in (1, 3)
        remedy = ": channels come last, images.transpose(0, 2, 3, 1)" if first else ""
        raise UserError(
            f"'images' in {path} has shape {shape}{order}; expected (N, H, W, {channels}){remedy}"
        )
    if dtype != np.uint8 and not np.issubdtype(dtype, np.floating):
        raise UserError(f"'images' in {path} is {dtype}; expected uint8 or float32")
