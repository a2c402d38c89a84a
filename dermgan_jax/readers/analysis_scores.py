"""Scores of readers: each by themselves, and means over groups with readers and images random."""

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np

from dermgan_jax.readers.counts import Counts
from dermgan_jax.readers.votes import StudyVotes
from dermgan_jax.statistics import classification, crossed, group_bootstrap, intervals
from dermgan_jax.statistics.crossed import Panel, Statistic
from dermgan_jax.statistics.group_bootstrap import Uncertainty
from dermgan_jax.statistics.intervals import Estimate
from dermgan_jax.statistics.signal_detection import signal_detection

Interval = tuple[float, float]


@dataclasses.dataclass(frozen=True)
class ReaderRow(Counts):
    """A reader's answers; positive is real. None where nothing tells.

    Attributes:
      acc, tpr, tnr: shares of all, of the real and of the fake images about which the reader is
        right, with Wilson's 95 % intervals.
      d_prime, criterion: of signal detection; a criterion above 0 leans towards "fake".
      answered, missing: images; those that the reader was shown and said nothing about.
      seconds: median for an image.
      auc: area under the ROC curve from confidence.
      finished: whether enough was answered for the reader to count in means and verdicts.
    """

    acc: float | None
    tpr: float | None
    tnr: float | None
    acc_interval: Interval | None
    tpr_interval: Interval | None
    tnr_interval: Interval | None
    d_prime: float | None
    criterion: float | None
    answered: int
    missing: int
    seconds: float | None
    auc: float | None
    finished: bool = True


@dataclasses.dataclass(frozen=True)
class GroupScores:
    """Means over readers, with 95 % intervals in which readers and images are both random.

    Attributes:
      readers, images: how many; with one reader, intervals are of that reader only.
      images_random: whether intervals tell of other images too; published counts cannot.
      accuracy, tpr, tnr: as of `ReaderRow`.
      balanced_accuracy: mean of TPR and TNR: one half for all who guess, in whatever proportion.
      d_prime, criterion, auc: likewise means.
    """

    readers: int
    images: int
    images_random: bool
    accuracy: Estimate | None
    balanced_accuracy: Estimate | None
    tpr: Estimate | None
    tnr: Estimate | None
    d_prime: Estimate | None
    criterion: Estimate | None
    auc: Estimate | None


def counts_of(votes: StudyVotes) -> list[Counts]:
    """Every reader's counts."""
    real, called = votes.real[:, None], votes.called_real
    cells = {
        "tp": real & (called == 1),
        "fp": ~real & (called == 1),
        "fn": real & (called == 0),
        "tn": ~real & (called == 0),
    }
    sums = {name: cell.sum(axis=0) for name, cell in cells.items()}
    return [
        Counts(reader, group, **{name: int(each[j]) for name, each in sums.items()})
        for j, (reader, group) in enumerate(zip(votes.readers, votes.groups, strict=True))
    ]


def row_of(counts: Counts, **others: Any) -> ReaderRow:
    """The row of a reader's counts; `others` are further attributes of it."""
    right = counts.tp + counts.tn
    answered = counts.real + counts.fake
    acc, acc_interval = _share(right, answered)
    tpr, tpr_interval = _share(counts.tp, counts.real)
    tnr, tnr_interval = _share(counts.tn, counts.fake)
    found = None
    if counts.real and counts.fake:
        found = signal_detection(counts.tp, counts.real, counts.fp, counts.fake)
    return ReaderRow(
        **dataclasses.asdict(counts),
        acc=acc,
        tpr=tpr,
        tnr=tnr,
        acc_interval=acc_interval,
        tpr_interval=tpr_interval,
        tnr_interval=tnr_interval,
        d_prime=None if found is None else float(found.d_prime),
        criterion=None if found is None else float(found.criterion),
        answered=answered,
        **{"missing": 0, "seconds": None, "auc": None, **others},
    )


def _share(count: int, n: int) -> tuple[float | None, Interval | None]:
    return (count / n, intervals.wilson(count, n)) if n else (None, None)


def rows_of(votes: StudyVotes, finished: np.ndarray) -> tuple[ReaderRow, ...]:
    """A row for each reader; `finished` bool (m,), who counts."""
    scores = confidence_scores(votes)
    rows = []
    for j, counts in enumerate(counts_of(votes)):
        seconds = votes.seconds[votes.answered[:, j], j]
        seconds = seconds[~np.isnan(seconds)]
        known = ~np.isnan(scores[:, j])
        both = len(np.unique(votes.real[known])) == 2
        rows.append(
            row_of(
                counts,
                missing=int(votes.missing[:, j].sum()),
                seconds=float(np.median(seconds)) if len(seconds) else None,
                auc=classification.auc(votes.real[known], scores[known, j]) if both else None,
                finished=bool(finished[j]),
            )
        )
    return tuple(rows)


def confidence_scores(votes: StudyVotes) -> np.ndarray:
    """How sure readers are that an image is real (n, m): confidence, negative if called fake."""
    return np.where(votes.called_real == 1, votes.confidence, -votes.confidence) + np.where(
        votes.answered, 0.0, np.nan
    )


def of_members(panel: Panel, members: Sequence[int]) -> Panel:
    """The panel of some of the readers."""
    return panel._replace(called_real=panel.called_real[:, list(members)])


