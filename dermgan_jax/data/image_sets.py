"""Sets of images that are read a part at a time, so that their number costs no memory.

An image set is indexed by a slice or an array of positions and then gives uint8 (n, H, W, C), C 1
or 3. NumPy arrays and memory maps are image sets as they are; here are folders, .npz files, parts
of other sets, and images kept in a temporary file.
"""

import dataclasses
import hashlib
import tempfile
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol, TypeAlias

import numpy as np

from dermgan_jax.cache import usable_folder
from dermgan_jax.data import file_digests, filled_folders, npz_images
from dermgan_jax.data.class_folders import class_of
from dermgan_jax.data.decode import FEW_BITS, SUFFIXES, find_images, header_size
from dermgan_jax.data.npz_images import Range
from dermgan_jax.data.pixel_range import to_uint8
from dermgan_jax.data.set_reader import SetReader
from dermgan_jax.data.squares import to_square
from dermgan_jax.errors import UserError
from dermgan_jax.files import Path

Rows: TypeAlias = slice | np.ndarray

CHUNK = 256  # images read at a time where a whole set is gone through


class ImageSet(Protocol):
    """What metrics and feature extractors read."""

    @property
    def shape(self) -> tuple[int, ...]:
        """(N, H, W, C)."""

    @property
    def dtype(self) -> np.dtype:
        """uint8."""

    def __len__(self) -> int: ...

    def __getitem__(self, rows: Rows) -> np.ndarray: ...


@dataclasses.dataclass(frozen=True, eq=False)
class Selection:
    """Some images of another set, in any order, each flipped left to right or not.

    Attributes:
      images: the other set.
      rows: int (n,), positions in it.
      flipped: bool (n,), or None for none.
    """

    images: ImageSet
    rows: np.ndarray
    flipped: np.ndarray | None = None

    dtype = np.dtype(np.uint8)

    @property
    def shape(self) -> tuple[int, ...]:
        return (len(self.rows), *self.images.shape[1:])

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, rows: Rows) -> np.ndarray:
        images = np.asarray(self.images[self.rows[rows]])
        if self.flipped is None:
            return images
        return np.where(self.flipped[rows][:, None, None, None], images[:, :, ::-1], images)


@dataclasses.dataclass(frozen=True, eq=False)
class Concatenation:
    """The images of several sets of one size, one set after the other."""

    parts: tuple[ImageSet, ...]

    dtype = np.dtype(np.uint8)

    @property
    def shape(self) -> tuple[int, ...]:
        return (len(self), *self.parts[0].shape[1:])

    def __len__(self) -> int:
        return sum(map(len, self.parts))

    def __getitem__(self, rows: Rows) -> np.ndarray:
        rows = np.arange(len(self))[rows]
        found = np.empty((len(rows), *self.shape[1:]), np.uint8)
        first = 0
        for part in self.parts:
            here = (first <= rows) & (rows < first + len(part))
            found[here] = part[rows[here] - first]
            first += len(part)
        return found


@dataclasses.dataclass(frozen=True, eq=False)
class Resized:
    """The images of another set at another size, see `squares.to_square`."""

    images: ImageSet
    side: int

    dtype = np.dtype(np.uint8)

    @property
    def shape(self) -> tuple[int, ...]:
        return (len(self.images), self.side, self.side, self.images.shape[-1])

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, rows: Rows) -> np.ndarray:
        resized = [to_square(image, self.side) for image in np.asarray(self.images[rows])]
        return np.stack(resized) if resized else np.empty((0, *self.shape[1:]), np.uint8)


class FolderImages:
    """The images of a folder and its subfolders, sorted by path, decoded when asked for.

    Args:
      folder: with at least one image file; all of one size, unless `side` is given.
      channels: 3 or 1; files are converted.
      limit: at most so many, evenly spaced over the whole set.
      bit_depth: of 16-bit files; 0: found from the whole folder, see `SetReader`.
      side: brings every image to this size, see `squares.to_square`; 0 leaves them as they are.
      frame: of files that hold several images, see `frames.index`.

    Attributes:
      paths: the files.
      shape: (N, H, W, channels).

    Raises:
      UserError: if there are no images, one cannot be opened, or sizes differ. A file whose pixels
        are damaged is found, and named, when it is read.
    """

    dtype = np.dtype(np.uint8)

    def __init__(
        self,
        folder: Path,
        channels: int,
        limit: int | None = None,
        bit_depth: int = 0,
        side: int = 0,
        frame: str = "",
    ):
        paths = find_images(folder)
        if not paths:
            raise UserError(f"{folder} holds no images ({', '.join(sorted(SUFFIXES))})")
        self.folder = folder
        self.reader = SetReader(paths, channels, bit_depth, frame)
        self.side = side
        self.paths = [paths[i] for i in evenly_spaced(len(paths), limit)]
        first = self._read(self.paths[0])
        self.shape = (len(self.paths), *first.shape)
        if side:
            return
        with ThreadPoolExecutor() as pool:
            sizes = pool.map(header_size, self.paths)
            for path, size in zip(self.paths, sizes, strict=True):
                if size != first.shape[:2]:  # unless its EXIF orientation turns it
                    self._decode(path)

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, rows: Rows) -> np.ndarray:
        paths = [self.paths[i] for i in np.arange(len(self))[rows]]
        with ThreadPoolExecutor() as pool:
            return np.stack(list(pool.map(self._decode, paths)))

    def _read(self, path: Path) -> np.ndarray:
        image = self.reader(path)
        return to_square(image, self.side) if self.side else image

    def _decode(self, path: Path) -> np.ndarray:
        image = self._read(path)
        if image.shape != self.shape[1:]:
            raise UserError(
                f"{path} is {_size(image.shape)} pixels but {self.paths[0]} is "
                f"{_size(self.shape[1:])}: bring all images of {self.folder} to one size "
                "(evaluate does it with --resize=SIDE)"
            )
        return image

    def pixel_facts(self) -> tuple:
        """What pixels depend on beside the bytes of their file; false values for nothing."""
        reader = self.reader
        found = reader.bit_depth or (FEW_BITS if reader.find_bit_depth() == FEW_BITS else 0)
        return (self.side, found, *([reader.frame] if reader.frame else []))

    def file_digests(self, rows: np.ndarray) -> Iterator[bytes]:
        """SHA-256 of each file's bytes."""
        with ThreadPoolExecutor() as pool:
            found = pool.map(file_digests.digest, (self.paths[i] for i in rows))
            yield from map(bytes.fromhex, found)

    def classes(self) -> tuple[tuple[str, ...], np.ndarray]:
        """Classes by the subfolders that directly hold images, sorted, and labels int32 (N,)."""
        folders = [class_of(path.parent.name) for path in self.paths]
        names, labels = np.unique(folders, return_inverse=True)
        return tuple(map(str, names)), labels.astype(np.int32)


