"""The scores of a classifier that reports show, each with an interval over lesions and trainings.

Every score takes weights per image, many sets at once, so that a bootstrap costs a few matrix
products. Higher is better, but for those of `LOWER_IS_BETTER`. A class without test images has no
scores of its own and is left out of means; `score_table` says so.
"""

import dataclasses
import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from dermgan_jax.errors import UserError
from dermgan_jax.statistics import calibration, classification, group_bootstrap, operating_point

LOWER_IS_BETTER = ("ece",)
SPECIFICITY = 0.95
BLOCK = 64  # sets of weights that are sorted together: few enough to stay in the processor's cache

# Values (seeds,) of a score and its replicates (seeds, num) under resampled lesions.
Replicates = tuple[np.ndarray, np.ndarray]


@dataclasses.dataclass(frozen=True)
class _Judged:
    """One training's answers, and what several scores need of them."""

    labels: np.ndarray  # (n,)
    probabilities: np.ndarray  # (n, k)
    weights: np.ndarray  # (r, n)

    @functools.cached_property
    def confusion(self) -> np.ndarray:
        predicted = self.probabilities.argmax(axis=1)
        return classification.confusion_matrix(
            self.labels, predicted, self.probabilities.shape[1], self.weights
        )

    @functools.cached_property
    def of_classes(self) -> classification.ClassScores:
        return classification.class_scores(self.confusion)

    @functools.cached_property
    def ranking(self) -> tuple[np.ndarray, np.ndarray]:
        """Area under the ROC curve and sensitivity at a fixed specificity, both (r, k)."""
        shape = len(self.weights), self.probabilities.shape[1]
        areas, sensitivities = np.empty(shape), np.empty(shape)
        for start in range(0, shape[0], BLOCK):
            rows = slice(start, start + BLOCK)
            for c, scores in enumerate(self.probabilities.T):
                curve = classification.roc_curve(self.labels == c, scores, self.weights[rows])
                areas[rows, c] = classification.roc_area(curve)
                sensitivities[rows, c] = operating_point.at_specificity(curve, SPECIFICITY)
        return areas, sensitivities


_OF_CLASSES: dict[str, Callable[[_Judged], np.ndarray]] = {
    "recall": lambda judged: judged.of_classes.recall,
    "precision": lambda judged: judged.of_classes.precision,
    "specificity": lambda judged: judged.of_classes.specificity,
    "f1": lambda judged: judged.of_classes.f1,
    "auc": lambda judged: judged.ranking[0],
    "sensitivity_at_95_specificity": lambda judged: judged.ranking[1],
}
_MEANS = {
    "balanced_accuracy": "recall",
    "precision": "precision",
    "specificity": "specificity",
    "f1": "f1",
    "auc": "auc",
}
_WHOLE: dict[str, Callable[[_Judged], np.ndarray]] = {
    "accuracy": lambda judged: classification.accuracy(judged.confusion),
    "ece": lambda judged: calibration.expected_calibration_error(
        judged.labels, judged.probabilities, judged.weights
    ),
}


def score(
    name: str,
    labels: np.ndarray,
    probabilities: np.ndarray,
    weights: np.ndarray | None = None,
    *,
    classes: Sequence[str] = (),
) -> float | np.ndarray:
    """One score of one training.

    Args:
      name: of `SCORES`, or of `names(classes)`.
      labels: int (n,).
      probabilities: (n, k).
      weights: how often each image counts, >= 0: (n,), or (r, n) for r scores at once.
      classes: k names, needed for the score of a class.

    Returns:
      A float, or (r,); NaN where undefined.
    """
    weights = np.ones(len(labels)) if weights is None else np.asarray(weights, np.float64)
    values = _evaluate(name, _Judged(labels, probabilities, np.atleast_2d(weights)), classes)
    return float(values[0]) if weights.ndim == 1 else values


