"""The images of a catalogue, decoded once.

Prepared images are one uint8 array in `<prepared_dir>/<fingerprint>/images.npy`. The fingerprint
covers the bytes of every file and all that decoding depends on, so that changed images are prepared
anew; labels and splits are not in it and always come from the catalogue. Synthetic images are
prepared apart from the real ones, so that runs which add different ones share what is real. Masks
(`data/masks.py`) are kept in the same way. Damage of what is kept is found by `array_checksums`.
"""

import dataclasses
import hashlib
import json
import os
import pathlib
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeAlias

import numpy as np
from ml_collections import ConfigDict
from tqdm import tqdm

from dermgan_jax import files
from dermgan_jax.data import array_checksums, file_digests
from dermgan_jax.data.catalogue import Catalogue, DataConfig
from dermgan_jax.data.decode import (
    DECODER_VERSION,
    in_room,
    read_image,
    read_mask,
    require_grey,
    require_usable,
)
from dermgan_jax.data.faults import DataError, Fault
from dermgan_jax.data.image_sets import Concatenation, ImageSet
from dermgan_jax.data.prepared_folder import prepared_dir
from dermgan_jax.data.records import load_resolution
from dermgan_jax.data.squares import stretch_to_square, to_square
from dermgan_jax.errors import UserError

FITS = {"crop": to_square, "stretch": stretch_to_square}  # as `data.fit` names them
IMAGES = "images.npy"
BIT_DEPTH = "bit_depth.txt"  # what was found, if it was looked for
Decode: TypeAlias = Callable[[Catalogue, int, DataConfig], np.ndarray]
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

    images: ImageSet
    catalogue: Catalogue
    fingerprint: str


def decode_record(catalogue: Catalogue, i: int, data_config: DataConfig) -> np.ndarray:
    """Image `i` of the catalogue as it is prepared: uint8 (R, R, C), R = `load_resolution`.

    Raises:
      DataError: if the file is truncated, unreadable, CMYK, transparent, too small, or coloured
        where one channel is asked for.
    """
    record = catalogue.records[i]
    if record.image is None:
        return _decoded(catalogue, i, data_config)
    with in_room(record.image):
        return _decoded(catalogue, i, data_config)


def _decoded(catalogue: Catalogue, i: int, data_config: DataConfig) -> np.ndarray:
    record, side = catalogue.records[i], load_resolution(data_config)
    if record.image is not None:
        enlarged = "data.load_resolution" if data_config.load_resolution else "data.resolution"
        require_usable(record.image, side, enlarged, data_config.frame)
        if data_config.channels == 1:
            require_grey(record.image, data_config.frame)
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
    if record.synthetic:
        mask = read_mask(*record.masks) if record.masks else None
    else:
        mask = catalogue.dataset.read_mask(record)
    if mask is None:
        return None
    picture = mask[..., None].astype(np.uint8) * 255
    return FITS[data_config.fit](picture, load_resolution(data_config))[..., 0] >= 128


def decode_all(
    catalogue: Catalogue,
    data_config: DataConfig,
    write: Callable[[np.ndarray], object],
    into: str = "",
    decode: Decode | None = None,
    what: str = "images",
) -> list[Fault]:
    """Decodes every image in several threads and hands each, in order, to `write`.

    Args:
      catalogue: which images.
      data_config: see `prepare`.
      write: takes them.
      into: where they are kept, which the user is told.
      decode: what is made of record `i` of the catalogue; None: `decode_record`.
      what: that is, for the user.

    Returns:
      What is wrong with the images. After the first fault nothing more is written.
    """
    found: list[Fault] = []
    decode = decode or decode_record

    def decoded(i: int) -> np.ndarray | DataError:
        try:
            return decode(catalogue, i, data_config)
        except DataError as error:
            return error

    total = len(catalogue.records)
    title = f"decoding {total} {what} of {catalogue.dataset.name}" + (into and f" into {into}")
    in_terminal = sys.stderr.isatty()
    if not in_terminal:
        print(title, file=sys.stderr, flush=True)
    results = _threaded(decoded, total, data_config)
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


def digests(catalogue: Catalogue, data_config: DataConfig) -> list[str]:
    """SHA-256 of every image's file, hexadecimal; empty for those that are not files."""
    images = [record.image for record in catalogue.records]
    return file_digests.digests(images, prepared_dir(data_config), data_config.workers)


def fingerprint(catalogue: Catalogue, data_config: DataConfig) -> str:
    """Hexadecimal SHA-256 over all that the prepared pixels depend on.

    A depth that was found once and is asked for now is the same depth.
    """
    if data_config.bit_depth:
        mark = _fingerprint(catalogue, data_config, bit_depth=0)
        if _kept_bit_depth(data_config, mark) == data_config.bit_depth:
            return mark
    return _fingerprint(catalogue, data_config, data_config.bit_depth)


def found_bit_depth(catalogue: Catalogue, data_config: DataConfig) -> int:
    """Bits that 16-bit files were found to use, when images were decoded now or before: 12 or 16.

    0 if `data_config` says it, or there was no such question.
    """
    if data_config.bit_depth:
        return 0
    parts = _parts(catalogue)
    kept = _kept_bit_depth(data_config, _fingerprint(parts[0], data_config, bit_depth=0))
    return catalogue.dataset.found_bit_depth() or kept


