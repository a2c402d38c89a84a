"""Normalisations of the progressive GAN (Karras et al., 2018)."""

import jax
import jax.numpy as jnp
from jax import lax

_EPSILON = 1e-8


def pixel_norm(x: jax.Array) -> jax.Array:
    """Divides by the root mean square over the last axis, in float32 (Karras et al., section 4.2).

    The result has the dtype of `x`.
    """
    wide = x.astype(jnp.float32)
    scale = lax.rsqrt(jnp.mean(jnp.square(wide), -1, keepdims=True) + _EPSILON)
    return (wide * scale).astype(x.dtype)


def minibatch_stddev(x: jax.Array, group_size: int, channels: int = 1) -> jax.Array:
    """Appends channels: the mean standard deviation within groups of images (section 3).

    Members of a group lie N / group_size apart, as in the official code; if `group_size` does not
    divide N, the largest smaller number that does is used.

    Args:
      x: (N, H, W, C).
      group_size: images per group.
      channels: how many, each the mean over as many of the channels of `x`; a divisor of C.

    Returns:
      (N, H, W, C + channels) with the dtype of `x`; the statistics are computed in float32.
    """
    n, h, w, c = x.shape
    size = next(size for size in range(min(group_size, n), 0, -1) if n % size == 0)
    groups = x.astype(jnp.float32).reshape(size, n // size, h, w, channels, c // channels)
    stddev = jnp.sqrt(jnp.var(groups, axis=0) + _EPSILON).mean((1, 2, 4))
    tiled = jnp.tile(stddev, (size, 1))[:, None, None]
    added = jnp.broadcast_to(tiled, (n, h, w, channels))
    return jnp.concatenate([x, added.astype(x.dtype)], -1)
