"""Did it help? Classifiers trained in different ways, judged on the same test lesions."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from scipy import stats

from dermgan_jax.errors import UserError
from dermgan_jax.statistics import classifier_scores, group_bootstrap, multiple_tests

ALPHA = group_bootstrap.LEVEL

# Score -> "difference", "low", "high", "p", "seed_half_width" (of what more lesions do not cure).
Comparison = dict[str, dict[str, Any]]


def compare(
    labels: np.ndarray,
    groups: Sequence[str],
    baseline: np.ndarray,
    other: np.ndarray,
    classes: Sequence[str],
    *,
    names: Sequence[str] | None = None,
    num: int = 2000,
    seed: int = 0,
    paired_seeds: bool = True,
) -> Comparison:
    """Other − baseline, with 95 % intervals over lesions and trainings, and p-values.

    Both are judged on the same resampled lesions, so that what makes a test set easy or hard for
    both cancels out. `metrics.group_bootstrap` has the method; interval and p-value always agree.

    Args:
      labels: int (n,).
      groups: n names of lesions.
      baseline, other: probabilities (seeds, n, k). With one training each, the answer holds for
        these two networks, not for the ways of training them.
      classes: k names.
      names: scores, of `classifier_scores.names(classes)`; all by default.
      num: resamplings.
      seed: of the resamplings.
      paired_seeds: whether training i of both used the same seed; otherwise numbers may differ.

    Returns:
      Values for JSON; all None where a score is undefined for want of a class.

    Raises:
      UserError: as `classifier_scores.score_table`; if seeds are paired and their numbers differ.
    """
    arms = {"baseline": baseline, "other": other}
    found = _replicates(labels, groups, arms, classes, names, num, seed, paired_seeds)
    lesions = classifier_scores.lesions_of_classes(labels, groups, len(classes))
    return _differences(found["baseline"], found["other"], lesions, classes, paired_seeds)


def compare_arms(
    labels: np.ndarray,
    groups: Sequence[str],
    arms: Mapping[str, np.ndarray],
    baseline: str,
    classes: Sequence[str],
    *,
    names: Sequence[str] | None = None,
    num: int = 2000,
    seed: int = 0,
    paired_seeds: bool = True,
) -> dict[str, Comparison]:
    """Every arm against the baseline, as `compare` does.

    Args:
      labels, groups, classes, names, num, seed, paired_seeds: see `compare`.
      arms: name -> probabilities (seeds, n, k), the baseline's among them.
      baseline: its name.

    Returns:
      Arm -> score -> the values of `compare` and "p_corrected", by Holm's method over the arms, for
      each score on its own.

    Raises:
      UserError: as `compare`; if there is no such baseline or nothing else.
    """
    if baseline not in arms or len(arms) < 2:
        raise UserError(
            f"comparison: arms {', '.join(arms)}, baseline {baseline!r}; give the baseline and at "
            "least one other arm"
        )
    found = _replicates(labels, groups, arms, classes, names, num, seed, paired_seeds)
    lesions = classifier_scores.lesions_of_classes(labels, groups, len(classes))
    compared = {
        arm: _differences(found[baseline], found[arm], lesions, classes, paired_seeds)
        for arm in arms
        if arm != baseline
    }
    for name in found[baseline]:
        rows = [comparison[name] for comparison in compared.values()]
        known = [row for row in rows if row["p"] is not None]
        corrected = multiple_tests.holm(np.array([row["p"] for row in known]))
        for row in rows:
            row["p_corrected"] = None
        for row, p in zip(known, corrected.tolist(), strict=True):
            row["p_corrected"] = p
    return compared


def _replicates(
    labels: np.ndarray,
    groups: Sequence[str],
    arms: Mapping[str, np.ndarray],
    classes: Sequence[str],
    names: Sequence[str] | None,
    num: int,
    seed: int,
    paired_seeds: bool,
) -> dict[str, dict[str, classifier_scores.Replicates]]:
    for probabilities in arms.values():
        classifier_scores.check(labels, groups, probabilities, classes)
    if paired_seeds and len({len(probabilities) for probabilities in arms.values()}) > 1:
        numbers = ", ".join(f"{arm}: {len(p)}" for arm, p in arms.items())
        raise UserError(
            f"comparison: arms have different numbers of trainings ({numbers}), so their seeds are "
            "not paired; train the missing ones, or compare with paired_seeds=False"
        )
    names = classifier_scores.names(classes) if names is None else names
    weights = group_bootstrap.image_weights(labels, groups, num, seed)
    return {
        arm: classifier_scores.replicate(names, labels, probabilities, classes, weights)
        for arm, probabilities in arms.items()
    }


def _differences(
    baseline: dict[str, classifier_scores.Replicates],
    other: dict[str, classifier_scores.Replicates],
    lesions: np.ndarray,
    classes: Sequence[str],
    paired_seeds: bool,
) -> Comparison:
    comparison = {}
    for name in baseline:
        if np.isnan(baseline[name][0]).any() or np.isnan(other[name][0]).any():
            keys = ("difference", "low", "high", "p", "seed_half_width")
            comparison[name] = dict.fromkeys(keys)
            continue
        number, freedom = classifier_scores.support(name, lesions, classes)
        uncertainty = group_bootstrap.floored(
            group_bootstrap.of_difference(
                baseline[name], other[name], freedom, paired_seeds=paired_seeds
            ),
            number,
        )
        half = group_bootstrap.half_width(uncertainty)
        comparison[name] = {
            "difference": uncertainty.value,
            "low": max(uncertainty.value - half, -1.0),
            "high": min(uncertainty.value + half, 1.0),
            "p": group_bootstrap.p_value(uncertainty),
            "seed_half_width": group_bootstrap.lasting_half_width(uncertainty),
        }
    return comparison


def lesions_needed(
    difference: float, low: float, high: float, lesions: int, *, seed_half_width: float = 0.0
) -> int | None:
    """How many test lesions would tell the observed difference from 0, were it the true one.

    The part of the interval that stems from lesions shrinks as 1 / √lesions; the part that stems
    from trainings stays, whatever the test set, and only more trainings reduce it.

    Args:
      difference, low, high: as `compare` found them.
      lesions: in the test set that they were found on.
      seed_half_width: the part of the interval's half-width that stems from trainings.

    Returns:
      None if the difference is 0, or no larger than the trainings' part.
    """
    half = max(high - difference, difference - low)
    room = difference**2 - seed_half_width**2
    if room <= 0:
        return None
    return max(math.ceil(lesions * (half**2 - seed_half_width**2) / room), 1)


def verdict(
    comparisons: Mapping[str, Comparison],
    score: str = "balanced_accuracy",
    *,
    lesions: int,
) -> dict[str, Any]:
    """What the comparison of arms says about one score, in one sentence for a clinician.

    Helped: an arm is better, after Holm's correction; of several the one that gained most. Hurt:
    every arm is worse. Otherwise it cannot be told, of the arm with the largest gain.

    Args:
      comparisons: of `compare_arms`.
      score: which; for scores of `classifier_scores.LOWER_IS_BETTER`, a fall helps.
      lesions: in the test set.

    Returns:
      "outcome" ("helped", "hurt" or "cannot tell"), "arm", "sentence", and "lesions_needed" (see
      `lesions_needed`, here at the level that Bonferroni's correction leaves to one arm).

    Raises:
      UserError: if the score is undefined on this test set.
    """
    rows = {arm: comparison[score] for arm, comparison in comparisons.items()}
    if any(row["p_corrected"] is None for row in rows.values()):
        raise UserError(f"verdict: the test images do not define {score}; choose another score")
    sign = -1 if score.partition("/")[0] in classifier_scores.LOWER_IS_BETTER else 1

    def gain(arm: str) -> float:
        return sign * rows[arm]["difference"]

    told = [arm for arm, row in rows.items() if row["p_corrected"] < ALPHA]
    better = [arm for arm in told if gain(arm) > 0]
    arm = max(better or rows, key=gain)
    outcome = "helped" if better else "hurt" if len(told) == len(rows) else "cannot tell"
    row = rows[arm]
    wider = stats.norm.isf(ALPHA / 2 / len(rows)) / stats.norm.isf(ALPHA / 2)
    needed = lesions_needed(
        row["difference"],
        row["difference"] - wider * (row["difference"] - row["low"]),
        row["difference"] + wider * (row["high"] - row["difference"]),
        lesions,
        seed_half_width=wider * row["seed_half_width"],
    )
    worse = [name for name in told if gain(name) < 0 and name != arm]
    return {
        "outcome": outcome,
        "arm": arm,
        "sentence": _sentence(outcome, arm, score, row, lesions, needed, worse),
        "lesions_needed": needed,
    }


def _sentence(
    outcome: str,
    arm: str,
    score: str,
    row: dict[str, float],
    lesions: int,
    needed: int | None,
    worse: Sequence[str],
) -> str:
    points = {key: 100 * row[key] for key in ("difference", "low", "high")}
    change = (
        f"{score.replace('_', ' ')} changed by {points['difference']:+.1f} percentage points "
        f"(95 % interval {points['low']:+.1f} to {points['high']:+.1f}, corrected "
        f"p = {row['p_corrected']:.2g})"
    )
    also = f"; {', '.join(worse)} made it worse" if worse else ""
    if outcome != "cannot tell":
        return f"On {lesions} test lesions, {arm} {outcome}: {change}{also}."
    if row["difference"] == 0:
        remedy = "no difference was seen, so no number of test lesions can be named that would tell"
    elif needed is None:
        remedy = (
            "trainings vary so much that no number of test lesions would tell: more trainings of "
            "each are needed first"
        )
    else:
        remedy = f"about {needed:,} test lesions would be needed to tell a difference of this size"
    return (
        f"With {lesions} test lesions we cannot tell whether {arm} helped or hurt: {change}; "
        f"{remedy}{also}."
    )
