"""Scores and shares by age, sex, site and skin tone: for whom does it work, and who is missing?"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from dermgan_jax.metrics import skin_tone
from dermgan_jax.metrics.skin_tone import UNKNOWN
from dermgan_jax.statistics import classifier_scores

AGE_BANDS = ((30, "0-29"), (50, "30-49"), (70, "50-69"), (float("inf"), "70+"))  # years, below
FEWEST_LESIONS = 10  # a group of fewer is listed, but has no scores
AS_PUBLISHED = ("sex", "localization")


def columns(
    records_subgroups: Sequence[Mapping[str, str]], ita: np.ndarray | None = None
) -> dict[str, np.ndarray]:
    """The columns that results are broken down by, each n names; "unknown" where not recorded.

    Age in years becomes a band; bands that a data set publishes stay as they are.

    Args:
      records_subgroups: `Record.subgroups` of n images.
      ita: degrees (n,), of `skin_tone.ita`; without it, a recorded "skin_tone" is taken.

    Returns:
      Those of "age", "sex", "localization" and "skin_tone" that are known of at least one image.
    """
    found = {"age": np.array([_age_band(known.get("age", "")) for known in records_subgroups])}
    for column in AS_PUBLISHED if ita is not None else (*AS_PUBLISHED, "skin_tone"):
        found[column] = np.array([known.get(column) or UNKNOWN for known in records_subgroups])
    if ita is not None:
        found["skin_tone"] = skin_tone.tone(ita)
    return {column: names for column, names in found.items() if (names != UNKNOWN).any()}


def _age_band(age: str) -> str:
    try:
        years = float(age)
    except ValueError:
        return age or UNKNOWN
    return next((name for end, name in AGE_BANDS if 0 <= years < end), UNKNOWN)


def subgroup_scores(
    labels: np.ndarray,
    groups: Sequence[str],
    probabilities: np.ndarray,
    classes: Sequence[str],
    columns: Mapping[str, np.ndarray],
    *,
    names: Sequence[str] = ("balanced_accuracy", "accuracy"),
    num: int = 2000,
    seed: int = 0,
) -> list[dict[str, Any]]:
    """Scores within each group of each column, with 95 % intervals as of `score_table`.

    Args:
      labels, groups, probabilities, classes, num, seed: see `classifier_scores.score_table`.
      columns: column -> group names (n,), see `columns`.
      names: scores, such as "balanced_accuracy" or "recall/mel"; the balanced accuracy of a group
        is over the classes that it has.

    Returns:
      Values for JSON, a row per group: "column", "group", "images", "lesions", and "scores" by
      name with "value", "low" and "high", None where the group lacks the class. Groups of fewer
      than 10 lesions, or no more than there are classes, have no scores.

    Raises:
      UserError: as `classifier_scores.score_table`.
    """
    classifier_scores.check(labels, groups, probabilities, classes)
    groups = np.asarray(groups)
    fewest = max(FEWEST_LESIONS, len(classes) + 1)  # so that a class has two to resample
    rows = []
    for column, of_images in columns.items():
        for group in np.unique(of_images):
            chosen = of_images == group
            lesions = len(np.unique(groups[chosen]))
            table = {}
            if lesions >= fewest:
                table = classifier_scores.score_table(
                    labels[chosen],
                    groups[chosen],
                    probabilities[:, chosen],
                    classes,
                    wanted=names,
                    num=num,
                    seed=seed,
                )
            rows.append(
                {
                    "column": column,
                    "group": str(group),
                    "images": int(chosen.sum()),
                    "lesions": lesions,
                    "scores": {
                        name: {key: row[key] for key in ("value", "low", "high")}
                        for name, row in table.items()
                    },
                }
            )
    return rows


def drift(
    real: Mapping[str, np.ndarray],
    fake: Mapping[str, np.ndarray],
    *,
    real_groups: Sequence[str],
    fake_groups: Sequence[str] | None = None,
    num: int = 2000,
    seed: int = 0,
) -> list[dict[str, Any]]:
    """How far the make-up of synthetic images is from that of real ones.

    Total variation distance: the share of images that would have to change group. Chance alone
    makes it positive. The interval is value ± the 95 % quantile of how far resampled differences of
    shares are from the observed ones, in the same distance: by the triangle inequality the truth is
    no farther. Hence it begins above 0 in one of twenty cases where nothing differs.

    Args:
      real, fake: of `columns`, (n,) and (m,) names; columns that either lacks are left out.
      real_groups: n names of lesions, which are resampled.
      fake_groups: m names; by default each synthetic image is on its own.
      num: resamplings.
      seed: of the resamplings.

    Returns:
      Values for JSON, a row per column: "column", "groups" (rows of "group", "real" and "fake"
      shares), "total_variation" with "value", "low" and "high".
    """
    rng = np.random.default_rng(seed)
    rows = []
    for column in real:
        if column not in fake:
            continue
        sides = (real[column], fake[column])
        names = np.unique(np.concatenate(sides))
        lesions = (real_groups, range(len(sides[1])) if fake_groups is None else fake_groups)
        shares, resampled = zip(
            *(
                _shares(of_images, names, groups, num, rng)
                for of_images, groups in zip(sides, lesions, strict=True)
            ),
            strict=True,
        )
        value = float(np.abs(shares[0] - shares[1]).sum() / 2)
        errors = (resampled[0] - resampled[1]) - (shares[0] - shares[1])
        error = float(np.quantile(np.abs(errors).sum(axis=1) / 2, 0.95))
        rows.append(
            {
                "column": column,
                "groups": [
                    {"group": str(name), "real": float(a), "fake": float(b)}
                    for name, a, b in zip(names, *shares, strict=True)
                ],
                "total_variation": {
                    "value": value,
                    "low": max(value - error, 0.0),
                    "high": min(value + error, 1.0),
                },
            }
        )
    return rows


def _shares(
    of_images: np.ndarray,
    names: np.ndarray,
    groups: Sequence[Any],
    num: int,
    rng: np.random.Generator,
) -> tuple[np.ndarray, np.ndarray]:
    """Shares of the names (k,), and under resampled lesions (num, k)."""
    _, group_of_image = np.unique(np.asarray(groups), return_inverse=True)
    counts = np.zeros((group_of_image.max() + 1, len(names)))
    np.add.at(counts, (group_of_image, np.searchsorted(names, of_images)), 1)
    # Lesions that count alike are drawn together.
    kinds, lesions = np.unique(counts, axis=0, return_counts=True)
    sums = rng.multinomial(len(counts), lesions / len(counts), size=num) @ kinds
    return counts.sum(axis=0) / counts.sum(), sums / sums.sum(axis=1, keepdims=True)
