"""The kind of model that learns what is normal, and scores how far an image is from it."""

import abc
import dataclasses
import functools
from collections.abc import Iterator
from typing import ClassVar, NamedTuple

import jax
import numpy as np

from dermgan_jax.data.image_sets import ImageSet
from dermgan_jax.data.pixel_range import to_signed
from dermgan_jax.models.contract import Model, Stage, Variables

BATCH = 16


class Detection(NamedTuple):
    """What a detector says of N images.

    Attributes:
      scores: float32 (N,), high where abnormal; of one detector comparable, not bounded.
      maps: float32 (N, H, W), from 0, high where abnormal.
      normal: float32 (N, H, W, C) in [-1, 1], what the detector takes the normal image to be.
    """

    scores: np.ndarray
    maps: np.ndarray
    normal: np.ndarray


@dataclasses.dataclass(frozen=True)
class Detector(Model):
    """A model of normal images; it is trained without any abnormal one."""

    kind: ClassVar[str] = "detector"
    metric_kind: ClassVar[str] = "detector_metric"

    @abc.abstractmethod
    def detect(self, variables: Variables, images: jax.Array) -> tuple[jax.Array, jax.Array]:
        """Scores (N,) and maps (N, H, W) of images (N, H, W, C) in [-1, 1]; high: abnormal.

        As at test time: nothing is random, and an image's result is its own whatever the batch.
        """

    @abc.abstractmethod
    def reconstruct(self, variables: Variables, images: jax.Array) -> jax.Array:
        """The nearest normal images that the model can draw: (N, H, W, C) -> the same."""

    @abc.abstractmethod
    def draw(self, variables: Variables, rng: jax.Array, num: int) -> jax.Array:
        """Normal images (num, H, W, C) in [-1, 1] at random, as far as the model has come."""

    @property
    @abc.abstractmethod
    def score_terms(self) -> str:
        """What a score is the sum of, in words."""

    @property
    def starts_from(self) -> str:
        """The family of the runs whose networks `train.init_from` may name."""
        return self.config.model.name

    def not_yet(self, stage: Stage) -> str:
        """Why nothing can be detected as far as the curriculum has come; "" if it can."""
        del stage
        return ""


@functools.partial(jax.jit, static_argnames="model")
def _detect(model: Detector, variables: Variables, images: jax.Array) -> tuple[jax.Array, ...]:
    if images.dtype == np.uint8:
        images = to_signed(images)
    return *model.detect(variables, images), model.reconstruct(variables, images)


@functools.partial(jax.jit, static_argnames=("model", "num"))
def drawn(model: Detector, variables: Variables, rng: jax.Array, num: int) -> jax.Array:
    """`Detector.draw`, compiled."""
    return model.draw(variables, rng, num)


def batches(model: Detector, variables: Variables, images: ImageSet) -> Iterator[Detection]:
    """Detections of at most 16 images each, in order.

    Args:
      model: the family, configured.
      variables: of every net, on any devices.
      images: uint8, or float32 in [-1, 1]; (N, H, W, C), of the size that the model learned from.
    """
    size = min(BATCH, len(images))
    for first in range(0, len(images), size):
        rows = np.arange(first, first + size) % len(images)
        found = _detect(model, variables, np.asarray(images[rows]))
        yield Detection(*(np.asarray(part)[: len(images) - first] for part in found))


def detect(model: Detector, variables: Variables, images: ImageSet) -> Detection:
    """`batches`, all at once."""
    parts = zip(*batches(model, variables, images), strict=True)
    return Detection(*map(np.concatenate, parts))
