"""Membership inference: does a score tell images that a model learned from from others?

Two models learned from two halves of the groups; a third set is held out from both. The attack's
area under the ROC curve (AUC) compares scores of a model's own images with those of held-out ones.
The control gives the same images the scores of the other model, which saw neither: what it reaches
above 0.5 is in the images, not in the model's memory. Scores that are higher by a model's own half
than by the other's, half against half, need no control: had nothing been learned by heart, the two
halves could be exchanged.
"""

from typing import NamedTuple

import numpy as np

from dermgan_jax.statistics import intervals

RESAMPLES = 2000
FIRST, SECOND, HELD_OUT = range(3)


class Estimate(NamedTuple):
    """A value and its 95 % interval over groups."""

    value: float
    interval: tuple[float, float]


class Membership(NamedTuple):
    """AUCs, each the mean over both models.

    Attributes:
      attack: a model's own images against held-out ones, by its scores.
      control: the same images, by the scores of the other model.
      difference: attack − control.
      halves: one half against the other, by the difference of the two models' scores.
      numbers: images of the first half, the second, and held out.
      groups: the same of groups.
    """

    attack: Estimate
    control: Estimate
    difference: Estimate
    halves: Estimate
    numbers: tuple[int, int, int]
    groups: tuple[int, int, int]


def membership(
    by_first: np.ndarray, by_second: np.ndarray, side: np.ndarray, groups: np.ndarray, *, seed: int
) -> Membership:
    """Attack and control over all images.

    Args:
      by_first, by_second: scores (n,) of the model of the first and of the second half; higher
        says "learned from".
      side: int (n,), FIRST, SECOND or HELD_OUT; each occurs.
      groups: (n,), names or numbers; none is on two sides.
      seed: of the bootstrap, which draws groups of each side again.
    """
    members = [np.flatnonzero(side == which) for which in (FIRST, SECOND, HELD_OUT)]
    weights, numbers = zip(
        *(_resampled(groups[rows], seed + which) for which, rows in enumerate(members)),
        strict=True,
    )

    def auc(scores: np.ndarray, positive: int, negative: int) -> np.ndarray:
        """Under every resampling (1 + RESAMPLES,), the sample itself first."""
        higher = _above(scores[members[positive]], scores[members[negative]])
        return _weighted(higher, weights[positive], weights[negative])

    attack = (auc(by_first, FIRST, HELD_OUT) + auc(by_second, SECOND, HELD_OUT)) / 2
    control = (auc(by_second, FIRST, HELD_OUT) + auc(by_first, SECOND, HELD_OUT)) / 2
    halves = auc(by_first - by_second, FIRST, SECOND)
    return Membership(
        *map(_estimate, (attack, control, attack - control, halves)),
        numbers=tuple(map(len, members)),
        groups=numbers,
    )


def _resampled(groups: np.ndarray, seed: int) -> tuple[np.ndarray, int]:
    """How often each image counts (1 + RESAMPLES, n), first once each; and how many groups."""
    names, of = np.unique(groups, return_inverse=True)
    generator = np.random.default_rng(seed)
    shares = np.full(len(names), 1 / len(names))
    drawn = generator.multinomial(len(names), shares, RESAMPLES)
    return np.concatenate([np.ones((1, len(names)), int), drawn])[:, of], len(names)


def _above(positive: np.ndarray, negative: np.ndarray) -> np.ndarray:
    """Whether each positive score is above each negative one (p, n); a half where equal."""
    gap = positive[:, None] - negative
    return (gap > 0) + 0.5 * (gap == 0)


def _weighted(higher: np.ndarray, positive: np.ndarray, negative: np.ndarray) -> np.ndarray:
    sums = np.einsum("rn,rn->r", positive @ higher, negative)
    return sums / (positive.sum(axis=1) * negative.sum(axis=1))


def _estimate(values: np.ndarray) -> Estimate:
    return Estimate(
        float(values[0]), intervals.normal(float(values[0]), float(values[1:].std(ddof=1)))
    )
