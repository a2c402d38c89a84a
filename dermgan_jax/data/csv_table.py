"""Tables of text. Those of other people are read strictly: a cell that slips changes a study."""

import csv
import io
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from dermgan_jax import files
from dermgan_jax.errors import UserError
from dermgan_jax.files import Path

TAB, SEMICOLON, COMMA = "\t", ";", ","
# How files begin that people take for tables of text -> what they are.
OTHER_FORMATS = {
    b"PK\x03\x04": "an Excel workbook",
    b"\xd0\xcf\x11\xe0": "an Excel workbook",
    b"\xff\xfe": "text in UTF-16",
    b"\xfe\xff": "text in UTF-16",
}


def read_table(path: Path) -> tuple[list[str], list[dict[str, str]]]:
    """The columns and rows of a table, see `read_delimited`."""
    columns, rows, _ = read_delimited(path)
    return columns, rows


def read_delimited(path: Path) -> tuple[list[str], list[dict[str, str]], str]:
    """The columns and rows of a file with a header line, in UTF-8, and what separates its cells.

    That is a tab if the header has one; a semicolon, as Excel writes where numbers have a decimal
    comma, if the header has one and no comma; else a comma. Blank lines are skipped.

    Raises:
      UserError: if it is no such file; if two columns have one name, or a name begins or ends with
        a space; if a row has more or fewer cells than the header, or a cell goes on in the next
        line, as it does after a quotation mark without its partner.
    """
    header, lines, delimiter = _lines(path)
    for name in header:
        if name != name.strip():
            raise UserError(f"{path}: the column {name!r} begins or ends with a space: remove it")
    _require_distinct(path, header)
    return header, [dict(zip(header, cells, strict=True)) for _, cells in lines], delimiter


class StrippedTable(NamedTuple):
    """A table whose cells are read without spaces around them.

    Attributes:
      columns: their names.
      rows: column -> cell.
      lines: number of each row's line in the file, from 1.
      notes: what was read otherwise than it is written, or not at all, a clause each.
    """

    columns: list[str]
    rows: list[dict[str, str]]
    lines: list[int]
    notes: list[str]


def read_stripped(path: Path) -> StrippedTable:
    """A table as spreadsheets and programs leave it.

    Unlike `read_delimited`: spaces around cells and names of columns do not count, and rows and
    columns that say nothing (no cell is filled, or a column has no name, as those of row numbers)
    are left out. All this is told in `notes`.

    Raises:
      UserError: as `read_delimited`, but for spaces.
    """
    written, lines, _ = _lines(path)
    header = [name.strip() for name in written]
    kept = [position for position, name in enumerate(header) if name]
    columns = [header[position] for position in kept]
    _require_distinct(path, columns)
    notes = [
        f"the column {name!r} is read as {name.strip()!r}"
        for name in written
        if name.strip() and name != name.strip()
    ]
    if len(kept) < len(header):
        notes.append(f"{len(header) - len(kept)} columns without a name are left out")
    rows, numbers, spaced, num_spaced, empty = [], [], "", 0, 0
    same: dict[str, str] = {}  # cells of equal text are one object: ages and classes repeat
    for number, cells in lines:
        stripped = [cells[position].strip() for position in kept]
        if any(stripped):
            rows.append(
                dict(zip(columns, (same.setdefault(cell, cell) for cell in stripped), strict=True))
            )
            numbers.append(number)
            for position, cell in zip(kept, stripped, strict=True):
                if len(cell) < len(cells[position]):
                    spaced, num_spaced = spaced or cells[position], num_spaced + 1
        else:
            empty += 1
    if empty:
        notes.append(f"{empty} rows without a filled cell are left out")
    if num_spaced:
        notes.append(f"{num_spaced} cells, such as {spaced!r}, are read without their spaces")
    return StrippedTable(columns, rows, numbers, notes)


def _lines(path: Path) -> tuple[list[str], Iterator[tuple[int, list[str]]], str]:
    """The header, the other lines with their numbers, one at a time, and what separates cells."""
    try:
        with files.open_plain(path) as file:
            content = file.read()
        _require_text(path, content)
        content.decode("utf-8-sig")  # so that a fault of the encoding comes before all others
    except (OSError, UnicodeDecodeError) as error:
        raise _no_table(path, error) from error
    text = io.TextIOWrapper(io.BytesIO(content), "utf-8-sig", newline="")
    delimiter = _delimiter(next((line for line in text if line.strip()), ""))
    text.seek(0)
    reader = csv.reader(text, delimiter=delimiter, strict=True)
    lines = _numbered(path, reader)
    _, header = next(lines, (0, []))
    return header, _of_equal_length(path, lines, header, delimiter), delimiter


def _numbered(path: Path, reader: Iterator[list[str]]) -> Iterator[tuple[int, list[str]]]:
    """Lines that are not blank, with their numbers."""
    try:
        for cells in reader:
            if cells:
                yield reader.line_num, cells
    except csv.Error as error:
        raise _no_table(path, error) from error


def _of_equal_length(
    path: Path, lines: Iterator[tuple[int, list[str]]], header: Sequence[str], delimiter: str
) -> Iterator[tuple[int, list[str]]]:
    for number, cells in lines:
        if any("\n" in cell for cell in cells):
            raise UserError(
                f"{path}, line {number}: a cell goes over several lines: is a quotation mark too "
                "many before it?"
            )
        if len(cells) != len(header):
            raise UserError(
                f"{path}, line {number} has {len(cells)} cells, the header {len(header)}: correct "
                f"it; a cell with {delimiter!r} in it needs quotation marks"
            )
        yield number, cells


def _no_table(path: Path, error: Exception) -> UserError:
    return UserError(f"{path} is not a UTF-8 table ({error}): export it again")


def _require_text(path: Path, content: bytes) -> None:
    for beginning, what in OTHER_FORMATS.items():
        if content.startswith(beginning):
            raise UserError(
                f"{path} is {what}: open it in a spreadsheet program, save it as CSV (UTF-8), and "
                "name that file"
            )


def _require_distinct(path: Path, header: Sequence[str]) -> None:
    for name, count in Counter(header).items():
        if count > 1:
            raise UserError(f"{path} has {count} columns {name!r}: keep one")


def _delimiter(header: str) -> str:
    if TAB in header:
        return TAB
    return SEMICOLON if SEMICOLON in header and COMMA not in header else COMMA


def write_table(path: Path, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Writes a comma-separated file with a header line, as `read_table` reads it."""
    text = io.StringIO(newline="")
    table = csv.writer(text, lineterminator="\n")
    table.writerow(columns)
    table.writerows(rows)
    files.write_text(path, text.getvalue())
