"""Times of several forms of one function, taking turns."""

import time
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

ROUNDS = 5


def passes(form: Callable) -> tuple[Callable, ...]:
    """Forward, forward + backward, gradient penalty + backward; each of the same inputs."""

    def energy(*inputs: jax.Array) -> jax.Array:
        return jnp.square(jax.nn.leaky_relu(form(*inputs), 0.2)).sum()

    def penalty(*inputs: jax.Array) -> jax.Array:
        return jnp.square(jax.grad(energy)(*inputs)).sum()

    return form, jax.grad(energy, argnums=(0, 1)), jax.grad(penalty, argnums=1)


def best_ms(functions: list[Callable], *args: Any) -> list[float]:
    """Best wall time of each compiled function."""
    best = [float("inf")] * len(functions)
    for _ in range(ROUNDS):
        for i, function in enumerate(functions):
            start = time.perf_counter()
            jax.block_until_ready(function(*args))
            best[i] = min(best[i], 1000 * (time.perf_counter() - start))
    return best
