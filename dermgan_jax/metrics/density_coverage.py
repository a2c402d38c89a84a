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
from dermgan_jax.metrics.measurement import Influence, MetricValue
from dermgan_jax.metrics.neighbours import centred, row_blocks, squared_distances, squared_radii
from dermgan_jax.metrics.precision_recall import share
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
    return of_balls(count(real, fake), f"dc:k{K}", K)


def of_balls(balls: Balls, protocol: str, k: int) -> tuple[MetricValue, MetricValue]:
    """Density and coverage of counted balls of `k` neighbours."""
    density = balls.per_fake / k
    influence = Influence(np.zeros(len(balls.covered)), density - density.mean())
    error = influence.standard_error
    return (
        MetricValue(
            name="density",
            value=float(density.mean()),
            protocol=protocol,
            n=len(density),
            details={},
            better="higher",
            n_real=len(balls.covered),
            std=error,
            interval=intervals.normal(float(density.mean()), error),
            influence=influence,
        ),
        share("coverage", protocol, balls.covered, num_other=len(density), of_real=True),
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
