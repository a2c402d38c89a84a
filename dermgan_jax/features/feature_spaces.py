"""The feature spaces that images are filtered and audited in, by the name on the command line."""

import dataclasses
import functools
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from dermgan_jax import registry
from dermgan_jax.data.image_sets import ImageSet
from dermgan_jax.errors import UserError
from dermgan_jax.features import (
    clip_extractor,
    dinov2_extractor,
    inception_extractor,
    lite0_extractor,
    pixel_extractor,
    rad_dino_extractor,
)
from dermgan_jax.features.extractor import Extractor
from dermgan_jax.features.feature_cache import features_of
from dermgan_jax.files import Path


class RegisteredSpace(NamedTuple):
    """A feature space that is not loaded.

    Attributes:
      load: folder of weights, looked into first -> extractor.
      layer: which of its outputs it is.
      weights: names of published weights, any one of which it needs; none if it needs none.
    """

    load: Callable[[Path | None], Extractor]
    layer: str
    weights: tuple[str, ...] = ()


LITE0 = RegisteredSpace(lite0_extractor.load, "pooled", (lite0_extractor.NAME,))
INCEPTION = RegisteredSpace(
    lambda folder: inception_extractor.load("fid", folder),
    "pool3",
    ("inception", "inception_logits"),
)
PIXELS = RegisteredSpace(pixel_extractor.load, "pixels")


def _dinov2(name: str) -> RegisteredSpace:
    return RegisteredSpace(functools.partial(dinov2_extractor.load, name), "cls", (name,))


DINOV2_S14 = _dinov2("dinov2_s14")
DINOV2_B14 = _dinov2("dinov2_b14")
DINOV2_L14 = _dinov2("dinov2_l14")
CLIP_L14_336 = RegisteredSpace(clip_extractor.load, "embedding", (clip_extractor.NAME,))
RAD_DINO = RegisteredSpace(rad_dino_extractor.load, "cls", (rad_dino_extractor.NAME,))


@dataclasses.dataclass(frozen=True)
class FeatureSpace:
    """An extractor and the one of its outputs that distances are taken of."""

    extractor: Extractor
    layer: str

    @property
    def protocol(self) -> str:
        """What distances are comparable by."""
        return f"{self.extractor.name}:{self.extractor.weights_id}"

    def features(self, images: ImageSet, title: str, *, keep: bool = False) -> np.ndarray:
        """Features float32 (N, D); see `feature_cache.features_of`."""
        return features_of(self.extractor, images, keep=keep, title=title)[self.layer]


def open_space(name: str, weights: Path | None = None) -> FeatureSpace:
    """The space of that name.

    Args:
      name: as registered, or "workdir:RUN", of a classifier of one's own.
      weights: folder where pretrained weights are looked for first.

    Raises:
      UserError: if there is no such space, or its weights are not found or not the right ones.
    """
    space = registry.load("feature space", name)
    try:
        return FeatureSpace(extractor(name, weights), space.layer)
    except UserError as error:
        raise UserError(f"{error}; or choose --features=pixels, which needs none") from error


@functools.cache
def extractor(name: str, folder: Path | None) -> Extractor:
    """That of a space; loaded once, as networks are large and metrics share it.

    Args:
      name: as of `open_space`.
      folder: where weights are looked for first.

    Raises:
      UserError: as `open_space`.
    """
    return registry.load("feature space", name).load(folder)