def group_scores(panel: Panel, confidence: np.ndarray) -> GroupScores:
    """Means over the readers of a panel; `confidence` (n, m) as of `confidence_scores`."""
    seen = ~np.isnan(panel.called_real).all(axis=1)
    real, fake = seen & panel.real, seen & ~panel.real

    def of(statistic: Statistic, images: np.ndarray, *, share: bool = True) -> Estimate | None:
        if not images.any():
            return None
        found = crossed.uncertainty(panel, statistic, images)
        return crossed.estimate(found, images, share=share)

    return GroupScores(
        readers=panel.called_real.shape[1],
        images=int(seen.sum()),
        images_random=True,
        accuracy=_accuracy(panel, seen),
        balanced_accuracy=crossed.share_estimate(balanced_accuracy(panel)),
        tpr=of(crossed.rate(panel, True), real),
        tnr=of(crossed.rate(panel, False), fake),
        d_prime=of(crossed.d_prime(panel), seen, share=False),
        criterion=of(crossed.criterion(panel), seen, share=False),
        auc=of(crossed.auc(panel, confidence), seen),
    )


def balanced_accuracy(panel: Panel) -> Uncertainty | None:
    """How sure the mean balanced accuracy is; None if nobody saw both kinds."""
    return crossed.of_both(panel, crossed.balanced_accuracy(panel), 0.5)


def _accuracy(panel: Panel, seen: np.ndarray) -> Estimate | None:
    """The mean accuracy; what its rates hide widens it to the interval of a share at most."""
    statistic = crossed.accuracy(panel)
    plain = crossed.uncertainty(panel, statistic, seen)
    found = crossed.of_both(panel, statistic, float(panel.real[seen].mean()))
    if plain is None or found is None:
        return None
    most = max(found.value * (1 - found.value) / seen.sum() - plain.seeds, plain.groups)
    return crossed.estimate(found._replace(groups=min(found.groups, most)), seen)


def means_of_counts(rows: Sequence[ReaderRow]) -> GroupScores:
    """Means over readers of whom only counts are known: intervals are over readers only."""

    def of(values: Sequence[float | None], numbers: Sequence[int]) -> Estimate | None:
        shares = np.array(values, float)
        own = shares * (1 - shares) / np.array(numbers)
        return crossed.estimate(of_readers(shares, own, max(numbers)), max(numbers))

    def scattered(values: Sequence[float | None]) -> Estimate | None:
        if len(values) < 2:
            return None
        found = of_readers(np.array(values, float), np.zeros(len(values)), images)
        return crossed.estimate(found, images, share=False)

    images = max(row.answered for row in rows)
    answered, real, fake = ([number(row) for row in rows] for number in (_answered, _real, _fake))
    return GroupScores(
        readers=len(rows),
        images=images,
        images_random=False,
        accuracy=of([row.acc for row in rows], answered),
        balanced_accuracy=crossed.share_estimate(balanced_of_counts(rows)),
        tpr=of([row.tpr for row in rows], real),
        tnr=of([row.tnr for row in rows], fake),
        d_prime=scattered([row.d_prime for row in rows]),
        criterion=scattered([row.criterion for row in rows]),
        auc=None,
    )


def _answered(row: ReaderRow) -> int:
    return row.answered


def _real(row: ReaderRow) -> int:
    return row.tp + row.fn


def _fake(row: ReaderRow) -> int:
    return row.fp + row.tn


def balanced_of_counts(rows: Sequence[ReaderRow]) -> Uncertainty:
    """How sure the mean balanced accuracy is, of readers who saw both kinds."""
    own, hidden = np.zeros(len(rows)), np.zeros(len(rows))
    for name, number in (("tpr", _real), ("tnr", _fake)):
        shares = np.array([getattr(row, name) for row in rows])
        images = np.array([number(row) for row in rows])
        own += shares * (1 - shares) / images / 4
        hidden += crossed.hidden_variance(shares, images) / 4
    values = np.array([(row.tpr + row.tnr) / 2 for row in rows])
    found = of_readers(values, own, max(row.answered for row in rows))
    return found._replace(groups=found.groups + float(hidden.mean()))


def of_readers(values: np.ndarray, own: np.ndarray, images: int) -> Uncertainty:
    """How sure a mean over readers is, by their scatter; of one reader, by the reader's answers.

    Args:
      values: of readers (m,).
      own: variances (m,) that the values have by single answers alone. Few readers may by chance
        scatter less than that.
      images: that a value rests on.
    """
    value, freedom, least = float(values.mean()), float(max(images - 2, 1)), own.mean() / len(own)
    if len(values) == 1:
        return Uncertainty(value, float(least), 0.0, 0.0, freedom, 0)
    between = float(values.var(ddof=1)) / len(values)
    rest = max(float(least) - between, 0.0)
    return Uncertainty(value, rest, between, between, freedom, len(values) - 1)


def difference(
    panel: Panel, first: Statistic, second: Statistic, images: np.ndarray
) -> tuple[Estimate, float] | None:
    """Second − first, in pairs, with its 95 % interval and two-sided p-value; None if undefined."""
    found = crossed.uncertainty(panel, lambda r, w: second(r, w) - first(r, w), images)
    if found is None:
        return None
    if found.groups + found.seeds <= group_bootstrap.NO_VARIATION:
        return Estimate(found.value, found.value, found.value), 1.0
    shown = crossed.estimate(found, images, share=False)
    return shown, group_bootstrap.p_value(found)
