"""Votes of readers, or of classifiers, on the same images: how far they agree, and who is right.

A table with a row per vote: the columns image, reader and answer, and, where it is known, truth.
"""

import dataclasses
import difflib
import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np

from dermgan_jax.data.csv_table import read_table
from dermgan_jax.errors import UserError, printable
from dermgan_jax.files import Path
from dermgan_jax.registry import did_you_mean
from dermgan_jax.statistics import agreement, intervals, mcnemar, multiple_tests
from dermgan_jax.statistics.intervals import Estimate

COLUMNS = ("image", "reader", "answer")
TRUTH = "truth"


@dataclasses.dataclass(frozen=True)
class Votes:
    """Every reader's answer to every image.

    Attributes:
      readers: m names.
      categories: k answers.
      answers: int (n, m), indices of `categories`.
      truth: int (n,), or None if it is not known.
    """

    readers: tuple[str, ...]
    categories: tuple[str, ...]
    answers: np.ndarray
    truth: np.ndarray | None


@dataclasses.dataclass(frozen=True)
class PairOfReaders:
    """Whether two readers are right equally often, by McNemar's exact test, corrected by Holm."""

    readers: tuple[str, str]
    p: float
    p_corrected: float


@dataclasses.dataclass(frozen=True)
class Agreement:
    """How far readers agree, and how often each is right.

    Attributes:
      images, readers, categories: what was asked of whom.
      fleiss: Fleiss' kappa.
      guessing: half-width of the 95 % interval in which it would lie if readers only guessed.
      per_category: Fleiss' kappa of each answer; None where nobody, or everybody, gave it.
      randolph: kappa by free marginals.
      cohen: Cohen's kappa of two readers; None if there are more.
      right: share of images that each reader is right about; empty if the truth is not known.
      equally_right: p-value of Cochran's Q, that all are right equally often; None likewise.
      pairs: of readers, compared two by two.
    """

    images: int
    readers: tuple[str, ...]
    categories: tuple[str, ...]
    fleiss: float
    guessing: float
    per_category: dict[str, float | None]
    randolph: float
    cohen: float | None
    right: dict[str, Estimate]
    equally_right: float | None
    pairs: tuple[PairOfReaders, ...]

    def to_json(self) -> dict[str, Any]:
        """What `json` can write."""
        return dataclasses.asdict(self)

    def text(self) -> str:
        """The result for a terminal."""
        low, high = -self.guessing, self.guessing
        lines = [
            f"{len(self.readers)} readers, {self.images} images, answers "
            f"{', '.join(self.categories)}",
            f"Fleiss' kappa {self.fleiss:.3f} (if readers guessed: {low:.3f} to {high:.3f}); "
            f"Randolph's kappa {self.randolph:.3f}"
            + ("" if self.cohen is None else f"; Cohen's kappa {self.cohen:.3f}"),
        ]
        lines += [
            f"  {name}: {'–' if kappa is None else f'{kappa:.3f}'}"
            for name, kappa in self.per_category.items()
        ]
        lines += [
            f"{name} is right about {share.value:.1%} [{share.low:.1%}, {share.high:.1%}]"
            for name, share in self.right.items()
        ]
        if self.equally_right is not None:
            lines.append(f"whether readers differ: p = {self.equally_right:.2g} (Cochran's Q)")
        lines += [
            f"  {' and '.join(pair.readers)}: p = {pair.p:.2g}, corrected {pair.p_corrected:.2g}"
            for pair in self.pairs
        ]
        return "\n".join(lines)


