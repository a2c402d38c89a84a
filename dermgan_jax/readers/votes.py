"""Votes of a reader study: who called which image real or fake, from anybody's table.

A table has a row per vote: reader, group, image, truth and answer, and perhaps more, see `COLUMNS`.
Votes of a study's folder are read by `study_votes.py`.
"""

import dataclasses
import difflib
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from dermgan_jax.data.csv_table import SEMICOLON, read_delimited
from dermgan_jax.errors import UserError
from dermgan_jax.files import Path
from dermgan_jax.readers.design import FAKE, REAL
from dermgan_jax.readers.vote_words import Words
from dermgan_jax.registry import did_you_mean

NEEDED = ("reader", "image", "truth", "answer")
NUMBERS = ("confidence", "realism", "seconds", "position")
COLUMNS = (
    *NEEDED,
    "group",
    "side",
    "class_truth",
    "class_answer",
    "first_answer",
    *NUMBERS,
    "comment",
)
# What is said of an image, not of a vote: the same in each of its rows.
OF_IMAGES = {"truth": "truths", "side": "sides", "class_truth": "classes"}
ALL_READERS = "readers"  # the group of readers of none


@dataclasses.dataclass(frozen=True)
class Vote:
    """What a reader said of an image; None or "" for what was not asked or not answered.

    Attributes:
      reader, image: names.
      answer: REAL or FAKE; "" if the reader was shown the image and gave none.
      first_answer: before the reader changed it.
      confidence: how sure, from 0 on.
      class_answer: the class that the reader saw.
      realism: on a scale.
      seconds: that the image was looked at.
      position: of the image among those of the reader, ascending.
      comment: anything.
    """

    reader: str
    image: str
    answer: str
    first_answer: str = ""
    confidence: float | None = None
    class_answer: str = ""
    realism: float | None = None
    seconds: float | None = None
    position: float | None = None
    comment: str = ""


@dataclasses.dataclass(frozen=True)
class Image:
    """What an image is; `origin` is its file's name, or its position in the source."""

    name: str
    truth: str
    of_class: str = ""
    side: str = ""
    origin: str = ""


class Comment(NamedTuple):
    """What a reader wrote about an image."""

    reader: str
    image: str
    text: str


@dataclasses.dataclass(frozen=True)
class StudyVotes:
    """All votes of a study; n images, m readers.

    Attributes:
      title: of the study, or the file's name.
      readers: m names.
      groups: of each reader (m,).
      images: n.
      real: bool (n,), the truth.
      asked: bool (n, m), whether a reader was shown an image.
      called_real: (n, m), 1.0 for "real", 0.0 for "fake", NaN without an answer.
      first_called_real: the same before answers were changed.
      confidence, realism, seconds, position: (n, m), NaN where there is none.
      class_answers: str (n, m), "" where there is none.
      comments: in the order of votes.
      expected: (m,), how many images each reader has answered in the end.
      silent: readers who were asked and gave no answer at all; in no array.
      notes: what readers of the result have to know, such as readers without answers.
    """

    title: str
    readers: tuple[str, ...]
    groups: tuple[str, ...]
    images: tuple[Image, ...]
    real: np.ndarray
    asked: np.ndarray
    called_real: np.ndarray
    first_called_real: np.ndarray
    confidence: np.ndarray
    realism: np.ndarray
    seconds: np.ndarray
    position: np.ndarray
    class_answers: np.ndarray
    comments: tuple[Comment, ...]
    expected: np.ndarray
    silent: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    def finished(self, least: float) -> np.ndarray:
        """Bool (m,), whether a reader has answered this share of the expected images."""
        return self.answered.sum(axis=0) >= least * self.expected

    def of_readers(self, which: np.ndarray) -> "StudyVotes":
        """The votes of some of the readers, bool (m,), on the same images."""
        arrays = {
            name: value[..., which]
            for name, value in vars(self).items()
            if isinstance(value, np.ndarray) and value.shape[-1:] == which.shape and name != "real"
        }
        names = {
            name: tuple(np.array(getattr(self, name), object)[which])
            for name in ("readers", "groups")
        }
        return dataclasses.replace(self, **arrays, **names)

    @property
    def answered(self) -> np.ndarray:
        """Bool (n, m), whether a reader said whether an image is real."""
        return ~np.isnan(self.called_real)

    @property
    def missing(self) -> np.ndarray:
        """Bool (n, m), whether a reader was asked and did not answer."""
        return self.asked & ~self.answered

    @property
    def group_names(self) -> tuple[str, ...]:
        """The groups, in the order of readers."""
        return tuple(dict.fromkeys(self.groups))

    @property
    def side_names(self) -> dict[str, bool]:
        """Sides that are known -> whether their images are real."""
        return {
            image.side: bool(real)
            for image, real in zip(self.images, self.real, strict=True)
            if image.side
        }


