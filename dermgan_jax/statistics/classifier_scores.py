"""The scores of a classifier that reports show, each with an interval over groups and trainings.

Every score takes weights per image, many sets at once, so that a bootstrap costs a few matrix
products. Higher is better, but for those of `LOWER_IS_BETTER`. A class without test images has no
scores of its own and is left out of means; `score_table` says so.
"""

import dataclasses
import functools
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from dermgan_jax.errors import UserError
from dermgan_jax.statistics import calibration, classification, group_bootstrap, operating_point
from dermgan_jax.statistics.held_out_images import TWO_THOUSAND, HeldOutImages, Resampling

LOWER_IS_BETTER = ("ece",)
SPECIFICITY = 0.95
BLOCK = 64  # sets of weights that are sorted together: few enough to stay in the processor's cache

# Values (seeds,) of a score and its replicates (seeds, num) under resampled groups.
Replicates = tuple[np.ndarray, np.ndarray]


class ScoreName(NamedTuple):
    """What a score is called: a kind and, if it is of one class, that class.

    As text it is "accuracy", or "recall/melanoma".
    """

    kind: str
    of_class: str = ""

    @classmethod
    def of(cls, text: str) -> "ScoreName":
        """The parts of a name."""
        kind, _, of_class = text.partition("/")
        return cls(kind, of_class)

    @property
    def lower_is_better(self) -> bool:
        """Whether smaller values are better."""
        return self.kind in LOWER_IS_BETTER


@dataclasses.dataclass(frozen=True)
class Score:
    """A score with its 95 % interval.

    Attributes:
      value: mean over the trainings; None, as are the others, where the score is undefined.
      low, high: ends of the interval over groups of test images and trainings.
      per_seed: the value of each training.
      note: which classes have too few groups, and what that does to the score.
    """

    value: float | None
    low: float | None
    high: float | None
    per_seed: tuple[float | None, ...] = ()
    note: str = ""


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
    kind, of_class = ScoreName.of(name)
    kind = kind if of_class else _MEANS[name]
    present = judged.of_classes.support > 0
    values = np.where(present, _OF_CLASSES[kind](judged), np.nan)
    if of_class:
        return values[:, list(classes).index(of_class)]
    defined = ~np.isnan(values)
    count = defined.sum(axis=1)
    sums = np.where(defined, values, 0).sum(axis=1)
    return np.divide(sums, count, out=np.full(len(values), np.nan), where=count > 0)


def replicate(
    wanted: Sequence[str], test: HeldOutImages, probabilities: np.ndarray, weights: np.ndarray
) -> dict[str, Replicates]:
    """Scores of each training and under each set of weights.

    Args:
      wanted: of `names(test.classes)`.
      test: the images.
      probabilities: (seeds, n, k).
      weights: of `group_bootstrap.image_weights` (num, n).

    Raises:
      UserError: if there is no such score.
    """
    classes = test.classes
    unknown = [name for name in wanted if name not in names(classes)]
    if unknown:
        raise UserError(
            f"unknown scores {', '.join(unknown)}; there are {', '.join(SCORES)} and, for each of "
            f"{', '.join(classes)}, {', '.join(f'{kind}/{classes[0]}' for kind in _OF_CLASSES)}"
        )
    once = np.ones((1, len(test)))
    judged = [
        (_Judged(test.labels, of_seed, once), _Judged(test.labels, of_seed, weights))
        for of_seed in probabilities
    ]
    return {
        name: (
            np.array([_evaluate(name, whole, classes)[0] for whole, _ in judged]),
            np.stack([_evaluate(name, resampled, classes) for _, resampled in judged]),
        )
        for name in wanted
    }


def support(name: str, test: HeldOutImages) -> tuple[float, float]:
    """How many groups a score rests on, and the degrees of freedom of its variance.

    Args:
      name: of `names(test.classes)`.
      test: the images.
    """
    groups = test.groups_of_classes
    kind, of_class = ScoreName.of(name)
    own = groups[list(test.classes).index(of_class)] if of_class else 0
    if name in _WHOLE or kind == "specificity":
        number = groups.sum() - own
        return float(number), float(max(number - (groups > 0).sum(), 1))
    if of_class:
        return float(own), float(max(own - 1, 1))
    groups = groups[groups > 0]
    return float(len(groups) ** 2 / (1 / groups).sum()), group_bootstrap.mean_freedom(groups)


def score_table(
    test: HeldOutImages,
    probabilities: np.ndarray,
    *,
    wanted: Sequence[str] | None = None,
    resampling: Resampling = TWO_THOUSAND,
) -> dict[str, Score]:
    """Every score with its 95 % interval over groups of test images and trainings.

    Args:
      test: the images.
      probabilities: of several trainings on the same data (seeds, n, k); with one, the intervals
        speak of that trained network only.
      wanted: of `names(test.classes)`; all by default.
      resampling: of the test images.

    Raises:
      UserError: if the arrays do not fit each other, there is no such score, no class has two
        groups, or, unless `wanted` is given, all images are of one class.
    """
    test.require_answers(probabilities)
    found = np.unique(test.labels)
    if wanted is None and len(found) < 2:
        raise UserError(
            f"scores: all test images are of class {test.classes[found[0]]!r}; a classifier's "
            "scores need two classes or more: use a test split that has them"
        )
    wanted = names(test.classes) if wanted is None else wanted
    replicates = replicate(wanted, test, probabilities, test.weights(resampling))
    return {name: _with_interval(name, test, *found) for name, found in replicates.items()}


def _with_interval(
    name: str, test: HeldOutImages, values: np.ndarray, replicates: np.ndarray
) -> Score:
    note = _note(name, test)
    if np.isnan(values).any():
        return Score(None, None, None, (None,) * len(values), note)
    number, freedom = support(name, test)
    uncertainty = group_bootstrap.of_score(values, replicates, freedom)
    low, high = group_bootstrap.score_interval(uncertainty, max(number, 1))
    return Score(uncertainty.value, low, high, tuple(values.tolist()), note)


def _note(name: str, test: HeldOutImages) -> str:
    """Which classes lack groups, and what that does to the score."""
    if name in _WHOLE:
        return ""
    images = np.bincount(test.labels, minlength=len(test.classes))
    groups = test.groups_of_classes
    of_class = ScoreName.of(name).of_class
    considered = [c for c, known in enumerate(test.classes) if of_class in ("", known)]
    absent = [test.classes[c] for c in considered if images[c] == 0]
    single = [test.classes[c] for c in considered if images[c] > 0 and groups[c] < 2]
    parts = []
    if absent:
        left_out = "" if of_class else ", left out of the mean"
        parts.append(f"no test image of {', '.join(absent)}{left_out}")
    if single:
        parts.append(
            f"fewer than two test {test.group_noun}s of {', '.join(single)}: the interval is a "
            "guess"
        )
    return "; ".join(parts)
