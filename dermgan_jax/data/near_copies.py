"""Images of different splits that show one picture, though their files differ.

Found are pictures that were saved again, with another compression or size. Not found are crops and
mirror images. Pictures are compared without their brightness and contrast: first small versions,
each with the nearest one of another split (a k-d tree, so that the time grows little faster than
the number of images), then larger ones.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy.spatial import cKDTree

from dermgan_jax.data.image_sets import ImageSet
from dermgan_jax.data.splits import SPLITS

COARSE, FINE = 8, 32  # sides in pixels of the versions that are compared
ALIKE = 0.99  # correlation from which two pictures are one
PLAIN = 1.0  # grey levels; pictures of less contrast are not compared
CHUNK = 1024  # images read at a time


class NearCopy(NamedTuple):
    """Rows of an image and of its copy in an earlier split (training, validation, test)."""

    row: int
    of: int


def near_copies(images: ImageSet, splits: Sequence[str], groups: Sequence[str]) -> list[NearCopy]:
    """Images with a copy in another split and another group, by row.

    Args:
      images: uint8 (N, R, R, C).
      splits: N of "train", "val" and "test".
      groups: N names. Images of one group are known to belong together.
    """
    coarse, fine = _versions(images)
    members = {split: np.flatnonzero(np.asarray(splits) == split) for split in SPLITS}
    compared = np.isfinite(coarse[:, 0])
    found: dict[int, NearCopy] = {}
    for i, later in enumerate(SPLITS):
        for earlier in SPLITS[:i]:
            some, others = (rows[compared[rows]] for rows in (members[later], members[earlier]))
            if not (len(some) and len(others)):
                continue
            # Of unit vectors, |v - w|² = 2 (1 - correlation).
            reach = float(np.sqrt(2 * (1 - ALIKE)))
            _, nearest = cKDTree(coarse[others]).query(coarse[some], distance_upper_bound=reach)
            for row, position in zip(some, nearest, strict=True):
                if position == len(others):
                    continue
                of = others[position]
                if groups[row] != groups[of] and float(fine[row] @ fine[of]) >= ALIKE:
                    found.setdefault(int(row), NearCopy(int(row), int(of)))
    return [found[row] for row in sorted(found)]


def _versions(images: ImageSet) -> tuple[np.ndarray, np.ndarray]:
    """A small and a larger grey version of each image, of mean 0 and length 1: float32 (N, pixels).

    Plain pictures are NaN.
    """
    parts = []
    for first in range(0, len(images), CHUNK):
        grey = np.asarray(images[first : first + CHUNK], np.float32).mean(-1)
        plain = grey.std((1, 2)) < PLAIN
        parts.append([_unit(_reduced(grey, side), plain) for side in (COARSE, FINE)])
    coarse, fine = zip(*parts, strict=True)
    return np.concatenate(coarse), np.concatenate(fine)


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
