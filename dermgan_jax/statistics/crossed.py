"""Scores of readers who look at images: how sure are they, had readers and images been others?

Both were drawn, and are crossed: readers see the same images, or at least overlapping ones. The
variances are told apart and the intervals made as `group_bootstrap` does for trainings and test
groups: readers take the place of trainings and images that of groups, within strata of real and
fake, so that a reader's score stays that of the study's mix. With one reader, an interval speaks of
that reader only.

For 2 to 8 readers and 80 to 100 images, intervals cover 94 to 97 % in simulations
(`tests/statistics/test_crossed.py`), whichever of the two differ more.

A rate near 0 or 1 hides how uncertain it is: who calls all of 20 images real may call one in ten
fake. Scores made of both rates get the variance that is hidden so, see `of_both`.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from scipy.special import ndtri

from dermgan_jax.errors import UserError
from dermgan_jax.statistics import classification, group_bootstrap
from dermgan_jax.statistics.group_bootstrap import Uncertainty
from dermgan_jax.statistics.intervals import Estimate
from dermgan_jax.statistics.signal_detection import signal_detection

RESAMPLINGS = 2000
POWER = 0.8  # at which the smallest difference is seen that a study would not miss
LARGEST = 0.5  # difference from chance
LEAST = 0.25  # share of the variance over images, readers fixed, that is left at least

# A reader's score under weights of images: (reader, weights (r, n)) -> (r,), NaN where undefined.
Statistic = Callable[[int, np.ndarray], np.ndarray]


class Panel(NamedTuple):
    """What readers made of images.

    Attributes:
      real: bool (n,), the truth.
      called_real: (n, m), 1.0 for "real", 0.0 for "fake", NaN without an answer.
      weights: (r, n), of resampled images.
    """

    real: np.ndarray
    called_real: np.ndarray
    weights: np.ndarray


def panel(real: np.ndarray, called_real: np.ndarray, seed: int = 0) -> Panel:
    """A panel with its resampled images; arguments as the attributes of `Panel`.

    Raises:
      UserError: if there are fewer than two real and two fake images.
    """
    names = [f"{i:09d}" for i in range(len(real))]
    if len(real) == 0:
        raise UserError("no image was answered")
    weights = group_bootstrap.image_weights(real.astype(int), names, RESAMPLINGS, seed)
    return Panel(real, called_real, weights)


def uncertainty(panel: Panel, statistic: Statistic, images: np.ndarray) -> Uncertainty | None:
    """How sure the mean of a score over readers is; None if no reader has a score.

    Args:
      panel: of all readers.
      statistic: a reader's score under weights; readers whose score is NaN are left out.
      images: bool (n,), the images that the score rests on.
    """
    plain = np.ones((1, len(panel.real)))
    num_readers = panel.called_real.shape[1]
    values = np.array([statistic(reader, plain)[0] for reader in range(num_readers)])
    scored = np.flatnonzero(~np.isnan(values))
    if not len(scored):
        return None
    replicates = np.stack([statistic(reader, panel.weights) for reader in scored])
    kinds = len(np.unique(panel.real[images]))
    freedom = max(int(images.sum()) - kinds, 1)
    found = group_bootstrap.of_score(values[scored], replicates, freedom)
    # Few readers may by chance scatter far less than images alone would have them.
    least = LEAST * float(np.nan_to_num(np.nanvar(replicates.mean(axis=0))))
    return found._replace(groups=max(found.groups, least - found.seeds))


def of_both(panel: Panel, statistic: Statistic, of_real: float) -> Uncertainty | None:
    """As `uncertainty`, of a score that is made of both rates and may hide how sure they are.

    Args:
      panel: of all readers.
      statistic: of_real × TPR + (1 − of_real) × TNR, nearly so if answers are missing.
      of_real: weight of TPR.
    """
    answered = ~np.isnan(panel.called_real)
    found = uncertainty(panel, statistic, answered.any(axis=1))
    if found is None:
        return None
    hidden, guessing = 0.0, 0.0
    for real, part in ((True, of_real), (False, 1 - of_real)):
        own = (answered & (panel.real == real)[:, None]).sum(axis=0)
        seen = (answered.any(axis=1) & (panel.real == real)).sum()
        of_reader, plain = rate(panel, real), np.ones((1, len(panel.real)))
        readers = np.flatnonzero(own)
        shares = np.array([of_reader(reader, plain)[0] for reader in readers])
        # Readers of the same images may all hide the same, those of different images do not.
        variances = hidden_variance(shares, own[readers]) * own[readers] / max(seen, 1)
        hidden += part**2 * float(variances.sum()) / max(len(readers), 1)
        mean = float(shares.mean()) if len(readers) else 0.0
        guessing += part**2 * mean * (1 - mean) / max(own.sum(), 1)
    # Readers whose errors happen to cancel are no surer than if each had answered alone.
    groups = max(found.groups + hidden, guessing - found.seeds)
    return found._replace(groups=groups)


def hidden_variance(shares: np.ndarray, n: np.ndarray) -> np.ndarray:
    """What a share near 0 or 1 of n images lacks of its variance.

    By how much the variance of Agresti and Coull (1998) exceeds the plain one; 0 for other shares.
    """
    adjusted = (shares * n + 2) / (n + 4)
    return np.maximum(adjusted * (1 - adjusted) / (n + 4) - shares * (1 - shares) / n, 0.0)


def estimate(
    found: Uncertainty | None, images: int | np.ndarray, *, share: bool = True
) -> Estimate | None:
    """A score with its 95 % interval.

    Args:
      found: of `uncertainty`.
      images: how many the score rests on, or bool (n,) which.
      share: whether the score lies within [0, 1], as then its interval does; else it is symmetric.
    """
    if found is None:
        return None
    if share:
        return Estimate(found.value, *group_bootstrap.score_interval(found, int(np.sum(images))))
    half = group_bootstrap.half_width(found)
    return Estimate(found.value, found.value - half, found.value + half)


def share_estimate(found: Uncertainty | None) -> Estimate | None:
    """A share of `of_both` with its symmetric 95 % interval, cut off at 0 and 1.

    It leaves out one half if, and only if, a test at the level of 5 % does.
    """
    shown = estimate(found, 0, share=False)
    return shown and Estimate(shown.value, max(shown.low, 0.0), min(shown.high, 1.0))


def smallest_difference(found: Uncertainty) -> float:
    """The difference from one half that studies with these variances see with a power of 80 %.

    At the level of 5 %, two-sided; one half, the largest there is, if they do not see even that.
    """
    error = np.sqrt(found.groups + found.seeds)
    return min(float(group_bootstrap.half_width(found) + ndtri(POWER) * error), LARGEST)


def share_of(values: np.ndarray) -> Statistic:
    """A reader's mean of values (n, m) over the images where they are not NaN."""
    known = ~np.isnan(values)
    filled = np.where(known, values, 0.0)

    def statistic(reader: int, weights: np.ndarray) -> np.ndarray:
        return _divide(weights @ filled[:, reader], weights @ known[:, reader].astype(float))

    return statistic


