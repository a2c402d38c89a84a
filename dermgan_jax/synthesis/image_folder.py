"""What commands that make an image of each image of a folder have in common."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from dermgan_jax import files
from dermgan_jax.data.decode import DICOM_SUFFIXES, SUFFIXES, find_images, header_size
from dermgan_jax.errors import UserError
from dermgan_jax.files import Path

BATCH = 16  # files read at a time
BATCH_BYTES = 1 << 28  # of their pixels


def named_images(source: Path, out: Path | None = None) -> dict[Path, Path]:
    """Images anywhere below a folder -> their names relative to it, by which results are written.

    Of DICOM files the results are PNG files, which is said.

    Args:
      source: the folder, or a single image file.
      out: where results go, a folder, if they go by these names.

    Raises:
      UserError: if `out` is an .npz, or `source` is neither or holds no images.
    """
    if out is not None and out.suffix == ".npz":
        raise UserError(f"{source} is no .npz, so --out has to be a folder; it is {out}")
    names = {path: path.relative_to(root) for path, root in _listed(source)}
    return names if out is None else {path: _written(name) for path, name in names.items()}


def _written(name: Path) -> Path:
    """What becomes of an image is no DICOM file, which would need all that told whose it was."""
    if name.suffix.lower() not in DICOM_SUFFIXES:
        return name
    files.tell_once(f"note: of DICOM files PNG files are made, such as {name.name}.png")
    return name.with_name(f"{name.name}.png")


def _listed(source: Path) -> list[tuple[Path, Path]]:
    """Image files, each with the folder that its name is relative to."""
    suffixes = ", ".join(sorted(SUFFIXES))
    if source.is_file():
        if source.suffix.lower() not in SUFFIXES:
            raise UserError(f"{source} is no image that is read ({suffixes}) and no .npz file")
        return [(source, source.parent)]
    if not source.is_dir():
        raise UserError(f"{source} is neither a folder of images, an image file nor an .npz file")
    found = find_images(source)
    if not found:
        raise UserError(f"{source} holds no images ({suffixes})")
    return [(path, source) for path in found]


def groups_of_one_size(
    paths: Sequence[Path], read: Callable[[Path], np.ndarray]
) -> Iterator[list[tuple[Path, np.ndarray]]]:
    """Files with what `read` makes of them, arrays (H, W, C), in groups of one shape.

    Files are read a few at a time, and only among these are equal shapes put together.
    """
    with ThreadPoolExecutor() as pool:
        for some in _batches(paths):
            sizes: dict[tuple[int, ...], list[tuple[Path, np.ndarray]]] = {}
            for path, image in zip(some, pool.map(read, some), strict=True):
                sizes.setdefault(image.shape, []).append((path, image))
            yield from sizes.values()


def _batches(paths: Sequence[Path]) -> Iterator[list[Path]]:
    """Files in turn, as many together as the limits allow; one at least."""
    some: list[Path] = []
    taken = 0
    for path in paths:
        height, width = header_size(path)
        if some and (len(some) == BATCH or taken + 3 * height * width > BATCH_BYTES):
            yield some
            some, taken = [], 0
        some.append(path)
        taken += 3 * height * width
    if some:
        yield some
