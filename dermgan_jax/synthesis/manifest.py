"""A table of a command's images: manifest.csv in their folder, beside an .npz STEM_manifest.csv.

A row for each: its name, how it was drawn, and the digest of its pixels, see `data.image_marks`.
"""

import csv
import io
from collections.abc import Sequence
from typing import NamedTuple

from dermgan_jax import files, stored_json
from dermgan_jax.data import filled_folders
from dermgan_jax.errors import UserError, reason
from dermgan_jax.files import Path

NAME = filled_folders.MANIFEST


class Row(NamedTuple):
    """An image.

    Attributes:
      file: its name relative to the folder, with slashes; of an .npz KEY/POSITION.
      index: its number in the drawing; image i depends on the seed and i only.
      seed: of the drawing, "" of translations.
      label: its class, "" where the model knows none.
      input_sha256: of translations, the digest of the pixels that were translated, else "".
      pixels_sha256: digest of its pixels.
    """

    file: str
    index: str
    seed: str
    label: str
    input_sha256: str
    pixels_sha256: str


def place(samples: Path) -> Path:
    """Where the table of some samples lies, of a folder or an .npz."""
    if samples.suffix == ".npz":
        return samples.with_name(f"{samples.stem}_{NAME}")
    return samples / NAME


def begin(samples: Path) -> None:
    """Removes the table of samples that are about to be written.

    Raises:
      UserError: if a file of that name is none of ours.
    """
    file = place(samples)
    if not stored_json.is_there(file):
        return
    if not is_ours(file):
        raise UserError(
            f"{file} is none that this program wrote, and would be replaced: move it away"
        )
    file.unlink()


def is_ours(file: Path) -> bool:
    """Whether a file begins as the tables of this program do."""
    try:
        with files.open_plain(file) as opened:
            first = opened.read(1000).partition(b"\n")[0].decode().rstrip("\r")
    except (OSError, UserError, UnicodeDecodeError):
        return False
    return first == ",".join(Row._fields)


def write(samples: Path, rows: Sequence[Row]) -> None:
    """Writes the table, whole."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(Row._fields)
    writer.writerows(rows)
    files.write_text(place(samples), text.getvalue())


def read(samples: Path) -> dict[str, Row]:
    """The rows of a table by their files; none where there is no table.

    Raises:
      UserError: if it is too large or damaged.
    """
    file = place(samples)
    if not stored_json.is_there(file):
        return {}
    stored_json.require_size(file)
    remedy = "put the original back, or remove it to do without"
    try:
        lines = csv.reader(io.StringIO(file.read_bytes().decode(), newline=""), strict=True)
        if next(lines, []) != list(Row._fields):
            raise ValueError(f"its first line is not {','.join(Row._fields)}")
        rows = [Row(*line) for line in lines]
    except (ValueError, TypeError, csv.Error) as error:
        raise UserError(f"{file} is damaged ({reason(error)}): {remedy}") from error
    found = {row.file: row for row in rows}
    if len(found) < len(rows):
        raise UserError(f"{file} is damaged (it names a file twice): {remedy}")
    return found
