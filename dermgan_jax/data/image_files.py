"""Sets of images in folders and .npz files: what this and other programs exchange."""

import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO
from zipfile import BadZipFile

import numpy as np
from PIL import Image

from dermgan_jax.data.decode import SUFFIXES, read_image
from dermgan_jax.errors import UserError

GUTTER = 2  # pixels between the images of a grid
LARGEST_OVERSHOOT = 16  # generators leave [-1, 1] by far less, values of 0 to 255 by far more
PAPER = 255  # grey value of gutters and empty cells


def to_uint8(images: np.ndarray) -> np.ndarray:
    """Values in [-1, 1] to uint8 0 to 255, rounded; what lies outside is clipped."""
    return np.clip(np.rint(np.asarray(images) * 127.5 + 127.5), 0, 255).astype(np.uint8)


def read_images(source: Path, channels: int = 3, limit: int | None = None) -> np.ndarray:
    """Reads a folder of images, its subfolders included and sorted by path, or an .npz.

    Args:
      source: a folder, or an .npz with the key `images` (N, H, W, C): uint8, or floats in [-1, 1].
      channels: 3 or 1. Files are converted; grey arrays are repeated to give 3 channels.
      limit: read at most so many, evenly spaced over the whole set.

    Returns:
      uint8 (N, H, W, channels).

    Raises:
      UserError: if there is nothing to read, a file is damaged, or sizes differ.
    """
    if source.is_dir():
        return _read_folder(source, channels, limit)
    if source.suffix == ".npz":
        return _read_npz(source, channels, limit)
    raise UserError(f"{source} is neither a folder of images nor an .npz file")


def _read_folder(folder: Path, channels: int, limit: int | None) -> np.ndarray:
    paths = sorted(path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES)
    if not paths:
        raise UserError(f"{folder} holds no images ({', '.join(sorted(SUFFIXES))})")
    paths = [paths[i] for i in _evenly_spaced(len(paths), limit)]
    with ThreadPoolExecutor() as pool:
        images = list(pool.map(lambda path: read_image(path, channels), paths))
    for path, image in zip(paths, images, strict=True):
        if image.shape != images[0].shape:
            raise UserError(
                f"{path} is {_size(image)} pixels but {paths[0]} is {_size(images[0])}: "
                f"bring all images of {folder} to one size"
            )
    return np.stack(images)


def _read_npz(path: Path, channels: int, limit: int | None) -> np.ndarray:
    try:
        with np.load(path, allow_pickle=False) as arrays:
            images = arrays["images"]
    except KeyError as error:
        raise UserError(f"{path} has no key 'images'") from error
    except (OSError, ValueError, EOFError, BadZipFile) as error:
        raise UserError(f"{path} cannot be read as an .npz file: {error}") from error
    if images.ndim != 4 or images.shape[-1] not in (1, channels) or len(images) == 0:
        raise UserError(
            f"'images' in {path} has shape {images.shape}; expected (N, H, W, {channels})"
        )
    images = images[_evenly_spaced(len(images), limit)]
    if np.issubdtype(images.dtype, np.floating):
        if not np.abs(images).max() < LARGEST_OVERSHOOT:  # written so that NaN fails too
            raise UserError(f"'images' in {path} are not floats in [-1, 1]: rescale them")
        images = to_uint8(images)
    if images.dtype != np.uint8:
        raise UserError(f"'images' in {path} is {images.dtype}; expected uint8 or float32")
    return np.repeat(images, channels // images.shape[-1], axis=-1)


def _evenly_spaced(num: int, limit: int | None) -> np.ndarray:
    kept = num if limit is None else min(num, limit)
    return np.arange(kept) * num // kept


def _size(image: np.ndarray) -> str:
    return f"{image.shape[1]}x{image.shape[0]}"


def write_pngs(
    images: np.ndarray,
    folder: Path,
    labels: Sequence[int] | None = None,
    classes: Sequence[str] = (),
) -> list[Path]:
    """Writes FOLDER/000000.png and so on, or FOLDER/CLASS/000000.png.

    Args:
      images: uint8 (N, H, W, C), C 1 or 3.
      folder: made if need be.
      labels: (N,) indices into `classes`; each class then has its own subfolder, the layout of the
        `image_folder` data set.
      classes: names of the classes.

    Returns:
      The files, in the order of the images.
    """
    folders = [folder] * len(images)
    if labels is not None:
        folders = [folder / classes[label] for label in labels]
    for each in dict.fromkeys([folder, *folders]):
        each.mkdir(parents=True, exist_ok=True)
    paths = [each / f"{index:06d}.png" for index, each in enumerate(folders)]
    for image, path in zip(images, paths, strict=True):
        save_image(image, path)
    return paths


def write_npz(images: np.ndarray, path: Path, labels: np.ndarray | None = None) -> None:
    """Writes the keys `images` (N, H, W, C), values as they are, and `labels` (N,) if given."""
    arrays = {"images": np.asarray(images)}
    if labels is not None:
        arrays["labels"] = np.asarray(labels)
    path.parent.mkdir(parents=True, exist_ok=True)
    with _replacing(path) as file:
        np.savez(file, **arrays)


def save_image(image: np.ndarray, path: Path) -> None:
    """Writes uint8 (H, W, C), C 1 or 3, in the format that the file name ends in."""
    picture = Image.fromarray(image[..., 0] if image.shape[-1] == 1 else image)
    with _replacing(path) as file:
        picture.save(file, format=Image.registered_extensions()[path.suffix.lower()])


def grid(images: np.ndarray, rows: int, columns: int) -> np.ndarray:
    """Arranges images in reading order on white paper.

    Args:
      images: uint8 (N, H, W, C); those beyond rows × columns are left out.
      rows, columns: of the sheet; cells without an image stay white.

    Returns:
      uint8 (H', W', C) with a gutter of two pixels between images.
    """
    height, width, channels = images.shape[1:]
    down, across = height + GUTTER, width + GUTTER
    sheet = np.full((rows * down, columns * across, channels), PAPER, np.uint8)
    for index, image in enumerate(images[: rows * columns]):
        top, left = index // columns * down, index % columns * across
        sheet[top : top + height, left : left + width] = image
    return sheet[:-GUTTER, :-GUTTER]


@contextmanager
def _replacing(path: Path) -> Iterator[BinaryIO]:
    """A file to write that takes the place of `path` once it is complete."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with open(temporary, "wb") as file:
            yield file
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
