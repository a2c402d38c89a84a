"""How sure are scores of a classifier, if its test images and its training had been others?

Two things were drawn: the groups of test images (a group is a lesion, a patient or the like, and
may have several images), and the trainings (seeds). They are crossed: every training is judged on
every group. Resampling images, or one training alone, leaves out either and promises too much.

* Groups are resampled, not images, within strata: those of one class (Efron and Tibshirani 1993,
  section 8.3). Of a stratum's g groups g − 1 are drawn and count g / (g − 1), so that variances
  are not too small where a class has few (Rao and Wu 1988). The shares of the classes stay as they
  are in the test data.
* Variances of groups and of trainings are told apart as Obuchowski and Rockette (1995) do for
  readers and cases: what trainings have in common on resampled groups is the groups' part, the
  scatter of their scores is the trainings' part.
* The half-width is, squared, the mean of two: Satterthwaite's (1946), which covers too little with
  few trainings that differ much, and Banerjee's (1960), t_groups² V_groups + t_seeds² V_seeds,
  which never covers too little but too much. For normal scores the mean covers 94.3 to 96.7 % with
  three trainings, whatever the shares of the two parts, 94.9 to 95.8 % with five and 93.8 to 98.2 %
  with two. With one, the interval speaks of that trained network only.
* An interval of one score has Wilson's shape, so that it stays within [0, 1]; one of a difference
  is symmetric, and its p-value is the level at which it just reaches 0.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy import optimize, special

from dermgan_jax.errors import UserError

LEVEL = 0.05
NO_VARIATION = 1e-20  # variance: less is rounding
SMALLEST_P = 1e-12


class Uncertainty(NamedTuple):
    """A score, or a difference of two, and what makes it uncertain.

    Attributes:
      value: mean over the trainings.
      groups: variance from the choice of test groups that all trainings share.
      seeds: variance of the mean over trainings; 0 with one.
      lasting: the part of `seeds` that is left when test groups are endless.
      groups_freedom, seeds_freedom: degrees of freedom of the two variances.
    """

    value: float
    groups: float
    seeds: float
    lasting: float
    groups_freedom: float
    seeds_freedom: int


def strata(labels: np.ndarray, groups: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    """Which group each image (n,) is of, and which class each group counts under.

    A group of several classes counts under its most frequent (then lowest) one.
    """
    names, group_of_image = np.unique(np.asarray(groups), return_inverse=True)
    votes = np.zeros((len(names), int(labels.max(initial=0)) + 1), np.int64)
    np.add.at(votes, (group_of_image, labels), 1)
    return group_of_image, votes.argmax(axis=1)


def image_weights(labels: np.ndarray, groups: Sequence[str], num: int, seed: int) -> np.ndarray:
    """How often each image counts in each resampling of the groups: float64 (num, n).

    A class of one group keeps it as it is: nothing can be learned of how such groups differ.

    Args:
      labels: int (n,), classes from 0.
      groups: n names of groups.
      num: how many resamplings.
      seed: of the resamplings.

    Raises:
      UserError: if no class has two groups.
    """
    group_of_image, stratum = strata(labels, groups)
    if np.bincount(stratum).max(initial=0) < 2:
        raise UserError(
            f"bootstrap: {len(stratum)} groups of test images, and no class has two of them; how "
            "sure a score is cannot be told: use a larger test split"
        )
    rng = np.random.default_rng(seed)
    counts = np.ones((len(stratum), num))
    for value in np.unique(stratum):
        members = np.flatnonzero(stratum == value)
        size = len(members)
        if size > 1:
            drawn = rng.integers(size, size=(size - 1, num)) * num + np.arange(num)
            times = np.bincount(drawn.ravel(), minlength=size * num).reshape(size, num)
            counts[members] = times * (size / (size - 1))
    # Transposed, so that the weights of one image lie together: scores sort by image.
    return counts[group_of_image].T


def of_score(values: np.ndarray, replicates: np.ndarray, freedom: float) -> Uncertainty:
    """Uncertainty of the mean over trainings of a score, or of its difference in pairs.

    Args:
      values: the score of each training (s,).
      replicates: the same under `image_weights` (s, num); NaN where undefined.
      freedom: degrees of freedom of the groups' variance, `mean_freedom` or groups − 1.
    """
    return _uncertainty(values.mean(), replicates.mean(axis=0), [values], [replicates], freedom)


def of_difference(
    baseline: tuple[np.ndarray, np.ndarray],
    other: tuple[np.ndarray, np.ndarray],
    freedom: float,
    *,
    paired_seeds: bool,
) -> Uncertainty:
    """Uncertainty of other − baseline, judged under the same `image_weights`.

    Args:
      baseline, other: values (s,) and replicates (s, num) as of `of_score`; s may differ if the
        seeds are not paired.
      freedom: as of `of_score`.
      paired_seeds: whether training i of both shares its seed. If not, both are taken to vary
        between trainings alike, and what is known of either is pooled.
    """
    if paired_seeds:
        return of_score(other[0] - baseline[0], other[1] - baseline[1], freedom)
    values, replicates = zip(baseline, other, strict=True)
    return _uncertainty(
        values[1].mean() - values[0].mean(),
        replicates[1].mean(axis=0) - replicates[0].mean(axis=0),
        values,
        replicates,
        freedom,
    )


def _uncertainty(
    value: float,
    resampled: np.ndarray,
    values: Sequence[np.ndarray],
    replicates: Sequence[np.ndarray],
    freedom: float,
) -> Uncertainty:
    """Of a mean over trainings, or a difference of two, given its parts as lists of one or two.

    Args:
      value: what is uncertain.
      resampled: the same on resampled groups (num,).
      values, replicates: of the trainings (s,), (s, num), of which the variances are pooled.
      freedom: of the groups' variance.
    """
    groups, seeds_freedom = _variance(resampled), sum(len(v) - 1 for v in values)
    if seeds_freedom == 0:
        return Uncertainty(float(value), groups, 0.0, 0.0, freedom, 0)
    between = sum(np.square(v - v.mean()).sum() for v in values) / seeds_freedom
    # What a training has of its own on these groups: others would not repeat it, nor would it on
    # other groups.
    own = sum(_variance(r - r.mean(axis=0)) for r in replicates) / seeds_freedom
    of_mean = sum(1 / len(v) for v in values)
    return Uncertainty(
        value=float(value),
        groups=max(groups - own * of_mean, 0.0),
        seeds=float(between) * of_mean,
        lasting=max(float(between) - own, 0.0) * of_mean,
        groups_freedom=freedom,
        seeds_freedom=seeds_freedom,
    )


def _variance(replicates: np.ndarray) -> float:
    """Over the last axis, summed over others, without replicates where a score is undefined."""
    defined = ~np.isnan(replicates).reshape(-1, replicates.shape[-1]).any(axis=0)
    return float(replicates[..., defined].var(axis=-1).sum()) if defined.any() else 0.0


def mean_freedom(groups: np.ndarray) -> float:
    """Degrees of freedom of a mean over classes whose groups (k,) vary alike (Welch 1947)."""
    shares = 1 / groups[groups > 0]
    return float(shares.sum() ** 2 / (shares**2 / np.maximum(1 / shares - 1, 1)).sum())


def half_width(uncertainty: Uncertainty, level: float = LEVEL) -> float:
    """Half-width of the interval that leaves out the truth at most so often."""
    groups, seeds = uncertainty.groups, uncertainty.seeds
    of_groups = _quantile(level, uncertainty.groups_freedom) ** 2
    if seeds == 0:
        return float(np.sqrt(of_groups * groups))
    of_seeds = _quantile(level, uncertainty.seeds_freedom) ** 2
    both = groups + seeds
    freedom = both**2 / (
        groups**2 / uncertainty.groups_freedom + seeds**2 / uncertainty.seeds_freedom
    )
    satterthwaite = _quantile(level, freedom) ** 2 * both
    banerjee = of_groups * groups + of_seeds * seeds
    return float(np.sqrt((satterthwaite + banerjee) / 2))


def lasting_half_width(uncertainty: Uncertainty) -> float:
    """What would be left of `half_width` if test groups were endless, never more than it."""
    if uncertainty.lasting == 0:
        return 0.0
    alone = _quantile(LEVEL, uncertainty.seeds_freedom) * np.sqrt(uncertainty.lasting)
    return min(float(alone), half_width(uncertainty))


def _quantile(level: float, freedom: float) -> float:
    return -special.stdtrit(freedom, level / 2)


def score_interval(uncertainty: Uncertainty, groups: float) -> tuple[float, float]:
    """95 % interval of a score in [0, 1].

    Wilson's (1927), for as many images as would give a share this half-width. A score that does not
    vary between groups, as when all are right, gets the interval of a share of that many groups.

    Args:
      uncertainty: of the score.
      groups: that the score rests on.
    """
    value = uncertainty.value
    half = half_width(uncertainty)
    spread = value * (1 - value)
    if half**2 <= NO_VARIATION or spread <= 0:
        weight = _quantile(LEVEL, uncertainty.groups_freedom) ** 2 / groups
    else:
        weight = half**2 / spread
    centre = (value + weight / 2) / (1 + weight)
    half = np.sqrt(max(spread, 0) * weight + weight**2 / 4) / (1 + weight)
    return float(max(centre - half, 0.0)), float(min(centre + half, 1.0))


def floored(uncertainty: Uncertainty, groups: float) -> Uncertainty:
    """A difference that does not vary between groups, but may be by chance.

    It gets the variance of two shares of that many groups, none or all of which count, each as
    Agresti and Coull (1998) would have it.
    """
    if uncertainty.groups + uncertainty.seeds > NO_VARIATION:
        return uncertainty
    share = 2 / (groups + 4)
    return uncertainty._replace(groups=2 * share * (1 - share) / (groups + 4))


def p_value(uncertainty: Uncertainty) -> float:
    """Two-sided p-value of a difference against 0: below 0.05 if the interval leaves out 0."""
    distance = abs(uncertainty.value)
    if distance == 0:
        return 1.0
    if half_width(uncertainty, SMALLEST_P) <= distance:
        return SMALLEST_P

    def beyond(log_level: float) -> float:
        return half_width(uncertainty, np.exp(log_level)) - distance

    return float(np.exp(optimize.brentq(beyond, np.log(SMALLEST_P), 0.0, xtol=1e-9)))
