"""One key for each purpose, all of them from the one seed of a run.

Sample i of a seed has the key fold_in(key(seed), i); the other purposes are folded in beyond all
numbers of samples, so that no two of them ever share a key.
"""

import enum

import jax
import numpy as np

_BEYOND_SAMPLES = 2**31


class Purpose(enum.IntEnum):
    """What randomness is for."""

    INITIALISATION = 0
    ITERATION = 1
    EVALUATION = 2  # latents that a run is measured by, other than those of its sample sheet
    NOISE = 3  # of each layer of a sampled image, apart from its latent


def samples_key(seed: int | jax.Array) -> jax.Array:
    """The key of a seed's samples, to be folded with their numbers, from 0 to 2³¹ − 1."""
    return jax.random.key(seed)


def purpose_key(seed: int | jax.Array, purpose: Purpose) -> jax.Array:
    """The key of any other purpose, to be folded with a step or number, or split.

    Args:
      seed: uint32, of the run; may be traced.
      purpose: what for.
    """
    return jax.random.fold_in(jax.random.key(seed), np.uint32(_BEYOND_SAMPLES + purpose))
