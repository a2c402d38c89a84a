"""Blurred down- and up-sampling (Zhang, 2019, arXiv:1904.11486) as in CUT's networks.

Source: taesungp/contrastive-unpaired-translation, models/networks.py, Downsample and Upsample.
"""

import jax
import jax.numpy as jnp

from dermgan_jax.nets.convolution import reflect_pad


def blur_down(x: jax.Array) -> jax.Array:
    """(N, H, W, C) -> (N, ceil(H / 2), ceil(W / 2), C): [1, 2, 1] / 4 each way, edges mirrored."""
    x = reflect_pad(x, 1)
    for axis in (1, 2):
        size = (x.shape[axis] - 1) // 2
        x = jnp.moveaxis(x, axis, 1)
        a, b, c = (x[:, i : i + 2 * size - 1 : 2] for i in range(3))
        x = jnp.moveaxis(0.25 * (a + c) + 0.5 * b, 1, axis)
    return x


def blur_up(x: jax.Array) -> jax.Array:
    """(N, H, W, C) -> (N, 2 H, 2 W, C): [1, 3, 3, 1] / 4 each way, edges repeated."""
    for axis in (1, 2):
        x = jnp.moveaxis(x, axis, 1)
        before = jnp.concatenate([x[:, :1], x[:, :-1]], 1)
        after = jnp.concatenate([x[:, 1:], x[:, -1:]], 1)
        x = jnp.stack([0.75 * x + 0.25 * before, 0.75 * x + 0.25 * after], 2)
        x = x.reshape(x.shape[0], -1, *x.shape[3:])
        x = jnp.moveaxis(x, 1, axis)
    return x
