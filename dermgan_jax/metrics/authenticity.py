"""AuthPct: the share of fake images further from their training image than its own neighbour is.

Of a fake image, t is the nearest training image, d1 its distance, d2 the distance from t to the
nearest other training image; it is authentic if d2 < d1 (Alaa et al. 2022, in the direction of
dgm-eval's code). Where data hold several photographs of one lesion, d2 is about nothing, and copies
of such photographs are called authentic: with groups, d2 is to the nearest image of another group.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from dermgan_jax.errors import UserError
from dermgan_jax.metrics.feature_arrays import check, check_one
from dermgan_jax.metrics.memorisation import nearest_few
from dermgan_jax.statistics import intervals

PROTOCOL = "authpct"


class Authenticity(NamedTuple):
    """The share in percent and its 95 % interval (Wilson; training images as they are)."""

    percent: float
    interval: tuple[float, float]


def authenticity(
    train: np.ndarray, fake: np.ndarray, groups: Sequence[str] | np.ndarray | None = None
) -> Authenticity:
    """AuthPct of features (n, d) and (m, d).

    Args:
      train: of the training images, two at least.
      fake: of the fake ones, one at least.
      groups: of each training image; without them every image is a group of its own.

    Raises:
      UserError: see `feature_arrays.check`; or if all training images are of one group.
    """
    check_one("authpct", train, side="training")
    check("authpct", train, fake, at_least=1)
    names = np.arange(len(train)) if groups is None else np.asarray(groups)
    _, of = np.unique(names, return_inverse=True)
    if of.max() == 0:
        raise UserError("authpct: all training images are of one group, so that none has another")
    to_train = nearest_few((fake, fake), train, 1)
    between = nearest_few((train, train), train, 1, (of, of))
    nearest, d1 = to_train.indices[:, 0], to_train.distances[:, 0]
    authentic = between.distances[nearest, 0] < d1
    low, high = intervals.wilson(int(authentic.sum()), len(authentic))
    return Authenticity(100 * float(authentic.mean()), (100 * low, 100 * high))
