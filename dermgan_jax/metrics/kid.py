"""Kernel Inception Distance (Bińkowski et al. 2018): unbiased MMD² with k(x, y) = (x·y / d + 1)³.

The value is the mean over random subsets, drawn as torch-fidelity draws them: its own numbers come
out with its seed, 2020, and its "input 1" as the fake images.

A kernel value between two images serves every subset that holds both, so small sets are gone
through once; of large ones only the pairs within a subset are visited. Kernel values are float32,
as are their sums over a row of a tile; sums of these are float64. NumPy does it: its library takes
half the time for the product of a matrix with itself.
"""

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np

from dermgan_jax.metrics.feature_arrays import check
from dermgan_jax.metrics.measurement import Influence, MetricValue
from dermgan_jax.statistics import intervals

SUBSETS = 100
SUBSET_SIZE = 1000
TILE = 1024  # side of the square of kernel values in memory

Kernel = Callable[[np.ndarray, np.ndarray], np.ndarray]  # k − 1 of (a, d) and (b, d): (a, b)


class SubsetValues(NamedTuple):
    """MMD² of each subset (subsets,), the standard error of their mean, and, where all pairs were
    gone through, the influence of each image on MMD² between the whole sets."""

    values: np.ndarray
    standard_error: float
    influence: Influence | None


def compute(
    real: np.ndarray,
    fake: np.ndarray,
    *,
    seed: int,
    subsets: int = SUBSETS,
    subset_size: int = SUBSET_SIZE,
) -> tuple[MetricValue]:
    """KID, which may be slightly negative, with its standard error and interval.

    `std` is the published one, over subsets: it says how much values of `subset_size` images
    scatter, and shrinks to nothing as subsets become the whole set. The interval is for the mean
    and all images. Subsets larger than the smaller set are cut to it, which the protocol tells; if
    that is both sets, there is only one subset.

    Args:
      real, fake: features (n, d); the numbers of images may differ.
      seed: of the subsets.
      subsets: how many.
      subset_size: images of each side in a subset.

    Raises:
      UserError: see `feature_arrays.check`.
    """
    check("kid", real, fake)
    size = min(subset_size, len(real), len(fake))
    whole = size == len(real) == len(fake)
    subsets = 1 if whole else subsets
    values, error, influence = subset_values(
        real, fake, *draw(len(real), len(fake), subsets, size, seed)
    )
    value = float(values.mean())
    return (
        MetricValue(
            name="kid",
            value=value,
            protocol=f"kid:poly3:{subsets}x{size}",
            n=len(fake),
            details={},
            better="lower",
            n_real=len(real),
            std=error if whole else float(values.std()),
            interval=intervals.normal(value, error),
            influence=influence,
        ),
    )


