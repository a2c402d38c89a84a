"""The mean of one value per image, with an interval over groups: a lesion has several images."""

from collections.abc import Sequence

import numpy as np

from dermgan_jax.statistics import group_bootstrap

RESAMPLINGS = 2000


def interval(
    values: np.ndarray, groups: Sequence[str], seed: int = 0
) -> tuple[float, float] | None:
    """95 % confidence interval of the mean, had other groups been drawn.

    Args:
      values: (N,); those that are not finite are left out.
      groups: the group of each.
      seed: of the resampling of groups (`group_bootstrap`).

    Returns:
      (low, high), or None with fewer than two groups.
    """
    finite = np.isfinite(values)
    values, groups = values[finite], np.asarray(groups)[finite]
    num_groups = len(np.unique(groups))
    if num_groups < 2:
        return None
    labels = np.zeros(len(values), np.int64)
    weights = group_bootstrap.image_weights(labels, groups, RESAMPLINGS, seed)
    replicates = weights @ values / weights.sum(axis=1)
    mean = float(values.mean())
    found = group_bootstrap.of_score(np.array([mean]), replicates[None], num_groups - 1)
    half = group_bootstrap.half_width(found)
    return mean - half, mean + half
