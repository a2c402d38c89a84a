"""The selection, labels and splits of a data set.

Making a catalogue reads no pixels, unless groups are to be found (`data.groups`).
"""

import dataclasses
import functools
import gc
import hashlib
from collections.abc import Sequence

import numpy as np
from ml_collections import ConfigDict, FrozenConfigDict

from dermgan_jax import files, listings, registry
from dermgan_jax.data import domains, file_digests, filled_folders, found_groups, splits
from dermgan_jax.data.class_folders import class_of
from dermgan_jax.data.faults import DataError, Fault
from dermgan_jax.data.image_sets import FolderImages
from dermgan_jax.data.masks_as_pictures import MASK, with_masks_as_pictures
from dermgan_jax.data.records import UNLABELLED, Dataset, DataSpec, Record, load_resolution
from dermgan_jax.files import Path

DataConfig = ConfigDict | FrozenConfigDict


@dataclasses.dataclass(frozen=True)
class Catalogue:
    """The images an experiment works with, in a fixed order.

    With two domains (`data.domain_a`, `data.domain_b`) only their images are kept.

    Attributes:
      dataset: where they come from.
      classes: the classes kept; labels index them.
      records: the images kept. `Record.label` still indexes `dataset.classes`.
      labels: int32 (N,), index into `classes` or `records.UNLABELLED`.
      splits: str (N,), "train", "val" or "test".
      domains: str (N,), "a" or "b"; "" where an experiment has no two domains.
      split_hash: identifies the split of the whole data set, whatever selection is kept of it.
    """

    dataset: Dataset
    classes: tuple[str, ...]
    records: tuple[Record, ...]
    labels: np.ndarray
    splits: np.ndarray
    domains: np.ndarray
    split_hash: str

    @functools.cached_property
    def synthetic_hash(self) -> str:
        """Identifies the synthetic images by name and content, as `split_hash` does not; "" without
        any. Reads their files."""
        made = [record for record in self.records if record.synthetic]
        digest = hashlib.sha256()
        for record in sorted(made, key=lambda record: record.id):
            digest.update(f"{record.id}\0".encode(errors="surrogateescape"))
            for path in (record.image, *record.masks):
                digest.update(bytes.fromhex(file_digests.digest(path)) if path else b"")
        return digest.hexdigest() if made else ""

    def indices(self, split: str, domain: str = "") -> np.ndarray:
        """Positions of the images of a split: int64, ascending.

        Args:
          split: "all" for every split.
          domain: "a", "b", or "" for every image.
        """
        chosen = np.full(len(self.records), True) if split == "all" else self.splits == split
        return np.flatnonzero(chosen & (self.domains == domain) if domain else chosen)

    def pairs(self, split: str) -> tuple[np.ndarray, np.ndarray]:
        """Positions of the images of domain A with a partner in B, and of the partners.

        Pairs are known to some data sets whether or not an experiment makes use of them.

        Returns:
          Two of int64 (number of pairs,), the first ascending; empty without two domains.
        """
        return domains.pairs(self.records, self.domains, self.indices(split))

    def class_counts(self, split: str, domain: str = "") -> tuple[int, ...]:
        """Images per class in a split, of one domain if given."""
        labels = self.labels[self.indices(split, domain)]
        counts = np.bincount(labels[labels != UNLABELLED], minlength=len(self.classes))
        return tuple(map(int, counts))

    def domain_counts(self, split: str) -> tuple[int, ...]:
        """Images of domains A and B in a split; empty without two domains."""
        counts = tuple(len(self.indices(split, domain)) for domain in domains.DOMAINS)
        return counts if self.domains.any() else ()

    def part(self, rows: np.ndarray) -> "Catalogue":
        """The images at positions `rows`, in their order, as a catalogue of their own."""
        return dataclasses.replace(
            self,
            records=tuple(self.records[row] for row in rows),
            labels=self.labels[rows],
            splits=self.splits[rows],
            domains=self.domains[rows],
        )

    def spec(self, split: str, data_config: DataConfig) -> DataSpec:
        """What networks need to know about the images of a split."""
        domain_counts = self.domain_counts(split)
        if data_config.paired:
            num_examples = len(self.pairs(split)[0])
        else:
            num_examples = max(domain_counts, default=len(self.indices(split)))
        return DataSpec(
            height=data_config.resolution,
            width=data_config.resolution,
            channels=data_config.channels,
            class_counts=self.class_counts(split),
            num_examples=num_examples,
            domain_counts=domain_counts,
            mask_classes=(len(data_config.mask_values) or 2) if data_config.masks else 0,
        )


def catalogue(data_config: DataConfig) -> Catalogue:
    """Lists the data set of a configuration and makes its selection.

    Raises:
      DataError: naming every fault of the listing.
    """
    return select(list_dataset(data_config), data_config)


