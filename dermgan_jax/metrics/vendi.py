"""Vendi score: how many different images there are, in effect (Friedman and Dieng 2023).

The exponential of the entropy of the eigenvalues of S / n, S the cosines between features. It is 1
if all images are alike and n if all are orthogonal. It knows no real images, and rises with n: the
value of as many real ones stands beside it.
"""

import numpy as np

from dermgan_jax.metrics.feature_arrays import check
from dermgan_jax.metrics.measurement import Influence, MetricValue
from dermgan_jax.metrics.unit_length_mmd import of_unit_length
from dermgan_jax.statistics import intervals


def compute(real: np.ndarray, fake: np.ndarray, *, seed: int) -> tuple[MetricValue]:
    """The score of the fake images, with its standard error and interval.

    Args:
      real, fake: features (n, d); the numbers of images may differ.
      seed: of the choice of as many real images as there are fake ones.

    Raises:
      UserError: see `feature_arrays.check`; or if features are all zero.
    """
    check("vendi", real, fake)
    value, of_each = score(fake)
    others = real
    if len(real) > len(fake):
        chosen = np.random.default_rng(seed).choice(len(real), len(fake), replace=False)
        others = real[np.sort(chosen)]
    influence = Influence(np.zeros(len(real)), of_each)
    return (
        MetricValue(
            name="vendi",
            value=value,
            protocol="vendi:cosine:q1",
            n=len(fake),
            details={f"of {len(others)} real images": score(others, "real")[0]},
            better="higher",
            n_real=len(real),
            std=influence.standard_error,
            interval=intervals.normal(value, influence.standard_error),
            influence=influence,
        ),
    )


def score(features: np.ndarray, side: str = "fake") -> tuple[float, np.ndarray]:
    """The score of features (n, d), and the influence of each image (n,).

    With ρ the mean of x xᵀ, the entropy −tr ρ log ρ moves by −xᵀ (log ρ) x less its mean, because
    every x has unit length. `side` is named in messages.
    """
    points = of_unit_length(f"vendi, {side} side", features)
    if len(points) <= points.shape[1]:
        shares, vectors = np.linalg.eigh(points @ points.T / len(points))
        present = shares > _least(shares)
        shares = shares[present]
        weights = len(points) * shares * vectors[:, present] ** 2
    else:
        shares, vectors = np.linalg.eigh(points.T @ points / len(points))
        present = shares > _least(shares)
        shares = shares[present]
        weights = (points @ vectors[:, present]) ** 2
    of_each = -weights @ np.log(shares)
    value = float(np.exp(-(shares * np.log(shares)).sum()))
    return value, value * (of_each - of_each.mean())


def _least(shares: np.ndarray) -> float:
    """Eigenvalues that are 0 but for rounding."""
    return len(shares) * np.finfo(float).eps * shares.max()
