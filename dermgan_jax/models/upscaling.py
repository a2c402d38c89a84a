"""Enlarging any number of images of one size, and degrading them for it."""

import functools

import jax
import numpy as np

from dermgan_jax.data.image_sets import ImageSet
from dermgan_jax.data.pixel_range import to_signed
from dermgan_jax.models.contract import Variables
from dermgan_jax.models.upscaler import Upscaler

BATCH = 16  # images at most, and
PIXELS = 1 << 16  # of small images that are enlarged at a time


@functools.partial(jax.jit, static_argnames="model")
def _upscale(model: Upscaler, variables: Variables, images: jax.Array) -> jax.Array:
    return model.upscale(variables, images)


@functools.partial(jax.jit, static_argnames="model")
def _degrade(model: Upscaler, images: jax.Array, rng: jax.Array) -> jax.Array:
    # Each image has a key of its own, so that it does not matter which others are at its side.
    return jax.vmap(lambda image, key: model.degrade(image[None], key)[0])(images, rng)


def upscale(model: Upscaler, variables: Variables, images: np.ndarray) -> np.ndarray:
    """Enlarged images float32 (N, H scale, W scale, C) in [-1, 1], some at a time.

    Args:
      model: the family, configured.
      variables: of every net.
      images: float32 (N, H, W, C) in [-1, 1], sides multiples of `model.multiple`.
    """
    fitting = PIXELS // (images.shape[1] * images.shape[2])
    size, found = max(1, min(BATCH, len(images), fitting)), []
    for first in range(0, len(images), size):
        rows = np.arange(first, first + size) % len(images)
        batch = _upscale(model, variables, np.asarray(images[rows]))
        found.append(np.asarray(batch)[: len(images) - first])
    return np.concatenate(found)


def degrade(model: Upscaler, images: ImageSet, seed: int) -> np.ndarray:
    """Small images float32 (N, H / scale, W / scale, C) in [-1, 1] of uint8 (N, H, W, C).

    Image i is degraded by the seed and i only.
    """
    size, found = min(BATCH, len(images)), []
    keys = jax.vmap(functools.partial(jax.random.fold_in, jax.random.key(seed)))
    for first in range(0, len(images), size):
        rows = np.arange(first, first + size) % len(images)
        batch = _degrade(model, to_signed(np.asarray(images[rows])), keys(rows))
        found.append(np.asarray(batch)[: len(images) - first])
    return np.concatenate(found)
