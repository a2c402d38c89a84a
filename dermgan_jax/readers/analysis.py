"""What a reader study shows: everything that its report and readers.json hold."""

import dataclasses
import math
from typing import Any

import numpy as np

from dermgan_jax.errors import UserError
from dermgan_jax.files import Path
from dermgan_jax.readers import analysis_agreement, analysis_course, analysis_images
from dermgan_jax.readers.analysis_agreement import ALL, Agreement, Likert
from dermgan_jax.readers.analysis_course import Change, Revised, Time
from dermgan_jax.readers.analysis_images import ImageRow, TakenForReal
from dermgan_jax.readers.analysis_judges import Judge, Ranking, read_measured, read_scores
from dermgan_jax.readers.analysis_scores import (
    GroupScores,
    ReaderRow,
    balanced_accuracy,
    balanced_of_counts,
    confidence_scores,
    group_scores,
    means_of_counts,
    of_members,
    row_of,
    rows_of,
)
from dermgan_jax.readers.counts import PrintedValue, PublishedCounts
from dermgan_jax.readers.votes import Comment, StudyVotes
from dermgan_jax.statistics import crossed, equivalence
from dermgan_jax.statistics.equivalence import Equivalence
from dermgan_jax.statistics.group_bootstrap import Uncertainty

CHANCE = 0.5
MARGIN = 0.1
LEAST_ANSWERED = 0.5  # share of a reader's images
SEED = 0
# Why "equivalent" is not concluded, whatever tests say.
ONE_READER, SAME_ANSWERS = "one reader", "the same answers"
SAME = 0.95  # share of a reader's answers, mean over readers
KINDS = ("real", "fake")
HASTY = 1.0  # seconds for an image


@dataclasses.dataclass(frozen=True)
class Analysis:
    """A reader study's result. What cannot be known from what was given is None or empty.

    Attributes:
      title: of the study, or the file's name.
      images, real, fake: numbers of images.
      readers: a row each, of those who have not finished, too: all else leaves them out.
      groups, overall: mean scores of each group, and of all readers.
      equivalence: whether balanced accuracy is one half within the margin.
      smallest_difference: of the balanced accuracy from chance that four of five such studies
        would see; None if nothing of it can be told.
      agreement: group or ALL -> "real", "fake", ALL images -> agreement.
      halves, revised, time: the course.
      likert: ratings of realism.
      taken_for_real: shares taken for real, SR and RR.
      image_rows: images, those first that misled most readers.
      judges, rankings: beside scores of images, and metrics of sources.
      comments: that readers wrote.
      printed: figures printed beside published counts.
      asked, missing: answers that were asked for, and those that are missing.
      interim: whether answers that were planned are still missing, so that nothing is concluded.
      silent: readers who were asked and gave no answer at all; they have no row.
      notes: what has to be known beside.
    """

    title: str
    images: int
    real: int
    fake: int
    readers: tuple[ReaderRow, ...]
    groups: dict[str, GroupScores]
    overall: GroupScores
    equivalence: Equivalence | None
    smallest_difference: float | None
    agreement: dict[str, dict[str, Agreement]] = dataclasses.field(default_factory=dict)
    halves: Change | None = None
    revised: Revised | None = None
    time: Time | None = None
    likert: Likert | None = None
    taken_for_real: tuple[TakenForReal, ...] = ()
    image_rows: tuple[ImageRow, ...] = ()
    judges: tuple[Judge, ...] = ()
    rankings: tuple[Ranking, ...] = ()
    comments: tuple[Comment, ...] = ()
    printed: tuple[PrintedValue, ...] = ()
    asked: int = 0
    missing: int = 0
    silent: tuple[str, ...] = ()
    interim: bool = False
    notes: tuple[str, ...] = ()

    @property
    def finished(self) -> tuple[ReaderRow, ...]:
        """The readers on whom all figures rest."""
        return tuple(row for row in self.readers if row.finished)

    @property
    def unfinished(self) -> int:
        """How many have not finished, or not begun."""
        return len(self.readers) - len(self.finished) + len(self.silent)

    @property
    def of_counts(self) -> bool:
        """Whether only readers' counts are known, nothing of single images."""
        return not self.overall.images_random

    def to_json(self) -> dict[str, Any]:
        """What `json` can write; `kappa`, `ac1` and the like: group or "all" -> kind of images."""
        plain = {
            field.name: getattr(self, field.name)
            for field in dataclasses.fields(self)
            if field.name not in ("agreement", "image_rows", "images", "comments")
        }
        plain["numbers"] = {
            "images": self.images,
            "real": plain.pop("real"),
            "fake": plain.pop("fake"),
            "readers": len(self.finished),
            "unfinished": self.unfinished,
        }
        plain["images"] = self.image_rows
        plain["comments"] = [each._asdict() for each in self.comments]
        for name, attribute in {
            "kappa": "kappa",
            "kappa_guessing": "guessing",
            "ac1": "ac1",
            "agreement_images": "images",
            "agreement_pairs": "pairs",
        }.items():
            plain[name] = {
                group: {kind: getattr(each, attribute) for kind, each in kinds.items()}
                for group, kinds in self.agreement.items()
            }
        return _plain(plain)


