"""The test images of a study, and what can be said of answers to them."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from dermgan_jax.statistics import calibration, classifier_scores, comparison
from dermgan_jax.statistics.classification import confusion_matrix
from dermgan_jax.studies.augmentation_part import Part

LEAD = "balanced_accuracy"
OVERALL = ("accuracy", LEAD, "precision", "specificity", "f1", "auc")


class HeldOut:
    """The test images of one way of splitting, and what can be said of answers to them."""

    def __init__(self, part: Part):
        self.part = part
        self.rows = part.data.indices("test")
        self.records = [part.data.records[row] for row in self.rows]
        self.labels = part.data.labels[self.rows]
        self.groups = np.array([record.group for record in self.records])
        self.classes = part.data.classes
        self.num_lesions = len(np.unique(self.groups))
        self.resampling = {"num": part.config.bootstrap, "seed": part.config.seed}

    def size(self) -> dict[str, Any]:
        """Images and lesions."""
        return {
            "images": len(self.rows),
            "lesions": self.num_lesions,
            "lesions_per_class": {
                name: len(np.unique(self.groups[self.labels == label]))
                for label, name in enumerate(self.classes)
            },
        }

    def compared(self, arms: Mapping[str, np.ndarray]) -> dict[str, Any]:
        """ "scores" of every arm, and of all but the base arm "versus" it.

        Args:
          arms: name -> probabilities (seeds, n, K).
        """
        return {
            "scores": {
                arm: classifier_scores.score_table(
                    self.labels, self.groups, said, self.classes, **self.resampling
                )
                for arm, said in arms.items()
            },
            "versus": comparison.compare_arms(
                self.labels,
                self.groups,
                arms,
                self.part.config.base,
                self.classes,
                names=(*OVERALL, *(f"recall/{name}" for name in self.classes)),
                **self.resampling,
            ),
        }

    def confusion(self, said: np.ndarray) -> list[list[float]]:
        """Counts (K, K), rows true, a mean over seeds."""
        per_seed = [
            confusion_matrix(self.labels, each.argmax(axis=1), len(self.classes)) for each in said
        ]
        return np.mean(per_seed, axis=0).tolist()

    def reliability(self, said: np.ndarray) -> dict[str, list[float]]:
        """The reliability diagram of all seeds together."""
        found = calibration.reliability(np.tile(self.labels, len(said)), np.concatenate(said))
        kept = found.share > 0
        answers = len(said) * len(self.rows)
        return {
            "confidence": found.confidence[kept].tolist(),
            "accuracy": found.accuracy[kept].tolist(),
            "count": np.rint(found.share[kept] * answers).tolist(),
        }
