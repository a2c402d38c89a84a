"""What listings of data sets on disk share: finding files, reading tables, reporting faults."""

import os
import unicodedata
from collections import Counter
from collections.abc import Collection, Iterable, Sequence

import numpy as np
from ml_collections import ConfigDict, FrozenConfigDict

from dermgan_jax import files, listings
from dermgan_jax.data import csv_table, decode
from dermgan_jax.data.decode import read_mask
from dermgan_jax.data.faults import DataError, Fault
from dermgan_jax.data.records import UNLABELLED, Dataset, Record
from dermgan_jax.data.set_reader import SetReader
from dermgan_jax.errors import UserError
from dermgan_jax.files import Path


def root(data_config: ConfigDict | FrozenConfigDict) -> Path:
    """`data.dir` as a path.

    Raises:
      DataError: if it is not set, does not exist or is empty.
    """
    name = data_config.dataset
    if data_config.csv and name != "image_folder":
        files.tell_once(f"note: data.csv={data_config.csv} is not read: it is for image_folder")
    if not data_config.dir:
        raise failure("directory", f"data.dir is not set: name the folder that holds {name}")
    try:
        folder = files.to_path(data_config.dir)
    except UserError as error:
        raise failure("directory", f"data.dir: {error}") from error
    if not folder.is_dir():
        raise failure("directory", f"data.dir={folder} is not a folder: correct data.dir")
    if not any(folder.iterdir()):
        raise failure("directory", f"data.dir={folder} is empty: put {name} there")
    return folder


def failure(kind: str, message: str) -> DataError:
    """The error of a single fault."""
    return DataError([Fault(kind, message)])


def find_images(folder: Path) -> list[Path]:
    """Images anywhere below a folder; none if it is no folder."""
    return decode.find_images(folder) if folder.is_dir() else []


def by_stem(folders: Iterable[Path], tail: str) -> dict[str, Path]:
    """File name without `tail` and suffix -> image; of equal names the first.

    Args:
      folders: where to look.
      tail: end of the names that are meant, such as "_segmentation"; capitals do not matter.
    """
    found: dict[str, Path] = {}
    for path in (path for folder in folders for path in find_images(folder)):
        if path.stem.lower().endswith(tail):
            found.setdefault(path.stem[: len(path.stem) - len(tail)], path)
    return found


def images_named(
    images: Iterable[Path], published: Sequence[Path], names: Collection[str]
) -> dict[str, Path]:
    """Name without suffix -> image; of several one in a published place, or the first.

    Where images are taken from other places, and which of several are used, is told once.

    Args:
      images: all that lie below the folder of the data set, sorted.
      published: folders in which the publisher has them.
      names: of the images that are wanted.
    """
    found: dict[str, Path] = {}
    places = tuple(os.fspath(path).rstrip("/") + "/" for path in published)
    again, elsewhere = [], []
    for path in sorted(images, key=lambda path: not os.fspath(path).startswith(places)):
        stem = path.stem
        if stem not in names:
            continue
        if found.setdefault(stem, path) is not path:
            again.append(path)
        elif not os.fspath(path).startswith(places):
            elsewhere.append(path)
    if elsewhere:
        files.tell_once(
            f"note: {len(elsewhere)} images lie elsewhere than in the published folders and are "
            f"read from there, such as {elsewhere[0]}"
        )
    if again:
        files.tell_once(
            f"note: {len(again)} further images have the names of others and are left out, such as "
            f"{again[0]}, for which {found[again[0].stem]} is read"
        )
    return found


def read_stripped(path: Path) -> csv_table.StrippedTable:
    """A table, see `csv_table.read_stripped`.

    Raises:
      DataError: if the file is missing, is not a table or has no rows.
    """
    if not path.is_file():
        raise failure("table", f"{path} is missing: put the table there or correct its name")
    try:
        found = csv_table.read_stripped(path)
    except UserError as error:
        raise failure("table", str(error)) from error
    if not found.rows:
        raise failure("table", f"{path} has a header but no rows: export it again")
    return found


def read_table(path: Path, columns: Sequence[str]) -> list[dict[str, str]]:
    """Rows of a publisher's table; names of columns may have other capitals, which is told once.

    Raises:
      DataError: as `read_stripped`, and if the table lacks one of `columns`.
    """
    found = read_stripped(path)
    notes, names = list(found.notes), {}
    for column in columns:
        alike = [name for name in found.columns if name.lower() == column.lower()]
        names[column] = column if column in found.columns else (alike or [None])[0]
        if names[column] not in (column, None):
            notes.append(f"the column {names[column]!r} is read as {column!r}")
    for note in notes:
        files.tell_once(f"note: {path}: {note}")
    missing = [column for column, name in names.items() if name is None]
    if missing:
        has = ", ".join(found.columns)
        raise DataError(
            [
                Fault(
                    "column",
                    f"{path} has no column {column!r}; it has {has}: name it so, or restore the "
                    "published table",
                )
                for column in missing
            ]
        )
    if all(column == name for column, name in names.items()):
        return found.rows
    return [row | {column: row[name] for column, name in names.items()} for row in found.rows]


