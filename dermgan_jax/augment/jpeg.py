"""What JPEG's compression does to images, on the device (ITU-T T.81, annex K; JFIF).

Chroma at half the size, 8×8 cosine transforms, the tables of annex K scaled by quality as libjpeg
does. Nothing is coded; equal to Pillow's up to libjpeg's smoother enlarging of chroma.
"""

import math

import jax
import jax.numpy as jnp
import numpy as np

MULTIPLE = 16  # of an image's sides

_LUMA = np.array(
    [
        [16, 11, 10, 16, 24, 40, 51, 61],
        [12, 12, 14, 19, 26, 58, 60, 55],
        [14, 13, 16, 24, 40, 57, 69, 56],
        [14, 17, 22, 29, 51, 87, 80, 62],
        [18, 22, 37, 56, 68, 109, 103, 77],
        [24, 35, 55, 64, 81, 104, 113, 92],
        [49, 64, 78, 87, 103, 121, 120, 101],
        [72, 92, 95, 98, 112, 100, 103, 99],
    ],
    np.float32,
)
_CHROMA = np.full((8, 8), 99, np.float32)
_CHROMA[:4, :4] = [[17, 18, 24, 47], [18, 21, 26, 66], [24, 26, 56, 99], [47, 66, 99, 99]]

# Rows are Y, Cb and Cr of R, G and B (JFIF), without the offset of 128 of the latter two.
_TO_YCC = np.array(
    [[0.299, 0.587, 0.114], [-0.168736, -0.331264, 0.5], [0.5, -0.418688, -0.081312]], np.float32
)
_FROM_YCC = np.linalg.inv(_TO_YCC).astype(np.float32)


def _cosines() -> np.ndarray:
    """(8, 8), the orthonormal transform: rows are frequencies."""
    frequency, place = np.arange(8)[:, None], np.arange(8)[None]
    rows = np.cos((2 * place + 1) * frequency * math.pi / 16) / 2
    rows[0] /= math.sqrt(2)
    return rows.astype(np.float32)


_DCT = _cosines()


def compress(image: jax.Array, quality: jax.Array) -> jax.Array:
    """An image (H, W, C) in [0, 1] after compression, not rounded to 8 bits but clipped.

    Args:
      image: C 1 or 3, sides multiples of 16.
      quality: scalar from 1 to 100, as of libjpeg.
    """
    pixels = image * 255
    if image.shape[-1] == 1:
        return jnp.clip((_blocks(pixels[..., 0] - 128, _LUMA, quality) + 128) / 255, 0, 1)[
            ..., None
        ]
    ycc = pixels @ _TO_YCC.T
    luma = _blocks(ycc[..., 0] - 128, _LUMA, quality) + 128
    height, width, _ = image.shape
    halved = ycc[..., 1:].reshape(height // 2, 2, width // 2, 2, 2).mean((1, 3))
    chroma = [_blocks(halved[..., i], _CHROMA, quality) for i in (0, 1)]
    chroma = [one.repeat(2, 0).repeat(2, 1) for one in chroma]
    rgb = jnp.stack([luma, *chroma], -1) @ _FROM_YCC.T
    return jnp.clip(rgb / 255, 0, 1)


def _table(table: np.ndarray, quality: jax.Array) -> jax.Array:
    factor = jnp.where(quality < 50, 5000 / quality, 200 - 2 * quality)
    return jnp.clip(jnp.floor((table * factor + 50) / 100), 1, 255)


def _blocks(plane: jax.Array, table: np.ndarray, quality: jax.Array) -> jax.Array:
    """A plane (H, W) around 0 with the coefficients of its 8×8 blocks quantised."""
    height, width = plane.shape
    blocks = plane.reshape(height // 8, 8, width // 8, 8).transpose(0, 2, 1, 3)
    steps = _table(table, quality)
    coefficients = jnp.round(_DCT @ blocks @ _DCT.T / steps) * steps
    blocks = _DCT.T @ coefficients @ _DCT
    return blocks.transpose(0, 2, 1, 3).reshape(height, width)
