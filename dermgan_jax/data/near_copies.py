"""Images of different splits that show one picture, though their files differ.

Found are pictures that were saved again, with another compression or size. Not found are crops and
mirror images. Pictures are compared without their brightness and contrast: first small versions,
each with the nearest one of another split, then larger ones of those that are alike.

What one comparison costs grows with the size of the other split. Of a validation or test split of
more than `COMPARED` images, as many are compared, evenly spaced.
"""

import contextlib
import hashlib
import json
import pathlib
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy.spatial import cKDTree

from dermgan_jax import files
from dermgan_jax.data.image_sets import ImageSet, evenly_spaced
from dermgan_jax.data.splits import SPLITS

VERSION = 1  # raise it whenever other copies would be found
COARSE, FINE = 8, 32  # sides in pixels of the versions that are compared
ALIKE = 0.99  # correlation from which two pictures are one
REACH = float(np.sqrt(2 * (1 - ALIKE)))  # of unit vectors, |v - w|² = 2 (1 - correlation)
PLAIN = 1.0  # grey levels; pictures of less contrast are not compared
COMPARED = 50_000  # pictures of a split, each with all of an earlier one
LEADING = 12  # principal components in which neighbours are looked for
FIRST = 4  # neighbours at first
QUERIES = 4096  # looked for at a time
SAMPLES = 1 << 22  # of pixels read at a time


class NearCopy(NamedTuple):
    """Rows of an image and of its copy in an earlier split (training, validation, test)."""

    row: int
    of: int


def compared(splits: Sequence[str]) -> int:
    """How many validation and test images are compared with those of earlier splits."""
    splits = np.asarray(splits)
    return sum(min(int((splits == later).sum()), COMPARED) for later in SPLITS[1:])


def near_copies(images: ImageSet, splits: Sequence[str], groups: Sequence[str]) -> list[NearCopy]:
    """Images with a copy in another split and another group, by row.

    Args:
      images: uint8 (N, R, R, C).
      splits: N of "train", "val" and "test".
      groups: N names. Images of one group are known to belong together.
    """
    members = {split: np.flatnonzero(np.asarray(splits) == split) for split in SPLITS}
    if sum(len(rows) > 0 for rows in members.values()) < 2:
        return []
    coarse = _turned(_versions(images, np.arange(len(images)), COARSE))
    is_picture = np.isfinite(coarse[:, 0])
    found: dict[int, NearCopy] = {}
    for i, later in enumerate(SPLITS):
        some = members[later]
        if i and len(some):
            some = some[evenly_spaced(len(some), COMPARED)]
        some = some[is_picture[some]]
        for earlier in SPLITS[:i]:
            others = members[earlier][is_picture[members[earlier]]]
            if not (len(some) and len(others)):
                continue
            nearest = _nearest(coarse[some], coarse[others])
            alike = np.flatnonzero(nearest < len(others))
            pairs = [
                (int(some[at]), int(others[nearest[at]]))
                for at in alike
                if groups[some[at]] != groups[others[nearest[at]]]
            ]
            for row, of in _still_alike(images, pairs):
                found.setdefault(row, NearCopy(row, of))
    return [found[row] for row in sorted(found)]


def near_copies_once(
    images: ImageSet,
    splits: Sequence[str],
    groups: Sequence[str],
    fingerprint: str,
    folder: pathlib.Path,
) -> list[NearCopy]:
    """`near_copies`, kept in a folder while pixels, splits and groups stay as they are.

    Args:
      images, splits, groups: as there.
      fingerprint: of the pixels.
      folder: that of the prepared images. Where it cannot be written to, copies are looked for
        again.
    """
    of_all = hashlib.sha256(f"{VERSION} {fingerprint}\n".encode())
    for split, group in zip(splits, groups, strict=True):
        of_all.update(f"{split}\t{group}\n".encode(errors="surrogateescape"))
    file = folder / "near_copies" / f"{of_all.hexdigest()[:32]}.json"
    try:
        return [NearCopy(*map(int, pair)) for pair in json.loads(file.read_text())]
    except (OSError, ValueError, TypeError):
        found = near_copies(images, splits, groups)
    with contextlib.suppress(OSError):
        files.write_text(file, json.dumps(found))
    return found


