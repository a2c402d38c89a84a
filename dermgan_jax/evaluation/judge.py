"""A trained classifier as the judge of synthetic images: of real ones first, as its yardstick."""

import dataclasses
from typing import Any

import numpy as np

from dermgan_jax.data.image_sets import FolderImages, ImageSet, open_images
from dermgan_jax.data.npz_images import Range, read_labels
from dermgan_jax.data.splits import TEST
from dermgan_jax.errors import UserError
from dermgan_jax.evaluation.predict import predict_split, probabilities_of, restore_classifier
from dermgan_jax.files import Path
from dermgan_jax.registry import DRAWN_DATASETS, did_you_mean
from dermgan_jax.runs.restore import LATEST
from dermgan_jax.statistics.identification import (
    THRESHOLD,
    Identification,
    Judged,
    identification,
)
from dermgan_jax.synthesis import made_by
from dermgan_jax.synthesis.made_by import MadeBy


@dataclasses.dataclass(frozen=True)
class Judgement:
    """What a classifier says of real test images and of synthetic ones.

    Attributes:
      threshold: of the intended class's probability, above which an image counts as identified.
      classes: names.
      checkpoint: step of the classifier.
      real, synthetic: how it judges them.
      made_by: what made the synthetic images, if they say so.
      phantom: the images called real are drawings of a program.
    """

    threshold: float
    classes: tuple[str, ...]
    checkpoint: int
    real: Identification
    synthetic: Identification
    made_by: MadeBy | None
    phantom: bool = False

    def to_json(self) -> dict[str, Any]:
        """What `json` can write."""
        made_by = self.made_by.to_json() if self.made_by else None
        return {**dataclasses.asdict(self), "classes": list(self.classes), "made_by": made_by}

    def text(self) -> str:
        """A table: a class per row, real images and synthetic ones side by side."""
        lines = [
            f"identified: the intended class has a probability above {self.threshold:g}",
            f"{'':12}{'real test images':>36}{'synthetic images':>36}",
            f"{'class':12}" + f"{'n':>8}{'identified':>12}{'mean':>8}{'right':>8}" * 2,
        ]
        sides = self.real, self.synthetic
        for name in self.classes:
            lines.append(f"{name:12}" + "".join(_cells(side.classes[name]) for side in sides))
        note = ["note: the images called real are drawings of a program"] if self.phantom else []
        return "\n".join([*lines, f"{'all':12}" + "".join(_cells(s.overall) for s in sides), *note])


def _cells(row: Judged) -> str:
    if not row.n:
        return f"{0:>8}{'–':>12}{'–':>8}{'–':>8}"
    shares = f"{row.mean_probability:>8.3f}{row.consistent.value:>8.1%}"
    return f"{row.n:>8}{row.identified.value:>12.1%}{shares}"


def judge_images(
    workdir: Path,
    fake: Path,
    threshold: float = THRESHOLD,
    checkpoint: str = LATEST,
    value_range: Range | None = None,
) -> Judgement:
    """How many images a classifier identifies as what they are meant to show.

    Args:
      workdir: of a classifier.
      fake: a folder with a subfolder per class, or an .npz with `labels`, of synthetic images.
      threshold: from which probability an image counts as identified (0.98 in the CycleGAN
        pneumonia study).
      checkpoint: "latest", "best" or a step.
      value_range: of floats in an .npz that does not tell it.

    Raises:
      UserError: if the images have no classes, other ones, or are of another size.
    """
    if not 0 < threshold < 1:
        raise UserError(f"--probability is {threshold:g}; expected a number between 0 and 1")
    classifier = restore_classifier(workdir, checkpoint)
    real, of_real = predict_split(workdir, classifier, TEST)
    told = made_by.read(fake)
    data = classifier.model.config.data
    images = open_images(
        fake,
        data.channels,
        bit_depth=data.bit_depth,
        value_range=value_range,
        frame=data.frame,
    )
    side = classifier.model.data.height
    if images.shape[1:3] != (side, side):
        raise UserError(
            f"the images of {fake} are {images.shape[2]}x{images.shape[1]} pixels, the classifier "
            f"learned from {side}x{side}: judge images of that size"
        )
    labels = _labels(images, fake, real.classes)
    of_fake = probabilities_of(classifier, images)
    return Judgement(
        threshold,
        tuple(real.classes),
        classifier.step,
        identification(of_real, real.labels, real.classes, threshold),
        identification(of_fake, labels, real.classes, threshold),
        told,
        classifier.model.config.data.dataset in DRAWN_DATASETS,
    )


def _labels(images: ImageSet, source: Path, classes: tuple[str, ...]) -> np.ndarray:
    if isinstance(images, FolderImages):
        names, positions = images.classes()
        for name in names:
            if name not in classes:
                raise UserError(
                    f"{source} has images in a folder {name!r}, which is no class"
                    f"{did_you_mean(name, classes)}: sort them into a folder per class"
                )
        return np.array([classes.index(name) for name in names])[positions]
    labels = read_labels(source, len(images), len(classes))
    if labels is None:
        raise UserError(f"{source} has no key 'labels': which class should each image show?")
    return labels
