"""Memorisation-informed Fréchet distance (Bai et al. 2021): MiFID on Inception's features.

The Fréchet distance over the mean, over the real images, of the smallest cosine distance 1 − |cos|
to a fake one, as torchmetrics has it; the Kaggle contest averaged over the fake images, which is
told beside it. Means of 0.1 or more count as 1: no penalty. Vectors of zeros are left out.
"""

import numpy as np

from dermgan_jax.metrics import frechet
from dermgan_jax.metrics.feature_arrays import check
from dermgan_jax.metrics.measurement import Influence, MetricValue
from dermgan_jax.statistics import intervals

LEAST = 0.1  # mean distance without a penalty
TINY = 1e-14  # of the original, against division by zero
BLOCK = 1024


def compute(real: np.ndarray, fake: np.ndarray, *, seed: int) -> tuple[MetricValue]:
    """MiFID with its standard error and interval, to which the penalty's own scatter belongs.

    Args:
      real, fake: features (n, d); `real` should be what the model learned from.
      seed: not used, nothing here is random.

    Raises:
      UserError: see `feature_arrays.check`.
    """
    check("mifid", real, fake)
    (distance,) = frechet.compute(real, fake, seed=seed)
    over_real, over_fake = smallest_distances(real, fake), smallest_distances(fake, real)
    mean = float(np.mean(over_real)) if len(over_real) else 1.0
    penalised = mean < LEAST
    divisor = (mean if penalised else 1.0) + TINY
    value = distance.value / divisor
    of_real, of_fake = (side / divisor for side in distance.influence)
    if penalised and len(over_real) == len(real):
        of_real = of_real - value / divisor * (over_real - mean)
    influence = Influence(of_real, of_fake)
    low, high = intervals.normal(value, influence.standard_error)
    return (
        MetricValue(
            name="mifid",
            value=value,
            protocol="frechet:over_min_cosine_of_reals",
            n=len(fake),
            details={
                "without penalty": distance.value,
                "mean over real images": mean,
                "mean over fake images": float(np.mean(over_fake)) if len(over_fake) else 1.0,
            },
            better="lower",
            n_real=len(real),
            std=influence.standard_error,
            interval=(max(low, 0.0), high),
            influence=influence,
        ),
    )


def smallest_distances(points: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Smallest 1 − |cos| of each of the points that are not zero to the others: float64."""
    points, others = (_directions(side) for side in (points, others))
    if not len(others):
        return np.zeros(0)
    return np.concatenate(
        [
            1 - np.abs(points[start : start + BLOCK] @ others.T).max(axis=1)
            for start in range(0, len(points), BLOCK)
        ]
        or [np.zeros(0)]
    )


def _directions(features: np.ndarray) -> np.ndarray:
    features = np.asarray(features, np.float64)
    lengths = np.linalg.norm(features, axis=1)
    return features[lengths > 0] / lengths[lengths > 0, None]
