"""Distance to the mean normal image."""

import numpy as np

from dermgan_jax.data.image_sets import ImageSet
from dermgan_jax.evaluation.anomaly.baseline import Baseline, Detect, Detected, signed_chunks
from dermgan_jax.files import Path


def fit(normals: ImageSet, weights: Path | None = None) -> Detect:
    """Score: mean squared difference of pixels in [-1, 1]; map: mean absolute difference."""
    del weights
    total = sum(chunk.sum(0, dtype=np.float64) for chunk in signed_chunks(normals))
    mean = (total / len(normals)).astype(np.float32)

    def detect(images: ImageSet, title: str = "") -> Detected:
        del title
        scores, maps = [], []
        for chunk in signed_chunks(images):
            difference = chunk - mean
            scores.append(np.square(difference).mean((1, 2, 3)))
            maps.append(np.abs(difference).mean(-1))
        return Detected(np.concatenate(scores), np.concatenate(maps))

    return detect


MEAN_IMAGE = Baseline(
    "distance to the mean image", fit, "mean squared difference from the mean of normal images"
)
