"""From a data set on disk to what training reads: a catalogue, and images decoded once.

A catalogue is the selection, labels and splits of a data set; making one reads no pixels. Prepared
images are one uint8 array in `<prepared_dir>/<fingerprint>/images.npy`. The fingerprint covers the
bytes of every file and all that decoding depends on, so that changed images are prepared anew;
labels and splits are not in it and always come from the catalogue.
"""

import dataclasses
import hashlib
import json
import os
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from ml_collections import ConfigDict, FrozenConfigDict
from tqdm import tqdm

from dermgan_jax import registry
from dermgan_jax.cache import cache_dir
from dermgan_jax.data import domains, splits
from dermgan_jax.data.decode import (
    DECODER_VERSION,
    require_grey,
    require_usable,
    stretch_to_square,
    to_square,
)
from dermgan_jax.data.faults import DataError, Fault
from dermgan_jax.data.records import UNLABELLED, Dataset, DataSpec, Record, load_resolution
from dermgan_jax.errors import UserError

DataConfig = ConfigDict | FrozenConfigDict
FITS = {"crop": to_square, "stretch": stretch_to_square}  # as `data.fit` names them
IMAGES = "images.npy"
CHUNK = 256  # images decoded before they are written, which bounds the memory in use


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
        return tuple(int((labels == index).sum()) for index in range(len(self.classes)))

    def domain_counts(self, split: str) -> tuple[int, ...]:
        """Images of domains A and B in a split; empty without two domains."""
        counts = tuple(len(self.indices(split, domain)) for domain in domains.DOMAINS)
        return counts if self.domains.any() else ()

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
        )


@dataclasses.dataclass(frozen=True)
class Prepared:
    """Decoded images.

    Attributes:
      images: uint8 (N, R, R, C) in the order of the catalogue, memory-mapped, read-only; R as
        `records.load_resolution` says.
      catalogue: what they are.
      fingerprint: hexadecimal SHA-256 of the pixels' origin.
    """

    images: np.ndarray
    catalogue: Catalogue
    fingerprint: str


def catalogue(data_config: DataConfig) -> Catalogue:
    """Lists the data set of a configuration and makes its selection.

    Raises:
      DataError: naming every fault of the listing.
    """
    return select(registry.load("dataset", data_config.dataset)(data_config), data_config)


def select(dataset: Dataset, data_config: DataConfig) -> Catalogue:
    """Splits a data set, then keeps the domains, classes and number of images asked for.

    Splits are made before anything is left out, so that an image is in the same split whichever
    classes and however many images an experiment uses. The publisher's splits are kept where every
    record has one. `num_images` keeps a random subset of all splits, chosen by hash of the ids; of
    a pair it keeps both or none. Two domains without `data.classes` keep the classes they contain.

    Raises:
      DataError: if `data.classes`, `domain_a` or `domain_b` names something unknown, no image of a
        domain remains, the domains overlap, or an image has no partner and `data.paired` is set.
    """
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
    selection = Catalogue(
        dataset=dataset,
        classes=wanted,
        records=tuple(records[row] for row in keep),
        labels=np.asarray([label_of.get(records[row].label, UNLABELLED) for row in keep], np.int32),
        splits=split_of[keep],
        domains=domain_of[keep],
        split_hash=splits.split_hash(ids, split_of),
    )
    domains.require_complete(selection.records, selection.domains, selection.splits, data_config)
    return selection


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
    published = [record.split for record in records]
    if all(published):
        return np.asarray(published, dtype="U5")
    return splits.assign(
        splits.strata([record.label for record in records], [record.domain for record in records]),
        [record.group for record in records],
        data_config.split_fractions,
        data_config.split_seed,
    )


def _unknown_class(name: str, known: tuple[str, ...]) -> Fault:
    hint = registry.did_you_mean(name, known) if known else "; the data set has no labels"
    return Fault("unknown classes", f"data.classes names {name!r}, which is no class{hint}")


def decode_record(catalogue: Catalogue, i: int, data_config: DataConfig) -> np.ndarray:
    """Image `i` of the catalogue as it is prepared: uint8 (R, R, C), R = `load_resolution`.

    Raises:
      DataError: if the file is truncated, unreadable, CMYK, transparent, too small, or coloured
        where one channel is asked for.
    """
    record, side = catalogue.records[i], load_resolution(data_config)
    if record.image is not None:
        enlarged = "data.load_resolution" if data_config.load_resolution else "data.resolution"
        require_usable(record.image, side, field=enlarged)
        if data_config.channels == 1:
            require_grey(record.image)
    return FITS[data_config.fit](catalogue.dataset.read(record), side)


def at_full_size(data_config: DataConfig) -> DataConfig:
    """The configuration of images as networks see them, not as random crops are taken from them."""
    whole = ConfigDict(data_config.to_dict())
    whole.load_resolution = 0
    return whole


def decode_mask(catalogue: Catalogue, i: int, data_config: DataConfig) -> np.ndarray | None:
    """The mask of image `i`, cut and resized like the image: bool (R, R), or None without one.

    Raises:
      DataError: if the file is truncated or unreadable.
    """
    mask = catalogue.dataset.read_mask(catalogue.records[i])
    if mask is None:
        return None
    picture = mask[..., None].astype(np.uint8) * 255
    return FITS[data_config.fit](picture, load_resolution(data_config))[..., 0] >= 128


