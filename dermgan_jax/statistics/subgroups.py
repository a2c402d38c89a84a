"""Scores and shares by age, sex, site and skin tone: for whom does it work, and who is missing?"""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from dermgan_jax.statistics import classifier_scores
from dermgan_jax.statistics.held_out_images import TWO_THOUSAND, HeldOutImages, Resampling
from dermgan_jax.statistics.intervals import Estimate

UNKNOWN = "unknown"
AGE_BANDS = ((30, "0-29"), (50, "30-49"), (70, "50-69"), (float("inf"), "70+"))  # years, below
FEWEST_GROUPS = 10  # a subgroup of fewer is listed, but has no scores
AS_PUBLISHED = ("sex", "localization")
SKIN_TONE = "skin_tone"


@dataclasses.dataclass(frozen=True)
class Subgroup:
    """Images that have one value of a column, such as sex = female.

    Attributes:
      column, value: which.
      images: how many.
      groups: how many lesions, patients or the like they are of.
      scores: by name; empty if there are too few groups.
    """

    column: str
    value: str
    images: int
    groups: int
    scores: dict[str, Estimate]


@dataclasses.dataclass(frozen=True)
class Share:
    """The share of real and of synthetic images that have one value of a column."""

    value: str
    real: float
    fake: float


@dataclasses.dataclass(frozen=True)
class Drift:
    """How far the make-up of synthetic images is from that of real ones, in one column.

    Attributes:
      column: which.
      shares: of every value.
      total_variation: the share of images that would have to change their value.
    """

    column: str
    shares: tuple[Share, ...]
    total_variation: Estimate


def columns(
    records_subgroups: Sequence[Mapping[str, str]], tones: np.ndarray | None = None
) -> dict[str, np.ndarray]:
    """The columns that results are broken down by, each n names; "unknown" where not recorded.

    Age in years becomes a band; bands that a data set publishes stay as they are.

    Args:
      records_subgroups: `Record.subgroups` of n images.
      tones: names (n,), of `skin_tone.tone`; without them, a recorded "skin_tone" is taken.

    Returns:
      Those of "age", "sex", "localization" and "skin_tone" that are known of at least one image.
    """
    found = {"age": np.array([_age_band(known.get("age", "")) for known in records_subgroups])}
    for column in (*AS_PUBLISHED, SKIN_TONE):
        found[column] = np.array([known.get(column) or UNKNOWN for known in records_subgroups])
    if tones is not None:
        found[SKIN_TONE] = tones
    return {column: names for column, names in found.items() if (names != UNKNOWN).any()}


def _age_band(age: str) -> str:
    try:
        years = float(age)
    except ValueError:
        return age or UNKNOWN
    return next((name for end, name in AGE_BANDS if 0 <= years < end), UNKNOWN)


def subgroup_scores(
    test: HeldOutImages,
    probabilities: np.ndarray,
    columns: Mapping[str, np.ndarray],
    *,
    names: Sequence[str] = ("balanced_accuracy", "accuracy"),
    resampling: Resampling = TWO_THOUSAND,
) -> list[Subgroup]:
    """Scores within each value of each column, with 95 % intervals as of `score_table`.

    Subgroups of fewer than 10 groups, or no more than there are classes, have no scores; a score
    that is undefined there, for want of the class, is left out.

    Args:
      test, probabilities, resampling: see `classifier_scores.score_table`.
      columns: column -> values (n,), see `columns`.
      names: scores, such as "balanced_accuracy" or "recall/mel"; the balanced accuracy of a
        subgroup is over the classes that it has.

    Raises:
      UserError: as `classifier_scores.score_table`.
    """
    test.require_answers(probabilities)
    fewest = max(FEWEST_GROUPS, len(test.classes) + 1)  # so that a class has two to resample
    rows = []
    for column, of_images in columns.items():
        for value in np.unique(of_images):
            chosen = of_images == value
            within = test.select(chosen)
            table = {}
            if within.num_groups >= fewest:
                table = classifier_scores.score_table(
                    within, probabilities[:, chosen], wanted=names, resampling=resampling
                )
            scores = {
                name: Estimate(row.value, row.low, row.high)
                for name, row in table.items()
                if row.value is not None
            }
            size = int(chosen.sum())
            rows.append(Subgroup(column, str(value), size, within.num_groups, scores))
    return rows


def drift(
    real: Mapping[str, np.ndarray],
    fake: Mapping[str, np.ndarray],
    *,
    real_groups: Sequence[str],
    fake_groups: Sequence[str] | None = None,
    resampling: Resampling = TWO_THOUSAND,
) -> list[Drift]:
    """How far the make-up of synthetic images is from that of real ones, a row per column.

    Total variation distance: the share of images that would have to change their value. Chance
    alone makes it positive. The interval is value ± the 95 % quantile of how far resampled
    differences of shares are from the observed ones, in the same distance: by the triangle
    inequality the truth is no farther. Hence it begins above 0 in one of twenty cases where nothing
    differs.

    Args:
      real, fake: of `columns`, (n,) and (m,) names; columns that either lacks are left out.
      real_groups: n names of groups, which are resampled.
      fake_groups: m names; by default each synthetic image is on its own.
      resampling: of the groups.
    """
    rng = np.random.default_rng(resampling.seed)
    rows = []
    for column in real:
        if column not in fake:
            continue
        sides = (real[column], fake[column])
        names = np.unique(np.concatenate(sides))
        of_sides = (real_groups, range(len(sides[1])) if fake_groups is None else fake_groups)
        shares, resampled = zip(
            *(
                _shares(of_images, names, groups, resampling.num, rng)
                for of_images, groups in zip(sides, of_sides, strict=True)
            ),
            strict=True,
        )
        value = float(np.abs(shares[0] - shares[1]).sum() / 2)
        errors = (resampled[0] - resampled[1]) - (shares[0] - shares[1])
        error = float(np.quantile(np.abs(errors).sum(axis=1) / 2, 0.95))
        rows.append(
            Drift(
                column,
                tuple(
                    Share(str(name), float(a), float(b))
                    for name, a, b in zip(names, *shares, strict=True)
                ),
                Estimate(value, max(value - error, 0.0), min(value + error, 1.0)),
            )
        )
    return rows


def _shares(
    of_images: np.ndarray,
    names: np.ndarray,
    groups: Sequence[Any],
    num: int,
    rng: np.random.Generator,
) -> tuple[np.ndarray, np.ndarray]:
    """Shares of the names (k,), and under resampled groups (num, k)."""
    _, group_of_image = np.unique(np.asarray(groups), return_inverse=True)
    counts = np.zeros((group_of_image.max() + 1, len(names)))
    np.add.at(counts, (group_of_image, np.searchsorted(names, of_images)), 1)
    # Groups that count alike are drawn together.
    kinds, number = np.unique(counts, axis=0, return_counts=True)
    sums = rng.multinomial(len(counts), number / len(counts), size=num) @ kinds
    return counts.sum(axis=0) / counts.sum(), sums / sums.sum(axis=1, keepdims=True)
