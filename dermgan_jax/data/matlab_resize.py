"""Bicubic resizing as MATLAB's imresize does it, border included: what super-resolution compares.

Keys' kernel with a = -1/2, widened when shrinking, weights normalised, edges mirrored with the edge
repeated. Pillow, PyTorch and `jax.image` agree away from the border, where they differ by up to
0.03 of the range; OpenCV's kernel is another. Source: XPixelGroup/BasicSR,
basicsr/utils/matlab_functions.py. Linear and separable: a matrix per axis.
"""

import functools
import math

import jax
import jax.numpy as jnp
import numpy as np

from dermgan_jax.data.pixel_range import to_signed


def shrink(images: jax.Array | np.ndarray, scale: int) -> jax.Array:
    """Images (N, H, W, C) of any numbers -> float32 (N, ⌈H / scale⌉, ⌈W / scale⌉, C).

    Neither rounded nor clipped: next to edges values may leave the range of the input's.
    """
    return _resize(images, 1 / scale)


def enlarge(images: jax.Array | np.ndarray, scale: int) -> jax.Array:
    """Images (N, H, W, C) of any numbers -> float32 (N, H scale, W scale, C), as `shrink`."""
    return _resize(images, float(scale))


def to_steps_of_bytes(images: jax.Array) -> jax.Array:
    """Values in [-1, 1] as they are after being stored in 8 bits; what lies outside is clipped."""
    return to_signed(jnp.clip(jnp.round((images + 1) * 127.5), 0, 255))


def _resize(images: jax.Array | np.ndarray, factor: float) -> jax.Array:
    rows, columns = (matrix(side, factor) for side in images.shape[1:3])
    # The highest precision, as accelerators would round the images to fewer bits.
    product = functools.partial(jnp.einsum, precision=jax.lax.Precision.HIGHEST)
    wide = product("nhwc,vw->nhvc", jnp.asarray(images, jnp.float32), columns)
    return product("nhvc,uh->nuvc", wide, rows)


@functools.lru_cache
def matrix(size: int, factor: float) -> np.ndarray:
    """The weights (⌈size factor⌉, size) of input pixels in output pixels along one axis."""
    new_size = math.ceil(size * factor)
    shrinking = min(factor, 1.0)
    centres = (np.arange(new_size) + 0.5) / factor - 0.5
    reach = math.ceil(2 / shrinking) + 1
    taps = np.floor(centres)[:, None].astype(int) + np.arange(-reach, reach + 1)
    weights = keys_kernel((centres[:, None] - taps) * shrinking)
    weights /= weights.sum(axis=1, keepdims=True)
    found = np.zeros((new_size, size))
    place = taps % (2 * size)
    np.add.at(
        found, (np.arange(new_size)[:, None], np.minimum(place, 2 * size - 1 - place)), weights
    )
    return found.astype(np.float32)


def keys_kernel(distance: np.ndarray) -> np.ndarray:
    """Keys' cubic convolution kernel with a = -1/2 (1981), 0 from a distance of 2 on."""
    x = np.abs(distance)
    near = (1.5 * x - 2.5) * x**2 + 1
    far = ((-0.5 * x + 2.5) * x - 4) * x + 2
    return np.where(x < 1, near, np.where(x < 2, far, 0.0))
