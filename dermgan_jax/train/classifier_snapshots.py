"""What is drawn and measured of a classifier while it trains, from the validation images."""

import functools

import jax
import numpy as np

from dermgan_jax import registry
from dermgan_jax.data.catalogue import Catalogue
from dermgan_jax.data.contact_sheet import contact_sheet
from dermgan_jax.data.image_files import save_image
from dermgan_jax.data.image_sets import ImageSet, evenly_spaced, select
from dermgan_jax.data.prepare import at_full_size, prepare
from dermgan_jax.metrics.measurement import MetricValue
from dermgan_jax.models.classifier import Classifier, inputs_of, probabilities_of
from dermgan_jax.models.contract import Stage, Variables
from dermgan_jax.runs.metrics_log import sample_sheet_name
from dermgan_jax.runs.workdir import WorkDir
from dermgan_jax.statistics import classification, intervals

SPLIT = "val"

Values = dict[str, dict]


def loss(true: np.ndarray, probabilities: np.ndarray, classes: tuple[str, ...]) -> MetricValue:
    """Mean -ln of the probability of the true class, every image weighing the same."""
    del classes
    value = classification.log_loss(true, probabilities)
    return _value("loss", "log_loss", value, true, better="lower")


def accuracy(true: np.ndarray, probabilities: np.ndarray, classes: tuple[str, ...]) -> MetricValue:
    """Share of images whose likeliest class is the true one, with Wilson's interval."""
    confusion = _confusion(true, probabilities, classes)
    interval = intervals.wilson(int(np.trace(confusion)), len(true))
    value = classification.accuracy(confusion)
    return _value("accuracy", "argmax", value, true, interval=interval)


def balanced_accuracy(
    true: np.ndarray, probabilities: np.ndarray, classes: tuple[str, ...]
) -> MetricValue:
    """Mean recall over the classes that have images; the recalls are its details."""
    confusion = _confusion(true, probabilities, classes)
    recall = classification.class_scores(confusion).recall
    details = {name: float(r) for name, r in zip(classes, recall, strict=True) if np.isfinite(r)}
    value = classification.balanced_accuracy(confusion)
    return _value("balanced_accuracy", "argmax:macro_recall", value, true, details=details)


def auc(true: np.ndarray, probabilities: np.ndarray, classes: tuple[str, ...]) -> MetricValue:
    """Mean area under the ROC curve of each class that has images against all others."""
    present = [label for label in range(len(classes)) if 0 < (true == label).sum() < len(true)]
    details = {
        classes[label]: classification.auc(true == label, probabilities[:, label])
        for label in present
    }
    value = float(np.mean(list(details.values()))) if details else float("nan")
    return _value("auc", "one_vs_rest:macro", value, true, details=details)


def _value(name, protocol, value, true, *, better="higher", details=None, interval=None):
    return MetricValue(
        name=name,
        value=value,
        protocol=f"{SPLIT}:{protocol}",
        n=len(true),
        details=details or {},
        better=better,
        interval=interval,
    )


def _confusion(true: np.ndarray, probabilities: np.ndarray, classes: tuple[str, ...]) -> np.ndarray:
    return classification.confusion_matrix(true, probabilities.argmax(axis=1), len(classes))


class ClassifierSnapshots:
    """Sheets of the validation images least understood, and scores of all of them.

    Args:
      model: the classifier, configured.
      data: the catalogue whose validation split is asked about.
      workdir: where sheets are written, by the first process.
    """

    def __init__(self, model: Classifier, data: Catalogue, workdir: WorkDir):
        self.model = model
        self.data = data
        self.folder = workdir.samples
        self.inputs: ImageSet | np.ndarray | None = None
        self.latest: tuple[jax.Array | None, np.ndarray] = (None, np.empty(0))

    @staticmethod
    def faults(model: Classifier, data: Catalogue) -> list[str]:
        """Why the classifier cannot be measured on these data; empty if it can."""
        if model.config.data.split != "train":
            return [
                f"data.split is {model.config.data.split!r}; a classifier learns from 'train' and "
                f"is measured on {SPLIT!r}"
            ]
        if not (data.labels[data.indices(SPLIT)] >= 0).any():
            return [
                "there are no labelled validation images, by which plateaus, stopping and the best "
                "checkpoint are found: see data.split_fractions"
            ]
        return []

    @functools.cached_property
    def rows(self) -> np.ndarray:
        """Positions of at most `eval.num_images` labelled validation images."""
        rows = self.data.indices(SPLIT)
        rows = rows[self.data.labels[rows] >= 0]
        return rows[evenly_spaced(len(rows), self.model.config.eval.num_images)]

    @functools.cached_property
    def images(self) -> ImageSet:
        return select(prepare(self.data, at_full_size(self.model.config.data)).images, self.rows)

    def _probabilities(self, variables: Variables) -> np.ndarray:
        """(N, K), computed once for the weights that a sheet and an evaluation share."""
        if self.inputs is None:
            self.inputs = inputs_of(self.model, variables, self.images, "validation images")
        leaf = jax.tree.leaves(variables["tail"]["params"])[0]
        if self.latest[0] is not leaf:
            self.latest = (leaf, probabilities_of(self.model, variables, self.inputs))
        return self.latest[1]

    def sheet(self, variables: Variables, stage: Stage, images_seen: int) -> np.ndarray:
        """Draws the images whose true class is believed least, as uint8 (H, W, 3), and writes them.

        Captions: the true class and its probability, and below it the likeliest class.
        """
        rows, columns = self.model.config.eval.grid
        found, labels = self._probabilities(variables), self.data.labels[self.rows]
        of_truth = found[np.arange(len(labels)), labels]
        worst = np.argsort(of_truth, kind="stable")[: rows * columns]
        names = self.data.classes
        captions = [
            f"{names[labels[i]]} {of_truth[i]:.2f}\n{names[found[i].argmax()]} {found[i].max():.2f}"
            for i in worst
        ]
        sheet = contact_sheet(list(self.images[worst]), captions, columns)
        if jax.process_index() == 0:
            self.folder.mkdir(exist_ok=True)
            save_image(sheet, self.folder / sample_sheet_name(images_seen, str(stage)))
        return sheet

    def evaluate(self, variables: Variables, stage: Stage) -> Values:
        """Metric name -> value with protocol, as JSON values; every process computes the same.

        "accuracy" also has "classes" and "confusion": counts, rows true and columns predicted.
        """
        del stage
        true, found = self.data.labels[self.rows], self._probabilities(variables)
        values = {
            name: registry.load("classifier_metric", name)(true, found, self.data.classes).to_json()
            for name in self.model.config.eval.metrics
        }
        if "accuracy" in values:
            confusion = _confusion(true, found, self.data.classes)
            values["accuracy"] |= {
                "classes": list(self.data.classes),
                "confusion": confusion.tolist(),
            }
        return values
