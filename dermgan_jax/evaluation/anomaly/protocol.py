"""Which images of a detector's data play which part.

Training and validation images are normal ones only: the first are what baselines are fitted to, the
second what thresholds are taken from. Test images are of every class; nothing is chosen by them.
"""

import dataclasses

import numpy as np
from ml_collections import FrozenConfigDict

from dermgan_jax.data.catalogue import Catalogue
from dermgan_jax.data.image_sets import ImageSet, select
from dermgan_jax.data.prepare import at_full_size, decode_mask, prepare
from dermgan_jax.data.splits import TEST, TRAIN, VAL
from dermgan_jax.errors import UserError
from dermgan_jax.files import Path
from dermgan_jax.runs.training_data import TrainingData
from dermgan_jax.statistics import detection, subgroups
from dermgan_jax.statistics.held_out_images import HeldOutImages
from dermgan_jax.train.detector_snapshots import abnormal_rows, held_out


@dataclasses.dataclass(frozen=True)
class Roles:
    """The images of a detector's data set.

    Attributes:
      catalogue: all of them.
      training, validation: normal images, uint8 (N, H, W, C).
      test: images of every class, uint8 (n, H, W, C).
      rows: int (n,), positions of the test images in the catalogue.
      abnormal: bool (n,), which test images are.
    """

    catalogue: Catalogue
    training: ImageSet
    validation: ImageSet
    test: ImageSet
    rows: np.ndarray
    abnormal: np.ndarray

    @property
    def test_images(self) -> HeldOutImages:
        """Classes and groups of the test images."""
        return held_out(self.catalogue, self.rows)

    @property
    def names(self) -> list[str]:
        """Of the test images."""
        return [self.catalogue.records[row].id for row in self.rows]

    @property
    def class_names(self) -> list[str]:
        """The class of each test image, "" where there is none."""
        labels, classes = self.catalogue.labels[self.rows], self.catalogue.classes
        return [classes[label] if label >= 0 else "" for label in labels]

    @property
    def columns(self) -> dict[str, np.ndarray]:
        """What results are broken down by: see `subgroups.columns`."""
        return subgroups.columns([self.catalogue.records[row].subgroups for row in self.rows])

    def masks(self, data_config: FrozenConfigDict) -> tuple[np.ndarray, np.ndarray]:
        """What is abnormal in the test images, and of which of them that is known.

        In a normal image nothing is; in an abnormal one the lesion that its mask outlines.

        Returns:
          bool (n, H, W) and bool (n,).
        """
        whole = at_full_size(data_config)
        found = np.zeros((len(self.rows), *self.test.shape[1:3]), bool)
        known = ~self.abnormal
        for i in np.flatnonzero(self.abnormal):
            mask = decode_mask(self.catalogue, int(self.rows[i]), whole)
            if mask is not None and mask.any():
                found[i], known[i] = mask, True
        return found, known


def roles_of(workdir: Path) -> Roles:
    """The images of a detector's own data.

    Args:
      workdir: of a detector with at least one checkpoint.

    Raises:
      UserError: if the data set is not there or another, or the test split has no normal or no
        abnormal images.
    """
    data = TrainingData(workdir)
    listed, test = data.catalogue, data.catalogue.indices(TEST)
    if not len(test):
        raise UserError(
            f"the data of {workdir} have no test images: give images of your own with --input, or "
            "train with test images (data.split_fractions)"
        )
    abnormal = abnormal_rows(listed, test)
    detection.require_both(abnormal, "test split")
    images = prepare(listed, at_full_size(data.config)).images
    return Roles(
        catalogue=listed,
        training=select(images, listed.indices(TRAIN)),
        validation=select(images, normal_validation(listed)),
        test=select(images, test),
        rows=test,
        abnormal=abnormal,
    )


def normal_validation(listed: Catalogue) -> np.ndarray:
    """Positions of the normal validation images."""
    rows = listed.indices(VAL)
    return rows[~abnormal_rows(listed, rows)]
