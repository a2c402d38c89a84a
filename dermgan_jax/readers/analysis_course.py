"""The course of a study: first against second half, changed answers, time."""

import dataclasses

import numpy as np

from dermgan_jax.readers.analysis_scores import difference
from dermgan_jax.readers.votes import StudyVotes
from dermgan_jax.statistics import crossed
from dermgan_jax.statistics.crossed import Panel
from dermgan_jax.statistics.intervals import Estimate


@dataclasses.dataclass(frozen=True)
class Change:
    """A mean accuracy before and after, and its difference in pairs.

    Attributes:
      before, after: with 95 % intervals; readers and images are random.
      difference: after − before.
      p: two-sided.
      readers: each reader's accuracy before and after.
    """

    before: Estimate
    after: Estimate
    difference: Estimate
    p: float
    readers: dict[str, tuple[float, float]]


@dataclasses.dataclass(frozen=True)
class Revised:
    """Answers that were changed, of `answers`; `accuracy` before and after."""

    answers: int
    changed: int
    to_right: int
    to_wrong: int
    accuracy: Change | None


@dataclasses.dataclass(frozen=True)
class Time:
    """Seconds for an image, over all answers: quartiles, and medians of parts."""

    lower_quartile: float
    median: float
    upper_quartile: float
    medians: dict[str, float]


def halves(votes: StudyVotes, panel: Panel) -> Change | None:
    """Second against first half of each reader's own order; None if the order is not known."""
    first = first_halves(votes)
    right = crossed.right(panel)
    known = votes.answered & ~np.isnan(votes.position)
    return change(
        votes,
        panel,
        np.where(first, right, np.nan),
        np.where(known & ~first, right, np.nan),
    )


def first_halves(votes: StudyVotes) -> np.ndarray:
    """Bool (n, m): answers in the first half of their reader's order."""
    found = np.zeros(votes.answered.shape, bool)
    for j in range(len(votes.readers)):
        known = np.flatnonzero(votes.answered[:, j] & ~np.isnan(votes.position[:, j]))
        order = known[np.argsort(votes.position[known, j], kind="stable")]
        found[order[: len(order) // 2], j] = True
    return found


def revised(votes: StudyVotes, panel: Panel) -> Revised | None:
    """What changing answers did; None if nobody changed one."""
    changed = votes.answered & (votes.first_called_real != votes.called_real)
    if not changed.any():
        return None
    first = np.where(votes.real[:, None], votes.first_called_real, 1 - votes.first_called_real)
    last = crossed.right(panel)
    return Revised(
        answers=int(votes.answered.sum()),
        changed=int(changed.sum()),
        to_right=int((changed & (last == 1)).sum()),
        to_wrong=int((changed & (last == 0)).sum()),
        accuracy=change(votes, panel, np.where(votes.answered, first, np.nan), last),
    )


def change(votes: StudyVotes, panel: Panel, before: np.ndarray, after: np.ndarray) -> Change | None:
    """Of what is right (n, m): 1, 0, or NaN where it does not count; None if undefined."""
    parts = crossed.share_of(before), crossed.share_of(after)
    images = ~(np.isnan(before) & np.isnan(after)).all(axis=1)
    if not images.any():
        return None
    found = difference(panel, *parts, images)
    if found is None:
        return None
    shown = [crossed.estimate(crossed.uncertainty(panel, part, images), images) for part in parts]
    one = np.ones((1, len(votes.images)))
    readers = {
        name: tuple(float(part(j, one)[0]) for part in parts)
        for j, name in enumerate(votes.readers)
    }
    return Change(*shown, *found, readers)


def time(votes: StudyVotes) -> Time | None:
    """Seconds for an image; None if they are not known."""
    known = votes.answered & ~np.isnan(votes.seconds)
    if not known.any():
        return None
    real = np.broadcast_to(votes.real[:, None], known.shape)
    right = real == (votes.called_real == 1)
    first = first_halves(votes)
    parts = {"right": right, "wrong": ~right, "real": real, "fake": ~real}
    if first.any():
        parts |= {"first half": first, "second half": ~first & ~np.isnan(votes.position)}
    quartiles = np.percentile(votes.seconds[known], (25, 50, 75))
    return Time(
        *map(float, quartiles),
        medians={
            name: float(np.median(votes.seconds[known & part]))
            for name, part in parts.items()
            if (known & part).any()
        },
    )
