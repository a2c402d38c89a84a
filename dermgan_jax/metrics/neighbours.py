"""Distances between many points, block by block: n × m of them are never in memory together.

Everything is in float32, which is why points are first moved to the middle of the real ones: the
distances come from scalar products, whose rounding grows with the distance from the origin.
"""

from collections.abc import Iterator

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax

from dermgan_jax.errors import UserError

BLOCK = 512  # rows of distances at a time: 100 MB against 50,000 columns


def centred(real: np.ndarray, fake: np.ndarray) -> tuple[Array, Array]:
    """Both sets (n, d) less the mean of the real one, float32."""
    middle = real.mean(axis=0, dtype=np.float64)
    return tuple(jnp.asarray((side - middle).astype(np.float32)) for side in (real, fake))


def row_blocks(points: Array) -> Iterator[Array]:
    """The points (n, d), 512 at a time."""
    for start in range(0, len(points), BLOCK):
        yield points[start : start + BLOCK]


def squared_distances(rows: Array, columns: Array) -> Array:
    """Squared Euclidean distances (n, m) of points (n, d) and (m, d), never negative."""
    products = jnp.matmul(rows, columns.T, precision=lax.Precision.HIGHEST)
    lengths = jnp.square(rows).sum(axis=1)[:, None] + jnp.square(columns).sum(axis=1)
    return jnp.maximum(lengths - 2 * products, 0)


def squared_radii(points: Array, k: int) -> Array:
    """Squared distance (n,) of each point to its k-th nearest neighbour, itself not counted.

    Raises:
      UserError: if there are not more than k points.
    """
    if len(points) <= k:
        raise UserError(
            f"{len(points)} images have no {k} neighbours each; give at least {k + 1} on each side"
        )
    # On CPUs XLA takes 0.9 s for the top 4 of 512 × 10,000 distances, NumPy 0.005 s.
    kth_smallest = _kth_on_host if jax.default_backend() == "cpu" else _kth_on_device
    radii = [
        kth_smallest(_distances_to_others(rows, points, i * BLOCK), k)
        for i, rows in enumerate(row_blocks(points))
    ]
    return jnp.concatenate(radii)


@jax.jit
def nearest(rows: Array, columns: Array) -> Array:
    """Index (n,) of the nearest of the columns (m, d) for each of at most 512 rows (n, d)."""
    return squared_distances(rows, columns).argmin(axis=1)


@jax.jit
def _distances_to_others(rows: Array, points: Array, start: Array) -> Array:
    """As `squared_distances`, infinite from a point to itself; the first row is points[start]."""
    own = start + jnp.arange(len(rows))[:, None]
    itself = own == jnp.arange(len(points))
    return jnp.where(itself, jnp.inf, squared_distances(rows, points))


def _kth_on_host(distances: Array, k: int) -> np.ndarray:
    return np.partition(np.asarray(distances), k - 1, axis=1)[:, k - 1]


def _kth_on_device(distances: Array, k: int) -> Array:
    return -lax.top_k(-distances, k)[0][:, -1]
