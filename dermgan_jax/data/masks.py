"""Masks as class indices: which class each pixel of an image belongs to.

A mask file has the size of its image. Without `data.mask_values` there are two classes, background
(0) and lesion (1, luminance of at least half, as in files of 0 and 255). `data.mask_values` names
the values of the classes 0, 1, … as they are stored: grey levels, or of a palette its indices.
"""

import hashlib
import json
from collections.abc import Sequence

import numpy as np

from dermgan_jax.data import file_digests
from dermgan_jax.data.catalogue import Catalogue, DataConfig
from dermgan_jax.data.decode import DECODER_VERSION, header_size, read_mask, read_mask_values
from dermgan_jax.data.faults import DataError, Fault
from dermgan_jax.data.prepare import FITS, decode_mask, decoded_once, prepared_dir
from dermgan_jax.data.records import Record, load_resolution
from dermgan_jax.files import Path

SHOWN = 3  # values that a message names


def num_classes(data_config: DataConfig) -> int:
    """Classes that a pixel of a mask may have; 0 if the experiment uses no masks."""
    return (len(data_config.mask_values) or 2) if data_config.masks else 0


def decode_classes(catalogue: Catalogue, i: int, data_config: DataConfig) -> np.ndarray:
    """The mask of image `i`, cut and resized like the image: uint8 (R, R, 1), class indices.

    Resized, a pixel has the class that covers most of it; of two classes the lesion, from half on.

    Raises:
      DataError: if there is no mask, its file is unreadable, of another size than the image, empty
        (of background alone), or holds values that are no class.
    """
    record = catalogue.records[i]
    if record.masks:
        _require_size_of_image(record)
        return decode_files(record.masks, data_config)[..., None]
    mask = decode_mask(catalogue, i, data_config)
    if mask is None:
        raise _fault(
            "images without a mask",
            f"image {record.id!r} has no mask, and data.masks is set: add it, or leave the image "
            "out",
        )
    return mask.astype(np.uint8)[..., None]


def decode_files(paths: Sequence[Path], data_config: DataConfig) -> np.ndarray:
    """An image's mask files, cut and resized as it would be: uint8 (R, R), class indices.

    Of several, a pixel is lesion if any marks it; of several classes what a later one marks lies
    over earlier ones.

    Raises:
      DataError: as `decode_classes`, but for what concerns the image.
    """
    side, fit = load_resolution(data_config), FITS[data_config.fit]

    def share(classes: np.ndarray) -> np.ndarray:
        """How much of each pixel is covered, of 255."""
        return fit(classes[..., None].astype(np.uint8) * 255, side)[..., 0]

    known = tuple(data_config.mask_values)
    if not known:
        lesion = read_mask(*paths)
        if not lesion.any():
            raise _fault(
                "empty masks",
                f"{paths[0]} marks nothing: no pixel is as bright as half of white; if 1 means "
                "lesion, set data.mask_values=(0,1)",
            )
        return (share(lesion) >= 128).astype(np.uint8)
    classes = _stored_classes(paths[0], known)
    for path in paths[1:]:
        above = _stored_classes(path, known)
        classes = np.where(above > 0, above, classes)
    if not classes.any():
        raise _fault("empty masks", f"{paths[0]} marks nothing but background ({known[0]})")
    return np.argmax([share(classes == i) for i in range(len(known))], axis=0).astype(np.uint8)


def _stored_classes(path: Path, known: tuple[int, ...]) -> np.ndarray:
    try:
        return class_indices(read_mask_values(path), known)
    except ValueError as error:
        raise _fault(
            "unknown values in masks",
            f"{path} has pixels of value {error}, which data.mask_values="
            f"{','.join(map(str, known))} does not name: name every value that occurs",
        ) from error


def class_indices(values: np.ndarray, known: tuple[int, ...]) -> np.ndarray:
    """Stored values, int (H, W), as indices into `known`: uint8 (H, W).

    Raises:
      ValueError: naming values that are not in `known`.
    """
    found = np.searchsorted(np.sort(known), values).clip(0, len(known) - 1)
    indices = np.argsort(known)[found]
    strangers = np.unique(values[np.asarray(known)[indices] != values])
    if len(strangers):
        raise ValueError(", ".join(map(str, strangers[:SHOWN])))
    return indices.astype(np.uint8)


def prepare_masks(catalogue: Catalogue, data_config: DataConfig) -> np.ndarray:
    """Masks of all images, decoded once: uint8 (N, R, R, 1), memory-mapped.

    Raises:
      DataError: naming every mask at fault.
      UserError: if the disk does not take the array.
    """
    folder, workers = prepared_dir(data_config), data_config.workers
    contents = file_digests.digests([r.mask for r in catalogue.records], folder, workers)
    further = [mask for record in catalogue.records for mask in record.further_masks]
    facts = {
        "masks_of": catalogue.dataset.name,
        "source_version": catalogue.dataset.source_version,
        "decoder_version": DECODER_VERSION,
        "resolution": load_resolution(data_config),
        "fit": data_config.fit,
        "values": list(data_config.mask_values),
        "masks": [[r.id, c] for r, c in zip(catalogue.records, contents, strict=True)],
        "further": file_digests.digests(further, folder, workers) if further else [],
    }
    mark = hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()
    return decoded_once(catalogue, data_config, mark, decode_classes, "masks")


def _require_size_of_image(record: Record) -> None:
    wanted = header_size(record.image)
    for mask in record.masks:
        found = header_size(mask)
        if found != wanted:
            raise _fault(
                "masks of another size",
                f"{mask} is {found[1]}x{found[0]} pixels and its image {record.image.name} "
                f"{wanted[1]}x{wanted[0]}: a mask has to fit its image pixel by pixel",
            )


def _fault(kind: str, message: str) -> DataError:
    return DataError([Fault(kind, message)])


def stored_values(classes: np.ndarray, data_config: DataConfig) -> np.ndarray:
    """Class indices as the grey values that stand for them in mask files, uint8."""
    return np.asarray(tuple(data_config.mask_values) or (0, 255), np.uint8)[classes]
