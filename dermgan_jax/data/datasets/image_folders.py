"""Folders of one's own images, a kind of picture each, to translate between.

Layouts, told apart by what is there; images are found at any depth:

  dir/KIND/**/*.jpg                       two or more kinds, named as their folders
  dir/{train,val,test}{A,B}/**/*.jpg      the downloads of CycleGAN: kinds "A" and "B", with the
                                          splits of whoever made them
  dir/KIND/{train,val,test}/**/*.jpg      the same, as pix2pix combines them
  dir/{train,val,test}/KIND/**/*.jpg      the same
"""

import re
from collections.abc import Sequence

from ml_collections import ConfigDict, FrozenConfigDict

from dermgan_jax import files, listings
from dermgan_jax.data.datasets import grouping, listing
from dermgan_jax.data.datasets.image_folder import LICENCE
from dermgan_jax.data.datasets.layout import Part, Tree, loose_images, parts_of
from dermgan_jax.data.datasets.split_names import SPLIT_NAMES, split_of
from dermgan_jax.data.faults import Fault
from dermgan_jax.data.records import UNLABELLED, Dataset, Record
from dermgan_jax.files import Path

SPLIT_AND_KIND = re.compile(rf"((?i:{'|'.join(SPLIT_NAMES)}))[_ -]?([A-Z]|[ab])")


def load(data_config: ConfigDict | FrozenConfigDict) -> Dataset:
    """Lists the images of several folders; ids are paths relative to `data.dir`.

    With `data.paired`, images of equal name in different folders are partners and of one group. The
    name is the path below the folder without its suffix, and `group_pattern` is searched in it.

    Args:
      data_config: `config.data`; reads dir, paired, group_pattern, channels and bit_depth.

    Raises:
      DataError: naming every fault of the listing.
    """
    folder = listing.root(data_config)
    folders, _ = listings.listing(folder)
    if len(folders) < 2:
        raise listing.failure(
            "directory",
            f"data.dir={folder} holds {len(folders)} folders: put the images of each kind into a "
            "folder of its own, two at least",
        )
    everything = listing.find_images(folder)
    parts, faults = _kinds(folder, folders, everything)
    images = [(part, path) for part in parts for path in part.images]
    ids = [files.name_below(path, folder) for _, path in images]
    pairs = [_pair(part, path) if data_config.paired else "" for part, path in images]
    alone = pairs if data_config.paired else ids  # what is a group where nothing says more
    if data_config.group_pattern:
        groups, unmatched = grouping.by_pattern(alone, data_config.group_pattern)
        faults += unmatched
    else:
        groups = grouping.by_folder(folder, [part.inner(path) for part, path in images], alone)
    records = [
        Record(
            id=id,
            label=UNLABELLED,
            group=group,
            image=path,
            split=part.split,
            domain=part.name,
            pair=pair,
        )
        for id, group, pair, (part, path) in zip(ids, groups, pairs, images, strict=True)
    ]
    return listing.file_dataset(
        *("image_folders", (), records, faults, data_config, LICENCE),
        folder=folder,
        images=everything,
    )


def _kinds(
    root: Path, folders: Sequence[Path], images: Sequence[Path]
) -> tuple[list[Part], list[Fault]]:
    """The parts, each with its kind of picture, and what is wrong with them."""
    matches = {path: SPLIT_AND_KIND.fullmatch(path.name) for path in folders}
    fused = [path for path, match in matches.items() if match]
    if not fused:
        parts, faults = parts_of(root, images)
    else:
        tree = Tree(root, images)
        parts = [_of_cyclegan(tree, path, matches[path]) for path in fused]
        loose = tree.directly_in(root)
        faults = [loose_images(root, loose)] if loose else []
        others = [path.name for path in folders if path not in fused]
        if others:
            faults.append(
                Fault(
                    "folders like splits",
                    f"{root} has folders of a split and a kind ({fused[0].name}) and others "
                    f"({', '.join(others)}): name all in the same way, such as trainA and testA",
                )
            )
    without_kind = [part for part in parts if not part.name and part.images and part.split]
    faults += [
        Fault(
            "images without a kind",
            f"{part.folder} holds {len(part.images)} images of no kind, such as "
            f"{part.images[0].name}: put those of each kind into a folder of its own in it",
        )
        for part in without_kind
    ]
    faults += [
        Fault("empty folders", f"{part.folder} holds no images: add some or remove the folder")
        for part in parts
        if part.name and not part.images
    ]
    return parts, faults


def _of_cyclegan(tree: Tree, folder: Path, match: re.Match) -> Part:
    split, kind = split_of(match[1]), match[2].upper()
    if folder.name != f"{split}{kind}":
        files.tell_once(f"note: {folder} is read as kind {kind} of the split {split}")
    return Part(folder, kind, split, tree.below(folder))


def _pair(part: Part, image: Path) -> str:
    """What partners have in common: their split and path, without its suffix."""
    name = image.relative_to(part.folder).with_suffix("").as_posix()
    return f"{part.split}/{name}" if part.split else name
