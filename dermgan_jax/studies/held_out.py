"""The test images of a study, and what can be said of answers to them."""

from collections.abc import Mapping

import numpy as np

from dermgan_jax.data.splits import TEST
from dermgan_jax.statistics import calibration, classifier_scores, comparison
from dermgan_jax.statistics.classification import confusion_matrix
from dermgan_jax.statistics.comparison import Comparison
from dermgan_jax.statistics.held_out_images import HeldOutImages, Resampling
from dermgan_jax.studies.augmentation_part import Part
from dermgan_jax.studies.augmentation_result import HeldOutSize, Reliability, Scores

LEAD = "balanced_accuracy"
OVERALL = ("accuracy", LEAD, "precision", "specificity", "f1", "auc")


class HeldOut:
    """The test images of one way of splitting, and what can be said of answers to them."""

    def __init__(self, part: Part):
        self.part = part
        data = part.data
        self.rows = data.indices(TEST)
        self.records = [data.records[row] for row in self.rows]
        self.images = HeldOutImages(
            labels=data.labels[self.rows],
            groups=np.array([record.group for record in self.records]),
            classes=data.classes,
            group_noun=data.dataset.group_noun,
        )
        self.resampling = Resampling(part.config.bootstrap, part.config.seed)

    def size(self) -> HeldOutSize:
        """Images and groups."""
        labels, groups = self.images.labels, np.asarray(self.images.groups)
        return HeldOutSize(
            images=len(self.images),
            groups=self.images.num_groups,
            groups_per_class={
                name: len(np.unique(groups[labels == label]))
                for label, name in enumerate(self.images.classes)
            },
        )

    def scores(self, arms: Mapping[str, np.ndarray]) -> dict[str, Scores]:
        """Of every arm, given its probabilities (seeds, n, K)."""
        return {
            arm: classifier_scores.score_table(self.images, said, resampling=self.resampling)
            for arm, said in arms.items()
        }

    def versus(self, arms: Mapping[str, np.ndarray]) -> dict[str, Comparison]:
        """All arms but the base arm against it, given the probabilities of all."""
        return comparison.compare_arms(
            self.images,
            arms,
            self.part.config.base,
            names=(*OVERALL, *(f"recall/{name}" for name in self.images.classes)),
            resampling=self.resampling,
        )

    def confusion(self, said: np.ndarray) -> list[list[float]]:
        """Counts (K, K), rows true, a mean over seeds."""
        labels, num_classes = self.images.labels, len(self.images.classes)
        per_seed = [confusion_matrix(labels, each.argmax(axis=1), num_classes) for each in said]
        return np.mean(per_seed, axis=0).tolist()

    def reliability(self, said: np.ndarray) -> Reliability:
        """The reliability diagram of all seeds together."""
        labels = np.tile(self.images.labels, len(said))
        found = calibration.reliability(labels, np.concatenate(said))
        filled = found.share > 0
        return Reliability(
            confidence=found.confidence[filled].tolist(),
            accuracy=found.accuracy[filled].tolist(),
            count=np.rint(found.share[filled] * len(labels)).tolist(),
        )
