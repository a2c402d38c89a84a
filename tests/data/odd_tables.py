"""Tables of one's own images as people write them: combinations of what is odd, drawn by number."""

import csv
import dataclasses
import io
import unicodedata
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from odd_cases import OddCase
from PIL import Image

from dermgan_jax.data.datasets.table_columns import (
    GROUP,
    LABEL,
    MASK,
    MISSING,
    PATH,
    SPLIT,
    SYNONYMS,
)

NUM_IMAGES = 12
FOLDER = "Photos é"
LABELS = ("nevus", "../x", "SCC/AK", "mel anoma", "ekzem ä")
SPLITS = {
    "train": ("train", "Training", "TRAIN", "trn"),
    "val": ("val", "valid", "Validation", "DEV"),
    "test": ("test", "Testing", "TEST"),
}


@dataclasses.dataclass
class Draft:
    """A table that is being made odd.

    Attributes:
      columns: role or name -> header, in order.
      rows: role or name -> cell.
      delimiter, end, mark: how cells and lines are separated, and what the file begins with.
      file: its name.
      blank_rows: at its end.
      refusal: what is said of it, if it cannot be read.
      further: images besides the twelve.
      raw: what becomes of the file's bytes.
    """

    columns: dict[str, str]
    rows: list[dict[str, str]]
    delimiter: str = ","
    end: str = "\n"
    mark: bytes = b""
    file: str = "table.csv"
    blank_rows: int = 0
    refusal: str = ""
    further: list[str] = dataclasses.field(default_factory=list)
    raw: Callable[[bytes], bytes] = bytes


def cases(number: int) -> list[OddCase]:
    """The first `number` cases; two in five are refused."""
    return [_case(seed) for seed in range(number)]


def _name(i: int) -> str:
    return f"{FOLDER}/IMG_{i:02}.{('png', 'JPG', 'jfif')[i % 3]}"


