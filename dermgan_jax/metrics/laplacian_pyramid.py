"""The Laplacian pyramid of SWD (Burt and Adelson 1983; Karras et al. 2018, section 5).

Follows metrics/sliced_wasserstein.py of tkarras/progressive_growing_of_gans: a 5×5 binomial filter
and mirrored borders without repetition of the edge pixel.
"""

import functools

import jax
import jax.numpy as jnp
from jax import Array, lax

BINOMIAL = (1 / 16, 4 / 16, 6 / 16, 4 / 16, 1 / 16)
COARSEST = 16  # no level has a shorter side than this, unless the image itself has
HEIGHT, WIDTH = -3, -2


def level_sizes(height: int, width: int) -> list[tuple[int, int]]:
    """(height, width) of every level, finest first: halved while the shorter side is >= 16."""
    sizes = [(height, width)]
    while min(height := (height + 1) // 2, width := (width + 1) // 2) >= COARSEST:
        sizes.append((height, width))
    return sizes


@functools.partial(jax.jit, static_argnames="levels")
def pyramid(images: Array, levels: int) -> list[Array]:
    """Band-pass images, finest first; the last level is the remaining low-pass image.

    Args:
      images: (..., H, W, C) of any number type.
      levels: how many.

    Returns:
      Float32 arrays (..., H_i, W_i, C) on the scale of the images, H_0 = H, H_i+1 = ⌈H_i / 2⌉.
    """
    current = images.astype(jnp.float32)
    bands = []
    for _ in range(levels - 1):
        smaller = down(current)
        bands.append(current - up(smaller, current.shape[HEIGHT], current.shape[WIDTH]))
        current = smaller
    return [*bands, current]


def down(images: Array) -> Array:
    """(..., H, W, C) -> (..., ⌈H/2⌉, ⌈W/2⌉, C): filtered, then every second pixel."""
    return _blur(_blur(images, HEIGHT, stride=2), WIDTH, stride=2)


def up(images: Array, height: int, width: int) -> Array:
    """(..., ⌈height/2⌉, ⌈width/2⌉, C) -> (..., height, width, C): zeros between pixels, filtered.

    The border mirrors the image with its zeros, as the original does.
    """
    for axis, size in ((HEIGHT, height), (WIDTH, width)):
        padding = [(0, 0, 0)] * images.ndim
        padding[axis] = (0, 1 - size % 2, 1)
        images = 2 * _blur(lax.pad(images, jnp.float32(0), padding), axis)
    return images


def _blur(images: Array, axis: int, stride: int = 1) -> Array:
    padding = [(0, 0)] * images.ndim
    padding[axis] = (2, 2)
    padded = jnp.pad(images, padding, mode="reflect")
    stop = images.shape[axis]
    return sum(
        weight * lax.slice_in_dim(padded, offset, offset + stop, stride, axis)
        for offset, weight in enumerate(BINOMIAL)
    )