def _plain(value: Any) -> Any:
    """As JSON has it: dataclasses as objects, numbers that are none as null."""
    if dataclasses.is_dataclass(value):
        return {f.name: _plain(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, dict):
        return {key: _plain(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(each) for each in value]
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else None
    return value


def analyse(
    votes: StudyVotes,
    margin: float = MARGIN,
    scores: Path | None = None,
    measured: Path | None = None,
    least_answered: float = LEAST_ANSWERED,
    *,
    final: bool = True,
) -> Analysis:
    """What votes show.

    Args:
      votes: of a study.
      margin: of the balanced accuracy around one half, within which it would not matter.
      scores: a table for `analysis_judges.read_scores`.
      measured: a table for `analysis_judges.read_measured`.
      least_answered: share of the expected images that a reader who counts has answered.
      final: whether no more answers will come; else, while some are missing, nothing is concluded.

    Raises:
      UserError: if nobody has answered enough, there are fewer than two real and two fake images, a
        group is called "all", or a table is wrong.
    """
    every, finished = votes, votes.finished(least_answered)
    _require_finished(every, finished, least_answered)
    votes = every.of_readers(finished)
    _require_enough(votes)
    panel = crossed.panel(votes.real, votes.called_real, SEED)
    confidence = confidence_scores(votes)
    members = {
        name: [j for j, group in enumerate(votes.groups) if group == name]
        for name in votes.group_names
    }
    images = analysis_images.image_rows(votes)
    taken = analysis_images.taken_for_real(votes, panel)
    return Analysis(
        title=votes.title,
        images=len(votes.images),
        real=int(votes.real.sum()),
        fake=int((~votes.real).sum()),
        readers=rows_of(every, finished),
        groups={
            name: group_scores(of_members(panel, own), confidence[:, own])
            for name, own in members.items()
        },
        overall=group_scores(panel, confidence),
        **_against_chance(balanced_accuracy(panel), margin, np.nanmean(panel.called_real, axis=0)),
        agreement=analysis_agreement.agreements(votes),
        halves=analysis_course.halves(votes, panel),
        revised=analysis_course.revised(votes, panel),
        time=analysis_course.time(votes),
        likert=analysis_agreement.likert(votes, panel),
        taken_for_real=taken,
        image_rows=images,
        judges=() if scores is None else read_scores(scores, images, SEED),
        rankings=() if measured is None else read_measured(measured, taken),
        comments=every.comments,
        asked=int(votes.asked.sum()),
        missing=int(votes.missing.sum()),
        silent=every.silent,
        interim=not final and bool(every.silent or every.missing.any()),
        notes=(*every.notes, *_not_finished(every, finished), *_hasty(votes), *_notes(votes)),
    )


def _require_finished(votes: StudyVotes, finished: np.ndarray, least: float) -> None:
    if not finished.any():
        furthest = int(np.argmax(votes.answered.sum(axis=0) / votes.expected))
        raise UserError(
            f"{votes.title}: no reader has answered {100 * least:g} % of the images; furthest is "
            f"{_progress(votes, furthest)}. Wait for more answers, or ask for less by "
            "--least_answered=SHARE"
        )


def _progress(votes: StudyVotes, reader: int) -> str:
    answered = int(votes.answered[:, reader].sum())
    return f"{votes.readers[reader]} with {answered} of {votes.expected[reader]}"


def _not_finished(votes: StudyVotes, finished: np.ndarray) -> list[str]:
    named = ", ".join(_progress(votes, int(j)) for j in np.flatnonzero(~finished))
    return [f"Not finished, and in no number but their own row: {named}."] if named else []


def _hasty(votes: StudyVotes) -> list[str]:
    """Readers who can hardly have looked."""
    known = ~np.isnan(votes.seconds).all(axis=0)
    hasty = [
        votes.readers[j] for j in np.flatnonzero(known) if np.nanmedian(votes.seconds[:, j]) < HASTY
    ]
    if not hasty:
        return []
    return [
        f"{', '.join(hasty)} answered half of the images in less than {HASTY:g} second each: did "
        "they look?"
    ]


def _require_enough(votes: StudyVotes) -> None:
    answered = votes.answered.any(axis=1)
    for kind, of_kind in (("real", votes.real), ("fake", ~votes.real)):
        number = int((of_kind & answered).sum())
        if number < 2:
            raise UserError(
                f"{votes.title}: {number} {kind} images were answered; whether they are told apart "
                "needs two of each at least"
            )
    if ALL in votes.groups and len(votes.group_names) > 1:
        raise UserError(f"{votes.title}: a group is called {ALL!r}, which stands for all readers")


def _notes(votes: StudyVotes) -> list[str]:
    notes = []
    if len(votes.readers) == 1:
        notes.append(
            "Only one reader counts: intervals are of this reader, and nothing is said of others."
        )
    missing = votes.missing.sum(axis=0)
    if missing.any():
        whose = ", ".join(
            f"{reader}: {number}"
            for reader, number in zip(votes.readers, missing, strict=True)
            if number
        )
        notes.append(
            f"{missing.sum()} of {votes.asked.sum()} answers are missing ({whose}). Scores rest on "
            "the answers that were given."
        )
    unanswered = int((~votes.answered.any(axis=1)).sum())
    if unanswered:
        notes.append(f"{unanswered} images have no answer at all.")
    unsure = int((votes.answered & np.isnan(votes.confidence)).sum())
    if unsure and not np.isnan(votes.confidence).all():
        notes.append(f"{unsure} answers have no confidence; ROC curves leave them out.")
    return notes


def _against_chance(
    found: Uncertainty | None, margin: float, called_real: np.ndarray
) -> dict[str, Any]:
    """Fields of `Analysis`; `called_real` (m,) is the share of each reader's answers."""
    if found is None:
        return {"equivalence": None, "smallest_difference": None}
    barred = ONE_READER if len(called_real) == 1 else ""
    smallest = crossed.smallest_difference(found)
    if np.maximum(called_real, 1 - called_real).mean() >= SAME:
        barred, smallest = SAME_ANSWERS, None
    return {
        "equivalence": equivalence.two_one_sided_tests(found, CHANCE, margin, barred),
        "smallest_difference": smallest,
    }


def analyse_counts(published: PublishedCounts, margin: float = MARGIN) -> Analysis:
    """What published counts show; nothing of single images, so that intervals leave them out.

    Raises:
      UserError: as `analyse`.
    """
    rows = tuple(row_of(each) for each in published.readers)
    names = list(dict.fromkeys(row.group for row in rows))
    if ALL in names and len(names) > 1:
        raise UserError(f"{published.title}: a group is called {ALL!r}, which stands for all")
    called_real = np.array([(row.tp + row.fp) / row.answered for row in rows])
    real, fake = (max(getattr(each, name) for each in published.readers) for name in KINDS)
    different = {(each.real, each.fake) for each in published.readers}
    notes = [
        "Only counts are known: intervals tell what other readers would give on the same images, "
        "not on others; agreement, and which images mislead, cannot be told."
    ]
    if len(rows) == 1:
        notes.append("One reader only: nothing is said of others.")
    if len(different) > 1:
        notes.append("Readers saw different numbers of images; the largest are given above.")
    return Analysis(
        title=published.title,
        images=real + fake,
        real=real,
        fake=fake,
        readers=rows,
        groups={
            name: means_of_counts([row for row in rows if row.group == name]) for name in names
        },
        overall=means_of_counts(rows),
        **_against_chance(balanced_of_counts(rows), margin, called_real),
        printed=published.printed,
        asked=sum(row.answered for row in rows),
        notes=tuple(notes),
    )
