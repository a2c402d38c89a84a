"""Xavier's initial kernels of whole networks, drawn at once."""

import math
from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp


def deviation(shape: tuple[int, ...], gain: float) -> float:
    """Of the normal distribution of a kernel (…, inputs, outputs) (Glorot and Bengio, 2010)."""
    receptive, (inputs, outputs) = math.prod(shape[:-2]), shape[-2:]
    return gain * math.sqrt(2 / (receptive * (inputs + outputs)))


def with_xavier_kernels(
    rng: jax.Array, variables: Mapping[str, Any], gain: float
) -> dict[str, Any]:
    """Variables of a network with other kernels, of one draw; the rest as it is.

    The draws of single layers, which a network's own `init` makes, take seconds each to compile and
    vanish from the program.

    Args:
      rng: key.
      variables: of a network.
      gain: of the deviation.
    """
    leaves, structure = jax.tree.flatten_with_path(variables["params"])
    kernels = [leaf.size if path[-1].key == "kernel" else 0 for path, leaf in leaves]
    drawn, first, filled = jax.random.normal(rng, (sum(kernels),)), 0, []
    for (_, leaf), size in zip(leaves, kernels, strict=True):
        noise = drawn[first : first + size].reshape(leaf.shape) if size else jnp.asarray(leaf)
        filled.append(noise * deviation(leaf.shape, gain) if size else noise)
        first += size
    return {**variables, "params": jax.tree.unflatten(structure, filled)}
