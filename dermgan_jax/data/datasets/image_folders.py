"""Folders of one's own images, a kind of picture each, to translate between.

Layouts, told apart by what is there; images are found at any depth:

  dir/KIND/**/*.jpg                       two or more kinds, named as their folders
  dir/{train,val,test}{A,B}/**/*.jpg      the downloads of CycleGAN: kinds "A" and "B", with the
                                          splits of whoever made them
"""

import re

from ml_collections import ConfigDict, FrozenConfigDict

from dermgan_jax import files
from dermgan_jax.data.datasets import listing
from dermgan_jax.data.datasets.image_folder import LICENCE
from dermgan_jax.data.faults import Fault
from dermgan_jax.data.records import UNLABELLED, Dataset, Record
from dermgan_jax.files import Path

SPLIT_AND_KIND = re.compile(rf"({'|'.join(listing.SPLIT_NAMES)})([A-Z])")


def load(data_config: ConfigDict | FrozenConfigDict) -> Dataset:
    """Lists the images of several folders; ids are paths relative to `data.dir`.

    With `data.paired`, images of equal name in different folders are partners and of one group. The
    name is the path below the folder without its suffix.

    Args:
      data_config: `config.data`; reads dir, paired and channels.

    Raises:
      DataError: naming every fault of the listing.
    """
    folder = listing.root(data_config)
    folders, _ = files.listing(folder)
    if len(folders) < 2:
        raise listing.failure(
            "directory",
            f"data.dir={folder} holds {len(folders)} folders: put the images of each kind into a "
            "folder of its own, two at least",
        )
    faults = _loose_images(folder)
    records = []
    for part, (kind, split) in _kinds(folders).items():
        images = listing.find_images(part)
        if not images:
            faults.append(
                Fault("empty folders", f"{part} holds no images: add some or remove the folder")
            )
        for path in images:
            id = path.relative_to(folder).as_posix()
            name = path.relative_to(part).with_suffix("").as_posix()
            pair = f"{split}/{name}" if split else name
            records.append(
                Record(
                    id=id,
                    label=UNLABELLED,
                    group=pair if data_config.paired else id,
                    image=path,
                    split=split,
                    domain=kind,
                    pair=pair if data_config.paired else "",
                )
            )
    return listing.file_dataset("image_folders", (), records, faults, data_config, LICENCE)


def _kinds(folders: list[Path]) -> dict[Path, tuple[str, str | None]]:
    """Folder -> kind of picture, and split if all folders name one."""
    matches = [SPLIT_AND_KIND.fullmatch(path.name) for path in folders]
    if not all(matches):
        return {path: (path.name, None) for path in folders}
    return {
        path: (match[2], listing.SPLIT_NAMES[match[1]])
        for path, match in zip(folders, matches, strict=True)
    }


def _loose_images(folder: Path) -> list[Fault]:
    loose = [path for path in listing.find_images(folder) if path.parent == folder]
    if not loose:
        return []
    return [
        Fault(
            "images outside folders",
            f"{folder} holds {len(loose)} images beside the folders, such as {loose[0].name}: move "
            "them into a folder",
        )
    ]
