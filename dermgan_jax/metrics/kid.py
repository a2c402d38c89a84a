"""Kernel Inception Distance (Bińkowski et al. 2018): unbiased MMD² with k(x, y) = (x·y / d + 1)³.

The value is the mean over random subsets, drawn as torch-fidelity draws them: its own numbers come
out with its seed, 2020, and its "input 1" as the fake images.

A kernel value between two images serves every subset that holds both, so small sets are gone
through once; of large ones only the pairs within a subset are visited. Kernel values are float32,
their sums over a set float64.
"""

import functools
from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax

from dermgan_jax.metrics.feature_arrays import check
from dermgan_jax.metrics.measurement import Influence, MetricValue
from dermgan_jax.metrics.neighbours import squared_distances
from dermgan_jax.statistics import intervals

SUBSETS = 100
SUBSET_SIZE = 1000
TILE = 512  # side of the square of kernel values in memory

Kernel = Callable[[Array, Array], Array]  # k − 1 of points (a, d) and (b, d), (a, b)


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

    The error is a jackknife where all pairs are gone through. Otherwise it is that of subsampling
    (Politis and Romano 1994): the variance falls as 1 / images. Either is somewhat too large where
    the distributions are equal, since it falls faster there.

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
    values = [
        _from_all_pairs(real[rows], fake[fake_rows], everyone, everyone)[0][0]
        for rows, fake_rows in zip(of_real, of_fake, strict=True)
    ]
    share = size / min(len(real), len(fake))
    variance = np.var(values, ddof=1) * (share / (1 - share) + 1 / subsets)
    return SubsetValues(np.array(values), float(np.sqrt(variance)), None)


def _from_all_pairs(
    real: np.ndarray, fake: np.ndarray, of_real: np.ndarray, of_fake: np.ndarray
) -> tuple[np.ndarray, Influence]:
    """MMD² (subsets,) and the jackknife's influences on MMD² of the whole sets (Arvesen 1969)."""
    subsets, size = of_real.shape
    n, m = len(real), len(fake)
    number = np.arange(subsets)[:, None]
    members = np.zeros((n + m, 2 * subsets + 2), np.float32)  # real and fake subsets, whole sets
    members[of_real, number] = members[n + of_fake, subsets + number] = 1
    members[:n, -2] = members[n:, -1] = 1
    sums = kernel_sums(np.concatenate([real, fake]), members)
    own = sums[of_real, number] + sums[n + of_fake, subsets + number]
    other = sums[of_real, subsets + number]
    values = own.sum(axis=1) / (size * (size - 1)) - 2 * other.sum(axis=1) / size**2
    with_real, with_fake = sums[:, -2], sums[:, -1]
    of_reals = with_real[:n] / (n - 1) - with_fake[:n] / m
    of_fakes = with_fake[n:] / (m - 1) - with_real[n:] / n
    return values, Influence(*(2 * (side - side.mean()) for side in (of_reals, of_fakes)))


def _cubic(rows: Array, columns: Array) -> Array:
    """(x·y / d + 1)³ − 1, without rounding what a 1 would hide."""
    products = jnp.matmul(rows, columns.T, precision=lax.Precision.HIGHEST)
    products /= rows.shape[1]
    return products * (products * (products + 3) + 3)


def _gaussian(rows: Array, columns: Array) -> Array:
    """exp(−|x − y|²) − 1."""
    return jnp.expm1(-squared_distances(rows, columns))


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
    points = (np.concatenate([real, fake]) - middle) / (np.sqrt(2) * sigma)
    sides = np.repeat(np.eye(2), (n, m), axis=0)
    with_real, with_fake = kernel_sums(points, sides, _gaussian).T
    own = with_real[:n].sum() / (n * (n - 1)) + with_fake[n:].sum() / (m * (m - 1))
    return float(own - 2 * with_fake[:n].sum() / (n * m))


def kernel_sums(points: np.ndarray, weights: np.ndarray, kernel: Kernel = _cubic) -> np.ndarray:
    """Sums over the other points j of (k(i, j) − 1) · weights[j]; the 1 cancels in any MMD².

    Args:
      points: (n, d).
      weights: (n, w).
      kernel: KID's by default.

    Returns:
      Float64 (n, w).
    """
    sums = np.zeros(weights.shape)
    starts = range(0, len(points), TILE)
    tiles = [jnp.asarray(points[start : start + TILE], jnp.float32) for start in starts]
    weight_tiles = [jnp.asarray(weights[start : start + TILE], jnp.float32) for start in starts]
    for i, start in enumerate(starts):
        sums[start : start + TILE] += _within_tile(kernel, tiles[i], weight_tiles[i])
        for j in range(i):
            upper, lower = _between_tiles(
                kernel, tiles[i], tiles[j], weight_tiles[i], weight_tiles[j]
            )
            sums[start : start + TILE] += upper
            sums[starts[j] : starts[j] + TILE] += lower
    return sums


@functools.partial(jax.jit, static_argnums=0)
def _within_tile(kernel: Kernel, points: Array, weights: Array) -> Array:
    values = kernel(points, points) * (1 - jnp.eye(len(points)))
    return jnp.matmul(values, weights, precision=lax.Precision.HIGHEST)


@functools.partial(jax.jit, static_argnums=0)
def _between_tiles(
    kernel: Kernel, rows: Array, columns: Array, row_weights: Array, column_weights: Array
) -> tuple[Array, Array]:
    """What the columns add to the sums of the rows, and the rows to those of the columns."""
    values = kernel(rows, columns)
    return (
        jnp.matmul(values, column_weights, precision=lax.Precision.HIGHEST),
        jnp.matmul(values.T, row_weights, precision=lax.Precision.HIGHEST),
    )
