"""Affine warps of images without aliasing (Karras et al., 2020, appendix B.2; their augment.py).

Images continue as mirror images of themselves, are doubled in size with a wavelet's low-pass
filter, sampled bilinearly and halved in size with the same filter.
"""

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from dermgan_jax.augment import wavelets

_TAPS = tuple(map(float, wavelets.lowpass()))
_REACH = len(_TAPS) // 4  # pixels on either side that a phase of the filter reaches
MIN_SIDE = 4


def warp(images: jax.Array, inverse: jax.Array) -> jax.Array:
    """Shows at position u of image n what was at inverse[n] u.

    An image is surrounded by its mirror images, those by zeros. The result is linear in the
    images, hence differentiable with respect to them to any order. The wavelet is orthogonal: the
    identity and shifts by whole pixels change no pixel but for rounding.

    The original mirrors only as far as the furthest source within the batch, and filters what it
    has mirrored with zeros around it: near that margin results differ by up to 2e-4. Here an image
    does not depend on the others of its batch.

    Args:
      images: (N, H, W, C), float32, with sides of at least `MIN_SIDE` pixels.
      inverse: (N, 3, 3), affine maps of (x, y, 1): pixels right of and below an image's centre.

    Returns:
      (N, H, W, C).
    """
    height, width = images.shape[1:3]
    doubled = _double(_double(images, 1), 2)
    x = _half_pixels(width)[None, None, :]
    y = _half_pixels(height)[None, :, None]
    source_x, source_y = (
        inverse[:, i, 0, None, None] * x
        + inverse[:, i, 1, None, None] * y
        + inverse[:, i, 2, None, None]
        for i in (0, 1)
    )
    # Sample 2 i of the doubled image is at the centre of pixel i, 2 i + 1 half-way to the next.
    sampled = _bilinear(doubled, 2 * source_x + (width - 1), 2 * source_y + (height - 1))
    return _halve(_halve(sampled, 1), 2)


def _half_pixels(side: int) -> jax.Array:
    """Positions, from the centre, of the samples that `_halve` makes `side` pixels of."""
    return (jnp.arange(2 * side + len(_TAPS) - 2, dtype=jnp.float32) - (side + _REACH + 1)) / 2


def _double(images: jax.Array, axis: int) -> jax.Array:
    """One period, 4 (S - 1) samples, of an axis of S pixels that is mirrored for ever."""
    side = images.shape[axis]
    mirrored = np.pad(np.arange(side), (_REACH, side - 2 + _REACH), mode="reflect")
    x = jnp.take(images, mirrored, axis, mode="clip")
    period = 2 * side - 2
    shifts = [lax.slice_in_dim(x, i, i + period, axis=axis) for i in range(2 * _REACH + 1)]
    even = sum(2 * tap * shift for tap, shift in zip(_TAPS[::-2], shifts[:-1], strict=True))
    odd = sum(2 * tap * shift for tap, shift in zip(_TAPS[-2::-2], shifts[1:], strict=True))
    doubled = jnp.stack([even, odd], axis + 1)
    shape = (*images.shape[:axis], 2 * period, *images.shape[axis + 1 :])
    return doubled.reshape(shape)


def _halve(images: jax.Array, axis: int) -> jax.Array:
    """2 S + 10 samples of an axis to S pixels."""
    samples = images.shape[axis]
    side = (samples - len(_TAPS)) // 2 + 1
    pairs = images.reshape(*images.shape[:axis], samples // 2, 2, *images.shape[axis + 1 :])
    phases = [lax.index_in_dim(pairs, i, axis + 1, keepdims=False) for i in (0, 1)]
    return sum(
        tap * lax.slice_in_dim(phases[i % 2], i // 2, i // 2 + side, axis=axis)
        for i, tap in enumerate(_TAPS)
    )


def _bilinear(doubled: jax.Array, x: jax.Array, y: jax.Array) -> jax.Array:
    """Samples of images that are doubled in size, periodic, and zero beyond their mirror images.

    Args:
      doubled: (N, 4 (H - 1), 4 (W - 1), C), from `_double`.
      x, y: (N, H', W'), where to sample, in samples from the first.

    Returns:
      (N, H', W', C).
    """
    n, rows, columns, channels = doubled.shape
    flat = doubled.reshape(n, rows * columns, channels)
    left, top = jnp.floor(x), jnp.floor(y)

    def weight(position: jax.Array, neighbour: jax.Array, period: int) -> jax.Array:
        inside = (neighbour >= -period // 2) & (neighbour < period + 2)
        return jnp.where(inside, 1 - jnp.abs(position - neighbour), 0.0)

    def fetch(column: jax.Array, row: jax.Array) -> jax.Array:
        index = row.astype(jnp.int32) % rows * columns + column.astype(jnp.int32) % columns
        pixels = jax.vmap(lambda image, i: image.at[i].get(mode="promise_in_bounds"))(
            flat, index.reshape(n, -1)
        )
        return pixels.reshape(*index.shape, channels)

    return sum(
        (weight(x, column, columns) * weight(y, row, rows))[..., None] * fetch(column, row)
        for row in (top, top + 1)
        for column in (left, left + 1)
    )
