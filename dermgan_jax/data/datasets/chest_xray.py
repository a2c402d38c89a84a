"""Chest X-rays of children: normal, or pneumonia by bacteria or a virus. One channel.

D. Kermany et al., "Identifying medical diagnoses and treatable diseases by image-based deep
learning", Cell 172(5), 2018, doi:10.1016/j.cell.2018.02.010; data doi:10.17632/rscbjbr9sj.
Layout of the Kaggle and Mendeley downloads; `data.dir` is the folder of train/ or its parent:

  {train,val,test}/NORMAL/IM-0119-0001.jpeg, NORMAL2-IM-0317-0001.jpeg     or NORMAL-1003233-0001
  {train,val,test}/PNEUMONIA/person1_bacteria_1.jpeg, person2_virus_3.jpeg or BACTERIA-…, VIRUS-…

The published folders are read as one set and split anew by patient: the published validation set
has 16 images, too few to choose a model by. A person's number is taken for the same person in every
folder and disease; IM and NORMAL2-IM are series of their own. Which folder an image came from is
the subgroup `published_split`.
"""

import re

from ml_collections import ConfigDict, FrozenConfigDict

from dermgan_jax import files, listings
from dermgan_jax.data.datasets import listing
from dermgan_jax.data.datasets.split_names import split_of
from dermgan_jax.data.faults import Fault
from dermgan_jax.data.records import Dataset, Record
from dermgan_jax.files import Path

CLASSES = ("normal", "bacterial", "viral")
LICENCE = "chest X-rays (Kermany et al. 2018, doi:10.17632/rscbjbr9sj), CC BY 4.0"
CLASS_OF = {"NORMAL": "normal", "BACTERIA": "bacterial", "VIRUS": "viral"}
FOLDERS = ("NORMAL", "PNEUMONIA")
KAGGLE_NORMAL = re.compile(r"((?:NORMAL2-)?IM-\d+)-\d+(?:-\d+)?")
KAGGLE_PNEUMONIA = re.compile(r"(person\d+)_(bacteria|virus)_\d+")
MENDELEY = re.compile(r"(NORMAL|BACTERIA|VIRUS)-(\d+)-\d+")


def load(data_config: ConfigDict | FrozenConfigDict) -> Dataset:
    """Lists the chest X-rays. Classes without images are left out.

    Args:
      data_config: `config.data`; reads dir and channels.

    Raises:
      DataError: naming every fault of the listing.
    """
    folder = _innermost(listing.root(data_config))
    images = [
        (split_of(part.name), diagnosis.name.upper(), path)
        for part in listings.listing(folder)[0]
        for diagnosis in listings.listing(part)[0]
        for path in listing.find_images(diagnosis)
        if split_of(part.name) and diagnosis.name.upper() in FOLDERS
    ]
    if not images:
        raise listing.failure(
            "directory",
            f"{folder} holds no images in {{train,val,test}}/{{NORMAL,PNEUMONIA}}: correct "
            "data.dir",
        )
    described = [_describe(diagnosis, path.stem) for _, diagnosis, path in images]
    faults = [
        Fault(
            "unknown file names",
            f"{path} is not named as the {diagnosis} images of this data set are, so that its "
            "patient and cause are unknown: restore its name or remove it",
        )
        for (_, diagnosis, path), found in zip(images, described, strict=True)
        if found is None
    ]
    present = {found[0] for found in described if found}
    classes = tuple(name for name in CLASSES if name in present)
    records = [
        Record(
            id=files.name_below(path, folder),
            label=classes.index(found[0]),
            group=found[1],
            image=path,
            subgroups={"published_split": split},
        )
        for (split, _, path), found in zip(images, described, strict=True)
        if found
    ]
    return listing.file_dataset(
        "chest_xray", classes, records, faults, data_config, LICENCE, "patient", folder
    )


def _innermost(folder: Path) -> Path:
    """Where train/ lies: the Kaggle archive has a folder chest_xray, and in it all files again."""
    nested = folder / "chest_xray"
    splits = [path for path in listings.listing(folder)[0] if split_of(path.name)]
    return nested if nested.is_dir() and not splits else folder


def _describe(diagnosis: str, name: str) -> tuple[str, str] | None:
    """Class and patient of an image in the folder `diagnosis`, from its name without the suffix."""
    if match := KAGGLE_NORMAL.fullmatch(name):
        found = "normal", match[1]
    elif match := KAGGLE_PNEUMONIA.fullmatch(name):
        found = CLASS_OF[match[2].upper()], match[1]
    elif match := MENDELEY.fullmatch(name):
        found = CLASS_OF[match[1]], f"patient{match[2]}"
    else:
        return None
    return found if (found[0] == "normal") == (diagnosis == "NORMAL") else None
