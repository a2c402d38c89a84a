"""A classifier as judge of synthetic images: does it see the class they were made to show?

The check of a study that made pneumonia X-rays with CycleGAN: an image counts as identified only if
the classifier gives its intended class more than 0.98. Judge real images first: what it misses in
those, it cannot be expected to see in synthetic ones.
"""

import dataclasses
from collections.abc import Sequence

import numpy as np

from dermgan_jax.errors import UserError
from dermgan_jax.statistics import intervals
from dermgan_jax.statistics.intervals import Estimate

THRESHOLD = 0.98


@dataclasses.dataclass(frozen=True)
class Judged:
    """How a classifier judges some images; all None if there are none.

    Attributes:
      n: images.
      identified: share whose intended class has a probability above the threshold, with Wilson's
        95 % interval.
      mean_probability: of the intended class.
      consistent: share whose intended class is the most probable one, with its interval.
    """

    n: int
    identified: Estimate | None = None
    mean_probability: float | None = None
    consistent: Estimate | None = None


@dataclasses.dataclass(frozen=True)
class Identification:
    """How a classifier judges images, all together and by the class they are meant to show."""

    overall: Judged
    classes: dict[str, Judged]


def identification(
    probabilities: np.ndarray,
    labels: np.ndarray,
    classes: Sequence[str],
    threshold: float = THRESHOLD,
) -> Identification:
    """How a classifier judges images that are real, or synthetic and made to be of a class.

    Args:
      probabilities: (n, k), of a classifier that has not seen these images.
      labels: int (n,), the true or intended classes.
      classes: k names.
      threshold: of the intended class's probability, above which an image counts as identified.

    Raises:
      UserError: if the arrays do not fit each other, or there are no images.
    """
    if len(labels) == 0 or probabilities.shape != (len(labels), len(classes)):
        raise UserError(
            f"identification: probabilities {probabilities.shape}, {len(labels)} labels and "
            f"{len(classes)} classes do not fit; give one row per image, one column per class, and "
            "an image or more"
        )
    if labels.min() < 0 or labels.max() >= len(classes):
        raise UserError(
            f"identification: labels from {labels.min()} to {labels.max()}, but the classes are 0 "
            f"to {len(classes) - 1}; judge only images of a known or intended class"
        )
    intended = probabilities[np.arange(len(labels)), labels]
    consistent = probabilities.argmax(axis=1) == labels

    def judged(chosen: np.ndarray) -> Judged:
        n = int(chosen.sum())
        if n == 0:
            return Judged(0)
        return Judged(
            n,
            _share(int((intended[chosen] > threshold).sum()), n),
            float(intended[chosen].mean(dtype=np.float64)),
            _share(int(consistent[chosen].sum()), n),
        )

    return Identification(
        judged(np.ones(len(labels), bool)),
        {name: judged(labels == c) for c, name in enumerate(classes)},
    )


def _share(successes: int, n: int) -> Estimate:
    return Estimate(successes / n, *intervals.wilson(successes, n))
