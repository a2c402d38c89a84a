"""The images of a catalogue, decoded once.

Prepared images are one uint8 array in `<prepared_dir>/<fingerprint>/images.npy`. The fingerprint
covers the bytes of every file and all that decoding depends on, so that changed images are prepared
anew; labels and splits are not in it and always come from the catalogue.
"""

import dataclasses
import hashlib
import json
import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from ml_collections import ConfigDict
from tqdm import tqdm

from dermgan_jax.cache import cache_dir
from dermgan_jax.data.catalogue import Catalogue, DataConfig
from dermgan_jax.data.decode import (
    DECODER_VERSION,
    read_image,
    require_grey,
    require_usable,
    stretch_to_square,
    to_square,
)
from dermgan_jax.data.faults import DataError, Fault
from dermgan_jax.data.records import load_resolution
from dermgan_jax.errors import UserError

FITS = {"crop": to_square, "stretch": stretch_to_square}  # as `data.fit` names them
IMAGES = "images.npy"
CHUNK = 256  # images decoded before they are written, which bounds the memory in use


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
    if record.synthetic:
        return read_image(record.image, data_config.channels)
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
    record = catalogue.records[i]
    mask = None if record.synthetic else catalogue.dataset.read_mask(record)
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
