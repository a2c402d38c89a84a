"""Maximum mean discrepancy of features of unit length: CMMD on CLIP's (Jayasumana et al. 2024).

    MMD² = 1000 (mean k(x, x') + mean k(y, y') − 2 mean k(x, y)),   k(a, b) = exp(−|a − b|² / 2σ²)

with σ = 10 and means over all pairs, an image and itself included (the biased estimate), as
google-research's cmmd has it. Among points of unit length that kernel is nearly linear, so that the
value is nearly 10 |mean x − mean y|². Everything is in float64: float32 resolves no better than
1e-4 of values of a few tenths.
"""

import numpy as np

from dermgan_jax.errors import UserError
from dermgan_jax.metrics.feature_arrays import check
from dermgan_jax.metrics.measurement import Influence, MetricValue
from dermgan_jax.statistics import intervals

SIGMA = 10.0
SCALE = 1000
BLOCK = 1024  # rows of kernel values in memory


def compute(real: np.ndarray, fake: np.ndarray, *, seed: int) -> tuple[MetricValue]:
    """MMD² × 1000 of features brought to unit length, with its standard error and interval.

    Args:
      real, fake: features (n, d); the numbers of images may differ.
      seed: not used, nothing here is random.

    Raises:
      UserError: see `feature_arrays.check`; or if features are all zero.
    """
    check("mmd", real, fake)
    x, y = of_unit_length("mmd, real side", real), of_unit_length("mmd, fake side", fake)
    within_x, within_y = _mean_kernels(x, x), _mean_kernels(y, y)
    x_to_y, y_to_x = _mean_kernels(x, y), _mean_kernels(y, x)
    value = SCALE * float(within_x.mean() + within_y.mean() - 2 * x_to_y.mean())
    sides = 2 * SCALE * (within_x - x_to_y), 2 * SCALE * (within_y - y_to_x)
    influence = Influence(*(side - side.mean() for side in sides))
    low, high = intervals.normal(value, influence.standard_error)
    return (
        MetricValue(
            name="mmd",
            value=value,
            protocol=f"mmd:unit:gauss{SIGMA:g}:x{SCALE}",
            n=len(fake),
            details={},
            better="lower",
            n_real=len(real),
            std=influence.standard_error,
            interval=(max(low, 0.0), high),
            influence=influence,
        ),
    )


def of_unit_length(what: str, features: np.ndarray) -> np.ndarray:
    """Features (n, d), float64, each divided by its length.

    `what` they are for leads a message.

    Raises:
      UserError: if one is all zero.
    """
    features = np.asarray(features, np.float64)
    lengths = np.linalg.norm(features, axis=1, keepdims=True)
    if not lengths.all():
        raise UserError(
            f"{what}: the features of {(lengths == 0).sum()} images are all zero, as of "
            f"images of one colour in pixels, and have no direction; the first is number "
            f"{int(np.argmin(lengths))}: leave them out, or choose another feature space"
        )
    return features / lengths


def _mean_kernels(rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """Mean over the columns of k − 1 for each row (n,); the 1 cancels and would hide digits."""
    means = []
    for start in range(0, len(rows), BLOCK):
        products = rows[start : start + BLOCK] @ columns.T
        means.append(np.expm1((products - 1) / SIGMA**2).mean(axis=1))
    return np.concatenate(means)
