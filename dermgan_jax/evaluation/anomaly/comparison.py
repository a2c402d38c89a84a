"""A trained detector and the baselines on the same test images, each with intervals over groups."""

import dataclasses
import time
from collections.abc import Sequence

import numpy as np
from ml_collections import FrozenConfigDict

from dermgan_jax import registry
from dermgan_jax.data.image_sets import ImageSet
from dermgan_jax.evaluation.anomaly import baseline
from dermgan_jax.evaluation.anomaly.baseline import Detect, Detected
from dermgan_jax.evaluation.anomaly.protocol import Roles
from dermgan_jax.evaluation.anomaly.result import (
    TRAINED,
    Curve,
    DetectionResult,
    DetectorResult,
    Localised,
    Subgroup,
)
from dermgan_jax.features import weights as weight_files
from dermgan_jax.files import Path
from dermgan_jax.metrics import localisation
from dermgan_jax.models import detector
from dermgan_jax.runs.restore import Restored
from dermgan_jax.statistics import classification, detection
from dermgan_jax.statistics.held_out_images import TWO_THOUSAND, Resampling
from dermgan_jax.statistics.intervals import Estimate
from dermgan_jax.statistics.subgroups import FEWEST_GROUPS

CURVE_POINTS = 200
LOCALISING = Resampling(200)


@dataclasses.dataclass(frozen=True)
class Answers:
    """What one detector says of test images, and of the validation images that set its threshold.

    Attributes:
      key, title, source: see `DetectorResult`.
      test: of the test images.
      threshold: that 5 % of the normal validation images exceed.
      seconds: to fit and score.
    """

    key: str
    title: str
    source: str
    test: Detected
    threshold: float
    seconds: float


def trained_detect(restored: Restored) -> Detect:
    """The detector of a run, as baselines are called."""

    def detect(images: ImageSet, title: str = "") -> Detected:
        del title
        scores, maps = [], []
        for found in detector.batches(restored.model, restored.variables, images):
            scores.append(found.scores.astype(np.float64))
            maps.append(found.maps)
        return Detected(np.concatenate(scores), np.concatenate(maps))

    return detect


def answers_of(key: str, title: str, source: str, detect: Detect, roles: Roles) -> Answers:
    """What a detector says of the images of a data set."""
    began = time.monotonic()
    threshold = detection.threshold(detect(roles.validation, "normal validation images").scores)
    test = detect(roles.test, "test images")
    return Answers(key, title, source, test, threshold, time.monotonic() - began)


def baseline_answers(
    names: Sequence[str], roles: Roles, weights: Path | None = None
) -> tuple[list[Answers], dict[str, str]]:
    """What the baselines of these names say, and why others of them are left out."""
    found, left_out = [], {}
    for name in names:
        one = baseline.load(name)
        if one.weights and not weight_files.available(one.weights, weights):
            left_out[name] = f"its weights are missing: dermgan weights --fetch={one.weights}"
            continue
        began = time.monotonic()
        answers = answers_of(name, one.title, one.source, one.fit(roles.training, weights), roles)
        found.append(dataclasses.replace(answers, seconds=time.monotonic() - began))
    return found, left_out


def compare(
    restored: Restored,
    data_config: FrozenConfigDict,
    roles: Roles,
    answers: Sequence[Answers],
    left_out: dict[str, str],
    resampling: Resampling = TWO_THOUSAND,
) -> DetectionResult:
    """Every number of every detector.

    Args:
      restored: the trained detector.
      data_config: `config.data` of its run.
      roles: its data.
      answers: of the trained detector, first, and of the baselines.
      left_out: see `baseline_answers`.
      resampling: of the test groups.
    """
    test, listed = roles.test_images, roles.catalogue
    masks, known = roles.masks(data_config)
    labels = listed.labels[roles.rows]
    normal = [listed.classes[label] for label in np.unique(labels[~roles.abnormal]) if label >= 0]
    counts = {
        name: int((labels == label).sum())
        for label, name in enumerate(listed.classes)
        if (roles.abnormal & (labels == label)).any()
    }
    reference = detection.replicates(test, roles.abnormal, answers[0].test.scores, resampling)
    marked = known & roles.abnormal
    return DetectionResult(
        run=restored.run,
        checkpoint=restored.step,
        family=restored.model.config.model.name,
        terms=restored.model.score_terms,
        normal=normal,
        counts=counts,
        training_normal=len(roles.training),
        validation_normal=len(roles.validation),
        test_normal=int((~roles.abnormal).sum()),
        test_abnormal=int(roles.abnormal.sum()),
        groups=test.num_groups,
        group_noun=test.group_noun,
        localised_images=int(marked.sum()),
        regions=localisation.count_regions(masks[marked]),
        without_mask=int((roles.abnormal & ~known).sum()),
        detectors=[
            _judged(one, roles, masks, known, None if one.key == TRAINED else reference, resampling)
            for one in answers
        ],
        left_out=left_out,
        phantom=listed.dataset.synthetic,
    )


