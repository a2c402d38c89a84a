"""Density and coverage (Naeem et al. 2020), k = 5.

Both look at balls around real images that reach to their fifth nearest real neighbour, border not
included. Density is the mean number of balls a fake image lies in, over k, and may exceed 1;
coverage is the share of balls that hold a fake image.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from dermgan_jax.metrics.feature_arrays import check
from dermgan_jax.metrics.measurement import MetricValue
from dermgan_jax.metrics.neighbours import centred, row_blocks, squared_distances, squared_radii
from dermgan_jax.statistics import intervals

K = 5


class Balls(NamedTuple):
    """In how many real balls each fake image lies (n_fake,); which balls hold any (n_real,)."""

    per_fake: np.ndarray
    covered: np.ndarray


def compute(real: np.ndarray, fake: np.ndarray, *, seed: int) -> tuple[MetricValue, MetricValue]:
    """Density with a normal and coverage with Wilson's interval; both take the balls as given.

    Args:
      real, fake: features (n, d); the numbers of images may differ.
      seed: not used, nothing here is random.

    Raises:
      UserError: see `feature_arrays.check`; at least six images are needed on each side.
    """
    check("density and coverage", real, fake, at_least=K + 1)
    balls = count(real, fake)
    density = balls.per_fake / K
    error = float(density.std(ddof=1) / np.sqrt(len(fake)))
    common = {"protocol": f"dc:k{K}", "n": len(fake), "details": {}, "better": "higher"}
    return (
        MetricValue(
            name="density",
            value=float(density.mean()),
            std=error,
            interval=intervals.normal(float(density.mean()), error),
            n_real=len(real),
            **common,
        ),
        MetricValue(
            name="coverage",
            value=float(balls.covered.mean()),
            std=float(balls.covered.std() / np.sqrt(len(real))),
            interval=intervals.wilson(int(balls.covered.sum()), len(real)),
            n_real=len(real),
            **common,
        ),
    )


def count(real: np.ndarray, fake: np.ndarray, k: int = K) -> Balls:
    """Counts over features (n_real, d) and (n_fake, d); density is per_fake.mean() / k."""
    real, fake = centred(real, fake)
    radii = squared_radii(real, k)
    per_fake, covered = [], jnp.zeros(len(real), bool)
    for rows in row_blocks(fake):
        of_rows, of_reals = _inside(rows, real, radii)
        per_fake.append(of_rows)
        covered |= of_reals
    return Balls(np.concatenate(per_fake), np.asarray(covered))


@jax.jit
def _inside(rows: Array, columns: Array, radii: Array) -> tuple[Array, Array]:
    inside = squared_distances(rows, columns) < radii
    return inside.sum(axis=1), inside.any(axis=0)
