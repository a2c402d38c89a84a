"""Reconstruction from few principal components: an autoencoder that is linear.

Small latents matter: with many components the abnormal is reconstructed too (Cai et al., 2024,
arXiv:2403.09303, on autoencoders).
"""

import numpy as np
from scipy.sparse.linalg import svds

from dermgan_jax.data.image_sets import ImageSet, evenly_spaced
from dermgan_jax.data.pixel_range import to_signed
from dermgan_jax.errors import UserError
from dermgan_jax.evaluation.anomaly.baseline import Baseline, Detect, Detected, signed_chunks
from dermgan_jax.files import Path

COMPONENTS = 16
IMAGES = 2000  # normal images at most, evenly spaced, whose components are taken


def components(rows: np.ndarray, num: int = COMPONENTS) -> tuple[np.ndarray, np.ndarray]:
    """Mean (D,) and the first principal components (num, D), orthonormal, of rows (N, D).

    Raises:
      UserError: if there are not more rows than components.
    """
    if min(rows.shape) <= num:
        raise UserError(
            f"{num} principal components need more than {num} images of more than {num} pixels; "
            f"there are {len(rows)} normal training images"
        )
    mean = rows.mean(0, dtype=np.float64).astype(rows.dtype)
    # Begun with a fixed vector, so that it gives the same every time.
    _, _, found = svds(rows - mean, k=num, v0=np.ones(min(rows.shape)))
    return mean, found


def residuals(rows: np.ndarray, mean: np.ndarray, components: np.ndarray) -> np.ndarray:
    """What is left of rows (N, D) when they are reconstructed from components (k, D)."""
    centred = rows - mean
    return centred - (centred @ components.T) @ components


def fit(normals: ImageSet, weights: Path | None = None) -> Detect:
    """Score: mean squared residual of pixels in [-1, 1]; map: its absolute value, channel mean."""
    del weights
    shape = normals.shape[1:]
    some = normals[evenly_spaced(len(normals), IMAGES)]
    rows = to_signed(np.asarray(some)).reshape(len(some), -1)
    mean, found = components(rows)

    def detect(images: ImageSet, title: str = "") -> Detected:
        del title
        scores, maps = [], []
        for chunk in signed_chunks(images):
            left = residuals(chunk.reshape(len(chunk), -1), mean, found)
            scores.append(np.square(left).mean(1))
            maps.append(np.abs(left.reshape(-1, *shape)).mean(-1))
        return Detected(np.concatenate(scores), np.concatenate(maps))

    return detect


PRINCIPAL_COMPONENTS = Baseline(
    f"{COMPONENTS} principal components", fit, "squared error of reconstruction"
)
