"""Fréchet distance extrapolated to infinitely many fake images (Chong and Forsyth 2020): FID∞.

The distance of n fake images is about FD∞ + c / n. It is measured at 15 numbers of them, and the
line is drawn to 1 / n = 0. Only the fake side is extrapolated: what the number of real images adds
stays, and is the same for all models that are compared with them.
"""

import numpy as np

from dermgan_jax.errors import UserError
from dermgan_jax.metrics import frechet
from dermgan_jax.metrics.feature_arrays import check
from dermgan_jax.metrics.measurement import MetricValue
from dermgan_jax.statistics import intervals

POINTS = 15
FEWEST = 5000  # of the smallest subset, or a tenth of fewer images, as dgm-eval
LEAST = 30


def compute(real: np.ndarray, fake: np.ndarray, *, seed: int) -> tuple[MetricValue]:
    """FD∞ with an interval: of the line, and of the images that all its points share.

    Args:
      real, fake: features (n, d); the numbers of images may differ.
      seed: of the subsets.

    Raises:
      UserError: see `feature_arrays.check`; at least 30 fake images are needed.
    """
    check("fd_inf", real, fake)
    if len(fake) < LEAST:
        raise UserError(f"fd_inf: {len(fake)} fake images allow no extrapolation: have {LEAST}")
    (at_all,) = frechet.compute(real, fake, seed=seed)
    generator = np.random.default_rng(seed)
    first = min(FEWEST, max(len(fake) // 10, 2))
    numbers = np.linspace(first, len(fake), POINTS).astype(int)
    of_real = frechet.moments(real)
    distances = [
        frechet.distance(
            frechet.moments(fake[generator.choice(len(fake), n, replace=False)]), of_real
        )
        for n in numbers[:-1]
    ]
    values = np.array([*(each.value for each in distances), at_all.value])
    limit, slope, error = line(1 / numbers, values)
    error = float(np.hypot(error, at_all.std))
    return (
        MetricValue(
            name="fd_inf",
            value=limit,
            protocol=f"frechet:inf{POINTS}from{first}",
            n=len(fake),
            details={f"at {len(fake)}": at_all.value, "slope": slope},
            better="lower",
            n_real=len(real),
            std=error,
            interval=intervals.normal(limit, error),
        ),
    )


def line(x: np.ndarray, y: np.ndarray) -> tuple[float, float, float]:
    """Value at 0, slope, and standard error of the value, of the least-squares line (n,), (n,)."""
    gap = x - x.mean()
    slope = float(gap @ y / (gap @ gap))
    limit = float(y.mean() - slope * x.mean())
    residuals = y - limit - slope * x
    variance = residuals @ residuals / max(len(x) - 2, 1)
    return limit, slope, float(np.sqrt(variance * (1 / len(x) + x.mean() ** 2 / (gap @ gap))))
