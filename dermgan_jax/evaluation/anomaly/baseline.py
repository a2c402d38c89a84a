"""What every baseline is: fitted on normal images, then a score and perhaps a map of any image.

Baselines stand in every table of a trained detector, because the simplest of them often win.
"""

import dataclasses
from collections.abc import Callable, Iterator

import numpy as np

from dermgan_jax import registry
from dermgan_jax.data.image_sets import CHUNK, ImageSet
from dermgan_jax.data.pixel_range import to_signed
from dermgan_jax.files import Path


@dataclasses.dataclass(frozen=True)
class Detected:
    """What a detector says of N images.

    Attributes:
      scores: float (N,), high where abnormal.
      maps: float32 (N, H, W), high where abnormal, at the size of the images; None of detectors
        that say nothing of places.
    """

    scores: np.ndarray
    maps: np.ndarray | None = None


Detect = Callable[[ImageSet, str], Detected]


@dataclasses.dataclass(frozen=True)
class Baseline:
    """A way to detect what is not normal.

    Attributes:
      title: for tables.
      fit: normal images uint8 (N, H, W, C) of the training split, and the folder where weights are
        looked for first -> what scores images of the same size; its second argument is what the
        images are, for the bar of what takes long.
      source: a paper, or one line on what it does.
      weights: of a pretrained network that it needs, "" if none.
    """

    title: str
    fit: Callable[[ImageSet, Path | None], Detect]
    source: str
    weights: str = ""


def load(name: str) -> Baseline:
    """The baseline registered under a name."""
    return registry.load("anomaly baseline", name)


def signed_chunks(images: ImageSet) -> Iterator[np.ndarray]:
    """float32 (n, H, W, C) in [-1, 1], some at a time."""
    for first in range(0, len(images), CHUNK):
        yield to_signed(np.asarray(images[first : first + CHUNK]))