def collect(
    title: str,
    groups: Mapping[str, str],
    images: Sequence[Image],
    votes: Sequence[Vote],
    asked: Mapping[str, Sequence[str]] | None,
    notes: Sequence[str] = (),
) -> StudyVotes:
    """Votes as arrays.

    Args:
      title: of the study.
      groups: of each reader, "" for none.
      images: that were asked about.
      votes: one of a reader about an image at most.
      asked: names of the images that each reader was shown; None if only votes tell: then a
        reader was shown the images of the reader's votes, an empty answer included, and is expected
        to answer as many as the reader who was shown most.
      notes: what readers of the result have to know.

    Raises:
      UserError: if there is no answer at all.
    """
    given = {vote.reader for vote in votes if vote.answer}
    readers = tuple(name for name in groups if name in given)
    if not readers:
        raise UserError(f"{title}: there are no answers yet, so there is nothing to analyse")
    silent = [name for name in groups if name not in given]
    if silent:
        notes = [*notes, f"No answers yet from {', '.join(silent)}; they are in no number here."]
    arrays, voted = _arrays(votes, readers, images)
    shown = voted if asked is None else _asked(asked, images, readers)
    expected = shown.sum(axis=0)
    return StudyVotes(
        title=title,
        readers=readers,
        groups=tuple(groups[name] or ALL_READERS for name in readers),
        images=tuple(images),
        real=np.array([image.truth == REAL for image in images]),
        asked=shown,
        expected=np.full_like(expected, expected.max()) if asked is None else expected,
        silent=tuple(silent),
        comments=tuple(
            Comment(vote.reader, vote.image, vote.comment)
            for vote in votes
            if vote.comment and vote.reader in given
        ),
        notes=tuple(notes),
        **arrays,
    )


