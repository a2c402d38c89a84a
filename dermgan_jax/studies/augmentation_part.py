"""An augmentation study under one way of splitting: where its parts lie, what they have found."""

import dataclasses
from collections.abc import Mapping

import numpy as np
from ml_collections import FrozenConfigDict

from dermgan_jax import files
from dermgan_jax.data.catalogue import Catalogue, catalogue
from dermgan_jax.data.splits import IMAGE, SPLITS
from dermgan_jax.errors import UserError
from dermgan_jax.files import Path
from dermgan_jax.registry import did_you_mean
from dermgan_jax.runs.metrics_log import is_finished
from dermgan_jax.runs.workdir import WorkDir
from dermgan_jax.studies import synthetic_sets
from dermgan_jax.studies.augmentation_arms import REDUCED, arm_names, is_synthetic
from dermgan_jax.studies.augmentation_config import classifier_experiment

PREDICTIONS, KEY = "predictions.npz", "key"


@dataclasses.dataclass(frozen=True)
class Part:
    """The study under one way of splitting.

    Attributes:
      config: of the study.
      split_by: "group" or "image".
      folder: where its work directories lie.
      data: the real images.
      weights: folder where pretrained weights are looked for first.
    """

    config: FrozenConfigDict
    split_by: str
    folder: Path
    data: Catalogue
    weights: Path | None = None

    @property
    def generator(self) -> Path:
        """Work directory of the GAN."""
        synthesis = self.config.synthesis
        by_image = self.split_by == IMAGE
        given = synthesis.workdir_by_image if by_image else synthesis.workdir
        return files.to_path(given) if given else self.own_generator

    @property
    def own_generator(self) -> Path:
        """Work directory of the GAN where none is given."""
        return self.folder / "generator"

    @property
    def sets(self) -> dict[str, Path]:
        """Arm -> folder of its synthetic images."""
        names = filter(is_synthetic, arm_names(self.config))
        return {arm: self.synthetic / arm for arm in names}

    def folder_of(self, arm: str) -> str:
        """Of what an arm's classifiers learn from beside the real images, or in their place."""
        return str(self.synthetic / arm) if arm in self.sets or arm == REDUCED else ""

    @property
    def synthetic(self) -> Path:
        """Where synthetic images lie."""
        return self.folder / "synthetic"

    def workdir(self, arm: str, seed: int) -> Path:
        """Of one classifier."""
        return self.folder / arm / f"seed{seed}"

    def predictions(self, arm: str) -> dict[str, np.ndarray]:
        """What an arm's classifiers say: "test" float32 (seeds, n, K), and names of synthetic sets.

        Classifiers of the base arm have judged the synthetic images too.
        """
        found = []
        for seed in self.config.seeds:
            with files.open_arrays(self.workdir(arm, seed) / PREDICTIONS) as arrays:
                found.append({name: arrays[name] for name in arrays if name != KEY})
        return {name: np.stack([each[name] for each in found]) for name in found[0]}

    def has_predictions(self, arm: str, seed: int, key: str) -> bool:
        """Whether answers of one classifier were kept under this key."""
        file = self.workdir(arm, seed) / PREDICTIONS
        if not file.is_file():
            return False
        with files.open_arrays(file) as arrays:
            return str(arrays[KEY]) == key

    def keep_predictions(
        self, arm: str, seed: int, key: str, said: Mapping[str, np.ndarray]
    ) -> None:
        """Keeps what one classifier says, under what it depends on."""
        file = self.workdir(arm, seed) / PREDICTIONS
        files.write_arrays(file, **said, **{KEY: np.array(key)})


def open_part(
    config: FrozenConfigDict, path: Path, split_by: str, weights: Path | None = None
) -> Part:
    """The study under one way of splitting; the first lies in the study's own folder."""
    folder = path if split_by == config.split_by[0] else path / f"by_{split_by}"
    experiment = classifier_experiment(config, config.base, 0, split_by, "")
    return Part(config, split_by, folder, catalogue(experiment.data), weights)


def require_answerable(part: Part) -> None:
    """Checks that the data can answer the question, and that a GAN that is there already fits.

    Raises:
      UserError: naming every class at fault.
    """
    data, target = part.data, part.config.target
    if len(data.classes) < 2:
        raise UserError(
            f"the data have {len(data.classes)} class: a classifier needs two at least "
            "(data.classes)"
        )
    if target not in data.classes:
        raise UserError(
            f"target is {target!r}, which is no class{did_you_mean(target, data.classes)}"
        )
    found = []
    for label, name in enumerate(data.classes):
        rows = np.flatnonzero(data.labels == label)
        groups = {data.records[row].group for row in rows}
        if len(groups) < len(SPLITS):
            noun = data.dataset.group_noun
            found.append(f"class {name!r}: {len(groups)} of at least {len(SPLITS)} {noun}s")
            continue
        found += [
            f"class {name!r} has no image in the {split} split"
            for split in SPLITS
            if not (data.splits[rows] == split).any()
        ]
    if found:
        raise UserError(
            "the study cannot be done with these data:\n"
            + "\n".join(f"  {line}" for line in found)
            + "\nAdd images of these classes, leave them out (data.classes), or change "
            "data.split_fractions"
        )
    # One that is trained here, but not yet to its end, is on the study's own split.
    trained_here = part.generator == part.own_generator
    if part.sets and (not trained_here or is_finished(WorkDir(part.generator))):
        synthetic_sets.require_fitting(part.config, data, part.generator)
