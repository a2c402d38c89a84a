"""How well scores tell abnormal images from normal ones, with intervals over groups.

The abnormal are the positives, and the higher a score the less normal an image. Every value takes
weights per image, many sets at once, so that all of a bootstrap is a few cumulative sums.
"""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from dermgan_jax.errors import UserError
from dermgan_jax.statistics import classification, group_bootstrap
from dermgan_jax.statistics.held_out_images import TWO_THOUSAND, HeldOutImages, Resampling
from dermgan_jax.statistics.intervals import Estimate

SCORES = ("auroc", "average_precision", "fpr_at_95_tpr")
LOWER_IS_BETTER = ("fpr_at_95_tpr",)
RATES = ("sensitivity", "false_alarms")  # at a threshold
TPR = 0.95
SPECIFICITY = 0.95  # of the validation normals, at the threshold taken from them
ROUNDING = 1e-9  # of a side's weight: sums of weights are not exact
BLOCK = 64  # sets of weights that are sorted together

# Value (1,) of a score and its replicates (1, num), as `group_bootstrap.of_score` takes them.
Replicates = tuple[np.ndarray, np.ndarray]


class Difference(NamedTuple):
    """How far one detector's score is from another's on the same images."""

    value: float
    low: float
    high: float
    p_value: float


def average_precision(
    abnormal: np.ndarray, scores: np.ndarray, weights: np.ndarray | None = None
) -> float | np.ndarray:
    """Sum of precision times the step of recall, one per distinct score, nothing interpolated.

    scikit-learn's definition. By chance it is the share of the abnormal images.

    Args:
      abnormal: bool (n,).
      scores: (n,), higher for the abnormal.
      weights: how often each image counts, >= 0: (n,), or (r, n) for values (r,).

    Returns:
      A float, or (r,); NaN where the weights leave no abnormal image.
    """
    order = np.argsort(-scores, kind="stable")
    ends = np.append(np.diff(scores[order]) != 0, True)
    given = np.ones(len(scores)) if weights is None else np.asarray(weights, np.float64)
    sorted_weights = np.atleast_2d(given)[:, order]
    hits = np.cumsum(sorted_weights * abnormal[order], axis=1)[:, ends]
    called = np.cumsum(sorted_weights, axis=1)[:, ends]
    steps = np.diff(hits, axis=1, prepend=0)
    precision = np.divide(hits, called, out=np.zeros_like(hits), where=called > 0)
    total = hits[:, -1]
    sums = (steps * precision).sum(axis=1)
    found = np.divide(sums, total, out=np.full(len(sums), np.nan), where=total > 0)
    return float(found[0]) if given.ndim == 1 else found


def fpr_at_tpr(
    abnormal: np.ndarray,
    scores: np.ndarray,
    weights: np.ndarray | None = None,
    *,
    tpr: float = TPR,
) -> float | np.ndarray:
    """Share of normal images called abnormal at the first threshold, from above, that finds `tpr`.

    Nothing is interpolated between thresholds. Arguments and result as of `average_precision`; NaN
    also where the weights leave no normal image.
    """
    given = np.ones(len(scores)) if weights is None else np.asarray(weights, np.float64)
    found = _fpr(classification.roc_curve(abnormal, scores, np.atleast_2d(given)), tpr)
    return float(found[0]) if given.ndim == 1 else found


def _fpr(curve: classification.RocCurve, tpr: float) -> np.ndarray:
    """(r,) of a `classification.roc_curve` under r sets of weights."""
    positives, negatives = curve.true[-1], curve.false[-1]
    first = (curve.true >= (tpr - ROUNDING) * positives).argmax(axis=0)
    called = np.take_along_axis(curve.false, first[None], axis=0)[0]
    defined = (positives > 0) & (negatives > 0)
    return np.divide(called, negatives, out=np.full(len(called), np.nan), where=defined)


def values(abnormal: np.ndarray, scores: np.ndarray, weights: np.ndarray) -> dict[str, np.ndarray]:
    """Each of `SCORES` (r,) under the weights (r, n); NaN where undefined."""
    found = {name: np.empty(len(weights)) for name in SCORES}
    for start in range(0, len(weights), BLOCK):
        rows = slice(start, start + BLOCK)
        curve = classification.roc_curve(abnormal, scores, weights[rows])
        found["auroc"][rows] = classification.roc_area(curve)
        found["average_precision"][rows] = average_precision(abnormal, scores, weights[rows])
        found["fpr_at_95_tpr"][rows] = _fpr(curve, TPR)
    return found


