"""Whether synthetic images differ from one another as much as real ones do; no network is needed.

A generator that collapses draws nearly one image. The value is the mean distance of random pairs,
of images shrunk to boxes, over that of real pairs: near 1 if colours, sizes and places vary as
they should, 0 if all images are alike. It says nothing about how good they are.
"""

import jax.numpy as jnp
import numpy as np

from dermgan_jax.data.image_sets import ImageSet
from dermgan_jax.errors import UserError
from dermgan_jax.metrics.measurement import MetricValue
from dermgan_jax.nets.resampling import box_down

SIDE = 16  # boxes on the shorter side, or one per pixel of smaller images
PAIRS = 2000
_BATCH = 256


def protocol(side: int) -> str:
    """What a value is comparable by."""
    return f"diversity:boxes{side}:pairs{PAIRS}"


def compute(real: ImageSet, fake: ImageSet, *, seed: int, mirror: bool) -> MetricValue:
    """The diversity of `fake` over that of `real`, uint8 (N, H, W, C) of equal size.

    Args:
      real, fake: two images or more of each.
      seed: of the pairs.
      mirror: as of all metrics of images; flips leave mean distances as they are.

    Raises:
      UserError: if there are fewer than two images on either side.
    """
    del mirror
    fewest = min(len(real), len(fake))
    if fewest < 2:
        raise UserError(f"diversity: {fewest} images; it needs at least two on either side")
    of_real, of_fake = (_distances(images, seed) for images in (real, fake))
    mean = of_real.mean()
    value = float(of_fake.mean() / mean) if mean else float("nan")
    error = (
        float(of_fake.std(ddof=1) / np.sqrt(min(len(fake) // 2, PAIRS)) / mean) if mean else None
    )
    return MetricValue(
        name="diversity",
        value=value,
        protocol=protocol(min(SIDE, *real.shape[1:3])),
        n=len(fake),
        details={},
        better="higher",
        n_real=len(real),
        std=error,
    )


def _distances(images: ImageSet, seed: int) -> np.ndarray:
    """Euclidean distances (PAIRS,) of random pairs of different images, of values from 0 to 1."""
    shrunk = []
    for first in range(0, len(images), _BATCH):
        part = images[first : first + _BATCH]
        factor = max(min(images.shape[1:3]) // SIDE, 1)
        height, width = (side // factor * factor for side in images.shape[1:3])
        cut = jnp.asarray(part[:, :height, :width], jnp.float32) / 255
        shrunk.append(np.asarray(box_down(cut, factor)).reshape(len(part), -1))
    values = np.concatenate(shrunk)
    generator = np.random.default_rng(seed)
    left = generator.integers(0, len(values), PAIRS)
    right = (left + generator.integers(1, len(values), PAIRS)) % len(values)
    return np.linalg.norm(values[left] - values[right], axis=1)
