"""What an image file says of itself beside its pixels, and a digest that its pixels answer to.

The digest is of what decoding gives, not of the file: a file that is compressed anew keeps it, one
altered pixel breaks it. It is no signature: whoever can write a file can write its text.
"""

import hashlib
from collections.abc import Mapping
from typing import Any, NamedTuple, TypedDict

import numpy as np

from dermgan_jax import __version__, stored_json
from dermgan_jax.data import decode
from dermgan_jax.files import Path

KEY = "dermgan_jax"  # of the text of a PNG file
PREFIX = "synthetic_"  # of names that files of patients gave
MOST_TEXT = 1 << 16  # characters of a mark; ours have some hundred
_UNKNOWN = ""


class Mark(NamedTuple):
    """What a file of ours says.

    Attributes:
      run: that made it, "" if it does not say.
      checkpoint: its step, -1 if it does not say.
      index: which image of its drawing, -1 if it does not say.
      pixels: their digest; "" in files of before there was one.
      version: of the program.
    """

    run: str
    checkpoint: int
    index: int
    pixels: str
    version: str


class _Told(TypedDict, total=False):
    run: str
    checkpoint: int
    index: int
    pixels_sha256: str
    dermgan_jax: str


def pixel_digest(pixels: np.ndarray) -> str:
    """SHA-256, as hexadecimal digits, of the line "uint8 (64, 64, 3)" or alike and the bytes.

    Args:
      pixels: any array; of an image (H, W, C), C 1 or 3.
    """
    found = hashlib.sha256(f"{pixels.dtype.name} {pixels.shape}\n".encode())
    found.update(np.ascontiguousarray(pixels).data)
    return found.hexdigest()


def with_digest(told: Mapping[str, Any], pixels: np.ndarray) -> dict[str, Any]:
    """The facts that a file is to carry, with the version of the program and the pixels' digest."""
    return {**told, "dermgan_jax": __version__, "pixels_sha256": pixel_digest(pixels)}


def stored_pixels(path: Path) -> np.ndarray:
    """The pixels that a digest is of: uint8 (H, W, C), C 1 of a grey file and else 3.

    Raises:
      DataError: if the file is no image or damaged.
    """
    # Ours have 8 bits; which of 16 another one uses is of no interest here.
    return decode.read_image(path, decode.stored_channels(path), bit_depth=decode.ALL_BITS)


def read(path: Path) -> Mark | None:
    """What a file says of itself; None if it carries no text of ours, or one that is none.

    Raises:
      DataError: if the file is no image.
    """
    text = decode.stored_texts(path).get(KEY, "")
    if not text or len(text) > MOST_TEXT:
        return None
    try:
        told = stored_json.structure(stored_json.parse(text), _Told)
    except ValueError:
        return None
    return Mark(
        run=told.get("run", _UNKNOWN),
        checkpoint=told.get("checkpoint", -1),
        index=told.get("index", -1),
        pixels=told.get("pixels_sha256", _UNKNOWN),
        version=told.get("dermgan_jax", _UNKNOWN),
    )
