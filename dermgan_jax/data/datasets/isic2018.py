"""ISIC 2018 challenge, task 3: diagnosis of seven kinds of lesion. Its training set is HAM10000.

N. Codella et al., "Skin Lesion Analysis Toward Melanoma Detection 2018", arXiv:1902.03368. Layout
as downloaded from challenge.isic-archive.com/data:

  ISIC2018_Task3_Training_Input/ISIC_0024306.jpg  or anywhere else in the folder
  ISIC2018_Task3_Training_GroundTruth/ISIC2018_Task3_Training_GroundTruth.csv
  ISIC2018_Task3_Training_LesionGroupings.csv     which images show the same lesion
  ISIC2018_Task3_{Validation,Test}_{Input,GroundTruth}/                  optional
  *_GroundTruth/ or *segmentations*/ ISIC_..._segmentation.png           optional masks
"""

import sys

from ml_collections import ConfigDict, FrozenConfigDict

from dermgan_jax import listings
from dermgan_jax.data.datasets import listing
from dermgan_jax.data.datasets.ham10000 import CLASSES
from dermgan_jax.data.datasets.table_columns import known
from dermgan_jax.data.faults import DataError, Fault
from dermgan_jax.data.records import Dataset, Record
from dermgan_jax.files import Path

LICENCE = (
    "ISIC 2018 task 3 (Codella et al. 2018; HAM10000, Tschandl et al. 2018, "
    "doi:10.7910/DVN/DBW86T), CC BY-NC 4.0"
)
GROUPINGS = "ISIC2018_Task3_Training_LesionGroupings.csv"
PARTS = {"Training": "train", "Validation": "val", "Test": "test"}


def load(data_config: ConfigDict | FrozenConfigDict) -> Dataset:
    """Lists ISIC 2018 task 3, its classes named and ordered as those of HAM10000.

    With a validation or test folder present, records carry the publisher's splits; with the
    training folder alone they carry none.

    Args:
      data_config: `config.data`; reads dir and channels.

    Raises:
      DataError: naming every fault of the listing.
    """
    folder = listing.root(data_config)
    parts = [
        part
        for part in PARTS
        if part == "Training"
        or any(p.exists() for p in (*_paths(folder, part), _table(folder, part)))
    ]
    listed, faults = [], []
    for part in parts:
        try:
            rows, row_faults = _diagnoses(folder, part)
        except DataError as error:
            faults += error.faults
            continue
        listed += [(part, name, dx) for name, dx in rows]
        faults += row_faults
    if not listed:
        raise DataError(faults)

    groups = _groups(folder)
    published = [_paths(folder, part)[0] for part in parts]
    everything = listing.find_images(folder)
    images = listing.images_named(everything, published, {name for _, name, _ in listed})
    masks = listing.by_stem(_mask_folders(folder), "_segmentation")
    classes = tuple(name for name in CLASSES if any(dx == name for _, _, dx in listed))
    records = [
        Record(
            id=name,
            label=classes.index(dx),
            group=known(groups.get(name, {}).get("lesion_id", "")) or name,
            image=images.get(name),
            mask=masks.get(name),
            split=PARTS[part] if len(parts) > 1 else None,
            subgroups={"dx_type": groups.get(name, {}).get("diagnosis_confirm_type", "unknown")},
        )
        for part, name, dx in listed
    ]
    return listing.file_dataset(
        *("isic2018", classes, records, faults, data_config, LICENCE, "lesion"),
        folder=folder,
        images=everything,
    )


def _paths(folder: Path, part: str) -> tuple[Path, Path]:
    """The folders of images and of diagnoses of one part of the challenge."""
    stem = f"ISIC2018_Task3_{part}"
    return folder / f"{stem}_Input", folder / f"{stem}_GroundTruth"


def _table(folder: Path, part: str) -> Path:
    """The table of diagnoses of a part, in its folder or beside it."""
    truth = _paths(folder, part)[1]
    beside = folder / f"{truth.name}.csv"
    return beside if beside.is_file() else truth / f"{truth.name}.csv"


def _diagnoses(folder: Path, part: str) -> tuple[list[tuple[str, str]], list[Fault]]:
    """Image names with their class, from the one-hot table of a part."""
    table = _table(folder, part)
    rows = listing.read_table(table, ("image", *(name.upper() for name in CLASSES)))
    found, faults = [], []
    for row in rows:
        marked = [name for name in CLASSES if row[name.upper()] in ("1.0", "1")]
        if len(marked) == 1:
            found.append((row["image"], marked[0]))
        else:
            faults.append(
                Fault(
                    "rows without one diagnosis",
                    f"{table}: {row['image']} has {len(marked)} diagnoses, not one: correct it",
                )
            )
    return found, faults


def _groups(folder: Path) -> dict[str, dict[str, str]]:
    """Image name -> its row in the table of lesions, which some downloads do not include."""
    tables = listings.find_files(folder, {".csv"})
    table = next((path for path in tables if path.name == GROUPINGS), None)
    if table is None:
        print(
            f"warning: {folder} holds no {GROUPINGS}: images of one lesion may get into different "
            "splits; download it from challenge.isic-archive.com/data",
            file=sys.stderr,
        )
        return {}
    rows = listing.read_table(table, ("image", "lesion_id"))
    return {row["image"]: row for row in rows}


def _mask_folders(folder: Path) -> list[Path]:
    folders, _ = listings.listing(folder)
    return [
        path
        for path in folders
        if "segmentations" in path.name or path.name.endswith("_GroundTruth")
    ]
