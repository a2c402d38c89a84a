"""Precision, recall, density and coverage as Naeem et al. (2020) publish them together, k = 5.

All four look at the same balls, to the fifth nearest neighbour, border not included. Of
`precision_recall`, which follows Kynkäänniemi et al. (2019), they differ by k and by the border.
"""

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from dermgan_jax.metrics.density_coverage import Balls, of_balls
from dermgan_jax.metrics.feature_arrays import check
from dermgan_jax.metrics.measurement import MetricValue
from dermgan_jax.metrics.neighbours import centred, row_blocks, squared_distances, squared_radii
from dermgan_jax.metrics.precision_recall import share

K = 5


def compute(real: np.ndarray, fake: np.ndarray, *, seed: int) -> tuple[MetricValue, ...]:
    """Precision, recall, density and coverage; intervals take the balls as given.

    Args:
      real, fake: features (n, d); the numbers of images may differ.
      seed: not used, nothing here is random.

    Raises:
      UserError: see `feature_arrays.check`; at least six images are needed on each side.
    """
    check("precision, recall, density and coverage", real, fake, at_least=K + 1)
    balls, reached = count(real, fake)
    protocol = f"prdc:k{K}"
    return (
        share("precision", protocol, balls.per_fake > 0, num_other=len(real), of_real=False),
        share("recall", protocol, reached, num_other=len(fake), of_real=True),
        *of_balls(balls, protocol, K),
    )


def count(real: np.ndarray, fake: np.ndarray, k: int = K) -> tuple[Balls, np.ndarray]:
    """The real balls, and which real images lie in a fake one: bool (n_real,)."""
    real, fake = centred(real, fake)
    real_radii, fake_radii = squared_radii(real, k), squared_radii(fake, k)
    per_fake, covered, reached = [], jnp.zeros(len(real), bool), jnp.zeros(len(real), bool)
    for rows, radii in zip(row_blocks(fake), row_blocks(fake_radii), strict=True):
        of_rows, hold, within = _inside(rows, radii, real, real_radii)
        per_fake.append(of_rows)
        covered |= hold
        reached |= within
    return Balls(np.concatenate(per_fake), np.asarray(covered)), np.asarray(reached)


@jax.jit
def _inside(
    rows: Array, row_radii: Array, columns: Array, radii: Array
) -> tuple[Array, Array, Array]:
    squares = squared_distances(rows, columns)
    inside = squares < radii
    return inside.sum(axis=1), inside.any(axis=0), (squares < row_radii[:, None]).any(axis=0)
