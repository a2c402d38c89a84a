"""Channels to pixels and back (Shi et al., CVPR 2016, arXiv:1609.05158).

The order of channels is PyTorch's: channel c s² + dy s + dx holds pixel (dy, dx) of channel c.
"""

import jax


def pixel_shuffle(x: jax.Array, scale: int) -> jax.Array:
    """(N, H, W, C scale²) -> (N, H scale, W scale, C)."""
    n, height, width, channels = x.shape
    x = x.reshape(n, height, width, channels // scale**2, scale, scale)
    return x.transpose(0, 1, 4, 2, 5, 3).reshape(n, height * scale, width * scale, -1)


def pixel_unshuffle(x: jax.Array, scale: int) -> jax.Array:
    """(N, H, W, C) -> (N, H / scale, W / scale, C scale²); sides are multiples of `scale`."""
    n, height, width, channels = x.shape
    x = x.reshape(n, height // scale, scale, width // scale, scale, channels)
    return x.transpose(0, 1, 3, 5, 2, 4).reshape(n, height // scale, width // scale, -1)