def list_dataset(data_config: DataConfig) -> Dataset:
    """The data set of a configuration.

    Raises:
      DataError: naming every fault of the listing.
    """
    # Of a million records the collector would go through every object again and again, which takes
    # a third of the time; none is part of a cycle.
    was_on = gc.isenabled()
    gc.disable()
    try:
        return registry.load("dataset", data_config.dataset)(data_config)
    finally:
        if was_on:
            gc.enable()


def select(dataset: Dataset, data_config: DataConfig) -> Catalogue:
    """Splits a data set, then keeps the domains, classes and number of images asked for.

    Groups are those that `data.groups` asks for. Splits are made before anything is left out, so
    that an image is in the same split whichever classes and however many images an experiment uses.
    The publisher's splits are kept where every record has one, unless `split_by` is "image".
    Synthetic images join the training split last, so that they change neither the split nor its
    hash. `num_images` keeps a random subset of all splits, chosen by hash of the ids; of a pair it
    keeps both or none. Two domains without `data.classes` keep the classes they contain; "mask" is
    a domain, see `masks_as_pictures`. With `normal`, training images of other classes, or of none,
    are left out last; with `half`, those of the other half of the groups.

    Raises:
      DataError: if `data.classes`, `normal`, `domain_a` or `domain_b` names something unknown, no
        image of a domain remains, the domains overlap, or an image has no partner and `data.paired`
        is set.
    """
    dataset = found_groups.grouped(dataset, data_config)
    if MASK in (*data_config.domain_a, *data_config.domain_b):
        dataset = with_masks_as_pictures(dataset, data_config.channels)
    records = dataset.records
    wanted = tuple(dict.fromkeys(data_config.classes)) or dataset.classes
    unknown = [name for name in wanted if name not in dataset.classes]
    if unknown:
        raise DataError([_unknown_class(name, dataset.classes) for name in unknown])
    domain_of = domains.assign(records, dataset.classes, data_config)

    labels_kept = {dataset.classes.index(name) for name in wanted}
    keep = [
        row
        for row, record in enumerate(records)
        if not data_config.classes or record.label in labels_kept
    ]
    if domain_of.any():
        keep = [row for row in keep if domain_of[row]]
        found = {records[row].label for row in keep}
        if not data_config.classes:
            wanted = tuple(name for i, name in enumerate(wanted) if i in found)
    if data_config.num_images:
        keep = _subset(keep, records, data_config)
    if not keep:
        raise DataError(
            [Fault("images", f"{dataset.name} has no images: see data.dir and num_images")]
        )

    ids = [record.id for record in records]
    split_of = _splits(records, data_config)
    label_of = {dataset.classes.index(name): index for index, name in enumerate(wanted)}
    found = Catalogue(
        dataset=dataset,
        classes=wanted,
        records=tuple(records[row] for row in keep),
        labels=np.asarray([label_of.get(records[row].label, UNLABELLED) for row in keep], np.int32),
        splits=split_of[keep],
        domains=domain_of[keep],
        split_hash=splits.split_hash(ids, split_of),
    )
    domains.require_complete(found.records, found.domains, found.splits, data_config)
    found = of_half(found, data_config) if data_config.half else found
    found = with_synthetic(found, data_config) if data_config.synthetic else found
    return trained_on_normal(found, data_config) if data_config.normal else found


def _subset(rows: Sequence[int], records: tuple[Record, ...], data_config: DataConfig) -> list[int]:
    """At most `num_images` of the rows, partners together, ascending."""
    members: dict[str, list[int]] = {}
    for row in rows:
        members.setdefault(records[row].pair or records[row].id, []).append(row)
    names = list(members)
    kept: list[int] = []
    for position in splits.hash_order(names, data_config.split_seed):
        together = members[names[position]]
        if len(kept) + len(together) > data_config.num_images:
            break
        kept += together
    return sorted(kept)


def _splits(records: tuple[Record, ...], data_config: DataConfig) -> np.ndarray:
    """Of every record, str (N,); a mask that is a picture goes with its image."""
    images = tuple(record for record in records if record.domain != MASK)
    if len(images) < len(records):
        of_images = _splits(images, data_config)
        split_of = {record.id: split for record, split in zip(images, of_images, strict=True)}
        found = [split_of[r.pair if r.domain == MASK else r.id] for r in records]
        return np.asarray(found, "U5")
    published = [record.split for record in records]
    if all(published) and data_config.split_by == splits.GROUP:
        return np.asarray(published, dtype="U5")
    by_group = data_config.split_by == splits.GROUP
    return splits.assign(
        splits.strata([record.label for record in records], [record.domain for record in records]),
        [record.group if by_group else record.id for record in records],
        data_config.split_fractions,
        data_config.split_seed,
    )


def _unknown_class(name: str, known: tuple[str, ...], field: str = "data.classes") -> Fault:
    unlabelled = f"; the data have no classes: set {field}=()"
    hint = registry.did_you_mean(name, known) if known else unlabelled
    return Fault("unknown classes", f"{field} names {name!r}, which is no class{hint}")


