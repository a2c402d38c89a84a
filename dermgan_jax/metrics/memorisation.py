"""Whether synthetic images lie closer to the training images than unseen real ones do.

A model that learned what the images have in common draws images about as far from its training set
as real images it never saw. One that memorised draws images that are closer. The yardstick is a low
rank of the held-out images' own distances: were synthetic images drawn like held-out ones, the
number of them below it would follow a beta-binomial distribution whatever the distances are, which
makes the test exact for any number of images (a nonparametric tolerance limit; Wilks 1941).
"""

from collections.abc import Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from scipy import stats

from dermgan_jax.metrics.neighbours import BLOCK, squared_distances
from dermgan_jax.statistics import intervals

NOMINAL = 0.01  # share of held-out images below the yardstick, where there are enough of them
BOOTSTRAP = 1000  # resamples


class Neighbours(NamedTuple):
    """The nearest training images of each image.

    Attributes:
      indices: int (N, k), into the training images, nearest first.
      distances: float32 (N, k); infinite where there is no further image to compare with.
      mirrored: bool (N, k), whether the mirrored version of the image is the nearer one.
    """

    indices: np.ndarray
    distances: np.ndarray
    mirrored: np.ndarray


class Closeness(NamedTuple):
    """Images below a low rank of the held-out distances.

    Attributes:
      threshold: the distance of that rank.
      rank: 1 for the smallest.
      nominal: the share to be expected of images like held-out ones, rank / (n + 1).
      count, share: images strictly below the threshold.
      interval: 95 %, of the share, for the threshold as it is (Wilson).
      p_value: how probable as many would be if images were drawn like held-out ones.
    """

    threshold: float
    rank: int
    nominal: float
    count: int
    share: float
    interval: tuple[float, float]
    p_value: float


def nearest_few(
    orientations: Sequence[np.ndarray],
    train: np.ndarray,
    k: int,
    groups: tuple[np.ndarray, np.ndarray] | None = None,
) -> Neighbours:
    """The k nearest training images of each image, in whichever orientation is nearer.

    Args:
      orientations: features (N, D) of the images as they are, and mirrored.
      train: features (M, D).
      k: how many; at most M are returned.
      groups: int (N,) and (M,): images of one group are not compared.
    """
    k = min(k, len(train))
    middle = train.mean(axis=0, dtype=np.float64)
    columns = jnp.asarray((train - middle).astype(np.float32))
    as_is, mirrored = ((points - middle).astype(np.float32) for points in orientations)
    found = []
    for start in range(0, len(as_is), BLOCK):
        part = slice(start, start + BLOCK)
        squares = np.asarray(_both(as_is[part], mirrored[part], columns))
        flipped, squares = squares[1] < squares[0], squares.min(axis=0)
        if groups is not None:
            squares[groups[0][part, None] == groups[1]] = np.inf
        indices = np.argpartition(squares, k - 1, axis=1)[:, :k]
        nearness = np.take_along_axis(squares, indices, axis=1)
        indices = np.take_along_axis(indices, nearness.argsort(axis=1, kind="stable"), axis=1)
        distances = np.sqrt(np.take_along_axis(squares, indices, axis=1))
        found.append((indices, distances, np.take_along_axis(flipped, indices, axis=1)))
    return Neighbours(*(np.concatenate(parts) for parts in zip(*found, strict=True)))


@jax.jit
def _both(as_is: Array, mirrored: Array, columns: Array) -> Array:
    return jnp.stack([squared_distances(rows, columns) for rows in (as_is, mirrored)])


def closeness(fake: np.ndarray, held_out: np.ndarray) -> Closeness:
    """Compares distances to the nearest training image, (n_fake,) and (n_held_out,), n >= 1."""
    n = len(held_out)
    rank = max(int(NOMINAL * (n + 1)), 1)
    threshold = float(np.partition(held_out, rank - 1)[rank - 1])
    count = int((fake < threshold).sum())
    p_value = stats.betabinom.sf(count - 1, len(fake), rank, n + 1 - rank)
    return Closeness(
        threshold=threshold,
        rank=rank,
        nominal=rank / (n + 1),
        count=count,
        share=count / len(fake),
        interval=intervals.wilson(count, len(fake)),
        p_value=float(min(p_value, 1.0)),
    )


def median_ratio(
    fake: np.ndarray, held_out: np.ndarray, *, seed: int
) -> tuple[float, tuple[float, float]]:
    """Median distance of fake images over that of held-out ones, and its 95 % interval.

    Below 1, synthetic images lie closer to the training images than unseen real ones do.

    Args:
      fake, held_out: distances (n,), of which the two numbers may differ.
      seed: of the bootstrap, which draws both sides again (percentile interval).
    """
    generator = np.random.default_rng(seed)
    of_fake, of_held_out = (
        np.median(generator.choice(side, (BOOTSTRAP, len(side))), axis=1)
        for side in (fake, held_out)
    )
    low, high = np.quantile(of_fake / of_held_out, [intervals.TAIL, 1 - intervals.TAIL])
    return float(np.median(fake) / np.median(held_out)), (float(low), float(high))