def decode_all(
    catalogue: Catalogue, data_config: DataConfig, write: Callable[[np.ndarray], object]
) -> list[Fault]:
    """Decodes every image in several threads and hands each, in order, to `write`.

    Returns:
      What is wrong with the images. After the first fault nothing more is written.
    """
    found: list[Fault] = []

    def decode(i: int) -> np.ndarray | DataError:
        try:
            return decode_record(catalogue, i, data_config)
        except DataError as error:
            return error

    total = len(catalogue.records)
    title = f"decoding {total} images of {catalogue.dataset.name}"
    in_terminal = sys.stderr.isatty()
    if not in_terminal:
        print(title, file=sys.stderr, flush=True)
    results = _threaded(decode, total, data_config)
    for result in tqdm(results, desc=title, total=total, disable=not in_terminal):
        if isinstance(result, DataError):
            found += result.faults
        elif not found:
            write(result)
    return found


def _threaded(function: Callable, count: int, data_config: DataConfig) -> Iterator:
    """function(0), function(1), …, computed ahead by at most one chunk."""
    with ThreadPoolExecutor(data_config.workers or os.cpu_count()) as pool:
        for start in range(0, count, CHUNK):
            yield from pool.map(function, range(start, min(start + CHUNK, count)))


def prepared_dir(data_config: DataConfig) -> Path:
    """The folder that holds prepared data of all experiments."""
    if data_config.prepared_dir:
        return Path(data_config.prepared_dir).expanduser()
    return cache_dir() / "prepared"


def file_digests(catalogue: Catalogue, data_config: DataConfig) -> list[str]:
    """SHA-256 of every image's file, hexadecimal; empty for those that are not files."""
    files = [record.image for record in catalogue.records]

    def digest(i: int) -> str:
        if files[i] is None:
            return ""
        try:
            return hashlib.sha256(files[i].read_bytes()).hexdigest()
        except OSError:
            return "unreadable"  # decoding will name the file

    return list(_threaded(digest, len(files), data_config))


def fingerprint(catalogue: Catalogue, data_config: DataConfig) -> str:
    """Hexadecimal SHA-256 over all that the prepared pixels depend on."""
    contents = file_digests(catalogue, data_config)
    facts = {
        "dataset": catalogue.dataset.name,
        "source_version": catalogue.dataset.source_version,
        "decoder_version": DECODER_VERSION,
        "resolution": load_resolution(data_config),
        "fit": data_config.fit,
        "channels": data_config.channels,
        "images": [[r.id, c] for r, c in zip(catalogue.records, contents, strict=True)],
    }
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()


def is_prepared(catalogue: Catalogue, data_config: DataConfig) -> bool:
    """Whether the images, as their files are now, have been decoded before without a fault."""
    return _open(catalogue, data_config, fingerprint(catalogue, data_config)) is not None


def prepare(catalogue: Catalogue, data_config: DataConfig) -> Prepared:
    """Decodes the images of a catalogue, or opens what an earlier call has decoded.

    The array is written under another name and takes its own when complete, so that no later call
    uses what an interrupted one has left.

    Args:
      catalogue: which images.
      data_config: `config.data`; reads resolution, load_resolution, fit, channels, prepared_dir and
        workers.

    Raises:
      DataError: naming every image at fault.
      UserError: if the disk does not take the array.
    """
    mark = fingerprint(catalogue, data_config)
    prepared = _open(catalogue, data_config, mark)
    if prepared is None:
        folder = prepared_dir(data_config)
        try:
            folder.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(prefix="unfinished-", dir=folder) as unfinished:
                complete = Path(unfinished) / IMAGES
                _write(catalogue, data_config, complete)
                (folder / mark).mkdir(exist_ok=True)
                os.replace(complete, folder / mark / IMAGES)
        except OSError as error:
            raise UserError(
                f"cannot keep prepared images in {folder} ({error.strerror}): free some space, or "
                "set data.prepared_dir or $DERMGAN_CACHE to another folder"
            ) from error
        prepared = _open(catalogue, data_config, mark)
    return prepared


def _shape(catalogue: Catalogue, data_config: DataConfig) -> tuple[int, int, int, int]:
    side = load_resolution(data_config)
    return len(catalogue.records), side, side, data_config.channels


def _open(catalogue: Catalogue, data_config: DataConfig, mark: str) -> Prepared | None:
    """What lies under a fingerprint, or None if there is nothing or too little."""
    try:
        images = np.load(prepared_dir(data_config) / mark / IMAGES, mmap_mode="r")
    except (OSError, ValueError):
        return None
    whole = images.shape == _shape(catalogue, data_config)
    return Prepared(images, catalogue, mark) if whole else None


def _write(catalogue: Catalogue, data_config: DataConfig, path: Path) -> None:
    """Writes sequentially: a full disk is an error here, but would kill a memory-mapped writer."""
    with open(path, "wb") as file:
        shape = _shape(catalogue, data_config)
        header = {"descr": "|u1", "fortran_order": False, "shape": shape}
        np.lib.format.write_array_header_1_0(file, header)
        found = decode_all(catalogue, data_config, lambda image: file.write(image.tobytes()))
        file.flush()
        os.fsync(file.fileno())
    if found:
        raise DataError(found)
