"""What listings of data sets on disk share: finding files, reading tables, reporting faults."""

from collections import Counter
from collections.abc import Collection, Iterable, Sequence

import numpy as np
from ml_collections import ConfigDict, FrozenConfigDict

from dermgan_jax import files
from dermgan_jax.data import csv_table, decode
from dermgan_jax.data.decode import read_image, read_mask
from dermgan_jax.data.faults import DataError, Fault
from dermgan_jax.data.records import UNLABELLED, Dataset, Record
from dermgan_jax.errors import UserError
from dermgan_jax.files import Path

# How publishers call the splits -> how this program does.
SPLIT_NAMES = {
    "train": "train",
    "training": "train",
    "val": "val",
    "valid": "val",
    "validation": "val",
    "test": "test",
}


def root(data_config: ConfigDict | FrozenConfigDict) -> Path:
    """`data.dir` as a path.

    Raises:
      DataError: if it is not set, does not exist or is empty.
    """
    name = data_config.dataset
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


def by_stem(folders: Iterable[Path], suffix: str) -> dict[str, Path]:
    """File name without `suffix` -> file, for files that end in it; of equal names the first."""
    found: dict[str, Path] = {}
    for folder in folders:
        for path in find_images(folder):
            if path.name.endswith(suffix):
                found.setdefault(path.name.removesuffix(suffix), path)
    return found


def read_table(path: Path, columns: Sequence[str]) -> list[dict[str, str]]:
    """Rows of a table, see `csv_table.read_table`.

    Raises:
      DataError: if the file is missing, is not a table or lacks one of `columns`.
    """
    if not path.is_file():
        raise failure("table", f"{path} is missing: put the table there or correct its name")
    try:
        found, content = csv_table.read_table(path)
    except UserError as error:
        raise failure("table", str(error)) from error
    missing = [column for column in columns if column not in found]
    if missing:
        raise DataError(
            [
                Fault("column", f"{path} has no column {column!r}; it has {', '.join(found)}")
                for column in missing
            ]
        )
    if not content:
        raise failure("table", f"{path} has a header but no rows: export it again")
    return content


def file_dataset(
    name: str,
    classes: Sequence[str],
    records: Sequence[Record],
    faults: Sequence[Fault],
    data_config: ConfigDict | FrozenConfigDict,
    licence: str,
    group_noun: str = "group",
) -> Dataset:
    """A data set whose records are image files, sorted by id.

    Args:
      name: as registered.
      classes: names that labels index.
      records: listed images, their files possibly missing.
      faults: what listing them has already found.
      data_config: `config.data`; reads channels.
      licence: one line for reports.
      group_noun: what groups are, in the singular.

    Raises:
      DataError: naming `faults`, missing files, classes without images and duplicate ids all at
        once, with the sound records as its `dataset`.
    """
    named = {path for record in records for path in (record.image, *record.masks) if path}
    there = files.existing(named)
    faults = [*faults, *_missing_files(records, there)]
    present = [record for record in records if record.image in there]
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

    def read(record: Record) -> np.ndarray:
        return read_image(record.image, data_config.channels)

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
    )
    if faults:
        raise DataError(faults, dataset)
    return dataset


def _missing_files(records: Sequence[Record], there: Collection[Path]) -> list[Fault]:
    faults = []
    for record in records:
        for what, path, wanted in (
            ("image", record.image, True),
            *(("mask", mask, True) for mask in record.masks),
        ):
            if wanted and path not in there:
                faults.append(
                    Fault(
                        f"missing {what} files",
                        f"{what} of {record.id!r} is listed but {path or 'its file'} is missing: "
                        "add the file or remove the row",
                    )
                )
    return faults


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