def read_votes(path: Path) -> Votes:
    """The votes of a table.

    Raises:
      UserError: if it cannot be read, lacks a column or has one of nearly its name; if a cell is
        empty, answers differ in capitals only, or a reader has not answered an image once.
    """
    columns, rows = read_table(path)
    missing = [column for column in COLUMNS if column not in columns or not rows]
    if missing:
        raise UserError(
            f"{path} has no column {', '.join(missing)}; a table of votes has {', '.join(COLUMNS)} "
            f"and perhaps {TRUTH}"
        )
    _require_plain(path, columns, rows)
    images, readers = (tuple(dict.fromkeys(row[key] for row in rows)) for key in COLUMNS[:2])
    with_truth = TRUTH in rows[0]
    given = {row[key] for row in rows for key in ("answer", *[TRUTH] * with_truth)}
    categories = tuple(sorted(given))
    answers = np.full((len(images), len(readers)), -1)
    truth = np.full(len(images), -1)
    for line, row in enumerate(rows, start=2):
        at = images.index(row["image"]), readers.index(row["reader"])
        if answers[at] >= 0:
            raise UserError(f"{path}, line {line}: {row['reader']} answers {row['image']} again")
        answers[at] = categories.index(row["answer"])
        if with_truth:
            label = categories.index(row[TRUTH])
            if truth[at[0]] not in (-1, label):
                raise UserError(f"{path}, line {line}: {row['image']} has two truths")
            truth[at[0]] = label
    unanswered = np.argwhere(answers < 0)
    if len(unanswered):
        image, reader = unanswered[0]
        raise UserError(
            f"{path}: {len(unanswered)} answers are missing, the first that of {readers[reader]} "
            f"to {images[image]}: kappa needs every reader's answer to every image"
        )
    return Votes(readers, categories, answers, truth if with_truth else None)


def _require_plain(path: Path, columns: list[str], rows: list[dict[str, str]]) -> None:
    known = (*COLUMNS, TRUTH)
    for name in columns:
        if name not in known and difflib.get_close_matches(name.lower(), known):
            raise UserError(f"{path} has a column {name!r}{did_you_mean(name.lower(), known)}")
    if others := [name for name in columns if name not in known]:
        named = printable(", ".join(others), but="")
        print(f"note: columns of {path} that are not used: {named}")
    for number, row in enumerate(rows, start=1):
        for name in (name for name in known if name in row):
            cell = row[name]
            if not cell or cell != cell.strip():
                what = "begins or ends with a space" if cell.strip() else "is empty"
                raise UserError(f"{path}, row {number} ({row['image']}): {name} {what}")
    spelt: dict[str, str] = {}
    for answer in (row[name] for row in rows for name in ("answer", *{TRUTH} & {*columns})):
        other = spelt.setdefault(answer.lower(), answer)
        if other != answer:
            raise UserError(f"{path}: {other!r} and {answer!r} differ in capitals only")


def agree(votes: Votes) -> Agreement:
    """How far readers agree, and how often each is right.

    Raises:
      UserError: if there are fewer than two readers, or all votes are the same.
    """
    if np.ptp(votes.answers) == 0:
        raise UserError(
            f"every vote is {votes.categories[votes.answers.flat[0]]!r}: kappa compares agreement "
            "with chance, and is not defined where there is no choice"
        )
    answers, num_categories = votes.answers, len(votes.categories)
    table = agreement.count_ratings(answers, num_categories)
    fleiss = agreement.fleiss_kappa(table)
    right, equally_right, pairs = _right(votes)
    return Agreement(
        images=len(answers),
        readers=votes.readers,
        categories=votes.categories,
        fleiss=fleiss.kappa,
        guessing=intervals.Z * fleiss.standard_error,
        per_category={
            name: None if np.isnan(kappa) else float(kappa)
            for name, kappa in zip(votes.categories, fleiss.per_category, strict=True)
        },
        randolph=agreement.randolph_kappa(table),
        cohen=agreement.cohen_kappa(*answers.T, num_categories)
        if len(votes.readers) == 2
        else None,
        right=right,
        equally_right=equally_right,
        pairs=pairs,
    )


def _right(
    votes: Votes,
) -> tuple[dict[str, Estimate], float | None, tuple[PairOfReaders, ...]]:
    if votes.truth is None:
        return {}, None, ()
    correct, n = votes.answers == votes.truth[:, None], len(votes.answers)
    shares = {
        name: Estimate(float(own.mean()), *intervals.wilson(int(own.sum()), n))
        for name, own in zip(votes.readers, correct.T, strict=True)
    }
    indices: Sequence[tuple[int, int]] = list(itertools.combinations(range(len(correct.T)), 2))
    p = np.array(
        [mcnemar.exact(mcnemar.paired_table(correct[:, a], correct[:, b])).p for a, b in indices]
    )
    pairs = tuple(
        PairOfReaders((votes.readers[a], votes.readers[b]), float(plain), float(corrected))
        for (a, b), plain, corrected in zip(indices, p, multiple_tests.holm(p), strict=True)
    )
    return shares, mcnemar.cochran_q(correct).p, pairs
