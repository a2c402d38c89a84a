"""The two ranges of pixels: bytes 0 to 255, as files and image sets have them, and numbers in
[-1, 1], as networks see them."""

from typing import TypeVar

import jax
import numpy as np

from dermgan_jax.errors import UserError

Array = TypeVar("Array", np.ndarray, jax.Array)

_LUMA = (0.299, 0.587, 0.114)


def to_signed(images: Array) -> Array:
    """uint8 0 to 255 as float32 in [-1, 1]; NumPy and JAX arrays of any shape."""
    return images.astype(np.float32) * np.float32(2 / 255) - np.float32(1)


def to_uint8(images: np.ndarray) -> np.ndarray:
    """Values in [-1, 1] to uint8 0 to 255, rounded; what lies outside is clipped.

    Raises:
      UserError: if a value is NaN or infinite, which no byte stands for.
    """
    images = np.asarray(images)
    if not np.isfinite(images).all():
        raise UserError(
            "images have pixels that are not finite numbers: the model that made them has "
            "diverged; choose an earlier --checkpoint"
        )
    return np.clip(np.rint(images * 127.5 + 127.5), 0, 255).astype(np.uint8)


def with_channels(images: Array, channels: int) -> Array:
    """Images (…, C) with another number of channels, 1 or 3: grey by ITU-R 601, or grey thrice."""
    if images.shape[-1] == channels:
        return images
    if channels == 1:
        return (images @ np.array(_LUMA, np.float32))[..., None]
    return images.repeat(channels, -1)
