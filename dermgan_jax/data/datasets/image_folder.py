"""A folder of one's own images.

Layouts, told apart by what is there:

  dir/*.jpg                        unlabelled
  dir/CLASS/**/*.jpg               a class per folder
  dir/{train,val,test}/CLASS/...   the same, with the splits of whoever made it
  dir/ and data.csv                a table with the columns path (relative to dir) and, if wanted,
                                   label, group, split, mask (a path, or several with ; between
                                   them); further columns are subgroups
"""

import posixpath

from ml_collections import ConfigDict, FrozenConfigDict

from dermgan_jax import files
from dermgan_jax.data.datasets import listing
from dermgan_jax.data.decode import SUFFIXES
from dermgan_jax.data.faults import Fault
from dermgan_jax.data.records import Dataset, Record
from dermgan_jax.files import Path

LICENCE = "images supplied by the user; their own terms apply"
TABLE_COLUMNS = ("path", "label", "group", "split", "mask")


def load(data_config: ConfigDict | FrozenConfigDict) -> Dataset:
    """Lists the images of a folder; ids are paths relative to it.

    Args:
      data_config: `config.data`; reads dir, csv and channels.

    Raises:
      DataError: naming every fault of the listing.
    """
    folder = listing.root(data_config)
    if data_config.csv:
        classes, records, faults = _list_table(folder, folder / data_config.csv)
    else:
        classes, records, faults = _list_folders(folder)
    return listing.file_dataset("image_folder", classes, records, faults, data_config, LICENCE)


def _list_table(folder: Path, table: Path) -> tuple[tuple[str, ...], list[Record], list[Fault]]:
    rows = listing.read_table(table, ("path",))
    faults = [*_column_faults(table, list(rows[0])), *_row_faults(table, rows)]
    classes, labels = listing.label_indices([row.get("label", "") for row in rows])
    records = [
        Record(
            id=row["path"],
            label=label,
            group=row.get("group") or row["path"],
            image=folder / row["path"],
            mask=folder / masks[0] if (masks := _mask_names(row)) else None,
            further_masks=tuple(folder / name for name in masks[1:]),
            split=listing.SPLIT_NAMES.get(row.get("split", "")),
            subgroups={key: row[key] or "unknown" for key in row if key not in TABLE_COLUMNS},
        )
        for row, label in zip(rows, labels, strict=True)
    ]
    return classes, records, faults


def _mask_names(row: dict[str, str]) -> list[str]:
    return [name.strip() for name in row.get("mask", "").split(";") if name.strip()]


def _faults_beside_splits(folder: Path, of_splits: list[Path]) -> list[Fault]:
    """Images that would be left out because they lie beside the folders of splits."""
    folders, loose = files.listing(folder)
    outside = [path for path in loose if path.suffix.lower() in SUFFIXES]
    for other in folders:
        if other not in of_splits:
            outside += listing.find_images(other)
    if not outside:
        return []
    names = ", ".join(path.name for path in of_splits)
    return [
        Fault(
            "images outside splits",
            f"{folder} has folders of splits ({names}) and {len(outside)} images beside them, such "
            f"as {outside[0].relative_to(folder)}: move these into a split, or rename the folders",
        )
    ]


def _column_faults(table: Path, columns: list[str]) -> list[Fault]:
    """Columns that are meant to be ours, but for their capitals."""
    return [
        Fault("column", f"{table}: the column {name!r} would be a subgroup: call it {name.lower()}")
        for name in columns
        if name not in TABLE_COLUMNS and name.lower() in TABLE_COLUMNS
    ]


def _row_faults(table: Path, rows: list[dict[str, str]]) -> list[Fault]:
    faults = []
    first: dict[str, int] = {}
    for line, row in enumerate(rows, start=2):
        place = posixpath.normpath(row["path"])
        if first.setdefault(place, line) != line and row["path"] != rows[first[place] - 2]["path"]:
            faults.append(
                Fault(
                    "images listed twice",
                    f"{table}: rows {first[place] - 1} and {line - 1} are the same file {place}",
                )
            )
        for column in TABLE_COLUMNS:
            value = row.get(column, "")
            if value != value.strip():
                faults.append(
                    Fault(
                        "spaces around values",
                        f"{table}: {column} {value!r} of {row['path']!r} begins or ends with a "
                        "space",
                    )
                )
        if row.get("split", "") not in (*listing.SPLIT_NAMES, ""):
            faults.append(
                Fault(
                    "unknown splits",
                    f"{table}: split {row['split']!r} of {row['path']!r} is none of train, val, "
                    "test",
                )
            )
    return faults


def _list_folders(folder: Path) -> tuple[tuple[str, ...], list[Record], list[Fault]]:
    folders, _ = files.listing(folder)
    of_splits = [path for path in folders if path.name in listing.SPLIT_NAMES]
    split_of = {path: listing.SPLIT_NAMES[path.name] for path in of_splits} or {folder: None}
    images, names, splits, faults = [], [], [], []
    if of_splits:
        faults = _faults_beside_splits(folder, of_splits)
    for part, split in split_of.items():
        class_folders, _ = files.listing(part)
        found = listing.find_images(part)
        loose = [path for path in found if path.parent == part]
        if loose and class_folders:
            faults.append(
                Fault(
                    "images outside class folders",
                    f"{part} holds {len(loose)} images beside the folders of classes, such as "
                    f"{loose[0].name}: move them into a folder",
                )
            )
        for path in found:
            images.append(path)
            names.append(path.relative_to(part).parts[0] if path.parent != part else "")
            splits.append(split)
    if not images:
        raise listing.failure(
            "directory", f"data.dir={folder} holds no images: put images or class folders there"
        )
    classes = sorted({path.name for part in split_of for path in files.listing(part)[0]})
    classes, labels = listing.label_indices([*names, *classes])
    records = [
        Record(id=(id := str(path.relative_to(folder))), label=label, group=id, image=path, split=s)
        for path, label, s in zip(images, labels, splits, strict=False)
    ]
    return classes, records, faults
