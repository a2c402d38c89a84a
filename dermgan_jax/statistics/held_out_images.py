"""Test images with known classes, and how they are resampled: what every score is computed on."""

import dataclasses
from collections.abc import Sequence

import numpy as np

from dermgan_jax.errors import UserError
from dermgan_jax.statistics import group_bootstrap


@dataclasses.dataclass(frozen=True)
class Resampling:
    """How often test images are resampled, and with which seed."""

    num: int = 2000
    seed: int = 0


TWO_THOUSAND = Resampling()


@dataclasses.dataclass(frozen=True)
class HeldOutImages:
    """Labelled images that no classifier learned from.

    Attributes:
      labels: int (n,), indices of `classes`.
      groups: n names; images of one group, such as a lesion or a patient, are resampled together.
      classes: k names.
      group_noun: what a group is, in the singular, for sentences.
    """

    labels: np.ndarray
    groups: Sequence[str]
    classes: Sequence[str]
    group_noun: str = "group"

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def num_groups(self) -> int:
        """How many groups the images are of."""
        return len(np.unique(np.asarray(self.groups)))

    @property
    def groups_of_classes(self) -> np.ndarray:
        """Groups (k,) by the class that each counts under."""
        _, strata = group_bootstrap.strata(self.labels, self.groups)
        return np.bincount(strata, minlength=len(self.classes))

    def select(self, chosen: np.ndarray) -> "HeldOutImages":
        """Those of the images that `chosen`, bool (n,), is true of."""
        groups = np.asarray(self.groups)[chosen]
        return dataclasses.replace(self, labels=self.labels[chosen], groups=groups)

    def weights(self, resampling: Resampling) -> np.ndarray:
        """How often each image counts in each resampling: see `group_bootstrap.image_weights`."""
        return group_bootstrap.image_weights(
            self.labels, self.groups, resampling.num, resampling.seed
        )

    def require_answers(self, probabilities: np.ndarray) -> None:
        """Checks that these are the answers of trainings to these images.

        Args:
          probabilities: (trainings, n, k).

        Raises:
          UserError: if the arrays do not fit each other, or these are no probabilities.
        """
        n, k = len(self.labels), len(self.classes)
        if probabilities.ndim != 3 or probabilities.shape[1:] != (n, k) or len(self.groups) != n:
            raise UserError(
                f"scores: probabilities {probabilities.shape} and {len(self.groups)} groups do not "
                f"fit {n} images and {k} classes; give (trainings, {n}, {k}) and {n} groups"
            )
        if len(probabilities) == 0 or n == 0:
            raise UserError(
                "scores: there are no test images or no trainings; give at least one each"
            )
        if self.labels.min() < 0 or self.labels.max() >= k:
            raise UserError(
                f"scores: labels from {self.labels.min()} to {self.labels.max()}, but the {k} "
                f"classes are 0 to {k - 1}; leave out images without a label"
            )
        sums = probabilities.sum(axis=2, dtype=np.float64)
        if not (probabilities.min() >= 0 and np.abs(sums - 1).max() < 1e-3):
            raise UserError(
                "scores: the probabilities of an image must be at least 0 and add up to 1; give "
                "the softmax of the classifier's outputs"
            )
