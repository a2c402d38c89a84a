"""What a metric value is read against: the same metric between sets of real images.

Real against real: two halves of the real images. A perfect model would get this value.
Class against class: real images of two classes, which a dermatologist can tell apart. A model whose
value is larger makes images that differ from real ones more than one disease from another.

Metrics depend on the number of images. Both yardsticks are measured at the number of the value
itself, or at the nearest number for which there are images.
"""

import itertools
from collections.abc import Callable
from typing import TypeVar

import numpy as np

from dermgan_jax.data.image_sets import ImageSet, Selection, mirror_at_random, select
from dermgan_jax.data.labelling import Labelling
from dermgan_jax.errors import UserError
from dermgan_jax.metrics.measurement import ClassPair, MetricValue

T = TypeVar("T")

LEAST = 12  # images of a class that can be compared by any feature metric
MOST_OF_A_CLASS = 1000  # more would cost time and change little
MOST_CLASSES = 8  # by frequency; 28 pairs


def real_against_real(
    compute: Callable[..., T],
    real: ImageSet | np.ndarray,
    *,
    n: int,
    n_real: int | None = None,
    seed: int,
    mirror: bool,
) -> T:
    """A metric between two disjoint random sets of real images.

    Args:
      compute: a metric on images or features, with the arguments `seed` and `mirror`.
      real: images uint8 (N, H, W, C) or features (N, D).
      n: fake images of the value this is a yardstick for: as many reals stand in for them. With
        fewer than 2n real images it is half of those, which makes the yardstick somewhat too
        large; its own `n` tells.
      n_real: real images of that value; as many others of the reals as there are take their part.
        Without it, n.
      seed: of the division.
      mirror: flip both sides at random.

    Raises:
      UserError: if there are fewer than two images.
    """
    if len(real) < 2:
        raise UserError(f"{len(real)} real images: comparing real with real needs at least two")
    n = min(n, len(real) // 2)
    order = np.random.default_rng(seed).permutation(len(real))
    stand_ins = _part(real, order[n : 2 * n])
    others = np.concatenate([order[:n], order[2 * n :]])[: n_real or n]
    if mirror:
        stand_ins = mirror_at_random(stand_ins, seed + 1)  # `compute` flips the others
    return compute(_part(real, others), stand_ins, seed=seed, mirror=mirror)


def class_against_class(
    compute: Callable[..., tuple[MetricValue, ...]],
    features: np.ndarray,
    labelling: Labelling,
    *,
    n: int,
    seed: int,
) -> dict[str, tuple[ClassPair, ...]]:
    """A feature metric between real images of two classes, for each pair of classes.

    Args:
      compute: a metric on features.
      features: (N, D) of real images.
      labelling: their classes, of which the most frequent eight with at least 12 images are
        compared; if one is asked about, only pairs that hold it.
      n: images of each class at most, that of the value this is a yardstick for; rarer classes are
        compared at the size of the smaller one, which makes biased metrics larger.
      seed: of the choice among them.

    Returns:
      For each value of the metric, by name: the pairs, least apart first; empty if there are fewer
      than two such classes.
    """
    labels, classes, of = labelling.labels, labelling.classes, labelling.compared
    counts = np.bincount(labels[labels >= 0], minlength=len(classes))
    frequent = [i for i in np.argsort(-counts, kind="stable") if counts[i] >= LEAST][:MOST_CLASSES]
    generator = np.random.default_rng(seed)
    rows = {i: generator.permutation(np.flatnonzero(labels == i)) for i in frequent}
    measured: dict[str, list[tuple[tuple[str, str], MetricValue]]] = {}
    for pair in itertools.combinations(sorted(frequent), 2):
        names = (classes[pair[0]], classes[pair[1]])
        if of is not None and of not in names:
            continue
        size = min(n, MOST_OF_A_CLASS, *(len(rows[i]) for i in pair))
        sides = (features[rows[i][:size]] for i in pair)
        for value in compute(*sides, seed=seed, mirror=False):
            measured.setdefault(value.name, []).append((names, value))
    return {name: _least_apart_first(pairs) for name, pairs in measured.items()}


def _part(real: ImageSet | np.ndarray, rows: np.ndarray) -> Selection | np.ndarray:
    rows = np.sort(rows)
    return select(real, rows) if len(real.shape) == 4 else real[rows]


def _least_apart_first(
    pairs: list[tuple[tuple[str, str], MetricValue]],
) -> tuple[ClassPair, ...]:
    """Of a metric where more is better, those that are most alike come first too."""
    pairs = sorted(pairs, key=lambda pair: pair[1].lower_is_better)
    return tuple(ClassPair(names, value.value, value.n) for names, value in pairs)