# name -> function(labels, probabilities, weights): the scores that need no class to be named.
SCORES: dict[str, Callable[..., float | np.ndarray]] = {
    name: functools.partial(score, name)
    for name in ("accuracy", "balanced_accuracy", "precision", "specificity", "f1", "auc", "ece")
}


def names(classes: Sequence[str]) -> tuple[str, ...]:
    """Every score, the overall ones first, then those of each class as "recall/melanoma"."""
    return (*SCORES, *(f"{kind}/{name}" for name in classes for kind in _OF_CLASSES))


def _evaluate(name: str, judged: _Judged, classes: Sequence[str]) -> np.ndarray:
    """Values (r,) of a score."""
    if name in _WHOLE:
        return _WHOLE[name](judged)
    kind, _, of_class = name.partition("/")
    kind = kind if of_class else _MEANS[name]
    present = judged.of_classes.support > 0
    values = np.where(present, _OF_CLASSES[kind](judged), np.nan)
    if of_class:
        return values[:, list(classes).index(of_class)]
    defined = ~np.isnan(values)
    count = defined.sum(axis=1)
    sums = np.where(defined, values, 0).sum(axis=1)
    return np.divide(sums, count, out=np.full(len(values), np.nan), where=count > 0)


def check(
    labels: np.ndarray, groups: Sequence[str], probabilities: np.ndarray, classes: Sequence[str]
) -> None:
    """Raises a UserError unless these are the answers of trainings on labelled test images.

    Arguments as of `score_table`.
    """
    n, k = len(labels), len(classes)
    if probabilities.ndim != 3 or probabilities.shape[1:] != (n, k) or len(groups) != n:
        raise UserError(
            f"scores: probabilities {probabilities.shape} and {len(groups)} groups do not fit "
            f"{n} images and {k} classes; give (trainings, {n}, {k}) and {n} groups"
        )
    if len(probabilities) == 0 or n == 0:
        raise UserError("scores: there are no test images or no trainings; give at least one each")
    if labels.min() < 0 or labels.max() >= k:
        raise UserError(
            f"scores: labels from {labels.min()} to {labels.max()}, but the {k} classes are 0 to "
            f"{k - 1}; leave out images without a label"
        )
    sums = probabilities.sum(axis=2, dtype=np.float64)
    if not (probabilities.min() >= 0 and np.abs(sums - 1).max() < 1e-3):
        raise UserError(
            "scores: the probabilities of an image must be at least 0 and add up to 1; give the "
            "softmax of the classifier's outputs"
        )


def replicate(
    wanted: Sequence[str],
    labels: np.ndarray,
    probabilities: np.ndarray,
    classes: Sequence[str],
    weights: np.ndarray,
) -> dict[str, Replicates]:
    """Scores of each training and under each set of weights.

    Args:
      wanted: of `names(classes)`.
      labels: int (n,).
      probabilities: (seeds, n, k).
      classes: k names.
      weights: of `group_bootstrap.image_weights` (num, n).

    Raises:
      UserError: if there is no such score.
    """
    unknown = [name for name in wanted if name not in names(classes)]
    if unknown:
        raise UserError(
            f"unknown scores {', '.join(unknown)}; there are {', '.join(SCORES)} and, for each of "
            f"{', '.join(classes)}, {', '.join(f'{kind}/{classes[0]}' for kind in _OF_CLASSES)}"
        )
    once = np.ones((1, len(labels)))
    judged = [
        (_Judged(labels, of_seed, once), _Judged(labels, of_seed, weights))
        for of_seed in probabilities
    ]
    return {
        name: (
            np.array([_evaluate(name, whole, classes)[0] for whole, _ in judged]),
            np.stack([_evaluate(name, resampled, classes) for _, resampled in judged]),
        )
        for name in wanted
    }


