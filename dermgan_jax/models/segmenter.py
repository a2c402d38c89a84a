"""The kind of model that says which class each pixel of an image belongs to."""

import abc
import dataclasses
import functools
from typing import ClassVar

import jax
import jax.numpy as jnp
import numpy as np

from dermgan_jax.data.image_sets import ImageSet
from dermgan_jax.data.pixel_range import to_signed
from dermgan_jax.models.contract import Model, Variables

BATCH = 32


@dataclasses.dataclass(frozen=True)
class Segmenter(Model):
    """A model that segments images."""

    kind: ClassVar[str] = "segmenter"
    uses_masks: ClassVar[bool] = True
    averaged: ClassVar[tuple[str, ...]] = ("s",)
    metric_kind: ClassVar[str] = "segmenter_metric"

    @abc.abstractmethod
    def probabilities(self, variables: Variables, images: jax.Array) -> jax.Array:
        """(N, H, W, K) of the classes of pixels, as at test time: nothing about it is random.

        Args:
          variables: of every net.
          images: (N, H, W, C), float32 in [-1, 1]; H and W multiples of `multiple`.
        """

    @property
    @abc.abstractmethod
    def multiple(self) -> int:
        """What the sides of an image have to be multiples of."""


@functools.partial(jax.jit, static_argnames="model")
def _classes(model: Segmenter, variables: Variables, images: jax.Array) -> jax.Array:
    return jnp.argmax(model.probabilities(variables, to_signed(images)), -1).astype(jnp.uint8)


def segment(model: Segmenter, variables: Variables, images: ImageSet) -> np.ndarray:
    """The likeliest class of each pixel: uint8 (N, H, W).

    Args:
      model: whose `multiple` the sides of images are multiples of.
      variables: of every net.
      images: uint8 (N, H, W, C), read a batch at a time.
    """
    found = []
    for first in range(0, len(images), BATCH):
        part = np.asarray(images[first : first + BATCH])
        full = np.concatenate([part, np.repeat(part[-1:], BATCH - len(part), 0)])
        found.append(np.asarray(_classes(model, variables, full))[: len(part)])
    return np.concatenate(found)
