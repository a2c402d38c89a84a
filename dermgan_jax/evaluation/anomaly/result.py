"""What a detector and the baselines found on test images: as a report reads it, and as JSON."""

import dataclasses
import json
import math

import cattrs

from dermgan_jax import files, stored_json
from dermgan_jax.errors import UserError
from dermgan_jax.files import Path
from dermgan_jax.statistics.intervals import Estimate

RESULT_FILE = "detection.json"
NEEDED = {"auroc", "average_precision", "fpr_at_95_tpr", "sensitivity", "false_alarms"}
TRAINED = "trained"  # the key of the run's own detector


@dataclasses.dataclass(frozen=True)
class Curve:
    """A ROC curve, thinned for drawing."""

    false: list[float]
    true: list[float]


@dataclasses.dataclass(frozen=True)
class Subgroup:
    """Test images that share one value of a column.

    Attributes:
      column, value: such as sex = female.
      normal, abnormal: images.
      auroc: None where either side has too few groups.
    """

    column: str
    value: str
    normal: int
    abnormal: int
    auroc: Estimate | None


@dataclasses.dataclass(frozen=True)
class Localised:
    """How well maps mark the lesions; of images whose masks are known."""

    pixel_auroc: Estimate
    aupro: Estimate


@dataclasses.dataclass(frozen=True)
class DetectorResult:
    """One detector on the test images.

    Attributes:
      key: of the registry, or `TRAINED`.
      title: for tables.
      source: a paper, or what it does.
      scores: name -> value with interval, of `detection.SCORES` and `detection.RATES`.
      per_class: abnormal class -> its AUROC against the normal images.
      subgroups: AUROC within each, of the trained detector; empty of others.
      localised: None of detectors without maps, or where no masks are known.
      threshold: that 5 % of the normal validation images exceed.
      ahead: AUROC of the trained detector less this one's, with interval over the same groups;
        None of the trained one itself.
      p_value: of that difference.
      curve: ROC.
      seconds: to fit and score.
    """

    key: str
    title: str
    source: str
    scores: dict[str, Estimate]
    per_class: dict[str, Estimate]
    subgroups: list[Subgroup]
    localised: Localised | None
    threshold: float
    ahead: Estimate | None
    p_value: float | None
    curve: Curve
    seconds: float


@dataclasses.dataclass(frozen=True)
class DetectionResult:
    """A trained detector beside the baselines.

    Attributes:
      run: identifies it, wherever its folder lies.
      checkpoint: step.
      family: of the model.
      terms: what its score is the sum of.
      normal: names of the normal classes.
      counts: abnormal class -> test images.
      training_normal, validation_normal, test_normal, test_abnormal: images.
      groups: test groups.
      group_noun: what a group is.
      localised_images, regions: abnormal test images with a mask, and abnormal regions in them.
      without_mask: abnormal test images left out of localisation.
      detectors: the trained one first.
      left_out: baseline -> why it is not here.
      phantom: the images are drawings of a program.
    """

    run: str
    checkpoint: int
    family: str
    terms: str
    normal: list[str]
    counts: dict[str, int]
    training_normal: int
    validation_normal: int
    test_normal: int
    test_abnormal: int
    groups: int
    group_noun: str
    localised_images: int
    regions: int
    without_mask: int
    detectors: list[DetectorResult]
    left_out: dict[str, str]
    phantom: bool

    @property
    def trained(self) -> DetectorResult:
        """The run's own detector."""
        return self.detectors[0]

    def verdict(self) -> str:
        """One sentence: whether training paid, by AUROC."""
        own = self.trained.scores["auroc"]
        others = self.detectors[1:]
        if not others:
            return f"AUROC {_number(own)}; no baseline stands beside it."
        best = max(others, key=lambda each: each.scores["auroc"].value)
        beaten = [each for each in others if each.ahead is not None and each.ahead.low > 0]
        ahead = [each for each in others if each.ahead is not None and each.ahead.high < 0]
        text = f"AUROC {_number(own)}: surely better than {len(beaten)} of {len(others)} baselines"
        if ahead:
            text += f", surely worse than {len(ahead)}"
        return f"{text}; the best baseline is {best.title}, {_number(best.scores['auroc'])}."


def _number(estimate: Estimate) -> str:
    return f"{estimate.value:.3f} ({estimate.low:.3f} … {estimate.high:.3f})"


def write(result: DetectionResult, folder: Path) -> None:
    """Writes detection.json."""
    text = json.dumps(_without_nan(cattrs.unstructure(result)), indent=1, allow_nan=False)
    files.write_text(folder / RESULT_FILE, text + "\n")


def read(folder: Path) -> DetectionResult | None:
    """The inverse of `write`; None where no detection was written.

    Raises:
      UserError: if the file is damaged.
    """
    file = folder / RESULT_FILE
    if not stored_json.is_there(file):
        return None
    stored_json.require_size(file)
    try:
        plain = stored_json.parse(file.read_bytes())
        stored_json.structure(_with_number(plain, 0.0), DetectionResult)
        found = cattrs.structure(_with_number(plain, math.nan), DetectionResult)
        _require_complete(found)
        return found
    except (ValueError, cattrs.BaseValidationError) as error:
        raise UserError(
            f"{file} is damaged ({error}): remove it, or run dermgan detect again"
        ) from error


def _without_nan(plain):
    """The same with null for numbers that are not finite."""
    if isinstance(plain, dict):
        return {key: _without_nan(value) for key, value in plain.items()}
    if isinstance(plain, list):
        return [_without_nan(value) for value in plain]
    return None if isinstance(plain, float) and not math.isfinite(plain) else plain


def _with_number(plain, number):
    """A number in place of the ends and values of estimates that were not finite."""
    if isinstance(plain, list):
        return [_with_number(value, number) for value in plain]
    if not isinstance(plain, dict):
        return plain
    if plain.keys() == {"value", "low", "high"}:
        return {key: number if value is None else value for key, value in plain.items()}
    return {key: _with_number(value, number) for key, value in plain.items()}


def _require_complete(found: DetectionResult) -> None:
    """Raises ValueError if the parts do not fit together."""
    if not found.detectors or found.test_normal + found.test_abnormal < 1:
        raise ValueError("it has no detector, or no test image")
    for one in found.detectors:
        if missing := NEEDED - one.scores.keys():
            raise ValueError(f"{one.title} lacks {', '.join(sorted(missing))}")
        if len(one.curve.false) != len(one.curve.true):
            raise ValueError(f"the curve of {one.title} has ends of its own")