def _judged(
    answers: Answers,
    roles: Roles,
    masks: np.ndarray,
    known: np.ndarray,
    reference: dict[str, detection.Replicates] | None,
    resampling: Resampling,
) -> DetectorResult:
    test, scores = roles.test_images, answers.test.scores
    replicated = detection.replicates(
        test, roles.abnormal, scores, resampling, at=answers.threshold
    )
    ahead, p_value = None, None
    if reference is not None:
        found = detection.differences(test, roles.abnormal, replicated, reference)["auroc"]
        ahead, p_value = Estimate(found.value, found.low, found.high), found.p_value
    return DetectorResult(
        key=answers.key,
        title=answers.title,
        source=answers.source,
        scores=detection.with_intervals(test, roles.abnormal, replicated),
        per_class=_per_class(roles, scores, resampling),
        subgroups=_subgroups(roles, scores, resampling) if answers.key == TRAINED else [],
        localised=_localised(roles, answers.test.maps, masks, known),
        threshold=answers.threshold,
        ahead=ahead,
        p_value=p_value,
        curve=_curve(roles.abnormal, scores),
        seconds=round(answers.seconds, 1),
    )


def _auroc(roles: Roles, scores: np.ndarray, rows: np.ndarray, resampling: Resampling) -> Estimate:
    """Of the test images that `rows`, bool (n,), is true of."""
    test, abnormal = roles.test_images.select(rows), roles.abnormal[rows]
    replicated = detection.replicates(test, abnormal, scores[rows], resampling)
    return detection.with_intervals(test, abnormal, replicated)["auroc"]


def _per_class(roles: Roles, scores: np.ndarray, resampling: Resampling) -> dict[str, Estimate]:
    names = np.array(roles.class_names)
    return {
        name: _auroc(roles, scores, ~roles.abnormal | (names == name), resampling)
        for name in roles.catalogue.classes
        if (roles.abnormal & (names == name)).any()
    }


def _subgroups(roles: Roles, scores: np.ndarray, resampling: Resampling) -> list[Subgroup]:
    groups, found = np.asarray(roles.test_images.groups), []
    for column, of_images in roles.columns.items():
        for value in np.unique(of_images):
            rows = of_images == value
            sides = [rows & roles.abnormal, rows & ~roles.abnormal]
            enough = min(len(np.unique(groups[side])) for side in sides) >= FEWEST_GROUPS
            auroc = _auroc(roles, scores, rows, resampling) if enough else None
            sizes = [int(side.sum()) for side in sides]
            found.append(Subgroup(column, str(value), sizes[1], sizes[0], auroc))
    return found


def _localised(
    roles: Roles, maps: np.ndarray | None, masks: np.ndarray, known: np.ndarray
) -> Localised | None:
    if maps is None or not masks.any():
        return None
    within = roles.test_images.select(known)
    found = localisation.localise(maps[known], masks[known], within, LOCALISING)
    return Localised(found.pixel_auroc, found.aupro)


def _curve(abnormal: np.ndarray, scores: np.ndarray) -> Curve:
    """At most 200 corners of the ROC curve, the first and the last among them."""
    curve = classification.roc_curve(abnormal, scores, np.ones(len(scores)))
    false, true = curve.false / curve.false[-1], curve.true / curve.true[-1]
    kept = np.unique(np.linspace(0, len(false) - 1, CURVE_POINTS).round().astype(int))
    return Curve(
        [round(float(x), 5) for x in false[kept]], [round(float(y), 5) for y in true[kept]]
    )


def baseline_names(asked: Sequence[str] | None) -> tuple[str, ...]:
    """All baselines, or those asked for; the name "none" is none of them.

    Raises:
      UserError: if there is no such baseline.
    """
    if asked is None:
        return registry.names("anomaly baseline")
    wanted = [name for name in asked if name != "none"]
    for name in wanted:
        baseline.load(name)
    return tuple(dict.fromkeys(wanted))
