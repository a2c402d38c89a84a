"""A folder of one's own images.

Layouts, told apart by what is there:

  dir/*.jpg                        unlabelled
  dir/CLASS/**/*.jpg               a class per folder
  dir/{train,val,test}/CLASS/...   the same, with the splits of whoever made it
  dir/ and data.csv                a table with the columns path (relative to dir) and, if wanted,
                                   label, group, split, mask (a path); further columns are subgroups
"""

from ml_collections import ConfigDict, FrozenConfigDict

from dermgan_jax import files
from dermgan_jax.data.datasets import listing
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
    faults = [
        Fault(
            "unknown splits",
            f"{table}: split {row['split']!r} of {row['path']!r} is none of train, val, test",
        )
        for row in rows
        if row.get("split", "") not in (*listing.SPLIT_NAMES, "")
    ]
    classes, labels = listing.label_indices([row.get("label", "") for row in rows])
    records = [
        Record(
            id=row["path"],
            label=label,
            group=row.get("group") or row["path"],
            image=folder / row["path"],
            mask=folder / row["mask"] if row.get("mask") else None,
            split=listing.SPLIT_NAMES.get(row.get("split", "")),
            subgroups={key: row[key] or "unknown" for key in row if key not in TABLE_COLUMNS},
        )
        for row, label in zip(rows, labels, strict=True)
    ]
    return classes, records, faults


def _list_folders(folder: Path) -> tuple[tuple[str, ...], list[Record], list[Fault]]:
    folders, _ = files.listing(folder)
    if folders and all(path.name in listing.SPLIT_NAMES for path in folders):
        split_of = {path: listing.SPLIT_NAMES[path.name] for path in folders}
    else:
        split_of = {folder: None}
    images, names, splits, faults = [], [], [], []
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
