"""Arithmetic of feature maps with numbers that stand for many of their places, such as biases.

The gradient of such a number is a sum over all these places. In bfloat16, which has 8 bits, a sum
of as little as 256 ones stops growing. Here it is computed in float32, and only results are
rounded.
"""

import jax
import jax.numpy as jnp


def add(x: jax.Array, y: jax.Array) -> jax.Array:
    """x + y, computed in float32, with the dtype of `x`; `y` is broadcast."""
    return (_wide(x) + y).astype(x.dtype)


def multiply(x: jax.Array, y: jax.Array) -> jax.Array:
    """x · y, computed in float32, with the dtype of `x`; `y` is broadcast."""
    return (_wide(x) * y).astype(x.dtype)


def _wide(x: jax.Array) -> jax.Array:
    return x.astype(jnp.promote_types(x.dtype, jnp.float32))
