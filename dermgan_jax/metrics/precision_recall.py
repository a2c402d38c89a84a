"""Improved precision and recall (Kynkäänniemi et al. 2019).

Precision is the share of fake images within a ball around any real one that reaches to its third
nearest real neighbour, border included; recall is the same with the sides exchanged.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from dermgan_jax.metrics.feature_arrays import check
from dermgan_jax.metrics.measurement import Influence, MetricValue
from dermgan_jax.metrics.neighbours import (
    centred,
    nearest,
    row_blocks,
    squared_distances,
    squared_radii,
)
from dermgan_jax.statistics import intervals

K = 3


class Manifolds(NamedTuple):
    """Which fake images lie among the real ones (bool, n_fake) and the other way (n_real)."""

    fake_in_real: np.ndarray
    real_in_fake: np.ndarray


def compute(real: np.ndarray, fake: np.ndarray, *, seed: int) -> tuple[MetricValue, MetricValue]:
    """Precision and recall, k = 3, with Wilson's interval; it takes the balls as given.

    Args:
      real, fake: features (n, d); the numbers of images may differ.
      seed: not used, nothing here is random.

    Raises:
      UserError: see `feature_arrays.check`; at least four images are needed on each side.
    """
    check("precision and recall", real, fake, at_least=K + 1)
    inside = manifolds(real, fake)
    protocol = f"pr:k{K}"
    return (
        share("precision", protocol, inside.fake_in_real, num_other=len(real), of_real=False),
        share("recall", protocol, inside.real_in_fake, num_other=len(fake), of_real=True),
    )


def share(
    name: str, protocol: str, inside: np.ndarray, *, num_other: int, of_real: bool
) -> MetricValue:
    """The share of images of one side that lie among those of the other, with Wilson's interval.

    Args:
      name, protocol: of the value.
      inside: bool (n,), of the side that is counted.
      num_other: images of the other side, whose balls are taken as given.
      of_real: whether it is the real images that are counted.
    """
    value, own = float(inside.mean()), inside - inside.mean()
    other = np.zeros(num_other)
    return MetricValue(
        name=name,
        value=value,
        protocol=protocol,
        n=num_other if of_real else len(inside),
        details={},
        better="higher",
        n_real=len(inside) if of_real else num_other,
        std=float(inside.std() / np.sqrt(len(inside))),
        interval=intervals.wilson(int(inside.sum()), len(inside)),
        influence=Influence(own, other) if of_real else Influence(other, own),
    )


def manifolds(real: np.ndarray, fake: np.ndarray, k: int = K) -> Manifolds:
    """Membership of every image of features (n_real, d) and (n_fake, d)."""
    real, fake = centred(real, fake)
    real_radii, fake_radii = squared_radii(real, k), squared_radii(fake, k)
    fake_in_real, real_in_fake = [], jnp.zeros(len(real), bool)
    for rows, radii in zip(row_blocks(fake), row_blocks(fake_radii), strict=True):
        of_rows, of_reals = _inside(rows, radii, real, real_radii)
        fake_in_real.append(of_rows)
        real_in_fake |= of_reals
    return Manifolds(np.concatenate(fake_in_real), np.asarray(real_in_fake))


def realism(
    real: np.ndarray, fake: np.ndarray, k: int = K, pruned: bool = False
) -> tuple[np.ndarray, np.ndarray]:
    """Realism score of each fake image (section 5 of the paper) and its nearest real one.

    Args:
      real, fake: features (n_real, d) and (n_fake, d).
      k: which neighbour a real image's radius reaches to.
      pruned: only the half of the real images with the smaller radii counts, as in the paper: balls
        in thin regions are so large that they would vouch for anything.

    Returns:
      Scores (n_fake,), the largest ratio of a real image's squared radius to its squared distance,
      as the authors' code has it; and indices (n_fake,) into `real`.
    """
    real, fake = centred(real, fake)
    radii = np.asarray(squared_radii(real, k))
    trusted = radii <= (np.median(radii) if pruned else np.inf)
    columns, column_radii = real[trusted], radii[trusted]
    scores = [_realism(rows, columns, column_radii) for rows in row_blocks(fake)]
    indices = [nearest(rows, real) for rows in row_blocks(fake)]
    return np.concatenate(scores), np.concatenate(indices)


@jax.jit
def _inside(rows: Array, row_radii: Array, columns: Array, radii: Array) -> tuple[Array, Array]:
    distances = squared_distances(rows, columns)
    return (distances <= radii).any(axis=1), (distances <= row_radii[:, None]).any(axis=0)


@jax.jit
def _realism(rows: Array, columns: Array, radii: Array) -> Array:
    return (radii / (squared_distances(rows, columns) + 1e-5)).max(axis=1)
