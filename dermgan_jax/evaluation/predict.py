"""What a trained classifier says of images."""

import numpy as np

from dermgan_jax.data.image_sets import ImageSet
from dermgan_jax.errors import UserError
from dermgan_jax.files import Path
from dermgan_jax.runs.restore import LATEST, Restored
from dermgan_jax.runs.restored_classifier import restore_classifier
from dermgan_jax.runs.training_data import RealImages, TrainingData, split_images


def predict(workdir: Path, images: ImageSet, checkpoint: str = LATEST) -> np.ndarray:
    """Probabilities float32 (N, K) of the classes, in the order of `Restored.classes`.

    Args:
      workdir: of a classifier with at least one checkpoint.
      images: uint8 (N, H, W, C), prepared as the training images were; any H and W are resized.
      checkpoint: see `restore_classifier`.

    Raises:
      UserError: if there is no such checkpoint, it is of no classifier, or channels differ.
    """
    return probabilities_of(restore_classifier(workdir, checkpoint), images)


def predict_split(workdir: Path, classifier: Restored, split: str) -> tuple[RealImages, np.ndarray]:
    """The labelled images of a split of the classifier's own data, and their probabilities.

    Args:
      workdir: of the classifier, whose data set is there.
      classifier: of `restore_classifier`.
      split: "train", "val" or "test".

    Returns:
      The images with labels, ids and groups, and float32 (N, K) in the same order.

    Raises:
      UserError: if the data now give another split, or the split is empty.
    """
    data = TrainingData(workdir)
    rows = split_images(data.catalogue, data.config, split)
    if not len(rows.images):
        raise UserError(f"the split {split!r} has no images: see data.split_fractions")
    return rows, probabilities_of(classifier, rows.images)


def probabilities_of(classifier: Restored, images: ImageSet) -> np.ndarray:
    """As `predict`, of a classifier that is already in memory."""
    model, variables = classifier.model, classifier.variables
    channels = model.data.channels
    if images.shape[-1] != channels:
        raise UserError(
            f"the classifier learned from images of {channels} channels, these have "
            f"{images.shape[-1]}: convert them"
        )
    if not len(images):
        raise UserError("there are no images to classify")
    return model.probabilities(variables, model.inputs(variables, images))