def threshold(normal_scores: np.ndarray, specificity: float = SPECIFICITY) -> float:
    """The least of the scores that at most so many normal images exceed.

    Args:
      normal_scores: of validation images (n,), all of them normal: a threshold that has seen
        abnormal ones flatters whatever it is used for.
      specificity: share that must not exceed it.

    Raises:
      UserError: if there are none.
    """
    if not len(normal_scores):
        raise UserError(
            "there are no normal validation images, from which a threshold could be taken: see "
            "data.split_fractions"
        )
    return float(np.quantile(normal_scores, specificity, method="higher"))


def rates(
    abnormal: np.ndarray, scores: np.ndarray, weights: np.ndarray, threshold: float
) -> dict[str, np.ndarray]:
    """Each of `RATES` (r,), shares of abnormal and of normal images above a threshold."""
    called = (scores > threshold).astype(np.float64)
    found = {}
    for name, side in zip(RATES, (abnormal, ~abnormal), strict=True):
        total, above = weights @ side.astype(np.float64), weights @ (called * side)
        found[name] = np.divide(above, total, out=np.full(len(total), np.nan), where=total > 0)
    return found


def require_both(abnormal: np.ndarray, what: str) -> None:
    """Checks that there are normal and abnormal images.

    Args:
      abnormal: bool (n,).
      what: the images, as the beginning of a message.

    Raises:
      UserError: if either is missing.
    """
    num = int(abnormal.sum())
    if num in (0, len(abnormal)):
        missing = "abnormal" if num == 0 else "normal"
        raise UserError(
            f"{what}: of {len(abnormal)} images none is {missing}, and detection needs both kinds; "
            "see data.normal, data.classes and data.split_fractions"
        )


def replicates(
    test: HeldOutImages,
    abnormal: np.ndarray,
    scores: np.ndarray,
    resampling: Resampling = TWO_THOUSAND,
    at: float | None = None,
) -> dict[str, Replicates]:
    """Every score of one detector, and the same on resampled groups.

    Groups are resampled within classes, so that shares of the classes stay as they are.

    Args:
      test: images with classes and groups.
      abnormal: bool (n,), which of them are.
      scores: (n,).
      resampling: of the groups.
      at: a threshold, for `RATES`.

    Raises:
      UserError: if there are only normal or only abnormal images, or no class has two groups.
    """
    require_both(abnormal, "test images")
    every = np.concatenate([np.ones((1, len(test))), test.weights(resampling)])
    found = values(abnormal, scores, every)
    if at is not None:
        found |= rates(abnormal, scores, every, at)
    return {name: (value[:1], value[None, 1:]) for name, value in found.items()}


def with_intervals(
    test: HeldOutImages, abnormal: np.ndarray, replicated: Mapping[str, Replicates]
) -> dict[str, Estimate]:
    """Each score with its 95 % interval.

    A score rests on as many groups as the rarer side has, a rate on those of its own side.
    """
    found = {}
    for name, (value, resampled) in replicated.items():
        number, freedom = _support(test, abnormal, name)
        uncertainty = group_bootstrap.of_score(value, resampled, freedom)
        found[name] = Estimate(
            uncertainty.value, *group_bootstrap.score_interval(uncertainty, number)
        )
    return found


def differences(
    test: HeldOutImages,
    abnormal: np.ndarray,
    reference: Mapping[str, Replicates],
    other: Mapping[str, Replicates],
) -> dict[str, Difference]:
    """other − reference, judged on the same resampled groups, with 95 % interval and p-value."""
    found = {}
    for name in reference.keys() & other.keys():
        number, freedom = _support(test, abnormal, name)
        uncertainty = group_bootstrap.floored(
            group_bootstrap.of_score(
                other[name][0] - reference[name][0], other[name][1] - reference[name][1], freedom
            ),
            number,
        )
        half = group_bootstrap.half_width(uncertainty)
        found[name] = Difference(
            uncertainty.value,
            uncertainty.value - half,
            uncertainty.value + half,
            group_bootstrap.p_value(uncertainty),
        )
    return found


def _support(test: HeldOutImages, abnormal: np.ndarray, name: str) -> tuple[float, float]:
    """How many groups a score rests on, and the degrees of freedom of its variance."""
    groups = np.asarray(test.groups)
    sides = [len(np.unique(groups[side])) for side in (abnormal, ~abnormal)]
    if name in RATES:
        number = sides[RATES.index(name)]
        return float(number), float(max(number - 1, 1))
    strata = int((test.groups_of_classes > 0).sum())
    return float(min(sides)), float(max(test.num_groups - strata, 1))