def right(panel: Panel) -> np.ndarray:
    """1.0 where a reader is right, 0.0 where wrong, NaN without an answer: (n, m)."""
    return np.where(panel.real[:, None], panel.called_real, 1 - panel.called_real)


def accuracy(panel: Panel) -> Statistic:
    """Share of a reader's answers that are right."""
    return share_of(right(panel))


def rate(panel: Panel, real: bool) -> Statistic:
    """Share of the real (or of the fake) images about which a reader is right: TPR (or TNR)."""
    of_kind = panel.real[:, None] == real
    return share_of(np.where(of_kind, right(panel), np.nan))


def balanced_accuracy(panel: Panel) -> Statistic:
    """Mean of both rates: one half for everybody who guesses, in whatever proportion."""
    of_real, of_fake = rate(panel, True), rate(panel, False)
    return lambda reader, weights: (of_real(reader, weights) + of_fake(reader, weights)) / 2


def d_prime(panel: Panel) -> Statistic:
    """A reader's d′ for "real", with log-linear rates."""
    return _detection(panel, "d_prime")


def criterion(panel: Panel) -> Statistic:
    """A reader's criterion; above 0 leans towards "fake"."""
    return _detection(panel, "criterion")


def _detection(panel: Panel, part: str) -> Statistic:
    answered, called = ~np.isnan(panel.called_real), np.nan_to_num(panel.called_real)
    kinds = np.stack([panel.real, ~panel.real], axis=1).astype(float)

    def statistic(reader: int, weights: np.ndarray) -> np.ndarray:
        seen = kinds * answered[:, reader, None]
        hits, alarms = (weights @ (seen * called[:, reader, None])).T
        signals, noises = (weights @ seen).T
        found = getattr(signal_detection(hits, signals, alarms, noises), part)
        return np.where((signals > 0) & (noises > 0), found, np.nan)

    return statistic


def auc(panel: Panel, scores: np.ndarray) -> Statistic:
    """Area under a reader's ROC curve for "real", from scores (n, m); NaN where there is none."""

    def statistic(reader: int, weights: np.ndarray) -> np.ndarray:
        known = ~np.isnan(scores[:, reader])
        real = panel.real[known]
        if real.all() or not real.any():
            return np.full(len(weights), np.nan)
        return classification.auc(real, scores[known, reader], weights[:, known])

    return statistic


def _divide(numerator: np.ndarray, denominator: np.ndarray) -> np.ndarray:
    out = np.full(np.shape(numerator), np.nan)
    return np.divide(numerator, denominator, out=out, where=denominator > 0)
