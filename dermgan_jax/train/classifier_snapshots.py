"""What is drawn and measured of a classifier, from the validation images."""

import dataclasses
import functools

import jax
import numpy as np

from dermgan_jax import registry
from dermgan_jax.data.catalogue import Catalogue
from dermgan_jax.data.contact_sheet import contact_sheet
from dermgan_jax.data.image_sets import ImageSet, evenly_spaced, select
from dermgan_jax.data.splits import TRAIN, VAL
from dermgan_jax.metrics import classifier_metrics
from dermgan_jax.metrics.measurement import Measurement, Measurements, Published, by_key
from dermgan_jax.models.contract import Classifier, Stage, Variables
from dermgan_jax.runs.workdir import WorkDir
from dermgan_jax.train.snapshots import Snapshots


class ClassifierSnapshots(Snapshots[Classifier]):
    """Sheets of the validation images least understood, and scores of all of them."""

    sheet_comment = "sheet of a training: real images and what a model says of them"
    sheet_is_made = False

    def __init__(self, model: Classifier, data: Catalogue, workdir: WorkDir):
        super().__init__(model, data, workdir)
        self.inputs: ImageSet | np.ndarray | None = None
        self.latest: tuple[jax.Array | None, np.ndarray] = (None, np.empty(0))

    @classmethod
    def published(cls, model: Classifier, data: Catalogue) -> tuple[Published, ...]:
        del data
        return tuple(Published(name, split=VAL) for name in model.config.eval.metrics)

    @classmethod
    def faults(cls, model: Classifier, data: Catalogue) -> list[str]:
        found = super().faults(model, data)
        if model.config.data.split != TRAIN:
            found.append(
                f"data.split is {model.config.data.split!r}; a classifier learns from {TRAIN!r} "
                f"and is measured on {VAL!r}"
            )
        elif not (data.labels[data.indices(VAL)] >= 0).any():
            found.append(
                "there are no labelled validation images, by which plateaus, stopping and the best "
                "checkpoint are found: see data.split_fractions"
            )
        return found

    @functools.cached_property
    def rows(self) -> np.ndarray:
        """Positions of at most `eval.num_images` labelled validation images."""
        rows = self.data.indices(VAL)
        rows = rows[self.data.labels[rows] >= 0]
        return rows[evenly_spaced(len(rows), self.model.config.eval.num_images)]

    @functools.cached_property
    def validation(self) -> ImageSet:
        """Those images."""
        return select(self.images(), self.rows)

    def _probabilities(self, variables: Variables) -> np.ndarray:
        """(N, K), computed once for the weights that a sheet and an evaluation share."""
        if self.inputs is None:
            self.inputs = self.model.inputs(variables, self.validation, "validation images")
        leaf = jax.tree.leaves(variables["tail"]["params"])[0]
        if self.latest[0] is not leaf:
            self.latest = (leaf, self.model.probabilities(variables, self.inputs))
        return self.latest[1]

    def draw(self, variables: Variables, stage: Stage) -> np.ndarray:
        """The images whose true class is believed least, uint8 (H, W, 3).

        Captions: the true class and its probability, and below it the likeliest class.
        """
        del stage
        rows, columns = self.model.config.eval.grid
        found, labels = self._probabilities(variables), self.data.labels[self.rows]
        of_truth = found[np.arange(len(labels)), labels]
        worst = np.argsort(of_truth, kind="stable")[: rows * columns]
        names = self.data.classes
        captions = [
            f"{names[labels[i]]} {of_truth[i]:.2f}\n{names[found[i].argmax()]} {found[i].max():.2f}"
            for i in worst
        ]
        return contact_sheet(list(self.validation[worst]), captions, columns)

    def evaluate(self, variables: Variables, stage: Stage) -> Measurements:
        """The configured metrics; with the accuracy goes which class is taken for which."""
        del stage
        true, found = self.data.labels[self.rows], self._probabilities(variables)
        classes = self.data.classes
        measured = [
            Measurement(
                registry.load("classifier_metric", name)(true, found, classes),
                split=VAL,
                confusion=None,
            )
            for name in self.model.config.eval.metrics
        ]
        confusion = classifier_metrics.confusion(true, found, classes)
        return by_key(
            *(
                dataclasses.replace(one, confusion=confusion) if one.name == "accuracy" else one
                for one in measured
            )
        )
