"""Tables of text that other people wrote: read strictly, for a cell that slips changes a study."""

import csv
import io

from dermgan_jax.errors import UserError
from dermgan_jax.files import Path


def read_table(path: Path) -> tuple[list[str], list[dict[str, str]]]:
    """The columns and rows of a comma- or tab-separated file with a header line, in UTF-8.

    Blank lines are skipped.

    Raises:
      UserError: if it is no such file; if two columns have one name, or a name begins or ends with
        a space; if a row has more or fewer cells than the header, or a cell goes on in the next
        line, as it does after a quotation mark without its partner.
    """
    try:
        text = path.read_bytes().decode("utf-8-sig")
        delimiter = "\t" if "\t" in text.partition("\n")[0] else ","
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
    return header, rows