def file_dataset(
    name: str,
    classes: Sequence[str],
    records: Sequence[Record],
    faults: Sequence[Fault],
    data_config: ConfigDict | FrozenConfigDict,
    licence: str,
    group_noun: str = "group",
    folder: Path | None = None,
    images: Sequence[Path] | None = None,
) -> Dataset:
    """A data set whose records are image files, sorted by id.

    Args:
      name: as registered.
      classes: names that labels index.
      records: listed images, their files possibly missing.
      faults: what listing them has already found.
      data_config: `config.data`; reads channels, bit_depth and frame.
      licence: one line for reports.
      group_noun: what groups are, in the singular.
      folder: that holds the images; how many of them are in no record is told once.
      images: all that lie below it; None: they are looked for.

    Raises:
      DataError: naming `faults`, missing files, classes without images and duplicate ids all at
        once, with the sound records as its `dataset`.
    """
    named = {path for record in records for path in (record.image, *record.masks) if path}
    there = listings.existing(named)
    faults = [*faults, *_missing_files(records, there)]
    present = [record for record in records if record.image in there]
    if folder is not None:
        _tell_left_out(folder, find_images(folder) if images is None else images, named)
    _tell_alike(classes)
    labels = {record.label for record in present}
    faults += [
        Fault(
            "classes without images",
            f"class {label!r} has no image: add its images or remove the class",
        )
        for index, label in enumerate(classes)
        if index not in labels
    ]
    counts = Counter(record.id for record in records)
    faults += [
        Fault("duplicate ids", f"id {id!r} is listed {count} times: keep one of the rows")
        for id, count in sorted(counts.items())
        if count > 1
    ]
    faults += _split_faults(records)

    reader = SetReader.of([record.image for record in present], data_config)

    def read(record: Record) -> np.ndarray:
        return reader(record.image)

    def read_record_mask(record: Record) -> np.ndarray | None:
        return read_mask(*record.masks) if record.masks else None

    unique = {record.id: record for record in present}
    dataset = Dataset(
        name=name,
        classes=tuple(classes),
        records=tuple(unique[id] for id in sorted(unique)),
        read=read,
        read_mask=read_record_mask,
        licence=licence,
        group_noun=group_noun,
        found_bit_depth=lambda: reader.found_bit_depth,
    )
    if faults:
        raise DataError(faults, dataset)
    return dataset


def _tell_left_out(folder: Path, images: Sequence[Path], used: Collection[Path]) -> None:
    """Says how many images below a folder are not used."""
    others = [path for path in images if path not in used]
    if others:
        files.tell_once(
            f"note: {len(others)} images below {folder} are left out, as nothing says what they "
            f"are, such as {others[0].relative_to(folder).as_posix()}"
        )


def _tell_alike(classes: Sequence[str]) -> None:
    """Says which classes may be one, written in different ways."""
    spellings: dict[str, list[str]] = {}
    for name in classes:
        key = "".join(unicodedata.normalize("NFC", name).casefold().split())
        spellings.setdefault(key, []).append(name)
    for names in spellings.values():
        if len(names) > 1:
            files.tell_once(
                f"warning: {' and '.join(map(repr, names))} are different classes: if they are "
                "one, write them alike"
            )


def _missing_files(records: Sequence[Record], there: Collection[Path]) -> list[Fault]:
    return [
        Fault(
            f"missing {what} files",
            f"{what} of {record.id!r} is listed but {path or 'its file'} is missing: "
            "add the file or remove the row",
        )
        for record in records
        for what, path in (("image", record.image), *(("mask", mask) for mask in record.masks))
        if path not in there
    ]


def _split_faults(records: Sequence[Record]) -> list[Fault]:
    unassigned = [record.id for record in records if record.split is None]
    if not unassigned or len(unassigned) == len(records):
        return []
    return [
        Fault(
            "images without a split",
            f"{len(unassigned)} of {len(records)} images have no split, such as "
            f"{unassigned[0]!r}: give every image one, or none",
        )
    ]


def label_indices(names: Sequence[str]) -> tuple[tuple[str, ...], list[int]]:
    """Classes in alphabetical order, and of each image its index; "" means unlabelled."""
    classes = tuple(sorted({name for name in names if name}))
    index = {name: i for i, name in enumerate(classes)} | {"": UNLABELLED}
    return classes, [index[name] for name in names]
