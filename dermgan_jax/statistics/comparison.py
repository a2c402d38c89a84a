"""Did it help? Classifiers trained in different ways, judged on the same test images."""

import dataclasses
import math
from collections.abc import Mapping, Sequence

import numpy as np
from scipy import stats

from dermgan_jax.errors import UserError
from dermgan_jax.statistics import classifier_scores, group_bootstrap, multiple_tests
from dermgan_jax.statistics.classifier_scores import Replicates, ScoreName
from dermgan_jax.statistics.held_out_images import TWO_THOUSAND, HeldOutImages, Resampling

ALPHA = group_bootstrap.LEVEL
HELPED, HURT, CANNOT_TELL = "helped", "hurt", "cannot tell"


@dataclasses.dataclass(frozen=True)
class Difference:
    """How much higher a score is than the baseline's, with its 95 % interval.

    Attributes:
      difference: other − baseline; None, as are the rest, where the score is undefined.
      low, high: ends of the interval, over groups of test images and trainings.
      p: two-sided p-value, which agrees with the interval.
      seed_half_width: the part of the interval's half-width that more groups do not cure.
      p_corrected: by Holm's method over the arms that were compared; None of a single comparison.
    """

    difference: float | None
    low: float | None
    high: float | None
    p: float | None
    seed_half_width: float | None
    p_corrected: float | None = None


UNDEFINED = Difference(None, None, None, None, None)
Comparison = dict[str, Difference]  # by score


@dataclasses.dataclass(frozen=True)
class Verdict:
    """What a comparison of arms says about one score.

    Attributes:
      outcome: "helped", "hurt" or "cannot tell".
      arm: which the sentence is about.
      sentence: for a clinician.
      groups_needed: see `groups_needed`, at the level that Bonferroni's correction leaves to one
        arm.
    """

    outcome: str
    arm: str
    sentence: str
    groups_needed: int | None


def compare(
    test: HeldOutImages,
    baseline: np.ndarray,
    other: np.ndarray,
    *,
    names: Sequence[str] | None = None,
    resampling: Resampling = TWO_THOUSAND,
    paired_seeds: bool = True,
) -> Comparison:
    """Other − baseline, with 95 % intervals over groups and trainings, and p-values.

    Both are judged on the same resampled groups, so that what makes a test set easy or hard for
    both cancels out. `group_bootstrap` has the method; interval and p-value always agree.

    Args:
      test: the images.
      baseline, other: probabilities (seeds, n, k). With one training each, the answer holds for
        these two networks, not for the ways of training them.
      names: scores, of `classifier_scores.names(classes)`; all by default.
      resampling: of the test images.
      paired_seeds: whether training i of both used the same seed; otherwise numbers may differ.

    Raises:
      UserError: as `classifier_scores.score_table`; if seeds are paired and their numbers differ.
    """
    arms = {"baseline": baseline, "other": other}
    found = _replicates(test, arms, names, resampling, paired_seeds)
    return _differences(test, found["baseline"], found["other"], paired_seeds)


def compare_arms(
    test: HeldOutImages,
    arms: Mapping[str, np.ndarray],
    baseline: str,
    *,
    names: Sequence[str] | None = None,
    resampling: Resampling = TWO_THOUSAND,
    paired_seeds: bool = True,
) -> dict[str, Comparison]:
    """Every arm against the baseline, as `compare` does.

    Args:
      test, names, resampling, paired_seeds: see `compare`.
      arms: name -> probabilities (seeds, n, k), the baseline's among them.
      baseline: its name.

    Returns:
      Arm -> score -> the values of `compare` and `p_corrected`, by Holm's method over the arms, for
      each score on its own.

    Raises:
      UserError: as `compare`; if there is no such baseline or nothing else.
    """
    if baseline not in arms or len(arms) < 2:
        raise UserError(
            f"comparison: arms {', '.join(arms)}, baseline {baseline!r}; give the baseline and at "
            "least one other arm"
        )
    found = _replicates(test, arms, names, resampling, paired_seeds)
    compared = {
        arm: _differences(test, found[baseline], found[arm], paired_seeds)
        for arm in arms
        if arm != baseline
    }
    for name in found[baseline]:
        known = [arm for arm, of_arm in compared.items() if of_arm[name].p is not None]
        corrected = multiple_tests.holm(np.array([compared[arm][name].p for arm in known]))
        for arm, p in zip(known, corrected.tolist(), strict=True):
            compared[arm][name] = dataclasses.replace(compared[arm][name], p_corrected=p)
    return compared


def _replicates(
    test: HeldOutImages,
    arms: Mapping[str, np.ndarray],
    names: Sequence[str] | None,
    resampling: Resampling,
    paired_seeds: bool,
) -> dict[str, dict[str, Replicates]]:
    for probabilities in arms.values():
        test.require_answers(probabilities)
    if paired_seeds and len({len(probabilities) for probabilities in arms.values()}) > 1:
        numbers = ", ".join(f"{arm}: {len(p)}" for arm, p in arms.items())
        raise UserError(
            f"comparison: arms have different numbers of trainings ({numbers}), so their seeds are "
            "not paired; train the missing ones, or compare with paired_seeds=False"
        )
    names = classifier_scores.names(test.classes) if names is None else names
    weights = test.weights(resampling)
    return {
        arm: classifier_scores.replicate(names, test, probabilities, weights)
        for arm, probabilities in arms.items()
    }


