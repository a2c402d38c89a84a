"""What an augmentation study found: everything that its report shows, and as JSON.

Before version 0.2, groups of images were called lesions; such files are read too.
"""

import dataclasses
import json
from collections.abc import Mapping
from typing import Any

import cattrs

from dermgan_jax import files, stored_json
from dermgan_jax.data.splits import TRAIN
from dermgan_jax.files import Path
from dermgan_jax.statistics.classifier_scores import Score
from dermgan_jax.statistics.comparison import Comparison, Verdict
from dermgan_jax.statistics.identification import Identification
from dermgan_jax.statistics.intervals import Estimate
from dermgan_jax.statistics.subgroups import Drift
from dermgan_jax.studies.study_folder import read_result

RESULT_FILE = "augmentation.json"

Counts = dict[str, int]  # by class
Scores = dict[str, Score]  # by name


@dataclasses.dataclass(frozen=True)
class HeldOutSize:
    """How many images, and groups of them such as lesions, the arms are compared on."""

    images: int
    groups: int
    groups_per_class: Counts


@dataclasses.dataclass(frozen=True)
class GeneratorFacts:
    """The model that made the synthetic images.

    Attributes:
      name, title: of its family and its run.
      workdir: relative to the study's folder where it lies in or near it.
      step: of the checkpoint that was used.
      resolution: side of its images, in pixels.
    """

    name: str
    title: str
    workdir: str
    step: int
    resolution: int


@dataclasses.dataclass(frozen=True)
class Reliability:
    """Bins of answers by confidence: mean confidence, share that is right, number of answers."""

    confidence: list[float]
    accuracy: list[float]
    count: list[float]


@dataclasses.dataclass(frozen=True)
class Curve:
    """Values on the validation images over training; empty where they were not measured."""

    images: list[int]
    loss: list[float | None] = dataclasses.field(default_factory=list)
    balanced_accuracy: list[float | None] = dataclasses.field(default_factory=list)


@dataclasses.dataclass(frozen=True)
class SplitSide:
    """The study under one way of splitting.

    Attributes:
      base: scores of the base arm.
      versus: other arms against it.
      shared_groups: test images that show a group which is also in training.
      test: the test images.
    """

    base: Scores
    versus: dict[str, Comparison]
    shared_groups: int
    test: HeldOutSize


@dataclasses.dataclass(frozen=True)
class Leakage:
    """The same arms split by group and by image, and what that says in one sentence."""

    group: SplitSide
    image: SplitSide
    sentence: str


@dataclasses.dataclass(frozen=True)
class JudgedSets:
    """What the base arm's classifiers say of real test images, and of each synthetic set."""

    threshold: float
    real: Identification
    sets: dict[str, Identification]


@dataclasses.dataclass(frozen=True)
class AccuracyScores:
    """Classification accuracy score (Ravuri and Vinyals 2019): tested on real images, learned
    from real or from synthetic ones."""

    real: Scores
    synthetic: Scores


@dataclasses.dataclass(frozen=True)
class Kept:
    """How many images of a class were made and kept."""

    n: int
    kept: int
    accept_rate: float


@dataclasses.dataclass(frozen=True)
class FilterFacts:
    """What the filter did: its rule and protocol, how the threshold was chosen, what was kept."""

    rule: str
    protocol: str
    chosen_by: str
    n: int
    kept: int
    classes: dict[str, Kept]


@dataclasses.dataclass(frozen=True)
class SubgroupRow:
    """Test images that have one value of a column, and scores by arm and name."""

    column: str
    value: str
    images: int
    groups: int
    scores: dict[str, dict[str, Estimate]]


@dataclasses.dataclass(frozen=True)
class Population:
    """Scores by subgroup, and how the make-up of synthetic images differs from that of real ones.

    `method` says how synthetic images were given an age, sex or site.
    """

    subgroups: list[SubgroupRow]
    drift: list[Drift]
    method: str


@dataclasses.dataclass(frozen=True)
class Examples:
    """Paths in the study's folder, by class."""

    real: dict[str, list[str]] = dataclasses.field(default_factory=dict)
    synthetic: dict[str, list[str]] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True)
class ImageCounts:
    """Real images by split and class, synthetic ones by arm and class."""

    real: dict[str, Counts]
    synthetic: dict[str, Counts]

    def made(self, arm: str) -> int:
        """Synthetic images of an arm."""
        return sum(self.synthetic.get(arm, {}).values())

    @property
    def train(self) -> int:
        """Real training images."""
        return sum(self.real[TRAIN].values())