def _case(seed: int) -> OddCase:
    rng = np.random.default_rng(seed)
    draft = _drafted(rng)
    truth = [dict(row) for row in draft.rows]
    odd = [change.__name__ for change in ODDITIES if rng.random() < 0.4 and change(rng, draft)]
    if seed % 5 < 2:
        trouble = TROUBLES[(seed // 5 * 2 + seed % 5) % len(TROUBLES)]
        trouble(rng, draft)
        odd = [trouble.__name__]
    content = _text(draft)

    def write(folder: Path) -> None:
        for name in [*map(_name, range(NUM_IMAGES)), *draft.further]:
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(PIXEL)
        (folder / draft.file).write_bytes(content)

    case = OddCase(f"{seed}{'+'.join(odd) or '_plain'}", write, fields={"csv": draft.file})
    if draft.refusal:
        return dataclasses.replace(case, refusal=draft.refusal)

    def known(role: str) -> list[str]:
        """What the table said of each row before it was made odd, unless that was taken away."""
        return [
            said.get(role, "") if _is_known(row.get(role, "")) else ""
            for said, row in zip(truth, draft.rows, strict=True)
        ]

    groups = [group or f"own {i}" for i, group in enumerate(known(GROUP))]
    return dataclasses.replace(
        case,
        images=len(truth),
        classes=tuple({label for label in known(LABEL) if label}),
        groups=len(set(groups)),
        splits=tuple({split or None for split in known(SPLIT)}),
    )


def _drafted(rng: np.random.Generator) -> Draft:
    """A sound table of some of the images, with the roles that it happens to have."""
    roles = [PATH, *(role for role in (LABEL, GROUP, SPLIT) if rng.random() < 0.7)]
    order = [roles[i] for i in rng.permutation(len(roles))]
    labels = [LABELS[i] for i in rng.permutation(len(LABELS))[:3]]
    splits = ("train", "val", "test")
    chosen = np.sort(rng.permutation(NUM_IMAGES)[: rng.integers(6, NUM_IMAGES + 1)])
    values = {
        PATH: _name,
        LABEL: lambda i: labels[i % 3],
        GROUP: lambda i: f"p{i // 3}",
        SPLIT: lambda i: splits[i % 3],
    }
    rows = [{role: values[role](int(i)) for role in order} for i in chosen]
    return Draft({role: role for role in order}, rows)


def _text(draft: Draft) -> bytes:
    text = io.StringIO(newline="")
    writer = csv.writer(text, delimiter=draft.delimiter, lineterminator=draft.end)
    writer.writerow(draft.columns.values())
    for row in draft.rows:
        writer.writerow([row[name] for name in draft.columns])
    for _ in range(draft.blank_rows):
        writer.writerow([""] * len(draft.columns))
    return draft.raw(draft.mark + text.getvalue().encode())


def _is_known(cell: str) -> bool:
    return cell.strip().lower() not in MISSING


# Oddities: what has to be read nevertheless. True if the draft was changed.


def _synonyms(rng, draft: Draft) -> bool:
    for role in (PATH, LABEL, GROUP, SPLIT):
        if role in draft.columns:
            draft.columns[role] = str(rng.choice(SYNONYMS[role]))
    return True


def _capitals(rng, draft: Draft) -> bool:
    change = (str.upper, str.title, lambda name: name.replace("_", " "))[rng.integers(3)]
    draft.columns = {role: change(name) for role, name in draft.columns.items()}
    return True


def _spaces(rng, draft: Draft) -> bool:
    draft.columns = {role: f" {name}  " for role, name in draft.columns.items()}
    for row in draft.rows[::2]:
        row.update({name: f"{cell} " for name, cell in row.items()})
    return True


def _back_slashes(rng, draft: Draft) -> bool:
    for row in draft.rows:
        row[PATH] = row[PATH].replace("/", "\\")
    return True


def _other_suffixes(rng, draft: Draft) -> bool:
    for row in draft.rows[::3]:
        row[PATH] = row[PATH].swapcase()
    return True


def _no_suffixes(rng, draft: Draft) -> bool:
    for row in draft.rows:
        row[PATH] = row[PATH].strip().rpartition(".")[0]
    return True


def _decomposed(rng, draft: Draft) -> bool:
    for row in draft.rows:
        row[PATH] = unicodedata.normalize("NFD", row[PATH])
    return True


def _missing_labels(rng, draft: Draft) -> bool:
    return _missing(rng, draft, LABEL)


def _missing_groups(rng, draft: Draft) -> bool:
    return _missing(rng, draft, GROUP)


def _missing(rng, draft: Draft, role: str) -> bool:
    if role not in draft.columns:
        return False
    for row in draft.rows[1::2]:
        row[role] = str(rng.choice(sorted(MISSING | {"NaN", "None", "NULL"})))
    return True


def _other_splits(rng, draft: Draft) -> bool:
    if SPLIT not in draft.columns:
        return False
    for row in draft.rows:
        row[SPLIT] = str(rng.choice(SPLITS[row[SPLIT].strip()]))
    return True


def _other_columns(rng, draft: Draft) -> bool:
    for name in ("Age", "site", "note, free"):
        draft.columns[name] = name
        for i, row in enumerate(draft.rows):
            row[name] = ("", "none", f"x {i}", "y")[int(rng.integers(4))]
    return True


def _row_numbers(rng, draft: Draft) -> bool:
    draft.columns = {"": "", **draft.columns}
    for i, row in enumerate(draft.rows):
        row[""] = str(i)
    return True


def _delimiters(rng, draft: Draft) -> bool:
    draft.delimiter = "\t" if "," in "".join(draft.columns.values()) else ";"
    return True


def _windows(rng, draft: Draft) -> bool:
    draft.end, draft.mark, draft.blank_rows = "\r\n", "\ufeff".encode(), 3
    return True


def _masks(rng, draft: Draft) -> bool:
    draft.columns[MASK] = str(rng.choice((MASK, *SYNONYMS[MASK])))
    for i, row in enumerate(draft.rows):
        draft.further.append(f"masks/{i}.png")
        row[MASK] = f"Masks/{i}" if i % 2 else f"masks\\{i}.PNG"
    return True


ODDITIES: Sequence[Callable] = (
    *(
        _synonyms,
        _other_columns,
        _capitals,
        _other_splits,
        _missing_labels,
        _missing_groups,
        _decomposed,
    ),
    *(_no_suffixes, _other_suffixes, _back_slashes, _masks, _windows, _row_numbers),
    *(_delimiters, _spaces),
)


# Troubles: what has to be refused.


def _two_columns(rng, draft: Draft) -> None:
    role = str(rng.choice((PATH, LABEL, GROUP, SPLIT)))
    one, other = (str(name) for name in rng.choice(SYNONYMS[role], 2, replace=False))
    draft.columns = {key: name for key, name in draft.columns.items() if key != role}
    draft.columns |= {"one": one, "other": other.upper()}
    for row in draft.rows:
        row["one"] = row["other"] = row.get(role, "train")
    draft.refusal = f"could both be the {role}: call the one that is meant {role!r}"


def _no_path(rng, draft: Draft) -> None:
    draft.columns[PATH] = "where"
    draft.refusal = "{}/table.csv has no column 'path'"


def _workbook(rng, draft: Draft) -> None:
    draft.raw = lambda text: b"PK\x03\x04" + text
    draft.file = "table.xlsx"
    draft.refusal = "{}/table.xlsx is an Excel workbook"


def _utf16(rng, draft: Draft) -> None:
    draft.raw = lambda text: text.decode("utf-8-sig").encode("utf-16")
    draft.refusal = "{}/table.csv is text in UTF-16"


def _latin1(rng, draft: Draft) -> None:
    draft.raw = lambda text: text + "Müller\n".encode("latin-1")
    draft.refusal = "{}/table.csv is not a UTF-8 table"


def _bare_names(rng, draft: Draft) -> None:
    for row in draft.rows:
        row[PATH] = row[PATH].replace("\\", "/").rpartition("/")[2]
    draft.refusal = "images are not found, such as "


def _other_computer(rng, draft: Draft) -> None:
    for row in draft.rows:
        row[PATH] = f"C:\\Users\\me\\{row[PATH]}"
    draft.refusal = "is a path of another computer: write it relative to {}"


def _twice(rng, draft: Draft) -> None:
    draft.rows.append(dict(draft.rows[0]))
    draft.refusal = "is listed 2 times: keep one of the rows"


def _twice_otherwise(rng, draft: Draft) -> None:
    row = dict(draft.rows[0])
    row[PATH] = f"./{row[PATH].strip()}"
    draft.rows.append(row)
    draft.refusal = "are the same file ./"


def _unknown_split(rng, draft: Draft) -> None:
    draft.columns[SPLIT] = SPLIT
    for row in draft.rows:
        row[SPLIT] = "fold 1"
    draft.refusal = "{}/table.csv: split 'fold 1' of "


def _some_splits(rng, draft: Draft) -> None:
    draft.columns[SPLIT] = SPLIT
    for i, row in enumerate(draft.rows):
        row[SPLIT] = "train" if i else ""
    draft.refusal = "images have no split, such as"


def _several_files(rng, draft: Draft) -> None:
    draft.further += ["a/one.png", "a/one.jpg"]
    draft.rows[0][PATH] = "a/one"
    draft.refusal = "'a/one', which could be any of a/one.jpg, a/one.png: write its whole name"


def _other_format(rng, draft: Draft) -> None:
    draft.further += ["a/one.png"]
    draft.rows[0][PATH] = "a/one.bmp"
    draft.refusal = "'a/one.bmp', which is not there, but a/one.png is: write its suffix"


def _absent(rng, draft: Draft) -> None:
    draft.rows[0][PATH] = "nowhere.png"
    draft.refusal = "image of 'nowhere.png' is listed but {}/nowhere.png is missing"


def _no_name(rng, draft: Draft) -> None:
    draft.rows[0][PATH] = "nan"
    draft.columns["more"] = "more"
    for row in draft.rows:
        row["more"] = "x"
    draft.refusal = "{}/table.csv, line 2 names no image"


def _ragged(rng, draft: Draft) -> None:
    draft.raw = lambda text: text + b"a,b;c\t" * 30
    draft.refusal = "cells, the header"


def _header_only(rng, draft: Draft) -> None:
    draft.rows = []
    draft.refusal = "{}/table.csv has a header but no rows: export it again"


def _same_columns(rng, draft: Draft) -> None:
    draft.columns["again"] = draft.columns[PATH].strip()
    for row in draft.rows:
        row["again"] = "x"
    draft.refusal = "{}/table.csv has 2 columns "


def _quotation_mark(rng, draft: Draft) -> None:
    draft.raw = lambda text: text + b'"open'
    draft.refusal = "{}/table.csv is not a UTF-8 table"


TROUBLES: Sequence[Callable] = (
    *(_two_columns, _no_path, _workbook, _utf16, _latin1, _bare_names, _other_computer, _twice),
    *(_twice_otherwise, _unknown_split, _some_splits, _several_files, _other_format, _absent),
    *(_no_name, _ragged, _header_only, _same_columns, _quotation_mark),
)


def _pixel() -> bytes:
    data = io.BytesIO()
    Image.new("RGB", (9, 9)).save(data, "PNG")
    return data.getvalue()


PIXEL = _pixel()
