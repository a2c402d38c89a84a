"""How far two pictures are apart once one is moved onto the other; needs no weights."""

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax

from dermgan_jax.data.image_sets import ImageSet
from dermgan_jax.features.pixel_extractor import LEAST_CONTRAST, standardise
from dermgan_jax.features.resize import resize
from dermgan_jax.metrics.paired import check_pairs, of_pairs

SIDE = 64  # pixels, to which larger images are shrunk
LUMINANCE = np.array([0.299, 0.587, 0.114], np.float32)  # ITU-R 601-2
REACH = 16  # a picture is moved by at most its side divided by this
BATCH_SIZE = 64
LEAST_SIDE = 8


def protocol() -> str:
    """What a value is comparable by."""
    return f"aligned_luminance:{SIDE}:1/{REACH}"


def aligned_distances(a: ImageSet, b: ImageSet) -> np.ndarray:
    """Distance of each pair at the best shift, float (N,): sqrt(2 - 2r), 0 to 2.

    r is the correlation of the middle of `a` with a part of `b` of the same size, up to a sixteenth
    of the side away from the middle, shifts by fractions of a pixel included. The pictures are
    shrunk to 64 pixels a side and smoothed. Colours, which JPEG hardly keeps, do not count.

    Args:
      a, b: uint8 (N, H, W, C) of equal shape, C 1 or 3, sides of at least 8.

    Raises:
      UserError: if the sets cannot be compared.
    """
    check_pairs("aligned distance", a, b, smallest_side=LEAST_SIDE)
    return np.asarray(of_pairs(per_image, a, b, BATCH_SIZE), np.float64)


@jax.jit
def per_image(a: Array, b: Array) -> Array:
    """`aligned_distances` of one batch, float32 (N,)."""
    a, b = _prepare(a), _prepare(b)
    size = a.shape[1:3]
    down, across = (-(-side // REACH) for side in size)
    middle = standardise(a[:, down : size[0] - down, across : size[1] - across])[..., 0]
    products = _correlate(middle, b[..., 0])[:, : 2 * down + 1, : 2 * across + 1]
    lengths = _window_lengths(b[..., 0], middle.shape[1:])
    return jnp.sqrt(jnp.maximum(2 - 2 * _peak(products / lengths), 0))


def _prepare(images: Array) -> Array:
    """Luminance float32 (N, h, w, 1) of mean 0, where details finer than two pixels are gone."""
    if images.shape[-1] == 3:
        images = (images * LUMINANCE).sum(axis=-1, keepdims=True)
    images = resize(images, tuple(min(side, SIDE) for side in images.shape[1:3]), "clean")
    images = (images[:, 1:] + images[:, :-1]) / 2
    images = (images[:, :, 1:] + images[:, :, :-1]) / 2
    return images - images.mean(axis=(1, 2), keepdims=True)


def _correlate(part: Array, whole: Array) -> Array:
    """Scalar products (N, H, W) of a part (N, h, w) with what lies below it at each offset.

    Offsets from which the part would reach over the border wrap around.
    """
    size = whole.shape[1:]
    spectrum = jnp.fft.rfft2(whole) * jnp.conj(jnp.fft.rfft2(part, size))
    return jnp.fft.irfft2(spectrum, size)


def _window_lengths(images: Array, size: tuple[int, int]) -> Array:
    """Lengths (N, Y, X), after taking off the mean, of the windows of one size at each offset."""

    def window_sums(values: Array) -> Array:
        return lax.reduce_window(values, 0.0, lax.add, (1, *size), (1, 1, 1), "valid")

    number = size[0] * size[1]
    squares = window_sums(jnp.square(images)) - jnp.square(window_sums(images)) / number
    return jnp.sqrt(jnp.maximum(squares, number * LEAST_CONTRAST**2))


def _peak(correlations: Array) -> Array:
    """The largest of correlations (N, Y, X), between the shifts too: a parabola per axis, (N,)."""
    num, height, width = correlations.shape
    best = correlations.reshape(num, -1).argmax(axis=1)
    n, y, x = jnp.arange(num), best // width, best % width
    peak = correlations[n, y, x]

    def rise(before: Array, after: Array, inside: Array) -> Array:
        curvature = 2 * peak - before - after
        gain = jnp.square(after - before) / (8 * jnp.where(curvature > 0, curvature, 1))
        return jnp.where(inside & (curvature > 0), gain, 0)

    # Indices beyond the border give some other value, which `inside` leaves out.
    vertical = rise(
        correlations[n, y - 1, x], correlations[n, y + 1, x], (y > 0) & (y < height - 1)
    )
    across = rise(correlations[n, y, x - 1], correlations[n, y, x + 1], (x > 0) & (x < width - 1))
    return peak + vertical + across