@dataclasses.dataclass(frozen=True)
class AugmentationResult:
    """Everything that a study found.

    Attributes:
      title, target, base: of the study, the class in question, and the arm others are held against.
      classes: names.
      phantom: whether the real images are drawn by a program.
      group_noun: what a group of images is: lesion, patient, case, group.
      threshold: of the probability from which an image counts as identified.
      data, classifier: configurations.
      seeds: of the trainings of each arm.
      steps, images_shown: of every training.
      generator: of the synthetic images; None if no arm has any.
      split_hash: of the data.
      test: the test images.
      counts: of images.
      arms: names, in the study's order.
      scores: of each arm.
      versus: each other arm against the base.
      verdict, target_verdict: on balanced accuracy, and on the recall of the target.
      confusion: of each arm, counts (true, called), a mean over trainings.
      reliability, curves: of each arm.
      leakage: both ways of splitting; None if there was one.
      judged: what classifiers say of synthetic images.
      cas: learned from synthetic images alone; None if no arm did.
      filter: what it kept; None if no arm was filtered.
      population: who is in the images.
      card: of the data, see `provenance.data_card`.
      examples: images to show.
      method, limits: sentences.
    """

    title: str
    target: str
    base: str
    classes: list[str]
    phantom: bool
    group_noun: str
    threshold: float
    data: dict[str, Any]
    seeds: list[int]
    steps: int
    images_shown: int
    classifier: dict[str, Any]
    generator: GeneratorFacts | None
    split_hash: str
    test: HeldOutSize
    counts: ImageCounts
    arms: list[str]
    scores: dict[str, Scores]
    versus: dict[str, Comparison]
    verdict: Verdict
    target_verdict: Verdict
    confusion: dict[str, list[list[float]]]
    reliability: dict[str, Reliability]
    curves: dict[str, Curve]
    leakage: Leakage | None
    judged: JudgedSets
    cas: AccuracyScores | None
    filter: FilterFacts | None
    population: Population
    card: dict[str, Any]
    examples: Examples
    method: list[str]
    limits: list[str]


def write(result: AugmentationResult, folder: Path) -> None:
    """Writes FOLDER/augmentation.json."""
    text = json.dumps(cattrs.unstructure(result), indent=1, allow_nan=False)
    files.write_text(folder / RESULT_FILE, text + "\n")


def read(folder: Path) -> AugmentationResult:
    """The inverse of `write`.

    Raises:
      UserError: if the folder holds no finished study, or the file is damaged.
    """
    return read_result(folder / RESULT_FILE, from_json)


def from_json(plain: Mapping[str, Any]) -> AugmentationResult:
    """A result from what `json` reads, of today or of an early version."""
    today = plain if "population" in plain else _with_todays_names(plain)
    try:
        result = cattrs.structure(today, AugmentationResult)
    except cattrs.BaseValidationError as error:
        raise ValueError("; ".join(cattrs.transform_error(error))) from error
    stored_json.require_inside(result.arms, plain=True)
    shown = (result.examples.real, result.examples.synthetic)
    stored_json.require_inside(path for side in shown for paths in side.values() for path in paths)
    return result


_RENAMED = {
    "lesions": "groups",
    "lesions_per_class": "groups_per_class",
    "shared_lesions": "shared_groups",
    "lesions_needed": "groups_needed",
}


def _with_todays_names(plain: Mapping[str, Any]) -> dict[str, Any]:
    """A result of before version 0.2, when it was about lesions only."""
    found = {**plain, "group_noun": "lesion"}
    for key in ("test", "verdict", "target_verdict"):
        found[key] = _renamed(plain[key])
    if plain["leakage"] is not None:
        found["leakage"] = {
            key: {**_renamed(side), "test": _renamed(side["test"])} if key != "sentence" else side
            for key, side in plain["leakage"].items()
        }
    found["population"] = {
        "subgroups": [
            {**_renamed(row), "value": row["group"], "scores": _defined(row["scores"])}
            for row in plain.get("subgroups") or []
        ],
        "drift": [
            {**row, "shares": [{**share, "value": share["group"]} for share in row["groups"]]}
            for row in plain.get("drift") or []
        ],
        "method": plain.get("drift_method", ""),
    }
    return found


def _renamed(plain: Mapping[str, Any]) -> dict[str, Any]:
    return {_RENAMED.get(key, key): value for key, value in plain.items()}


def _defined(scores: Mapping[str, Any]) -> dict[str, Any]:
    """Scores by arm and name, without those that the images did not define."""
    return {
        arm: {name: score for name, score in of_arm.items() if score["value"] is not None}
        for arm, of_arm in scores.items()
    }
