"""What commands that make an image of each image of a folder have in common."""

import collections
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from dermgan_jax.data.decode import SUFFIXES, find_images, header_size
from dermgan_jax.data.image_marks import PREFIX
from dermgan_jax.errors import UserError
from dermgan_jax.files import Path

BATCH = 16  # files read at a time
BATCH_BYTES = 1 << 28  # of their pixels


def named_images(source: Path, out: Path | None = None) -> dict[Path, Path]:
    """Images anywhere below a folder -> their names relative to it, or those of their results.

    Results are PNG files, and no real image's name is theirs: of case/a.jpg synthetic_a.png in the
    folder case. Of images whose names differ in the suffix only, it is kept before the other.

    Args:
      source: the folder, or a single image file.
      out: where results go, a folder, if their names are asked for.

    Raises:
      UserError: if `out` is an .npz, `source` is neither or holds no images, or two results would
        have one name.
    """
    if out is not None and out.suffix == ".npz":
        raise UserError(f"{source} is no .npz, so --out has to be a folder; it is {out}")
    names = {path: path.relative_to(root) for path, root in _listed(source)}
    return names if out is None else _of_results(source, names)


def synthetic_name(name: Path) -> Path:
    """A name that says that it is no real image's."""
    return name if name.name.startswith(PREFIX) else name.with_name(f"{PREFIX}{name.name}")


def _of_results(source: Path, names: Mapping[Path, Path]) -> dict[Path, Path]:
    count = collections.Counter(name.with_suffix("") for name in names.values())
    found = {}
    for path, name in names.items():
        stem = name.stem if count[name.with_suffix("")] == 1 else name.name
        found[path] = synthetic_name(name.with_name(f"{stem}.png"))
    twins = [name for name, times in collections.Counter(found.values()).items() if times > 1]
    if twins:
        raise UserError(f"{source} has several images that would become {twins[0]}: rename them")
    return found


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
