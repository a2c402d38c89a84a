"""What is expected of odd tables and layouts, and how it is checked."""

import dataclasses
import re
from collections.abc import Callable, Mapping
from pathlib import Path

from dermgan_jax import files, registry
from dermgan_jax.data.decode import OTHER_SUFFIXES, SUFFIXES
from dermgan_jax.errors import UserError

REMEDY = re.compile(
    r"\b(add|call|correct|export|give|keep|leave|move|name|put|remove|rename|save|set|write)\b"
)


@dataclasses.dataclass(frozen=True)
class OddCase:
    """Data as somebody may have them.

    Attributes:
      name: what is odd about them, unique.
      write: makes them in a folder.
      dataset, fields: of `config.data`.
      images: records that are expected; None: the data are refused.
      classes: classes, or kinds of picture.
      groups: how many.
      splits: of the records, sorted, without repetition.
      refusal: part of the message; "{}" is the folder.
    """

    name: str
    write: Callable[[Path], None]
    dataset: str = "image_folder"
    fields: Mapping[str, object] = dataclasses.field(default_factory=dict)
    images: int | None = None
    classes: tuple[str, ...] = ()
    groups: int | None = None
    splits: tuple[str | None, ...] = (None,)
    refusal: str = ""


def assert_as_expected(case: OddCase, folder: Path, make_config, capsys) -> None:
    """Loads the data, and checks what comes of them or what is said."""
    folder.mkdir()
    case.write(folder)
    files.tell_once.cache_clear()
    config = make_config(case.dataset, folder, **case.fields)
    try:
        dataset = registry.load("dataset", case.dataset)(config.data)
    except UserError as error:
        said = str(error)
        assert case.images is None, said
        assert case.refusal.format(folder) in said
        for line in said.splitlines():
            assert REMEDY.search(line), f"no remedy: {line}"
            assert names_a_place(line, folder, case), f"no file, folder, column or class: {line}"
        return
    assert case.images is not None, "nothing is said"
    told = capsys.readouterr().err
    assert len(dataset.records) == case.images
    found = dataset.classes or tuple(sorted({r.domain for r in dataset.records} - {""}))
    assert found == tuple(sorted(case.classes))
    assert len({record.group for record in dataset.records}) == case.groups
    splits = sorted({record.split for record in dataset.records}, key=str)
    assert tuple(splits) == tuple(sorted(case.splits, key=str))
    used = {path for record in dataset.records for path in (record.image, *record.masks)}
    assert len(used) + told_number(told, "images below") == count(folder, SUFFIXES)
    assert told_number(told, "files below") == count(folder, OTHER_SUFFIXES)


def names_a_place(line: str, folder: Path, case: OddCase) -> bool:
    """Whether a message says where to look."""
    return (
        str(folder) in line
        or re.search(r"'[^']+'|data\.\w+", line) is not None
        or (line.startswith("... and "))
    )


def told_number(told: str, what: str) -> int:
    """The largest number of these that a note says are left out."""
    return max(map(int, re.findall(rf"note: (\d+) {what} .* left out", told)), default=0)


def count(folder: Path, suffixes) -> int:
    """Visible files below a folder with one of these suffixes."""
    hidden = re.compile(r"(^|/)(\.|__MACOSX(/|$))")
    return sum(
        path.is_file() and path.suffix.lower() in suffixes
        for path in folder.rglob("*")
        if not hidden.search(path.relative_to(folder).as_posix())
    )
