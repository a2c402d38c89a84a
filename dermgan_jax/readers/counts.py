"""Counts of a published reader study, and whether the figures printed beside them follow.

A table with a row per reader: reader, group, tp, fp, fn, tn, where positive is real: tp are real
images called real, fp are fake images called real. Its other columns, acc, tpr, tnr, fpr and fnr,
hold what was printed; a row of the reader "mean" holds printed means over readers, of its group if
it names one.
"""

import dataclasses
import math
from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction

from dermgan_jax.data.csv_table import SEMICOLON, read_delimited
from dermgan_jax.errors import UserError
from dermgan_jax.files import Path
from dermgan_jax.readers.votes import ALL_READERS
from dermgan_jax.registry import did_you_mean

CELLS = ("tp", "fp", "fn", "tn")
PRINTED = ("acc", "tpr", "tnr", "fpr", "fnr")
COLUMNS = ("reader", "group", *CELLS, *PRINTED)
MEAN = "mean"
AGREES, CUT_OFF, CONTRADICTS = "agrees", "cut off", "contradicts"


@dataclasses.dataclass(frozen=True)
class Counts:
    """Counts of a reader; positive is real."""

    reader: str
    group: str
    tp: int
    fp: int
    fn: int
    tn: int

    @property
    def real(self) -> int:
        """Real images."""
        return self.tp + self.fn

    @property
    def fake(self) -> int:
        """Synthetic images."""
        return self.fp + self.tn


@dataclasses.dataclass(frozen=True)
class PrintedValue:
    """A printed figure against the counts.

    Attributes:
      reader, group: whose; MEAN is over the readers of the group, or over all if it is "".
      name: of `PRINTED`.
      printed: as it was.
      computed: by the counts.
      verdict: AGREES, rounded half up to the printed decimals; CUT_OFF, the further decimals were
        dropped rather than rounded; or CONTRADICTS.
    """

    reader: str
    group: str
    name: str
    printed: str
    computed: float
    verdict: str


@dataclasses.dataclass(frozen=True)
class PublishedCounts:
    """Counts of all readers, and what was printed beside them."""

    title: str
    readers: tuple[Counts, ...]
    printed: tuple[PrintedValue, ...]


def read_counts(path: Path) -> PublishedCounts:
    """A table of counts.

    Raises:
      UserError: if it cannot be read, lacks a column or has another; if a count is no whole number,
        a reader is named twice or saw no real or no fake image, or a printed figure is no number.
    """
    columns, rows, delimiter = read_delimited(path)
    if delimiter == SEMICOLON:  # numbers may have a decimal comma
        rows = [{n: c.replace(",", ".", n in PRINTED) for n, c in row.items()} for row in rows]
    for name in columns:
        if name not in COLUMNS:
            raise UserError(f"{path} has a column {name!r}{did_you_mean(name.lower(), COLUMNS)}")
    missing = [name for name in ("reader", *CELLS) if name not in columns]
    if missing:
        raise UserError(
            f"{path} has no column {', '.join(missing)}; a table of counts has reader, group, "
            f"{', '.join(CELLS)} and perhaps {', '.join(PRINTED)}"
        )
    numbered = list(enumerate(rows, start=2))
    readers: dict[str, Counts] = {}
    for line, row in numbered:
        if row["reader"] != MEAN:
            found = _counts(f"{path}, line {line}", row)
            if found.reader in readers:
                raise UserError(f"{path}, line {line}: {found.reader} again: keep one row")
            readers[found.reader] = found
    if not readers:
        raise UserError(f"{path} has no reader in it")
    printed = [
        value for line, row in numbered for value in _printed(f"{path}, line {line}", row, readers)
    ]
    return PublishedCounts(path.name, tuple(readers.values()), tuple(printed))


def _counts(where: str, row: Mapping[str, str]) -> Counts:
    cells = {}
    for name in CELLS:
        if not (row[name].isascii() and row[name].isdigit()):
            raise UserError(f"{where}: {name} is {row[name]!r}; it is a whole number from 0 on")
        cells[name] = int(row[name])
    found = Counts(row["reader"], row.get("group", "") or ALL_READERS, **cells)
    if not found.reader:
        raise UserError(f"{where}: reader is empty")
    if not found.real or not found.fake:
        kind = "fake" if found.real else "real"
        raise UserError(f"{where}: {found.reader} saw no {kind} image")
    return found


def _printed(
    where: str, row: Mapping[str, str], readers: Mapping[str, Counts]
) -> list[PrintedValue]:
    group = row.get("group", "")
    of = list(readers.values())
    if row["reader"] != MEAN:
        of = [readers[row["reader"]]]
        group = of[0].group
    elif group:
        of = [each for each in of if each.group == group]
        if not of:
            raise UserError(f"{where}: no reader is of the group {group!r}")
    found = []
    for name in PRINTED:
        text = row.get(name, "")
        if text:
            value = sum((SHARES[name](each) for each in of), Fraction()) / len(of)
            verdict = compare(_fraction(where, name, text), _decimals(text), value)
            found.append(PrintedValue(row["reader"], group, name, text, float(value), verdict))
    return found


SHARES: dict[str, Callable[[Counts], Fraction]] = {
    "acc": lambda each: Fraction(each.tp + each.tn, each.real + each.fake),
    "tpr": lambda each: Fraction(each.tp, each.real),
    "tnr": lambda each: Fraction(each.tn, each.fake),
    "fpr": lambda each: Fraction(each.fp, each.fake),
    "fnr": lambda each: Fraction(each.fn, each.real),
}


def _fraction(where: str, name: str, text: str) -> Fraction:
    try:
        value = Fraction(text)
    except (ValueError, ZeroDivisionError):
        value = Fraction(-1)
    if "/" in text or "e" in text.lower() or not 0 <= value <= 1:
        raise UserError(f"{where}: {name} is {text!r}; it is a decimal number from 0 to 1")
    return value


def _decimals(text: str) -> int:
    return len(text.partition(".")[2])


def compare(printed: Fraction, decimals: int, value: Fraction) -> str:
    """AGREES, CUT_OFF or CONTRADICTS, of a share as it was printed with so many decimals."""
    units = value * 10**decimals
    shown = printed * 10**decimals
    if shown == math.floor(units + Fraction(1, 2)):
        return AGREES
    return CUT_OFF if shown == math.floor(units) else CONTRADICTS


def means(readers: Sequence[Counts]) -> dict[str, float]:
    """Each share of `PRINTED`, the mean over readers."""
    return {
        name: float(sum((share(each) for each in readers), Fraction()) / len(readers))
        for name, share in SHARES.items()
    }
