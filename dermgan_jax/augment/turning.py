"""The eight ways in which a square can be laid: turns by right angles and reflections."""

from collections.abc import Sequence

import jax
import jax.numpy as jnp


def turned(arrays: Sequence[jax.Array], rng: jax.Array) -> tuple[jax.Array, ...]:
    """Squares, each laid in one of eight ways at random, the same for all arrays.

    Args:
      arrays: each (N, S, S, …): images and what belongs to their pixels.
      rng: key.
    """
    ways = jax.random.bernoulli(rng, 0.5, (3, len(arrays[0])))

    def turn(array: jax.Array) -> jax.Array:
        down, across, over = ways.reshape(3, -1, *(1,) * (array.ndim - 1))
        array = jnp.where(down, array[:, ::-1], array)
        array = jnp.where(across, array[:, :, ::-1], array)
        return jnp.where(over, array.swapaxes(1, 2), array)

    return tuple(map(turn, arrays))