def _turned(vectors: np.ndarray) -> np.ndarray:
    """The vectors (N, d) along the axes in which they differ most first; distances stay."""
    known = vectors[np.isfinite(vectors[:, 0])]
    _, axes = np.linalg.eigh(known.T @ known)
    return vectors @ axes[:, ::-1]


def _nearest(vectors: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Position of the nearest of others within `REACH`, or their number: int (n,).

    Neighbours are looked for in the leading components, in which nothing is further away than it
    is, until all that are left are further away than the nearest one found.

    Args:
      vectors: float32 (n, d).
      others: float32 (m, d).
    """
    tree = cKDTree(others[:, :LEADING])
    found = np.full(len(vectors), len(others))
    for first in range(0, len(vectors), QUERIES):
        rows, count = np.arange(first, min(first + QUERIES, len(vectors))), FIRST
        while len(rows):
            bounds, positions = tree.query(
                vectors[rows, :LEADING], k=count, distance_upper_bound=REACH
            )
            distances = np.full(bounds.shape, np.inf)
            there = np.isfinite(bounds)
            at, column = np.nonzero(there)
            away = vectors[rows[at]] - others[positions[at, column]]
            distances[at, column] = np.linalg.norm(away, axis=1)
            best = distances.argmin(1)
            least = distances[np.arange(len(rows)), best]
            within = least <= REACH
            found[rows[within]] = positions[np.flatnonzero(within), best[within]]
            rows = rows[there[:, -1] & (bounds[:, -1] < least)]
            count *= 8
    return found


def _still_alike(images: ImageSet, pairs: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """Those of pairs of rows whose larger versions are alike too."""
    found = []
    for first in range(0, len(pairs), QUERIES):
        some = np.asarray(pairs[first : first + QUERIES])
        rows, position = np.unique(some, return_inverse=True)
        fine = _versions(images, rows, FINE)[position.reshape(some.shape)]
        correlations = (fine[:, 0] * fine[:, 1]).sum(1)
        found += [tuple(pair) for pair in some[correlations >= ALIKE].tolist()]
    return found


def _versions(images: ImageSet, rows: np.ndarray, side: int) -> np.ndarray:
    """A small grey version of each image, of mean 0 and length 1: float32 (n, pixels).

    Plain pictures are NaN.
    """
    parts = []
    chunk = max(1, SAMPLES // int(np.prod(images.shape[1:])))
    for first in range(0, len(rows), chunk):
        grey = np.asarray(images[rows[first : first + chunk]]).mean(-1, dtype=np.float32)
        plain = grey.std((1, 2)) < PLAIN
        parts.append(_unit(_reduced(grey, side), plain))
    return np.concatenate(parts)


def _reduced(grey: np.ndarray, side: int) -> np.ndarray:
    """Box averages: (N, R, R) to (N, side, side), or as it is if it is no larger."""
    size = grey.shape[-1]
    if size <= side:
        return grey
    starts = np.arange(side) * size // side
    lengths = np.diff([*starts, size]).astype(np.float32)
    sums = np.add.reduceat(np.add.reduceat(grey, starts, 1), starts, 2)
    return sums / lengths[:, None] / lengths


def _unit(pictures: np.ndarray, plain: np.ndarray) -> np.ndarray:
    """Pictures (N, h, w) as vectors (N, h·w) of mean 0 and length 1; NaN where `plain`."""
    flat = pictures.reshape(len(pictures), -1)
    flat = flat - flat.mean(1, keepdims=True)
    length = np.linalg.norm(flat, axis=1, keepdims=True)
    return np.where(plain[:, None] | (length < 1e-3), np.nan, flat / np.maximum(length, 1e-3))
