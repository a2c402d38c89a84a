"""What commands that make an image of each image of a folder have in common."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from dermgan_jax.data.decode import SUFFIXES, find_images
from dermgan_jax.errors import UserError
from dermgan_jax.files import Path

BATCH = 16  # files read at a time


def named_images(source: Path, out: Path) -> dict[Path, Path]:
    """Images anywhere below a folder -> their names relative to it, by which results are written.

    Args:
      source: the folder.
      out: where results go, a folder too.

    Raises:
      UserError: if `out` is an .npz, or `source` is no folder or holds no images.
    """
    if out.suffix == ".npz":
        raise UserError(f"{source} is a folder, so --out has to be one too; it is {out}")
    if not source.is_dir():
        raise UserError(f"{source} is neither a folder of images nor an .npz file")
    names = {path: path.relative_to(source) for path in find_images(source)}
    if not names:
        raise UserError(f"{source} holds no images ({', '.join(sorted(SUFFIXES))})")
    return names


def groups_of_one_size(
    paths: Sequence[Path], read: Callable[[Path], np.ndarray]
) -> Iterator[list[tuple[Path, np.ndarray]]]:
    """Files with what `read` makes of them, arrays (H, W, C), in groups of one shape.

    Files are read a few at a time, and only among these are equal shapes put together.
    """
    with ThreadPoolExecutor() as pool:
        for first in range(0, len(paths), BATCH):
            some = paths[first : first + BATCH]
            sizes: dict[tuple[int, ...], list[tuple[Path, np.ndarray]]] = {}
            for path, image in zip(some, pool.map(read, some), strict=True):
                sizes.setdefault(image.shape, []).append((path, image))
            yield from sizes.values()