def support(name: str, lesions: np.ndarray, classes: Sequence[str]) -> tuple[float, float]:
    """How many lesions a score rests on, and the degrees of freedom of its variance.

    Args:
      name: of `names(classes)`.
      lesions: test lesions of each class (k,), see `lesions_of_classes`.
      classes: k names.
    """
    kind, _, of_class = name.partition("/")
    own = lesions[list(classes).index(of_class)] if of_class else 0
    if name in _WHOLE or kind == "specificity":
        number = lesions.sum() - own
        return float(number), float(max(number - (lesions > 0).sum(), 1))
    if of_class:
        return float(own), float(max(own - 1, 1))
    lesions = lesions[lesions > 0]
    return float(len(lesions) ** 2 / (1 / lesions).sum()), group_bootstrap.mean_freedom(lesions)


def lesions_of_classes(labels: np.ndarray, groups: Sequence[str], num_classes: int) -> np.ndarray:
    """Test lesions (k,) by the class that each counts under."""
    return np.bincount(group_bootstrap.strata(labels, groups)[1], minlength=num_classes)


def score_table(
    labels: np.ndarray,
    groups: Sequence[str],
    probabilities: np.ndarray,
    classes: Sequence[str],
    *,
    wanted: Sequence[str] | None = None,
    num: int = 2000,
    seed: int = 0,
) -> dict[str, dict[str, Any]]:
    """Every score with its 95 % interval over lesions and trainings.

    Args:
      labels: int (n,), classes of the test images.
      groups: n names of lesions; images of one lesion are resampled together.
      probabilities: of several trainings on the same data (seeds, n, k); with one, the intervals
        speak of that trained network only.
      classes: k names.
      wanted: of `names(classes)`; all by default.
      num: resamplings.
      seed: of the resamplings.

    Returns:
      Values for JSON: name -> "value" (mean over trainings), "low", "high", "per_seed"; all None
      where the score is undefined. "note" is there where classes lack lesions, and says what that
      does to the score.

    Raises:
      UserError: if the arrays do not fit each other, there is no such score, no class has two
        lesions, or, unless `wanted` is given, all images are of one class.
    """
    check(labels, groups, probabilities, classes)
    found = np.unique(labels)
    if wanted is None and len(found) < 2:
        raise UserError(
            f"scores: all test images are of class {classes[found[0]]!r}; a classifier's scores "
            "need two classes or more: use a test split that has them"
        )
    weights = group_bootstrap.image_weights(labels, groups, num, seed)
    lesions = lesions_of_classes(labels, groups, len(classes))
    images = np.bincount(labels, minlength=len(classes))
    wanted = names(classes) if wanted is None else wanted
    table = {}
    for name, (values, replicates) in replicate(
        wanted, labels, probabilities, classes, weights
    ).items():
        row: dict[str, Any] = dict.fromkeys(("value", "low", "high"))
        row["per_seed"] = [None] * len(values)
        if not np.isnan(values).any():
            number, freedom = support(name, lesions, classes)
            uncertainty = group_bootstrap.of_score(values, replicates, freedom)
            low, high = group_bootstrap.score_interval(uncertainty, max(number, 1))
            row = {"value": uncertainty.value, "low": low, "high": high}
            row["per_seed"] = values.tolist()
        note = _note(name, images, lesions, classes)
        table[name] = row | ({"note": note} if note else {})
    return table


def _note(name: str, images: np.ndarray, lesions: np.ndarray, classes: Sequence[str]) -> str:
    if name in _WHOLE:
        return ""
    of_class = name.partition("/")[2]
    considered = [c for c, known in enumerate(classes) if of_class in ("", known)]
    absent = [classes[c] for c in considered if images[c] == 0]
    single = [classes[c] for c in considered if images[c] > 0 and lesions[c] < 2]
    parts = []
    if absent:
        left_out = "" if of_class else ", left out of the mean"
        parts.append(f"no test image of {', '.join(absent)}{left_out}")
    if single:
        parts.append(f"fewer than two test lesions of {', '.join(single)}: the interval is a guess")
    return "; ".join(parts)