def draw(
    num_real: int, num_fake: int, subsets: int, size: int, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Indices (subsets, size) of real and of fake images, no image twice in a subset."""
    random = np.random.RandomState(seed)
    pairs = [
        (random.choice(num_fake, size, replace=False), random.choice(num_real, size, replace=False))
        for _ in range(subsets)
    ]
    of_fake, of_real = (np.stack(side) for side in zip(*pairs, strict=True))
    return of_real, of_fake


def subset_values(
    real: np.ndarray, fake: np.ndarray, of_real: np.ndarray, of_fake: np.ndarray
) -> SubsetValues:
    """MMD² of subsets, and the standard error of their mean over draws of as many images.

    The error is a jackknife where all pairs are gone through, and within subsets where these hold
    one side whole. Otherwise it is that of subsampling (Politis and Romano 1994): the variance
    falls as 1 / images. Any is somewhat too large where the distributions are equal, since it falls
    faster there.

    Args:
      real, fake: features (n_real, d), (n_fake, d).
      of_real, of_fake: rows of them per subset (subsets, size); size >= 2, several subsets unless
        they hold everything.
    """
    subsets, size = of_real.shape
    if (len(real) + len(fake)) ** 2 <= subsets * (2 * size) ** 2:
        values, influence = _from_all_pairs(real, fake, of_real, of_fake)
        variance = influence.standard_error**2 + values.var() / subsets
        return SubsetValues(values, float(np.sqrt(variance)), influence)
    everyone = np.arange(size)[None]
    found = [
        _from_all_pairs(real[rows], fake[fake_rows], everyone, everyone)
        for rows, fake_rows in zip(of_real, of_fake, strict=True)
    ]
    values = np.array([of_subset[0] for of_subset, _ in found])
    share = size / min(len(real), len(fake))
    if share < 1:
        variance = values.var(ddof=1) * (share / (1 - share) + 1 / subsets)
    else:
        of_sides = [
            np.mean([influence[side].var(ddof=1) for _, influence in found]) / num
            for side, num in enumerate((len(real), len(fake)))
        ]
        variance = sum(of_sides) + values.var() / subsets
    return SubsetValues(values, float(np.sqrt(variance)), None)


def _from_all_pairs(
    real: np.ndarray, fake: np.ndarray, of_real: np.ndarray, of_fake: np.ndarray
) -> tuple[np.ndarray, Influence]:
    """MMD² (subsets,) and the jackknife's influences on MMD² of the whole sets (Arvesen 1969)."""
    subsets, size = of_real.shape
    n, m = len(real), len(fake)
    holds = [np.zeros((len(side), subsets), np.float32) for side in (real, fake)]
    for side, of in zip(holds, (of_real, of_fake), strict=True):
        side[of, np.arange(subsets)[:, None]] = 1
    own, other = np.zeros(subsets), np.zeros(subsets)
    sums = [np.zeros((len(side), 2)) for side in (real, fake)]  # with real, with fake images
    for first, second, values in kernel_tiles(real, fake, _cubic):
        once = first == second
        sums[first.side][first.rows, second.side] += values.sum(axis=1)
        if not once:
            sums[second.side][second.rows, first.side] += values.sum(axis=0)
        reached = values @ holds[second.side][second.rows]
        reached *= holds[first.side][first.rows]
        target, times = (own, 1 if once else 2) if first.side == second.side else (other, 1)
        target += times * reached.sum(axis=0, dtype=np.float64)
    values = own / (size * (size - 1)) - 2 * other / size**2
    of_reals = sums[0][:, 0] / (n - 1) - sums[0][:, 1] / m
    of_fakes = sums[1][:, 1] / (m - 1) - sums[1][:, 0] / n
    return values, Influence(*(2 * (side - side.mean()) for side in (of_reals, of_fakes)))


def gaussian_mmd(real: np.ndarray, fake: np.ndarray, sigma: float) -> float:
    """Unbiased MMD² of the whole sets with k(x, y) = exp(−|x − y|² / 2σ²).

    torch-fidelity's `kid_kernel="rbf"` (Gretton et al. 2012, equation 3). It is no KID: its values
    hang on σ.

    Args:
      real, fake: features (n, d), (m, d); at least two each.
      sigma: in the units of the features.
    """
    n, m = len(real), len(fake)
    middle = real.mean(axis=0, dtype=np.float64)  # distances come from scalar products
    real, fake = ((side - middle) / (np.sqrt(2) * sigma) for side in (real, fake))
    sums = np.zeros((2, 2))
    for first, second, values in kernel_tiles(real, fake, _gaussian):
        times = 2 if first.side == second.side and first != second else 1
        sums[first.side, second.side] += times * values.sum(dtype=np.float64)
    own = sums[0, 0] / (n * (n - 1)) + sums[1, 1] / (m * (m - 1))
    return float(own - 2 * sums[0, 1] / (n * m))


class Tile(NamedTuple):
    """Consecutive images of a side, 0 the real one and 1 the fake one."""

    side: int
    start: int
    stop: int

    @property
    def rows(self) -> slice:
        """Of its side."""
        return slice(self.start, self.stop)


def kernel_tiles(
    real: np.ndarray, fake: np.ndarray, kernel: Kernel
) -> Iterator[tuple[Tile, Tile, np.ndarray]]:
    """Kernel values less 1 of all pairs of images, each once, which cancels in any MMD².

    Args:
      real, fake: (n, d), (m, d).
      kernel: of points.

    Yields:
      Two tiles and float32 values between them; those of an image with itself are 0. The side of
      the second tile is never before that of the first.
    """
    points = [np.asarray(side, np.float32) for side in (real, fake)]
    tiles = [
        Tile(side, start, min(start + TILE, len(points[side])))
        for side in (0, 1)
        for start in range(0, len(points[side]), TILE)
    ]
    for i, first in enumerate(tiles):
        for second in tiles[i:]:
            values = kernel(points[first.side][first.rows], points[second.side][second.rows])
            if first == second:
                np.fill_diagonal(values, 0)
            yield first, second, values


def _cubic(rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """(x·y / d + 1)³ − 1, without rounding what a 1 would hide."""
    products = rows @ columns.T
    products /= np.float32(rows.shape[1])
    values = products + np.float32(3)
    values *= products
    values += np.float32(3)
    values *= products
    return values


def _gaussian(rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """exp(−|x − y|²) − 1."""
    lengths = np.square(rows).sum(axis=1)[:, None] + np.square(columns).sum(axis=1)
    return np.expm1(-np.maximum(lengths - 2 * (rows @ columns.T), 0))
