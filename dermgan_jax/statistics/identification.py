"""A classifier as judge of synthetic images: does it see the class they were made to show?

The check of a study that made pneumonia X-rays with CycleGAN: an image counts as identified only if
the classifier gives its intended class more than 0.98. Judge real images first: what it misses in
those, it cannot be expected to see in synthetic ones.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from dermgan_jax.errors import UserError
from dermgan_jax.statistics import intervals

THRESHOLD = 0.98


def identification(
    probabilities: np.ndarray,
    labels: np.ndarray,
    classes: Sequence[str],
    threshold: float = THRESHOLD,
) -> dict[str, Any]:
    """How a classifier judges images that are real, or synthetic and made to be of a class.

    Args:
      probabilities: (n, k), of a classifier that has not seen these images.
      labels: int (n,), the true or intended classes.
      classes: k names.
      threshold: of the intended class's probability, above which an image counts as identified.

    Returns:
      Values for JSON, "overall" and for each of "classes" by name: "n"; "identified" and
      "consistent" (the intended class is the most probable one), shares with "value", "low" and
      "high" of Wilson's 95 % interval; "mean_probability" of the intended class. A class without
      images has "n" 0 and None for the rest.

    Raises:
      UserError: if the arrays do not fit each other, or there are no images.
    """
    if len(labels) == 0 or probabilities.shape != (len(labels), len(classes)):
        raise UserError(
            f"identification: probabilities {probabilities.shape}, {len(labels)} labels and {len(classes)} "
            "classes do not fit; give one row per image, one column per class, and an image or more"
        )
    if labels.min() < 0 or labels.max() >= len(classes):
        raise UserError(
            f"identification: labels from {labels.min()} to {labels.max()}, but the classes are 0 to "
            f"{len(classes) - 1}; judge only images of a known or intended class"
        )
    intended = probabilities[np.arange(len(labels)), labels]
    consistent = probabilities.argmax(axis=1) == labels

    def summary(chosen: np.ndarray) -> dict[str, Any]:
        n = int(chosen.sum())
        if n == 0:
            return {"n": 0, "identified": None, "mean_probability": None, "consistent": None}
        return {
            "n": n,
            "identified": _share(int((intended[chosen] > threshold).sum()), n),
            "mean_probability": float(intended[chosen].mean(dtype=np.float64)),
            "consistent": _share(int(consistent[chosen].sum()), n),
        }

    return {
        "overall": summary(np.ones(len(labels), bool)),
        "classes": {name: summary(labels == c) for c, name in enumerate(classes)},
    }


def _share(successes: int, n: int) -> dict[str, float]:
    low, high = intervals.wilson(successes, n)
    return {"value": successes / n, "low": low, "high": high}
