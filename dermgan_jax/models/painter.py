"""The kind of model that makes images of masks: which class each of their pixels is to show."""

import abc
import dataclasses
import functools
from typing import ClassVar

import jax
import jax.numpy as jnp
import numpy as np

from dermgan_jax.models import keys
from dermgan_jax.models.contract import Model, Variables

BATCH = 16


@dataclasses.dataclass(frozen=True)
class Painter(Model):
    """A model that paints masks."""

    kind: ClassVar[str] = "painter"
    uses_masks: ClassVar[bool] = True
    averaged: ClassVar[tuple[str, ...]] = ("g",)

    @abc.abstractmethod
    def latents(self, rng: jax.Array, num: int) -> jax.Array:
        """Latents (num, L), float32; L is 0 where a mask has one image only."""

    @abc.abstractmethod
    def paint(
        self, variables: Variables, masks: jax.Array, labels: jax.Array, latents: jax.Array
    ) -> jax.Array:
        """Images (N, H, W, C), float32 in [-1, 1].

        Args:
          variables: of every net.
          masks: class indices int (N, H, W); H and W multiples of `multiple`.
          labels: int32 (N,), of the images; ignored unless `conditional`.
          latents: (N, L).
        """

    @property
    @abc.abstractmethod
    def multiple(self) -> int:
        """What the sides of a mask have to be multiples of."""

    @property
    def conditional(self) -> bool:
        """Whether labels change what is painted."""
        return False


@functools.partial(jax.jit, static_argnames="model")
def _paint(model, variables, masks, labels, seed, first):
    key = keys.samples_key(seed)
    own = jax.vmap(functools.partial(jax.random.fold_in, key))(first + jnp.arange(len(masks)))
    latents = jax.vmap(lambda rng: model.latents(rng, 1)[0])(own)
    return model.paint(variables, masks, labels, latents)


def paint(
    model: Painter,
    variables: Variables,
    masks: np.ndarray,
    labels: np.ndarray,
    seed: int = 0,
    first: int = 0,
) -> np.ndarray:
    """Images float32 (N, H, W, C) in [-1, 1]; what is random of image i follows from (seed, i).

    Args:
      model: the family, configured.
      variables: `TrainState.averaged`, on any devices.
      masks: class indices uint8 (N, H, W).
      labels: int32 (N,).
      seed: of the latents.
      first: number of the first image.
    """
    found = []
    for start in range(0, len(masks), BATCH):
        rows = np.minimum(np.arange(start, start + BATCH), len(masks) - 1)
        images = _paint(
            *(model, variables, masks[rows], labels[rows]),
            *(np.uint32(seed), np.int32(first + start)),
        )
        found.append(np.asarray(images))
    return np.concatenate(found)[: len(masks)]
