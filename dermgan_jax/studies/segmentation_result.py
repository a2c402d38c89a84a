"""What a segmentation study found, as its report reads it, and as JSON."""

import dataclasses
import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from ml_collections import FrozenConfigDict

from dermgan_jax import files
from dermgan_jax.data.catalogue import Catalogue
from dermgan_jax.data.records import Record
from dermgan_jax.data.splits import TRAIN
from dermgan_jax.files import Path
from dermgan_jax.registry import DRAWN_DATASETS
from dermgan_jax.statistics import group_bootstrap
from dermgan_jax.studies.segmentation_config import BOTH, ONLY, REAL
from dermgan_jax.studies.study_folder import read_result

RESULT_FILE, EXAMPLES_FILE = "segmentation.json", "examples.npz"
WORDS = {
    REAL: "real images",
    BOTH: "real and painted images",
    ONLY: "painted images only",
}


@dataclasses.dataclass(frozen=True)
class Arm:
    """What segmenters of one arm reach on the test images; Dice, means over images and seeds.

    Attributes:
      dice: the mean.
      interval: 95 %, over test groups and trainings.
      seeds: the mean of each training.
      classes: class of the image -> mean; only classes that have test images.
      difference: to the arm of real images; None for that one.
      difference_interval: 95 %, trainings paired by their seed.
      p: two-sided, of the difference.
    """

    dice: float
    interval: tuple[float, float]
    seeds: tuple[float, ...]
    classes: dict[str, float]
    difference: float | None = None
    difference_interval: tuple[float, float] | None = None
    p: float | None = None


@dataclasses.dataclass(frozen=True)
class SegmentationResult:
    """A study's arms, and what they were tried on.

    Attributes:
      title: of the study.
      data: configuration of the data.
      total_kimg: thousands of images shown to each segmenter.
      arms: by name, in the study's order.
      train_images, painted_images, test_images, test_groups: how many.
      group_noun: what groups are.
      classes: test images of each class.
    """

    title: str
    data: dict[str, Any]
    total_kimg: float
    arms: dict[str, Arm]
    train_images: int
    painted_images: int
    test_images: int
    test_groups: int
    group_noun: str
    classes: dict[str, int]

    @property
    def phantom(self) -> bool:
        """Whether the images called real are drawings of a program."""
        return self.data["dataset"] in DRAWN_DATASETS


def analyse(
    config: FrozenConfigDict,
    scores: Mapping[str, np.ndarray],
    records: Sequence[Record],
    data: Catalogue,
) -> SegmentationResult:
    """Compares the arms.

    Args:
      config: of the study.
      scores: arm -> Dice (seeds, n).
      records: of the n test images.
      data: the real images.
    """
    labels = np.array([max(record.label, 0) for record in records])
    groups = np.array([record.group for record in records])
    names = [data.dataset.classes[r.label] if r.label >= 0 else "" for r in records]
    weights = group_bootstrap.image_weights(labels, groups, config.bootstrap, config.seed)
    freedom = len(np.unique(groups)) - 1

    def resampled(dice: np.ndarray) -> np.ndarray:
        return dice @ weights.T / weights.sum(1)

    arms = {}
    for arm, dice in scores.items():
        own = group_bootstrap.of_score(dice.mean(1), resampled(dice), freedom)
        half = group_bootstrap.half_width(own)
        found = Arm(
            dice=own.value,
            interval=(own.value - half, own.value + half),
            seeds=tuple(map(float, dice.mean(1))),
            classes={
                name: float(dice[:, np.array(names) == name].mean())
                for name in sorted(set(names) - {""})
            },
        )
        if arm != REAL:
            gap = dice - scores[REAL]
            difference = group_bootstrap.of_score(gap.mean(1), resampled(gap), freedom)
            half = group_bootstrap.half_width(difference)
            found = dataclasses.replace(
                found,
                difference=difference.value,
                difference_interval=(difference.value - half, difference.value + half),
                p=group_bootstrap.p_value(difference),
            )
        arms[arm] = found
    train = len(data.indices(TRAIN))
    return SegmentationResult(
        title=config.title,
        data=config.data.to_dict(),
        total_kimg=config.segmenter.train.total_kimg,
        arms=arms,
        train_images=train,
        painted_images=round(config.synthesis.per_real * train),
        test_images=len(records),
        test_groups=freedom + 1,
        group_noun=data.dataset.group_noun,
        classes={name: names.count(name) for name in sorted(set(names) - {""})},
    )


def sentence(result: SegmentationResult) -> str:
    """What the study says, in one sentence for each arm that is compared."""
    base = result.arms[REAL]
    text = f"Segmenters trained on real images reach Dice {base.dice:.3f} on real test images."
    for name, arm in result.arms.items():
        if arm.difference is None:
            continue
        low, high = arm.difference_interval
        if low > 0:
            verdict = "better"
        elif high < 0:
            verdict = "worse"
        else:
            verdict = "not told apart from that"
        text += (
            f" With {WORDS[name]} they reach {arm.dice:.3f}, {verdict} "
            f"({arm.difference:+.3f}, 95 % interval {low:+.3f} … {high:+.3f})."
        )
    return text


def table(result: SegmentationResult) -> list[list[str]]:
    """Headings, then a row for each arm: what table.csv holds."""
    classes = list(result.classes)
    rows = [["arm", "dice", "low", "high", "difference", "low", "high", "p", *classes]]
    for name, arm in result.arms.items():
        against = ["", "", "", ""]
        if arm.difference is not None:
            numbers = (arm.difference, *arm.difference_interval, arm.p)
            against = [f"{number:.4g}" for number in numbers]
        rows.append(
            [
                *(name, f"{arm.dice:.4f}", *(f"{bound:.4f}" for bound in arm.interval)),
                *against,
                *(f"{arm.classes[each]:.4f}" for each in classes),
            ]
        )
    return rows


def write(result: SegmentationResult, folder: Path) -> None:
    """Writes STUDY/segmentation.json."""
    text = json.dumps(dataclasses.asdict(result), indent=2, default=list)
    files.write_text(folder / RESULT_FILE, text + "\n")


def read(folder: Path) -> SegmentationResult:
    """The inverse of `write`.

    Raises:
      UserError: if the study is not finished, or its result is damaged.
    """

    def parse(plain: Any) -> SegmentationResult:
        arms = {
            name: Arm(**{k: tuple(v) if isinstance(v, list) else v for k, v in arm.items()})
            for name, arm in plain.pop("arms").items()
        }
        return SegmentationResult(arms=arms, **plain)

    return read_result(folder / RESULT_FILE, parse)
