"""Rarity score: how rare the real images are that a fake one resembles (Han et al. 2023).

Of a fake image the radius of the smallest real ball that holds it; balls reach to the third nearest
real neighbour, border not included. Images outside of all balls have no score (the authors' code
gives them 0, and takes the fourth neighbour where it says the third).
"""

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from dermgan_jax.metrics.feature_arrays import check
from dermgan_jax.metrics.measurement import Influence, MetricValue
from dermgan_jax.metrics.neighbours import centred, row_blocks, squared_distances, squared_radii
from dermgan_jax.statistics import intervals

K = 3


def compute(real: np.ndarray, fake: np.ndarray, *, seed: int) -> tuple[MetricValue]:
    """The mean score of the fake images that have one; NaN if none has.

    Args:
      real, fake: features (n, d); the numbers of images may differ.
      seed: not used, nothing here is random.

    Raises:
      UserError: see `feature_arrays.check`; at least four real images are needed.
    """
    check("rarity", real, fake, at_least=K + 1)
    scores = of_each(real, fake)
    inside = np.isfinite(scores)
    value = float(scores[inside].mean()) if inside.any() else float("nan")
    radii = np.sqrt(np.asarray(squared_radii(centred(real, real)[0], K), np.float64))
    # Of a mean over a random number of images: the ratio's influence.
    own = np.where(inside, scores - value, 0.0) / inside.mean() if inside.any() else None
    influence = None if own is None else Influence(np.zeros(len(real)), own)
    return (
        MetricValue(
            name="rarity",
            value=value,
            protocol=f"rarity:k{K}",
            n=len(fake),
            details={"share without": float((~inside).mean()), "mean radius": float(radii.mean())},
            better="higher",
            n_real=len(real),
            std=influence and influence.standard_error,
            interval=influence and intervals.normal(value, influence.standard_error),
            influence=influence,
        ),
    )


def of_each(real: np.ndarray, fake: np.ndarray, k: int = K) -> np.ndarray:
    """Scores float64 (n_fake,) of features (n_real, d) and (n_fake, d); NaN outside all balls."""
    real, fake = centred(real, fake)
    radii = jnp.asarray(squared_radii(real, k))
    smallest = [np.asarray(_smallest(rows, real, radii)) for rows in row_blocks(fake)]
    squares = np.concatenate(smallest).astype(np.float64)
    return np.sqrt(np.where(np.isfinite(squares), squares, np.nan))


@jax.jit
def _smallest(rows: Array, columns: Array, radii: Array) -> Array:
    inside = squared_distances(rows, columns) < radii
    return jnp.where(inside, radii, jnp.inf).min(axis=1)
