"""Brightness alone, contrast alone: what a score must beat before it is about anything else.

Either is one number per image. The score is how many standard deviations it is from the mean of
normal images, to either side, so that no knowledge of the abnormal chooses the side.
"""

from collections.abc import Callable

import numpy as np

from dermgan_jax.data.image_sets import ImageSet
from dermgan_jax.evaluation.anomaly.baseline import Baseline, Detect, Detected, signed_chunks
from dermgan_jax.files import Path


def _fit_with(number: Callable[[np.ndarray], np.ndarray]) -> Callable[..., Detect]:
    """`Baseline.fit` of a number per image, from the channels' mean (n, H, W)."""

    def numbers(images: ImageSet) -> np.ndarray:
        return np.concatenate([number(chunk.mean(-1)) for chunk in signed_chunks(images)])

    def fit(normals: ImageSet, weights: Path | None = None) -> Detect:
        del weights
        of_normals = numbers(normals)
        mean, deviation = of_normals.mean(), max(float(of_normals.std()), 1e-12)

        def detect(images: ImageSet, title: str = "") -> Detected:
            del title
            return Detected(np.abs(numbers(images) - mean) / deviation)

        return detect

    return fit


BRIGHTNESS = Baseline(
    "brightness alone",
    _fit_with(lambda grey: grey.mean((1, 2))),
    "deviation of the mean of all pixels from that of normal images",
)
CONTRAST = Baseline(
    "contrast alone",
    _fit_with(lambda grey: grey.std((1, 2))),
    "deviation of the standard deviation of the pixels from that of normal images",
)
