"""The contract of a model that enlarges images (super-resolution)."""

import abc
import dataclasses
from typing import ClassVar

import jax

from dermgan_jax.models.contract import Model, Variables


@dataclasses.dataclass(frozen=True)
class Upscaler(Model):
    """A model that makes large images of small ones.

    Its data are the large images; the small ones are made of them.
    """

    kind: ClassVar[str] = "upscaler"
    metric_kind: ClassVar[str] = "upscaler_metric"
    averaged: ClassVar[tuple[str, ...]] = ("g",)

    @property
    @abc.abstractmethod
    def scale(self) -> int:
        """How many times as long the sides become."""

    @property
    @abc.abstractmethod
    def multiple(self) -> int:
        """What the sides of a small image have to be multiples of."""

    @abc.abstractmethod
    def upscale(self, variables: Variables, images: jax.Array) -> jax.Array:
        """Enlarged images, as at test time: nothing about it is random.

        Args:
          variables: of every net.
          images: (N, h, w, C), float32 in [-1, 1]; h and w multiples of `multiple`.

        Returns:
          (N, h scale, w scale, C), float32 in [-1, 1].
        """

    @abc.abstractmethod
    def degrade(self, images: jax.Array, rng: jax.Array) -> jax.Array:
        """Small images as the model learns to enlarge them, in steps of 8 bits.

        Args:
          images: (N, H, W, C), float32 in [-1, 1]; H and W multiples of the scale.
          rng: of what is random about it, if anything is.

        Returns:
          (N, H / scale, W / scale, C), float32 in [-1, 1].
        """
