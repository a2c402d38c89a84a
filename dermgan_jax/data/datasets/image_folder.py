"""A folder of one's own images.

Layouts, told apart by what is there (`layout`):

  dir/*.jpg                        unlabelled
  dir/CLASS/**/*.jpg               a class per folder; folders within are patients (`grouping`)
  dir/{train,val,test}/CLASS/...   the same, with the splits of whoever made it
  dir/CLASS/{train,val,test}/...   the same
  dir/ and data.csv                a table with the columns path (relative to dir) and, if wanted,
                                   label, group, split, mask (a path, or several with ; between
                                   them); further columns are subgroups (`table_columns`)
"""

from collections.abc import Sequence

from ml_collections import ConfigDict, FrozenConfigDict

from dermgan_jax import files, listings
from dermgan_jax.data import filled_folders
from dermgan_jax.data.datasets import dicom_records, grouping, listing
from dermgan_jax.data.datasets.image_table import Listed, list_table
from dermgan_jax.data.datasets.layout import parts_of
from dermgan_jax.data.datasets.table_columns import spelling
from dermgan_jax.data.records import Dataset, Record
from dermgan_jax.files import Path

TABLES = frozenset({".csv", ".tsv", ".tab", ".xls", ".xlsx"})
MASK_FOLDERS = frozenset({"mask", "masks", "segmentation", "segmentations", "groundtruth"})
LICENCE = "images supplied by the user; their own terms apply"


def load(data_config: ConfigDict | FrozenConfigDict) -> Dataset:
    """Lists the images of a folder; ids are paths relative to it.

    Args:
      data_config: `config.data`; reads dir, csv, group_pattern, channels and bit_depth.

    Raises:
      DataError: naming every fault of the listing.
    """
    folder = listing.root(data_config)
    images = listing.find_images(folder)
    if data_config.csv:
        table = folder / data_config.csv
        listed = list_table(folder, images, table, data_config.group_pattern)
    else:
        listed = _list_folders(folder, images, data_config.group_pattern)
    classes, records, faults = listed
    records, of_dicom = dicom_records.described(folder, records, data_config.group_pattern)
    faults = [*faults, *of_dicom]
    return listing.file_dataset(
        *("image_folder", classes, records, faults, data_config, LICENCE),
        folder=folder,
        images=images,
    )


def _list_folders(folder: Path, everything: Sequence[Path], pattern: str) -> Listed:
    parts, faults = parts_of(folder, everything)
    images = [(part, path) for part in parts for path in part.images]
    if not images and not faults:
        raise listing.failure(
            "directory", f"data.dir={folder} holds no images: put images or class folders there"
        )
    classes, labels = listing.label_indices(
        [*(part.name for part, _ in images), *(part.name for part in parts)]
    )
    ids = [files.name_below(path, folder) for _, path in images]
    if pattern:
        groups, unmatched = grouping.by_pattern(ids, pattern)
        faults += unmatched
    else:
        groups = grouping.by_folder(folder, [part.inner(path) for part, path in images], ids)
    _tell_tables(folder)
    _tell_masks(folder, classes)
    _tell_single_class(folder, classes, images)
    records = [
        Record(id=id, label=label, group=group, image=path, split=part.split)
        for id, label, group, (part, path) in zip(ids, labels, groups, images, strict=False)
    ]
    return classes, records, faults


def _tell_tables(folder: Path) -> None:
    """Says which tables beside the folders are not read, as they may describe the images."""
    names = [
        path.name
        for path in listings.listing(folder)[1]
        if path.suffix.lower() in TABLES and not filled_folders.is_ours(path)
    ]
    if names:
        files.tell_once(
            f"note: {folder}: {', '.join(names)} is not read; if a table describes the images, "
            f"name it, such as data.csv={names[0]}"
        )


def _tell_masks(folder: Path, classes: tuple[str, ...]) -> None:
    """Says which classes are called as folders of masks are."""
    masks = [name for name in classes if spelling(name) in MASK_FOLDERS]
    if masks:
        files.tell_once(
            f"warning: {folder}: {', '.join(masks)} is read as a class; if it holds masks, put it "
            "elsewhere and name masks in a table (data.csv)"
        )


def _tell_single_class(folder: Path, classes: tuple[str, ...], images: list) -> None:
    """Says that folders within an only one are not classes, as they may well be meant to be."""
    if len(classes) == 1 and any(part.inner(path) for part, path in images):
        files.tell_once(
            f"note: {folder} has a single class, {classes[0]!r}; if the folders in it are classes, "
            f"set data.dir={images[0][0].folder}"
        )
