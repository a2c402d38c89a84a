"""The metrics of a classifier that `eval.metrics` names, on labelled validation images.

Each is a function of the true classes int (N,), the probabilities (N, K) and the K names.
"""

import numpy as np

from dermgan_jax.data.splits import VAL
from dermgan_jax.metrics.measurement import Confusion, MetricValue
from dermgan_jax.statistics import classification, intervals


def loss(true: np.ndarray, probabilities: np.ndarray, classes: tuple[str, ...]) -> MetricValue:
    """Mean -ln of the probability of the true class, every image weighing the same."""
    del classes
    value = classification.log_loss(true, probabilities)
    return _value("loss", "log_loss", value, true, better="lower")


def accuracy(true: np.ndarray, probabilities: np.ndarray, classes: tuple[str, ...]) -> MetricValue:
    """Share of images whose likeliest class is the true one, with Wilson's interval."""
    counts = _counts(true, probabilities, classes)
    interval = intervals.wilson(int(np.trace(counts)), len(true))
    return _value("accuracy", "argmax", classification.accuracy(counts), true, interval=interval)


def balanced_accuracy(
    true: np.ndarray, probabilities: np.ndarray, classes: tuple[str, ...]
) -> MetricValue:
    """Mean recall over the classes that have images; the recalls are its details."""
    counts = _counts(true, probabilities, classes)
    recall = classification.class_scores(counts).recall
    details = {name: float(r) for name, r in zip(classes, recall, strict=True) if np.isfinite(r)}
    value = classification.balanced_accuracy(counts)
    return _value("balanced_accuracy", "argmax:macro_recall", value, true, details=details)


def auc(true: np.ndarray, probabilities: np.ndarray, classes: tuple[str, ...]) -> MetricValue:
    """Mean area under the ROC curve of each class that has images against all others.

    NaN where all images are of one class.
    """
    present = [label for label in range(len(classes)) if 0 < (true == label).sum() < len(true)]
    details = {
        classes[label]: classification.auc(true == label, probabilities[:, label])
        for label in present
    }
    value = float(np.mean(list(details.values()))) if details else float("nan")
    return _value("auc", "one_vs_rest:macro", value, true, details=details)


def confusion(true: np.ndarray, probabilities: np.ndarray, classes: tuple[str, ...]) -> Confusion:
    """Which class is taken for which."""
    counts = _counts(true, probabilities, classes)
    return Confusion(tuple(classes), tuple(map(tuple, counts.tolist())))


def _value(name, protocol, value, true, *, better="higher", details=None, interval=None):
    return MetricValue(
        name=name,
        value=value,
        protocol=f"{VAL}:{protocol}",
        n=len(true),
        details=details or {},
        better=better,
        interval=interval,
    )


def _counts(true: np.ndarray, probabilities: np.ndarray, classes: tuple[str, ...]) -> np.ndarray:
    return classification.confusion_matrix(true, probabilities.argmax(axis=1), len(classes))