def _kept_bit_depth(data_config: DataConfig, mark: str) -> int:
    """What was found when the images of a fingerprint were decoded; 0 for nothing."""
    try:
        return int((prepared_dir(data_config) / mark / BIT_DEPTH).read_text())
    except (OSError, ValueError):
        return 0


def _fingerprint(catalogue: Catalogue, data_config: DataConfig, bit_depth: int) -> str:
    contents = digests(catalogue, data_config)
    facts = {
        "dataset": catalogue.dataset.name,
        "source_version": catalogue.dataset.source_version,
        "decoder_version": DECODER_VERSION,
        "resolution": load_resolution(data_config),
        "fit": data_config.fit,
        "channels": data_config.channels,
        **({"bit_depth": bit_depth} if bit_depth else {}),
        **({"frame": data_config.frame} if data_config.frame else {}),
        "images": [[r.id, c] for r, c in zip(catalogue.records, contents, strict=True)],
    }
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()


def is_prepared(catalogue: Catalogue, data_config: DataConfig) -> bool:
    """Whether the images, as their files are now, have been decoded before without a fault."""
    return all(
        _open(_shape(part, data_config), data_config, fingerprint(part, data_config)) is not None
        for part in _parts(catalogue)
    )


def prepare(catalogue: Catalogue, data_config: DataConfig) -> Prepared:
    """Decodes the images of a catalogue, or opens what an earlier call has decoded.

    The array is written under another name and takes its own when complete, so that no later call
    uses what an interrupted one has left.

    Args:
      catalogue: which images.
      data_config: `config.data`; reads resolution, load_resolution, fit, channels, bit_depth,
        frame, prepared_dir and workers.

    Raises:
      DataError: naming every image at fault.
      UserError: if the disk does not take the array.
    """
    marks, images, found = [], [], []
    for part in _parts(catalogue):
        marks.append(fingerprint(part, data_config))
        try:
            images.append(decoded_once(part, data_config, marks[-1]))
        except DataError as error:
            found += error.faults
    if found:
        raise DataError(found)
    if len(images) == 1:
        return Prepared(images[0], catalogue, marks[0])
    mark = hashlib.sha256("".join(marks).encode()).hexdigest()
    return Prepared(Concatenation(tuple(images)), catalogue, mark)


def _parts(catalogue: Catalogue) -> list[Catalogue]:
    """The real images and the synthetic ones, which follow them in every catalogue."""
    synthetic = np.array([record.synthetic for record in catalogue.records])
    rows = [np.flatnonzero(~synthetic), np.flatnonzero(synthetic)]
    return [catalogue.part(some) for some in rows if len(some)]


def decoded_once(
    catalogue: Catalogue,
    data_config: DataConfig,
    mark: str,
    decode: Decode | None = None,
    what: str = "images",
) -> np.ndarray:
    """The memory map of what is made of each record, which is written first unless it is there.

    Args:
      catalogue, data_config: which records.
      mark: identifies the result.
      decode: gives uint8 (R, R, 1) of record `i`; None: `decode_record`.
      what: is made, for the user.

    Raises:
      DataError, UserError: as `prepare`.
    """
    shape = _shape(catalogue, data_config, channels=1 if decode else data_config.channels)
    images = _open(shape, data_config, mark)
    if images is not None:
        return images

    def write_all(path: pathlib.Path) -> None:
        """Writes sequentially: a full disk is an error here, but would kill a mapped writer."""
        with open(path, "wb") as file:
            header = {"descr": "|u1", "fortran_order": False, "shape": shape}
            np.lib.format.write_array_header_1_0(file, header)
            into = str(prepared_dir(data_config))
            found = decode_all(
                *(catalogue, data_config, lambda image: file.write(image.tobytes())),
                *(into, decode, what),
            )
            file.flush()
            os.fsync(file.fileno())
        if found:
            raise DataError(found)
        if decode is None and (depth := catalogue.dataset.found_bit_depth()):
            files.write_text(folder / mark / BIT_DEPTH, str(depth))

    folder = prepared_dir(data_config)
    array_checksums.forget(folder / mark / IMAGES)
    try:
        files.write_once(folder / mark / IMAGES, write_all)
        array_checksums.write(folder / mark / IMAGES)
    except OSError as error:
        raise UserError(
            f"cannot keep prepared images in {folder} ({error.strerror}): free some space, or "
            "set data.prepared_dir or $DERMGAN_CACHE to another folder"
        ) from error
    return _open(shape, data_config, mark)


def _shape(
    catalogue: Catalogue, data_config: DataConfig, channels: int | None = None
) -> tuple[int, int, int, int]:
    side = load_resolution(data_config)
    return len(catalogue.records), side, side, channels or data_config.channels


def _open(shape: tuple[int, ...], data_config: DataConfig, mark: str) -> np.ndarray | None:
    """What lies under a fingerprint, or None if there is nothing, too little, or it is damaged."""
    file = prepared_dir(data_config) / mark / IMAGES
    try:
        images = np.load(file, mmap_mode="r")
        if images.shape != shape:
            return None
        if array_checksums.holds(file):
            return images
    except (OSError, ValueError):
        return None
    files.tell_once(f"note: {file} is damaged, as its checksums say: it is made anew")
    return None
