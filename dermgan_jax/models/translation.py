"""Translating any number of images with any translator."""

import functools
from collections.abc import Iterator

import jax
import numpy as np

from dermgan_jax.data.image_sets import ImageSet
from dermgan_jax.data.pixel_range import to_signed
from dermgan_jax.models.contract import Translator, Variables

BATCH = 16


@functools.partial(jax.jit, static_argnames=("model", "direction"))
def _translate(model: Translator, variables: Variables, images: jax.Array, direction: str):
    if images.dtype == np.uint8:
        images = to_signed(images)
    return model.translate(variables, images, direction)


def batches(
    model: Translator, variables: Variables, images: ImageSet | np.ndarray, direction: str
) -> Iterator[np.ndarray]:
    """Translated images float32 (n, H, W, C) in [-1, 1], in order; n is at most 16.

    Args:
      model: the family, configured.
      variables: of every net.
      images: uint8, or float32 in [-1, 1]; (N, H, W, C), sides as the translator needs them.
      direction: one of `model.directions`.
    """
    size = min(BATCH, len(images))
    for first in range(0, len(images), size):
        rows = np.arange(first, first + size) % len(images)
        batch = _translate(model, variables, np.asarray(images[rows]), direction)
        yield np.asarray(batch)[: len(images) - first]


def translate(
    model: Translator, variables: Variables, images: ImageSet | np.ndarray, direction: str
) -> np.ndarray:
    """`batches`, all at once: float32 (N, H, W, C)."""
    return np.concatenate(list(batches(model, variables, images, direction)))


def opposite(direction: str) -> str:
    """BtoA of AtoB and the other way round."""
    return direction[-1] + "to" + direction[0]