def open_images(
    source: Path,
    channels: int = 3,
    limit: int | None = None,
    bit_depth: int = 0,
    value_range: Range | None = None,
    side: int = 0,
    frame: str = "",
) -> ImageSet:
    """A folder of images, its subfolders included and sorted by path, or an .npz.

    Args:
      source: a folder, or an .npz, see `npz_images.read`.
      channels: 3 or 1. Files are converted; grey arrays are repeated to give 3 channels.
      limit: at most so many, evenly spaced over the whole set.
      bit_depth, frame: of files, see `FolderImages`.
      value_range: of floats in an .npz that does not tell it.
      side: brings every image to this size, see `squares.to_square`; 0 leaves them as they are.

    Returns:
      (N, H, W, channels).

    Raises:
      UserError: if there is nothing to read, a file is damaged, sizes differ, or a command was
        killed while it filled the folder.
    """
    if source.is_dir():
        filled_folders.require_completed(source)
        return FolderImages(source, channels, limit, bit_depth, side, frame)
    if source.suffix == ".npz":
        with npz_images.faults_named(source):
            npz_images.require_honest(source, copies=1)
            parts = npz_images.read(
                source, channels, lambda n: evenly_spaced(n, limit), value_range
            )
            images = spool(part if part.dtype == np.uint8 else to_uint8(part) for part in parts)
        return Resized(images, side) if side else images
    raise UserError(f"{source} is neither a folder of images nor an .npz file")


def select(images: ImageSet, rows: np.ndarray, flipped: np.ndarray | None = None) -> Selection:
    """The images at positions `rows`, int (n,), flipped left to right where bool (n,) says so."""
    if isinstance(images, Selection):
        if images.flipped is not None:
            before = images.flipped[rows]
            flipped = before if flipped is None else before ^ flipped
        images, rows = images.images, images.rows[rows]
    return Selection(images, rows, flipped)


def choose(images: ImageSet, n: int, seed: int) -> ImageSet:
    """`n` of the images at random, without repetition, in their order; all if there are no more."""
    if len(images) <= n:
        return images
    return select(images, np.sort(np.random.default_rng(seed).choice(len(images), n, False)))


def mirror_at_random(images: ImageSet, seed: int) -> Selection:
    """All images, each flipped left to right with probability one half."""
    flipped = np.random.default_rng(seed).random(len(images)) < 0.5
    return select(images, np.arange(len(images)), flipped)


def spool(chunks: Iterable[np.ndarray]) -> np.ndarray:
    """Images from a temporary file, which is gone once the result is.

    Args:
      chunks: uint8 (n, H, W, C), at least one, n may vary.

    Returns:
      A memory map uint8 (sum of n, H, W, C).
    """
    folder = usable_folder("spool")
    num, shape = 0, ()
    with tempfile.TemporaryFile(dir=folder) as file:
        for chunk in chunks:
            num, shape = num + len(chunk), chunk.shape[1:]
            file.write(np.ascontiguousarray(chunk))
        file.flush()
        return np.memmap(file, np.uint8, "r", shape=(num, *shape))


def digest(images: ImageSet) -> str:
    """SHA-256 that changes with any pixel: of the pixels, or of the files they are read from."""
    told = (images.shape, str(images.dtype))
    found = hashlib.sha256(repr(told).encode())
    base, rows, flipped = (
        (images.images, images.rows, images.flipped)
        if isinstance(images, Selection)
        else (images, np.arange(len(images)), None)
    )
    if isinstance(base, FolderImages) and flipped is None:
        told = base.pixel_facts()
        if any(told):
            found.update(repr(told).encode())
        for part in base.file_digests(rows):
            found.update(part)
    else:
        for first in range(0, len(images), CHUNK):
            found.update(np.ascontiguousarray(images[first : first + CHUNK]))
    return found.hexdigest()


def evenly_spaced(num: int, limit: int | None) -> np.ndarray:
    """Positions of `limit` of `num` things, all if there are no more: int64, ascending."""
    kept = num if limit is None else min(num, limit)
    return np.arange(kept) * num // kept


def _size(shape: tuple[int, ...]) -> str:
    return f"{shape[1]}x{shape[0]}"


def size_text(images: ImageSet) -> str:
    """Height, width and channels of the images, as "64x64x3"."""
    return "x".join(map(str, images.shape[1:]))