def _arrays(
    votes: Sequence[Vote], readers: Sequence[str], images: Sequence[Image]
) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Arrays (n, m) of `StudyVotes` by name; and bool (n, m), where there is a vote."""
    row = {image.name: i for i, image in enumerate(images)}
    column = {name: j for j, name in enumerate(readers)}
    shape = len(images), len(readers)
    called = ("called_real", "first_called_real")
    found = {name: np.full(shape, np.nan) for name in (*called, *NUMBERS)}
    found["class_answers"] = np.full(shape, "", object)
    voted = np.zeros(shape, bool)
    for vote in votes:
        if vote.reader not in column:
            continue
        at = row[vote.image], column[vote.reader]
        voted[at] = True
        found["called_real"][at] = _called_real(vote.answer)
        found["first_called_real"][at] = _called_real(vote.first_answer or vote.answer)
        found["class_answers"][at] = vote.class_answer
        for name in NUMBERS:
            value = getattr(vote, name)
            found[name][at] = np.nan if value is None else value
    return found, voted


def _called_real(answer: str) -> float:
    return {REAL: 1.0, FAKE: 0.0, "": np.nan}[answer]


def _asked(
    asked: Mapping[str, Sequence[str]], images: Sequence[Image], readers: Sequence[str]
) -> np.ndarray:
    shown = {name: set(asked[name]) for name in readers}
    return np.array([[image.name in shown[name] for name in readers] for image in images])


def read_votes(path: Path) -> StudyVotes:
    """The votes of a table; what else than real and fake was read as such is in its notes.

    Raises:
      UserError: if it cannot be read, lacks a column or has one of nearly its name; if an answer or
        a truth is neither real nor fake, a number is none, a reader answers an image twice or is in
        two groups, an image has two truths, sides or classes, or there is no answer.
    """
    columns, rows, delimiter = read_delimited(path)
    words = Words(decimal_comma=delimiter == SEMICOLON)
    _require_columns(path, columns, rows)
    groups: dict[str, str] = {}
    images: dict[str, Image] = {}
    votes: dict[tuple[str, str], Vote] = {}
    positions: dict[tuple[str, float], str] = {}
    for line, row in enumerate(rows, start=2):
        where = f"{path}, line {line}"
        vote, image = _vote(where, row, words), _image(where, row, words)
        if (vote.reader, vote.image) in votes:
            raise UserError(f"{where}: {vote.reader} answers {vote.image} again: keep one of them")
        known = images.setdefault(image.name, image)
        for column, field in (("truth", "truth"), ("side", "side"), ("class_truth", "of_class")):
            if getattr(known, field) != getattr(image, field):
                raise UserError(
                    f"{where}: {image.name} has two {OF_IMAGES[column]}, "
                    f"{getattr(known, field)!r} and {getattr(image, field)!r}"
                )
        group = row.get("group", "")
        if groups.setdefault(vote.reader, group) != group:
            raise UserError(
                f"{where}: {vote.reader} is in two groups, {groups[vote.reader]!r} and {group!r}"
            )
        if vote.position is not None:
            other = positions.setdefault((vote.reader, vote.position), vote.image)
            if other != vote.image:
                raise UserError(
                    f"{where}: {vote.reader} has two images at position {vote.position:g}"
                )
        votes[vote.reader, vote.image] = vote
    return collect(
        path.name, groups, list(images.values()), list(votes.values()), None, words.notes()
    )


def _require_columns(path: Path, columns: Sequence[str], rows: Sequence[object]) -> None:
    others = [name for name in columns if name not in COLUMNS]
    for name in others:
        if difflib.get_close_matches(name.lower(), COLUMNS):
            raise UserError(f"{path} has a column {name!r}{did_you_mean(name.lower(), COLUMNS)}")
    missing = [name for name in NEEDED if name not in columns]
    if missing:
        raise UserError(
            f"{path} has no column {', '.join(missing)}; a table of votes has "
            f"{', '.join(NEEDED)} and perhaps {', '.join(COLUMNS[len(NEEDED) :])}"
        )
    if not rows:
        raise UserError(f"{path} has no rows: there are no votes in it")
    if others:
        print(f"note: columns of {path} that are not used: {', '.join(others)}")


def _vote(where: str, row: Mapping[str, str], words: Words) -> Vote:
    for name, cell in row.items():
        if name in COLUMNS and name != "comment" and cell != cell.strip():
            raise UserError(f"{where}: {name} begins or ends with a space")
    for name in ("reader", "image"):
        if not row[name]:
            raise UserError(f"{where}: {name} is empty")
    answers = {
        name: words.truth(where, name, row[name]) if row.get(name) else ""
        for name in ("answer", "first_answer")
    }
    numbers = {name: words.number(where, name, row.get(name, "")) for name in NUMBERS}
    others = {name: row.get(name, "") for name in ("class_answer", "comment")}
    return Vote(row["reader"], row["image"], **answers, **numbers, **others)


def _image(where: str, row: Mapping[str, str], words: Words) -> Image:
    why = ": who is right cannot be told without it"
    truth = words.truth(where, "truth", row["truth"], why)
    return Image(row["image"], truth, row.get("class_truth", ""), row.get("side", ""))


def table_rows(votes: StudyVotes) -> tuple[list[str], list[list[str]]]:
    """The columns and rows of votes, as `read_votes` reads them; only votes that were asked for."""
    cells: dict[str, Callable[[int, int], str]] = {
        "reader": lambda i, j: votes.readers[j],
        "group": lambda i, j: votes.groups[j],
        "image": lambda i, j: votes.images[i].name,
        "truth": lambda i, j: votes.images[i].truth,
        "answer": lambda i, j: _called(votes.called_real[i, j]),
        "first_answer": lambda i, j: _called(votes.first_called_real[i, j]),
        "side": lambda i, j: votes.images[i].side,
        "class_truth": lambda i, j: votes.images[i].of_class,
        "class_answer": lambda i, j: votes.class_answers[i, j],
        **{name: lambda i, j, name=name: _cell(getattr(votes, name)[i, j]) for name in NUMBERS},
    }
    comments = {(each.image, each.reader): each.text for each in votes.comments}
    cells["comment"] = lambda i, j: comments.get((votes.images[i].name, votes.readers[j]), "")
    rows = [
        [cell(i, j) for cell in cells.values()]
        for j in range(len(votes.readers))
        for i in range(len(votes.images))
        if votes.asked[i, j]
    ]
    return list(cells), rows


def _called(value: float) -> str:
    return "" if np.isnan(value) else (REAL if value else FAKE)


def _cell(value: float) -> str:
    return "" if np.isnan(value) else f"{value:.10g}"
