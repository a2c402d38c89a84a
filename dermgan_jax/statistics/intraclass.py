"""Intraclass correlation of ratings: how far raters agree on a scale (Shrout and Fleiss 1979)."""

import dataclasses

import numpy as np
from scipy import stats

from dermgan_jax.errors import UserError
from dermgan_jax.statistics.intervals import TAIL, Estimate


@dataclasses.dataclass(frozen=True)
class IntraclassCorrelation:
    """Agreement of raters who are a sample of all raters, and all rate each subject.

    Attributes:
      single: ICC(2,1), of one rater's ratings.
      mean: ICC(2,k), of the mean over the k raters.
      subjects, raters: n and k.
    """

    single: Estimate
    mean: Estimate
    subjects: int
    raters: int


def intraclass_correlation(ratings: np.ndarray) -> IntraclassCorrelation:
    """ICC(2,1) and ICC(2,k) by a two-way analysis of variance, in the sense of absolute agreement.

    Intervals are McGraw and Wong's (1996). All is NaN if every rating is the same.

    Args:
      ratings: (n subjects, k raters), none missing.

    Raises:
      UserError: if there are fewer than two subjects or two raters.
    """
    n, k = ratings.shape
    if n < 2 or k < 2:
        raise UserError(
            f"intraclass correlation: {n} images and {k} readers; it needs two of each at least"
        )
    total = ratings.mean()
    of_subjects, of_raters = ratings.mean(axis=1), ratings.mean(axis=0)
    rest = ratings - of_subjects[:, None] - of_raters + total
    between = k * np.square(of_subjects - total).sum() / (n - 1)
    raters = n * np.square(of_raters - total).sum() / (k - 1)
    error = np.square(rest).sum() / ((n - 1) * (k - 1))
    with np.errstate(invalid="ignore", divide="ignore"):
        single = (between - error) / (between + (k - 1) * error + k * (raters - error) / n)
        low, high = _ends(between, raters, error, n, k, single)
        return IntraclassCorrelation(
            single=Estimate(float(single), float(low), float(high)),
            mean=Estimate(
                *(float(k * each / (1 + (k - 1) * each)) for each in (single, low, high))
            ),
            subjects=n,
            raters=k,
        )


def _ends(
    between: np.float64, raters: np.float64, error: np.float64, n: int, k: int, single: np.float64
) -> tuple[float, float]:
    """Interval of ICC(2,1), with Satterthwaite's degrees of freedom."""
    if not single < 1:
        return float(single), float(single)
    a = k * single / (n * (1 - single))
    b = 1 + k * single * (n - 1) / (n * (1 - single))
    freedom = np.square(a * raters + b * error) / (
        np.square(a * raters) / (k - 1) + np.square(b * error) / ((n - 1) * (k - 1))
    )
    above = stats.f.ppf(1 - TAIL, n - 1, freedom)
    below = stats.f.ppf(1 - TAIL, freedom, n - 1)
    of_noise = k * raters + (k * n - k - n) * error
    low = n * (between - above * error) / (above * of_noise + n * between)
    high = n * (below * between - error) / (of_noise + n * below * between)
    return low, high
