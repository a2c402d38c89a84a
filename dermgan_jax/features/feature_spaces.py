"""The feature spaces that images are filtered and audited in, by the name on the command line."""

import dataclasses
from collections.abc import Callable

import numpy as np

from dermgan_jax import registry
from dermgan_jax.data.image_sets import ImageSet
from dermgan_jax.errors import UserError
from dermgan_jax.features import inception_extractor, lite0_extractor, pixel_extractor
from dermgan_jax.features.extractor import Extractor
from dermgan_jax.features.feature_cache import features_of
from dermgan_jax.files import Path

Load = Callable[[Path | None], Extractor]

# How to load the extractor, and which of its outputs it is.
LITE0: tuple[Load, str] = (lite0_extractor.load, "pooled")
INCEPTION: tuple[Load, str] = (lambda folder: inception_extractor.load("fid", folder), "pool3")
PIXELS: tuple[Load, str] = (pixel_extractor.load, "pixels")


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
      name: as registered.
      weights: folder where pretrained weights are looked for first.

    Raises:
      UserError: if there is no such space, or its weights are not found or not the right ones.
    """
    load, layer = registry.load("feature space", name)
    try:
        return FeatureSpace(load(weights), layer)
    except UserError as error:
        raise UserError(f"{error}; or choose --features=pixels, which needs none") from error
