"""Several fake sides against the same real images: differences, ranks, and how firm they are.

Values that know the influence of each image (`measurement.Influence`) are compared in pairs: what
other real images would have changed in both alike cancels. The covariance of all values is that of
their influences; other draws of as many images are drawn from the normal distribution with it,
which is the bootstrap to first order and costs no further distance.
"""

import itertools
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from scipy import stats

from dermgan_jax.metrics.measurement import MetricValue
from dermgan_jax.statistics import intervals
from dermgan_jax.statistics.multiple_tests import holm

DRAWS = 10_000


class Difference(NamedTuple):
    """Of two sides, first − second, with its 95 % interval and p-value (Holm, all pairs)."""

    first: str
    second: str
    value: float
    interval: tuple[float, float]
    p: float


class Ranks(NamedTuple):
    """The order of sides by one metric.

    Attributes:
      metric: name of the value.
      rank: of each side, 1 the best; sides of equal values share the better rank.
      interval: of each side, ranks that hold 95 % of other draws.
      survives: the share of other draws of as many images with the same complete order; where
        values are equal, with one of the orders that they leave open.
      first: of each side, the share of other draws in which it is the best.
      differences: of all pairs of sides.
      unpaired: the metric knows no influences, so that sides are taken as independent.
    """

    metric: str
    rank: dict[str, int]
    interval: dict[str, tuple[int, int]]
    survives: float
    first: dict[str, float]
    differences: tuple[Difference, ...]
    unpaired: bool


def ranks(values: Mapping[str, MetricValue], *, seed: int) -> Ranks | str:
    """The order of sides by one metric, or why there is none.

    Args:
      values: of one metric, by side, measured against the same real images.
      seed: of the draws.
    """
    sides, numbers = list(values), [value.n for value in values.values()]
    first = next(iter(values.values()))
    if len(set(numbers)) > 1:
        counts = ", ".join(f"{side} {n}" for side, n in zip(sides, numbers, strict=True))
        return f"measured of different numbers of images ({counts}): set --num to the smallest"
    if len({value.protocol for value in values.values()}) > 1:
        return "measured by different protocols"
    if not all(value.is_finite for value in values.values()):
        return "not every value is finite"
    found = covariance(list(values.values()))
    if found is None:
        return "this metric tells no standard error"
    matrix, unpaired = found
    centre = np.array([value.value for value in values.values()])
    sign = 1 if first.better == "lower" else -1
    draws = np.random.default_rng(seed).multivariate_normal(
        centre, matrix, DRAWS, method="eigh", check_valid="ignore"
    )
    own = stats.rankdata(sign * centre, method="ordinal")
    shared = stats.rankdata(sign * centre, method="min")
    others = stats.rankdata(sign * draws, method="ordinal", axis=1)
    low, high = np.quantile(
        others, (intervals.TAIL, 1 - intervals.TAIL), axis=0, method="inverted_cdf"
    )
    return Ranks(
        metric=first.name,
        rank={side: int(rank) for side, rank in zip(sides, shared, strict=True)},
        interval={side: (int(low[i]), int(high[i])) for i, side in enumerate(sides)},
        survives=float((others == own).all(axis=1).mean()),
        first={side: float((others[:, i] == 1).mean()) for i, side in enumerate(sides)},
        differences=_differences(sides, centre, matrix),
        unpaired=unpaired,
    )


def covariance(values: Sequence[MetricValue]) -> tuple[np.ndarray, bool] | None:
    """Of values against the same real images (k, k), and whether they were taken as independent.

    None if one tells no error at all.
    """
    influences = [value.influence for value in values]
    sizes = {len(each.real) for each in influences if each is not None}
    if None not in influences and len(sizes) == 1:
        (n_real,) = sizes
        shared = np.atleast_2d(np.cov(np.stack([each.real for each in influences])))
        own = [each.fake.var(ddof=1) / len(each.fake) for each in influences]
        return shared / n_real + np.diag(own), False
    errors = [standard_error(value) for value in values]
    if None in errors:
        return None
    return np.diag(np.square(errors)), True


def standard_error(value: MetricValue) -> float | None:
    """From a value's influence or its interval; None if it has neither."""
    if value.influence is not None:
        return value.influence.standard_error
    if value.interval is None:
        return None
    low, high = value.interval
    return (high - low) / (2 * stats.norm.ppf(1 - intervals.TAIL))


def agreement(found: Sequence[Ranks]) -> float | None:
    """Kendall's W of the orders of several metrics: 1 if all agree, 0 if they have nothing in
    common; corrected for ties. None of fewer than two metrics or sides, or if all sides tie."""
    if len(found) < 2 or len(found[0].rank) < 2:
        return None
    shared = [list(each.rank.values()) for each in found]
    table = stats.rankdata(shared, method="average", axis=1)
    metrics, sides = table.shape
    sums = table.sum(axis=0)
    ties = sum(float(n**3 - n) for row in shared for n in np.unique(row, return_counts=True)[1])
    largest = metrics**2 * (sides**3 - sides) - metrics * ties
    return float(12 * np.square(sums - sums.mean()).sum() / largest) if largest else None


def _differences(
    sides: Sequence[str], centre: np.ndarray, matrix: np.ndarray
) -> tuple[Difference, ...]:
    pairs = list(itertools.combinations(range(len(sides)), 2))
    gaps = [float(centre[i] - centre[j]) for i, j in pairs]
    errors = [
        float(np.sqrt(max(matrix[i, i] + matrix[j, j] - 2 * matrix[i, j], 0))) for i, j in pairs
    ]
    p_values = [
        float(2 * stats.norm.sf(abs(gap) / error)) if error else float(gap == 0)
        for gap, error in zip(gaps, errors, strict=True)
    ]
    return tuple(
        Difference(sides[i], sides[j], gap, intervals.normal(gap, error), p)
        for (i, j), gap, error, p in zip(pairs, gaps, errors, holm(p_values), strict=True)
    )
