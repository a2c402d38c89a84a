"""Scores of a classifier, with scikit-learn's definitions."""

from typing import NamedTuple

import numpy as np
from scipy.stats import rankdata

from dermgan_jax.errors import UserError


class ClassScores(NamedTuple):
    """One-against-the-rest scores per class (k,).

    `recall` is NaN for a class without images and `specificity` for one that has all. A class that
    is never predicted has precision 0; F1 is 0 where recall and precision are.
    """

    recall: np.ndarray
    precision: np.ndarray
    f1: np.ndarray
    specificity: np.ndarray
    support: np.ndarray


def confusion_matrix(true: np.ndarray, predicted: np.ndarray, num_classes: int) -> np.ndarray:
    """Counts (k, k), rows true and columns predicted, from classes 0 to k − 1 of shape (n,)."""
    confusion = np.zeros((num_classes, num_classes), np.int64)
    np.add.at(confusion, (true, predicted), 1)
    return confusion


def class_scores(confusion: np.ndarray) -> ClassScores:
    """Scores of each class from a `confusion_matrix`."""
    hits = np.diag(confusion)
    support, predicted = confusion.sum(axis=1), confusion.sum(axis=0)
    negatives = confusion.sum() - support
    return ClassScores(
        recall=_divide(hits, support, np.nan),
        precision=_divide(hits, predicted, 0.0),
        f1=_divide(2 * hits, support + predicted, 0.0),
        specificity=_divide(negatives - (predicted - hits), negatives, np.nan),
        support=support,
    )


def _divide(numerator: np.ndarray, denominator: np.ndarray, otherwise: float) -> np.ndarray:
    out = np.full(len(numerator), otherwise)
    return np.divide(numerator, denominator, out=out, where=denominator > 0)


def accuracy(confusion: np.ndarray) -> float:
    """Share of right answers; equals micro-averaged recall, precision and F1."""
    return float(np.trace(confusion) / confusion.sum())


def balanced_accuracy(confusion: np.ndarray, *, adjusted: bool = False) -> float:
    """Mean recall over the classes that have images, the score of ISIC 2018 task 3.

    Args:
      confusion: see `confusion_matrix`.
      adjusted: rescale so that guessing scores 0 and being always right 1.
    """
    scores = class_scores(confusion)
    present = scores.support > 0
    mean = float(scores.recall[present].mean())
    chance = 1 / present.sum()
    return float((mean - chance) / (1 - chance)) if adjusted else mean


def matthews_correlation(confusion: np.ndarray) -> float:
    """Correlation of truth and prediction (Gorodkin 2004), −1 to 1; 0 if either never varies."""
    total, hits = confusion.sum(), np.trace(confusion)
    true, predicted = confusion.sum(axis=1), confusion.sum(axis=0)
    spread = float(total**2 - true @ true) * float(total**2 - predicted @ predicted)
    return float((hits * total - true @ predicted) / np.sqrt(spread)) if spread > 0 else 0.0


def log_loss(true: np.ndarray, probabilities: np.ndarray) -> float:
    """Mean −ln of the probability of the true class; (n,) and (n, k), rows made to add up to 1."""
    p = np.asarray(probabilities, np.float64)
    p = p[np.arange(len(p)), true] / p.sum(axis=1)
    return float(-np.log(np.maximum(p, np.finfo(np.float64).eps)).mean())


def auc(positive: np.ndarray, scores: np.ndarray) -> float:
    """Area under the ROC curve: how often a positive outscores a negative, ties counting half.

    Args:
      positive: bool (n,).
      scores: (n,), higher for positives.

    Raises:
      UserError: if there are only positives or only negatives.
    """
    num = int(positive.sum())
    if num in (0, len(positive)):
        raise UserError(f"AUC: {num} of {len(positive)} images are positive; it needs both kinds")
    ranks = rankdata(scores)[positive].sum()
    return float((ranks - num * (num + 1) / 2) / (num * (len(positive) - num)))


def auc_one_vs_rest(true: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
    """AUC of each class (k,) against all others; its mean is the macro average.

    Raises:
      UserError: if a class is missing in `true` (n,), or the only one.
    """
    return np.array([auc(true == c, p) for c, p in enumerate(probabilities.T)])


def auc_one_vs_one(true: np.ndarray, probabilities: np.ndarray) -> float:
    """Mean AUC over ordered pairs of classes (Hand and Till 2001); `probabilities` (n, k).

    Raises:
      UserError: as `auc_one_vs_rest`.
    """
    classes = range(probabilities.shape[1])
    areas = []
    for a in classes:
        for b in classes:
            if a != b:
                pair = (true == a) | (true == b)
                areas.append(auc(true[pair] == a, probabilities[pair, a]))
    return float(np.mean(areas))


def average_precision(positive: np.ndarray, scores: np.ndarray) -> float:
    """Mean precision over the steps of recall, one per distinct score; as `auc` otherwise.

    NaN without positives.
    """
    order = np.argsort(-scores, kind="stable")
    last_of_ties = np.append(np.diff(scores[order]) != 0, True)
    hits = np.cumsum(positive[order])[last_of_ties]
    precision = hits / (np.flatnonzero(last_of_ties) + 1)
    with np.errstate(invalid="ignore"):
        return float((np.diff(hits, prepend=0) / np.int64(positive.sum())) @ precision)
