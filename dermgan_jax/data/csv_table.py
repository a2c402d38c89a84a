"""Tables of text. Those of other people are read strictly: a cell that slips changes a study."""

import csv
import io
from collections.abc import Iterable, Sequence

from dermgan_jax import files
from dermgan_jax.errors import UserError
from dermgan_jax.files import Path

TAB, SEMICOLON, COMMA = "\t", ";", ","


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
    try:
        text = path.read_bytes().decode("utf-8-sig")
        delimiter = _delimiter(text.partition("\n")[0])
        reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
        lines = [(reader.line_num, cells) for cells in reader if cells]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise UserError(f"{path} is not a UTF-8 table ({error}): export it again") from error
    header = lines[0][1] if lines else []
    for name in header:
        if name != name.strip():
            raise UserError(f"{path}: the column {name!r} begins or ends with a space: remove it")
        if header.count(name) > 1:
            raise UserError(f"{path} has {header.count(name)} columns {name!r}: keep one")
    rows = []
    for number, cells in lines[1:]:
        if any("\n" in cell for cell in cells):
            raise UserError(
                f"{path}, line {number}: a cell goes over several lines: is a quotation mark too "
                "many before it?"
            )
        if len(cells) != len(header):
            raise UserError(
                f"{path}, line {number} has {len(cells)} cells, the header {len(header)}"
            )
        rows.append(dict(zip(header, cells, strict=True)))
    return header, rows, delimiter


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