def of_half(everything: Catalogue, data_config: DataConfig) -> Catalogue:
    """The catalogue without the training images of the other half of the groups.

    Validation and test splits stay as they are.

    Raises:
      DataError: if the half is empty.
    """
    trained = everything.indices(splits.TRAIN)
    groups = [everything.records[row].group for row in trained]
    half_of = splits.halves(everything.labels[trained], groups, data_config.split_seed)
    kept = everything.splits != splits.TRAIN
    kept[trained] = half_of == data_config.half
    if not kept[trained].any():
        raise DataError(
            [Fault("images", f"the {data_config.half} half of the training groups has no image")]
        )
    return everything.part(np.flatnonzero(kept))


def trained_on_normal(everything: Catalogue, data_config: DataConfig) -> Catalogue:
    """The catalogue without training images that are not known to be of a class of `data.normal`.

    Validation and test splits stay as they are.

    Raises:
      DataError: if a class is unknown or left out by `data.classes`, a synthetic image is of
        another class, or no normal training image is left.
    """
    unknown = [name for name in data_config.normal if name not in everything.classes]
    if unknown:
        raise DataError(
            [_unknown_class(name, everything.classes, "data.normal") for name in unknown]
        )
    is_normal = np.isin(
        everything.labels, [everything.classes.index(name) for name in data_config.normal]
    )
    trained = everything.splits == "train"
    odd = [everything.records[row] for row in np.flatnonzero(trained & ~is_normal)]
    made = [
        Fault("synthetic images", f"{record.id} is of no class of data.normal: remove its folder")
        for record in odd
        if record.synthetic
    ]
    if made:
        raise DataError(made)
    if not (trained & is_normal).any():
        names = ", ".join(data_config.normal)
        raise DataError(
            [Fault("images", f"the training split has no image of data.normal ({names})")]
        )
    return everything.part(np.flatnonzero(is_normal | ~trained))


def with_synthetic(real: Catalogue, data_config: DataConfig) -> Catalogue:
    """The catalogue with the images of `data.synthetic`, DIR/CLASS/*.png, in its training split.

    Args:
      real: images of a data set.
      data_config: `config.data`; `only_synthetic` leaves the real training images out.

    Raises:
      DataError: naming every subfolder that is no class, and images that are not of the size that
        real ones are prepared at.
    """
    folder = files.to_path(data_config.synthetic)
    if not folder.is_dir():
        raise DataError([Fault("synthetic images", f"data.synthetic={folder} is not a folder")])
    for each in (folder, *listings.listing(folder)[0]):
        filled_folders.require_completed(each)
    images = FolderImages(folder, data_config.channels)
    faults = _synthetic_faults(images, real.classes, load_resolution(data_config))
    masks = _synthetic_masks(images, data_config) if data_config.synthetic_masks else {}
    faults += [
        Fault("synthetic masks", f"{path} has no mask {masks[path]}: make it, or remove the image")
        for path in images.paths
        if path in masks and not masks[path].is_file()
    ]
    if faults:
        raise DataError(faults)
    made = [
        Record(
            id=f"synthetic/{path.relative_to(folder).as_posix()}",
            label=real.dataset.classes.index(class_of(path.parent.name)),
            group=f"synthetic/{path.relative_to(folder).as_posix()}",
            image=path,
            mask=masks.get(path),
            split="train",
            synthetic=True,
        )
        for path in images.paths
    ]
    names = [class_of(path.parent.name) for path in images.paths]
    labels = np.array([real.classes.index(name) for name in names], np.int32)
    kept = real.splits != "train" if data_config.only_synthetic else np.full(len(real.splits), True)
    stay = real.part(np.flatnonzero(kept))
    return dataclasses.replace(
        stay,
        records=(*stay.records, *made),
        labels=np.concatenate([stay.labels, labels]),
        splits=np.concatenate([stay.splits, np.full(len(made), "train")]),
        domains=np.concatenate([stay.domains, np.full(len(made), "")]),
    )


def _synthetic_masks(images: FolderImages, data_config: DataConfig) -> dict[Path, Path]:
    """Image -> its mask in `data.synthetic_masks`, a PNG of the same name."""
    folder = files.to_path(data_config.synthetic_masks)
    return {
        path: (folder / path.relative_to(images.folder)).with_suffix(".png")
        for path in images.paths
    }


def _synthetic_faults(images: FolderImages, classes: Sequence[str], side: int) -> list[Fault]:
    names, _ = images.classes()
    faults = [
        Fault(
            "synthetic images",
            f"{images.folder} has images in a folder {name!r}, which is no class"
            f"{registry.did_you_mean(name, tuple(classes))}",
        )
        for name in names
        if name not in classes
    ]
    height, width = images.shape[1:3]
    if (height, width) != (side, side):
        faults.append(
            Fault(
                "synthetic images",
                f"the synthetic images of {images.folder} are {width}x{height} pixels and the real "
                f"ones {side}x{side}: set data.resolution to theirs, so that sharpness does not "
                "give them away, or generate them at that size",
            )
        )
    return faults