def _differences(
    test: HeldOutImages,
    baseline: Mapping[str, Replicates],
    other: Mapping[str, Replicates],
    paired_seeds: bool,
) -> Comparison:
    comparison = {}
    for name in baseline:
        if np.isnan(baseline[name][0]).any() or np.isnan(other[name][0]).any():
            comparison[name] = UNDEFINED
            continue
        number, freedom = classifier_scores.support(name, test)
        uncertainty = group_bootstrap.floored(
            group_bootstrap.of_difference(
                baseline[name], other[name], freedom, paired_seeds=paired_seeds
            ),
            number,
        )
        half = group_bootstrap.half_width(uncertainty)
        comparison[name] = Difference(
            difference=uncertainty.value,
            low=max(uncertainty.value - half, -1.0),
            high=min(uncertainty.value + half, 1.0),
            p=group_bootstrap.p_value(uncertainty),
            seed_half_width=group_bootstrap.lasting_half_width(uncertainty),
        )
    return comparison


def groups_needed(
    difference: float, low: float, high: float, num_groups: int, *, seed_half_width: float = 0.0
) -> int | None:
    """How many groups of test images would tell the observed difference from 0, were it the truth.

    The part of the interval that stems from groups shrinks as 1 / √groups; the part that stems
    from trainings stays, whatever the test set, and only more trainings reduce it.

    Args:
      difference, low, high: as `compare` found them.
      num_groups: in the test set that they were found on.
      seed_half_width: the part of the interval's half-width that stems from trainings.

    Returns:
      None if the difference is 0, or no larger than the trainings' part.
    """
    half = max(high - difference, difference - low)
    room = difference**2 - seed_half_width**2
    if room <= 0:
        return None
    return max(math.ceil(num_groups * (half**2 - seed_half_width**2) / room), 1)


def verdict(
    test: HeldOutImages, comparisons: Mapping[str, Comparison], score: str = "balanced_accuracy"
) -> Verdict:
    """What the comparison of arms says about one score, in one sentence for a clinician.

    Helped: an arm is better, after Holm's correction; of several the one that gained most. Hurt:
    every arm is worse. Otherwise it cannot be told, of the arm with the largest gain.

    Args:
      test: the images.
      comparisons: of `compare_arms`.
      score: which; for scores of `classifier_scores.LOWER_IS_BETTER`, a fall helps.

    Raises:
      UserError: if the score is undefined on this test set.
    """
    rows = {arm: comparison[score] for arm, comparison in comparisons.items()}
    if any(row.p_corrected is None for row in rows.values()):
        raise UserError(f"verdict: the test images do not define {score}; choose another score")
    sign = -1 if ScoreName.of(score).lower_is_better else 1

    def gain(arm: str) -> float:
        return sign * rows[arm].difference

    told = [arm for arm, row in rows.items() if row.p_corrected < ALPHA]
    better = [arm for arm in told if gain(arm) > 0]
    arm = max(better or rows, key=gain)
    outcome = HELPED if better else HURT if len(told) == len(rows) else CANNOT_TELL
    row = rows[arm]
    wider = stats.norm.isf(ALPHA / 2 / len(rows)) / stats.norm.isf(ALPHA / 2)
    needed = groups_needed(
        row.difference,
        row.difference - wider * (row.difference - row.low),
        row.difference + wider * (row.high - row.difference),
        test.num_groups,
        seed_half_width=wider * row.seed_half_width,
    )
    change = (
        f"{score.replace('_', ' ')} changed by {_points(row.difference)} percentage points "
        f"(95 % interval {_points(row.low)} to {_points(row.high)}, corrected "
        f"p = {row.p_corrected:.2g})"
    )
    worse = [name for name in told if gain(name) < 0 and name != arm]
    also = f"; {', '.join(worse)} made it worse" if worse else ""
    groups = f"test {test.group_noun}s"
    if outcome != CANNOT_TELL:
        sentence = f"On {test.num_groups:,} {groups}, {arm} {outcome}: {change}{also}."
    else:
        remedy = _remedy(row.difference, needed, groups)
        sentence = (
            f"With {test.num_groups:,} {groups} we cannot tell whether {arm} helped or hurt: "
            f"{change}; {remedy}{also}."
        )
    return Verdict(outcome, arm, sentence, needed)


def _points(share: float) -> str:
    return f"{100 * share:+.1f}".replace("-", "−")


def _remedy(difference: float, needed: int | None, groups: str) -> str:
    if difference == 0:
        return f"no difference was seen, so no number of {groups} can be named that would tell"
    if needed is None:
        return (
            f"trainings vary so much that no number of {groups} would tell: more trainings of "
            "each are needed first"
        )
    return f"about {needed:,} {groups} would be needed to tell a difference of this size"
