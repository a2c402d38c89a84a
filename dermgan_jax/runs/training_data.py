"""The real images behind a trained model: what it learned from, and its validation images.

Test images are for judging what is made with synthetic images; nothing here can reach them.
"""

import dataclasses
from collections.abc import Mapping

import numpy as np
from ml_collections import ConfigDict, FrozenConfigDict

from dermgan_jax.data.catalogue import Catalogue, catalogue
from dermgan_jax.data.image_sets import ImageSet, select
from dermgan_jax.data.prepare import at_full_size, prepare
from dermgan_jax.data.splits import TRAIN, VAL
from dermgan_jax.errors import UserError
from dermgan_jax.files import Path
from dermgan_jax.runs import provenance
from dermgan_jax.runs.restore import checkpoint_facts
from dermgan_jax.runs.workdir import WorkDir


@dataclasses.dataclass(frozen=True)
class RealImages:
    """Images of one split.

    Attributes:
      images: uint8 (N, R, R, C).
      labels: int32 (N,), positions in `classes`; negative where there is none.
      classes: their names; empty if the data set has none.
      ids: N names.
      groups: N lesions, patients or cases.
      subgroups: N recorded columns, such as sex, by name.
    """

    images: ImageSet
    labels: np.ndarray
    classes: tuple[str, ...]
    ids: tuple[str, ...]
    groups: tuple[str, ...]
    subgroups: tuple[Mapping[str, str], ...] = ()

    @property
    def class_names(self) -> list[str]:
        """The name of each image's class, "" where there is none."""
        return [self.classes[label] if label >= 0 else "" for label in self.labels]


class TrainingData:
    """The data set of a work directory, of which training and validation images can be asked for.

    Args:
      workdir: of a run with at least one checkpoint.
      all_classes: also those that `data.classes` left out of training.

    Raises:
      UserError: if the data set is not there, or its split is not the one of the checkpoint.
    """

    def __init__(self, workdir: Path, all_classes: bool = False):
        self.workdir = workdir
        config = WorkDir(workdir).read_config()
        self.config = _of_all_classes(config.data) if all_classes else config.data
        self.catalogue = catalogue(self.config)
        _require_same_data(workdir, self.catalogue)

    def learned_from(self) -> RealImages:
        """The split that the model learned from.

        Raises:
          UserError: if it includes test images.
        """
        if self.config.split not in (TRAIN, VAL):
            raise UserError(
                f"{self.workdir} learned from the split {self.config.split!r} (data.split), which "
                "holds test images: they must not choose synthetic images; train on data.split="
                "'train', or use --rule=discriminator with --keep"
            )
        return split_images(self.catalogue, self.config, self.config.split)

    def validation(self, purpose: str) -> RealImages:
        """The validation images.

        Args:
          purpose: what they are for, as the beginning of a message.

        Raises:
          UserError: if there are none, or the model learned from them.
        """
        if self.config.split != TRAIN:
            raise UserError(
                f"{purpose} needs validation images that the model did not learn from, but "
                f"{self.workdir} learned from data.split={self.config.split!r}: use --keep with "
                "--rule=discriminator or realism"
            )
        if not len(self.catalogue.indices(VAL)):
            raise UserError(
                f"{purpose} needs validation images, and the data of {self.workdir} have none "
                "(data.split_fractions): use --keep with --rule=discriminator or realism"
            )
        return split_images(self.catalogue, self.config, VAL)


def split_images(listed: Catalogue, data_config: ConfigDict, split: str) -> RealImages:
    """The images of one split, prepared at the size that networks see."""
    rows = listed.indices(split)
    records = [listed.records[row] for row in rows]
    return RealImages(
        images=select(prepare(listed, at_full_size(data_config)).images, rows),
        labels=listed.labels[rows],
        classes=listed.classes,
        ids=tuple(record.id for record in records),
        groups=tuple(record.group for record in records),
        subgroups=tuple(record.subgroups for record in records),
    )


def _of_all_classes(data_config: FrozenConfigDict) -> ConfigDict:
    """Splits are made before classes are left out, so that every image stays in its split."""
    return ConfigDict({**data_config.to_dict(), "classes": ()})


def _require_same_data(workdir: Path, listed: Catalogue) -> None:
    facts = checkpoint_facts(workdir)[1]
    if facts["split_hash"] == provenance.IMPORTED:
        raise UserError(
            f"{workdir} was imported and its training data are not known: name real images "
            "yourself, or use --rule=discriminator with --keep"
        )
    provenance.require_same_data(facts, listed, workdir)
