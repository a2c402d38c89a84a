"""The incompatible ways in which programs bring images to the size that a network takes.

The three of FID programs are linear and separable, so each is two matrix products with a matrix per
axis that depends on the two sizes only. They differ in where an output pixel lies in the input and
in whether they smooth when shrinking (Parmar et al. 2022, "On Aliased Resizing", shows what that
does to FID). Newer feature spaces have 8-bit images resized by Pillow, which rounds.
"""

import functools

import jax
import jax.numpy as jnp
import numpy as np

PIL_BITS = 22  # after the point, of the weights that Pillow multiplies 8-bit images by
LOW_PART = 1 << 11  # such weights are two numbers small enough for exact sums in float32


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


def resize_bytes(
    images: jax.Array, size: tuple[int, int], crop: tuple[int, int] | None = None
) -> jax.Array:
    """Images (N, H, W, C) of whole numbers 0 to 255 -> float32 (N, *size, C), such numbers too.

    As `Image.resize` of Pillow 12 and older does with BICUBIC to 8-bit images, bit for bit: wide
    first, then high, weights as multiples of 2⁻²², rounded to whole numbers after each. Pillow 13
    resizes images whose height shrinks by more than twice what the width shrinks by the other way
    round, so that it differs there by some grey values at edges; numbers in print are older.

    Args:
      images: to be resized.
      size: (height, width).
      crop: (height, width) of the middle of the result, if only that is wanted.
    """
    wanted = crop or size
    slices = [
        slice((whole - part) // 2, (whole - part) // 2 + part)
        for whole, part in zip(size, wanted, strict=True)
    ]
    wide = _weighted("nhwc,vw->nhvc", images, _pil_parts(images.shape[2], size[1]), slices[1])
    return _weighted("nhvc,uh->nuvc", wide, _pil_parts(images.shape[1], size[0]), slices[0])


def _weighted(
    axes: str, images: jax.Array, parts: tuple[np.ndarray, np.ndarray], rows: slice
) -> jax.Array:
    """One axis of `resize_bytes`. The products of whole numbers are exact in float32."""
    high, low = (
        jnp.einsum(axes, images.astype(jnp.float32), part[rows], precision="highest")
        for part in parts
    )
    total = high.astype(jnp.int32) * LOW_PART + low.astype(jnp.int32)
    return jnp.clip((total + (1 << PIL_BITS - 1)) >> PIL_BITS, 0, 255).astype(jnp.float32)


def middle_square(images: jax.Array) -> jax.Array:
    """The largest square in the middle of images (N, H, W, C), rather above or left of it."""
    side = min(images.shape[1:3])
    top, left = ((length - side) // 2 for length in images.shape[1:3])
    return images[:, top : top + side, left : left + side]


def standardise(
    images: jax.Array, mean: tuple[float, float, float], deviation: tuple[float, float, float]
) -> jax.Array:
    """Images (N, H, W, 3) of numbers 0 to 255, as shares of 255 less `mean`, over `deviation`."""
    return (images / 255 - jnp.array(mean)) / jnp.array(deviation)


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
    return _pil_weights(size, new_size).astype(np.float32)


@functools.lru_cache
def _pil_parts(size: int, new_size: int) -> tuple[np.ndarray, np.ndarray]:
    """Pillow's weights for 8-bit images as whole numbers, high · `LOW_PART` + low, float32."""
    scaled = _pil_weights(size, new_size) * (1 << PIL_BITS)
    whole = np.trunc(scaled + np.copysign(0.5, scaled))
    high = np.round(whole / LOW_PART)
    return high.astype(np.float32), (whole - high * LOW_PART).astype(np.float32)


def _pil_weights(size: int, new_size: int) -> np.ndarray:
    """Pillow's BICUBIC: Keys' kernel with a = -1/2, widened when shrinking, weights normalised."""
    scale = size / new_size
    width = max(scale, 1.0)
    centres = (np.arange(new_size)[:, None] + 0.5) * scale
    pixels = np.arange(size)[None]
    weights = _keys((pixels + 0.5 - centres) / width)
    return weights / weights.sum(axis=1, keepdims=True)


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
