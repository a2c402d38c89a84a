"""The three incompatible ways in which FID programs bring images to 299×299.

Each is linear and separable, so each is two matrix products with a matrix per axis that depends on
the two sizes only. They differ in where an output pixel lies in the input and in whether they
smooth when shrinking (Parmar et al. 2022, "On Aliased Resizing", shows what that does to FID).
"""

import functools

import jax
import jax.numpy as jnp
import numpy as np


def resize(images: jax.Array, size: tuple[int, int], method: str) -> jax.Array:
    """Images (N, H, W, C) of any numbers -> float32 (N, *size, C).

    Args:
      images: not rounded or clipped, neither before nor after; "clean" overshoots at edges.
      size: (height, width).
      method: a key of `MATRICES`.
    """
    rows = resize_matrix(method, images.shape[1], size[0])
    columns = resize_matrix(method, images.shape[2], size[1])
    # The highest precision, as accelerators would round the images to fewer bits.
    product = functools.partial(jnp.einsum, precision=jax.lax.Precision.HIGHEST)
    wide = product("nhwc,vw->nhvc", images.astype(jnp.float32), columns)
    return product("nhvc,uh->nuvc", wide, rows)


def resize_matrix(method: str, size: int, new_size: int) -> np.ndarray:
    """The weights (new_size, size) of input pixels in output pixels along one axis, float32."""
    return MATRICES[method](size, new_size)


@functools.lru_cache
def _tf1_bilinear(size: int, new_size: int) -> np.ndarray:
    return _bilinear(np.arange(new_size) * size / new_size, size)


@functools.lru_cache
def _torch_bilinear(size: int, new_size: int) -> np.ndarray:
    return _bilinear(np.maximum((np.arange(new_size) + 0.5) * size / new_size - 0.5, 0), size)


def _bilinear(positions: np.ndarray, size: int) -> np.ndarray:
    lower = np.floor(positions).astype(int)
    share = positions - lower
    matrix = np.zeros((len(positions), size), np.float32)
    rows = np.arange(len(positions))
    matrix[rows, lower] += 1 - share
    matrix[rows, np.minimum(lower + 1, size - 1)] += share
    return matrix


@functools.lru_cache
def _pil_bicubic(size: int, new_size: int) -> np.ndarray:
    """Pillow's BICUBIC: Keys' kernel with a = -1/2, widened when shrinking, weights normalised."""
    scale = size / new_size
    width = max(scale, 1.0)
    centres = (np.arange(new_size)[:, None] + 0.5) * scale
    pixels = np.arange(size)[None]
    weights = _keys((pixels + 0.5 - centres) / width)
    return (weights / weights.sum(axis=1, keepdims=True)).astype(np.float32)


def _keys(x: np.ndarray) -> np.ndarray:
    x = np.abs(x)
    near = (1.5 * x - 2.5) * x**2 + 1
    far = ((-0.5 * x + 2.5) * x - 4) * x + 2
    return np.where(x < 1, near, np.where(x < 2, far, 0.0))


MATRICES = {
    "tf1": _tf1_bilinear,  # TensorFlow 1: torch-fidelity, NVIDIA
    "torch": _torch_bilinear,  # half-pixel centres, no smoothing: pytorch-fid
    "clean": _pil_bicubic,  # Pillow, smoothed: clean-fid
}
