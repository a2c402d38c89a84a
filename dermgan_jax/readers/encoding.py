"""Files of a study's images: alike in everything but their pixels.

PNG without compression, so that equal images in size and mode have files of equal length, chunk by
chunk; no metadata; one time stamp. A detector of generated images learns from such traces first
("Fake or JPEG?", Grommelt et al. 2024).
"""

import io
import os
import struct
import zlib
from collections.abc import Mapping

import numpy as np
from PIL import Image

from dermgan_jax import files
from dermgan_jax.files import Path
from dermgan_jax.readers.folder import StudyFolder

SIGNATURE = b"\x89PNG\r\n\x1a\n"
COLOUR_TYPES = {1: 0, 3: 2}
TIME = 946_684_800  # 2000-01-01, of every file


def encode(image: np.ndarray) -> bytes:
    """A PNG file of uint8 (H, W, C), C 1 or 3, whose length depends on the shape only."""
    height, width, channels = image.shape
    rows = np.ascontiguousarray(image).reshape(height, width * channels)
    unfiltered = np.concatenate([np.zeros((height, 1), np.uint8), rows], axis=1)
    header = struct.pack(">IIBBBBB", width, height, 8, COLOUR_TYPES[channels], 0, 0, 0)
    return SIGNATURE + b"".join(
        [
            _chunk(b"IHDR", header),
            _chunk(b"IDAT", zlib.compress(unfiltered.tobytes(), level=0)),
            _chunk(b"IEND", b""),
        ]
    )


def recompress(image: np.ndarray, quality: int) -> np.ndarray:
    """An image as JPEG leaves it: uint8 (H, W, 3), quality from 1 to 100, colours in full."""
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "JPEG", quality=quality, subsampling=0)
    with Image.open(buffer) as compressed:
        return np.asarray(compressed)


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def write_images(folder: StudyFolder, images: Mapping[str, np.ndarray]) -> None:
    """Writes images by their ids, in the order of ids, with equal times.

    Args:
      folder: of the study.
      images: id -> uint8 (H, W, C), of one shape.
    """
    paths = [folder.image_file(name) for name in sorted(images)]
    for name, path in zip(sorted(images), paths, strict=True):
        with files.replacing(path) as file:
            file.write(encode(images[name]))
    set_times([*paths, folder.images])


def set_times(paths: list[Path]) -> None:
    """Gives files and folders of this machine one time stamp."""
    for path in paths:
        os.utime(path, (TIME, TIME))
