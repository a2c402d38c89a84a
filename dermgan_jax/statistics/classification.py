"""Scores of a classifier, with scikit-learn's definitions."""

from typing import NamedTuple

import numpy as np
from scipy.stats import rankdata

from dermgan_jax.errors import UserError


class ClassScores(NamedTuple):
    """One-against-the-rest scores per class, (k,), or (r, k) from r matrices.

    `recall` is NaN for a class without images and `specificity` for one that has all. A class that
    is never predicted has precision 0; F1 is 0 where recall and precision are.
    """

    recall: np.ndarray
    precision: np.ndarray
    f1: np.ndarray
    specificity: np.ndarray
    support: np.ndarray


class RocCurve(NamedTuple):
    """Weight of what is called positive as the threshold falls: the corners of the curve.

    Both (corners,), or (corners, r) under r sets of weights; from nothing to everything.
    """

    false: np.ndarray
    true: np.ndarray


def confusion_matrix(
    true: np.ndarray, predicted: np.ndarray, num_classes: int, weights: np.ndarray | None = None
) -> np.ndarray:
    """Rows true and columns predicted, from classes 0 to k − 1 of shape (n,).

    Args:
      true, predicted: int (n,).
      num_classes: k.
      weights: how often each image counts, >= 0: (n,), or (r, n) for r matrices at once.

    Returns:
      Counts, int (k, k); with weights float (k, k) or (r, k, k).
    """
    cells, size = true * num_classes + predicted, num_classes**2
    if weights is None:
        return np.bincount(cells, minlength=size).reshape(num_classes, num_classes)
    sums = weights @ (cells[:, None] == np.arange(size)).astype(np.float64)
    return sums.reshape(*sums.shape[:-1], num_classes, num_classes)


def class_scores(confusion: np.ndarray) -> ClassScores:
    """Scores of each class from a `confusion_matrix`, or from several (r, k, k)."""
    hits = np.diagonal(confusion, axis1=-2, axis2=-1)
    support, predicted = confusion.sum(axis=-1), confusion.sum(axis=-2)
    negatives = support.sum(axis=-1, keepdims=True) - support
    return ClassScores(
        recall=_divide(hits, support, np.nan),
        precision=_divide(hits, predicted, 0.0),
        f1=_divide(2 * hits, support + predicted, 0.0),
        specificity=_divide(negatives - (predicted - hits), negatives, np.nan),
        support=support,
    )


def _divide(numerator: np.ndarray, denominator: np.ndarray, otherwise: float) -> np.ndarray:
    out = np.full(np.shape(numerator), otherwise)
    return np.divide(numerator, denominator, out=out, where=denominator > 0)


def accuracy(confusion: np.ndarray) -> float | np.ndarray:
    """Share of right answers; equals micro-averaged recall, precision and F1.

    A float, or (r,) from several matrices.
    """
    share = np.trace(confusion, axis1=-2, axis2=-1) / confusion.sum(axis=(-2, -1))
    return float(share) if confusion.ndim == 2 else share


def balanced_accuracy(confusion: np.ndarray, *, adjusted: bool = False) -> float | np.ndarray:
    """Mean recall over the classes that have images, the score of ISIC 2018 task 3.

    Args:
      confusion: see `confusion_matrix`; several (r, k, k) give (r,).
      adjusted: rescale so that guessing scores 0 and being always right 1.
    """
    scores = class_scores(confusion)
    present = scores.support > 0
    mean = scores.recall.mean(axis=-1, where=present)
    if adjusted:
        chance = 1 / present.sum(axis=-1)
        mean = (mean - chance) / (1 - chance)
    return float(mean) if confusion.ndim == 2 else mean


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


def auc(
    positive: np.ndarray, scores: np.ndarray, weights: np.ndarray | None = None
) -> float | np.ndarray:
    """Area under the ROC curve: how often a positive outscores a negative, ties counting half.

    Args:
      positive: bool (n,).
      scores: (n,), higher for positives.
      weights: how often each image counts, >= 0: (n,), or (r, n) for areas (r,), which are NaN
        where the weights leave only positives or only negatives.

    Raises:
      UserError: if there are only positives or only negatives.
    """
    num = int(positive.sum())
    if num in (0, len(positive)):
        raise UserError(f"AUC: {num} of {len(positive)} images are positive; it needs both kinds")
    if weights is not None:
        area = roc_area(roc_curve(positive, scores, weights))
        return float(area) if weights.ndim == 1 else area
    ranks = rankdata(scores)[positive].sum()
    return float((ranks - num * (num + 1) / 2) / (num * (len(positive) - num)))


def roc_curve(positive: np.ndarray, scores: np.ndarray, weights: np.ndarray) -> RocCurve:
    """What is called positive at each threshold; arguments as of `auc`.

    Equal scores pass the threshold together. Where only positives or only negatives do so one
    after another, the curve is straight and the thresholds between are left out.
    """
    order = np.argsort(-scores, kind="stable")
    scores, positive, weights = scores[order], positive[order], weights.T[order]
    starts = np.flatnonzero(np.append(True, np.diff(scores) != 0))
    share = np.add.reduceat(positive.astype(np.float64), starts) / np.diff(
        starts, append=len(order)
    )
    turns = np.append(True, np.diff(share) != 0) | ((share > 0) & (share < 1))
    of_positives = weights * positive.reshape(-1, *[1] * (weights.ndim - 1))
    nothing = np.zeros((1, *weights.shape[1:]))
    true, everything = (
        np.cumsum(np.concatenate([nothing, np.add.reduceat(part, starts[turns])]), axis=0)
        for part in (of_positives, weights)
    )
    return RocCurve(false=everything - true, true=true)


def roc_area(curve: RocCurve) -> np.ndarray:
    """Area under a `roc_curve` by trapezoids, () or (r,); NaN where either kind has no weight."""
    heights = (curve.true[1:] + curve.true[:-1]) / 2
    area = np.einsum("t...,t...->...", np.diff(curve.false, axis=0), heights)
    return _divide(area, curve.true[-1] * curve.false[-1], np.nan)


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
