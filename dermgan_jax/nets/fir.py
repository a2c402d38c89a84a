"""Resampling with the low-pass filter [1, 3, 3, 1] / 8 of StyleGAN2, each way, in polyphase form.

Up-sampling makes the even and the odd rows separately, down-sampling reads them separately, so that
neither inserts zeros nor computes what is thrown away. Beyond the edges images are zero. Source:
NVlabs/stylegan2-ada-pytorch, torch_utils/ops/upfirdn2d.py and conv2d_resample.py.
"""

import jax
import jax.numpy as jnp

from dermgan_jax.nets.convolution import convolve_down, convolve_up, zero_pad

_AXES = (1, 2)


def blur(x: jax.Array) -> jax.Array:
    """(N, H, W, C) -> (N, H - 3, W - 3, C), without padding."""
    for axis in _AXES:
        size = x.shape[axis] - 3
        a, b, c, d = (_part(x, axis, i, size) for i in range(4))
        x = (a + d) * 0.125 + (b + c) * 0.375
    return x


def upsample(x: jax.Array) -> jax.Array:
    """(N, H, W, C) -> (N, 2 H, 2 W, C), of the same mean (the original's upsample2d)."""
    for axis in _AXES:
        size = x.shape[axis]
        padded = _pad(x, axis)
        before, after = _part(padded, axis, 0, size), _part(padded, axis, 2, size)
        middle = x * 0.75
        phases = jnp.stack([middle + before * 0.25, middle + after * 0.25], axis + 1)
        x = phases.reshape(*x.shape[:axis], 2 * size, *x.shape[axis + 1 :])
    return x


def downsample(x: jax.Array) -> jax.Array:
    """(N, H, W, C) -> (N, H / 2, W / 2, C), of the same mean; sides are even (downsample2d)."""
    for axis in _AXES:
        size = x.shape[axis] // 2
        phases = x.reshape(*x.shape[:axis], size, 2, *x.shape[axis + 1 :])
        even, odd = jnp.take(phases, 0, axis + 1), jnp.take(phases, 1, axis + 1)
        before = _part(_pad(odd, axis), axis, 0, size)
        after = _part(_pad(even, axis), axis, 2, size)
        x = (before + after) * 0.125 + (even + odd) * 0.375
    return x


def up_conv(x: jax.Array, kernel: jax.Array) -> jax.Array:
    """The transposed 3x3 convolution with stride 2, then the filter: twice the size.

    Args:
      x: (N, H, W, C).
      kernel: (3, 3, C, D), not flipped: x[i] adds x[i] @ kernel[a] to row 2 i + a.

    Returns:
      (N, 2 H, 2 W, D).
    """
    # The padded image gives rows -1 to 2 H + 2 of the convolution; the filter takes the first four
    # for row 0. Four times the filter makes up for three of four pixels that are zero.
    return 4 * blur(convolve_up(zero_pad(x, 1), kernel)[:, :-1, :-1])


def down_conv(x: jax.Array, kernel: jax.Array) -> jax.Array:
    """The filter, then the 3x3 convolution with stride 2: half the size.

    Args:
      x: (N, H, W, C), sides even.
      kernel: (3, 3, C, D).

    Returns:
      (N, H / 2, W / 2, D).
    """
    # Rows -1 to H of the filtered image: `convolve_down` begins a row before the first, which would
    # be row -2, so its first result is not wanted.
    filtered = blur(jnp.pad(x, ((0, 0), (3, 2), (3, 2), (0, 0))))
    return convolve_down(filtered, kernel)[:, 1:, 1:]


def _part(x: jax.Array, axis: int, start: int, size: int) -> jax.Array:
    return jax.lax.slice_in_dim(x, start, start + size, axis=axis)


def _pad(x: jax.Array, axis: int) -> jax.Array:
    """One zero at both ends of an axis."""
    return jnp.pad(x, [(int(i == axis),) * 2 for i in range(x.ndim)])
