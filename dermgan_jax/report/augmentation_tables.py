"""What an augmentation study found, as the words and tables of its report."""

import math
from collections.abc import Iterable, Mapping
from typing import Any

from dermgan_jax.data.splits import GROUP, IMAGE
from dermgan_jax.statistics.classifier_scores import Score, ScoreName
from dermgan_jax.statistics.comparison import (
    ALPHA,
    CANNOT_TELL,
    HELPED,
    HURT,
    UNDEFINED,
    Difference,
)
from dermgan_jax.statistics.identification import Judged
from dermgan_jax.statistics.intervals import Estimate
from dermgan_jax.studies.augmentation_arms import (
    CLASSICAL,
    FILTERED,
    FILTERED_BY,
    ONLY,
    REAL,
    REDUCED,
    UNFILTERED,
    sweep_times,
)
from dermgan_jax.studies.augmentation_result import AugmentationResult
from dermgan_jax.studies.held_out import LEAD

UNMEASURED = Score(None, None, None)
ARMS = {
    REAL: "real only",
    CLASSICAL: "classical",
    FILTERED: "filtered",
    **{arm: f"filtered by {rule}" for arm, rule in FILTERED_BY.items()},
    UNFILTERED: "unfiltered",
    REDUCED: "real, reduced",
    ONLY: "synthetic only",  # answers another question than the arms that add images
}
SCORES = {
    "accuracy": "Accuracy",
    "balanced_accuracy": "Balanced accuracy",
    "recall": "Recall",
    "precision": "Precision",
    "specificity": "Specificity",
    "f1": "F1",
    "auc": "AUC",
    "ece": "Calibration error",
    "sensitivity_at_95_specificity": "Recall at 95 % specificity",
}
OUTCOMES = {
    HELPED: ("Synthetic images helped", "good"),
    HURT: ("Synthetic images hurt", "bad"),
    CANNOT_TELL: ("Cannot tell with this much data", "open"),
}
PER_CLASS = ("recall", "precision", "specificity", "f1", "auc", "sensitivity_at_95_specificity")


def arm_title(arm: str) -> str:
    """An arm as readers see it; "sweep_2" has twice as many synthetic images as real ones."""
    times = sweep_times(arm)
    return ARMS.get(arm, arm) if times is None else f"synthetic × {times:g}"


def splittings(result: AugmentationResult) -> dict[str, str]:
    """Both ways of splitting, as readers see them."""
    return {GROUP: f"split by {result.group_noun}", IMAGE: "split by image"}


def score_title(score: str) -> str:
    """A score as readers see it: "Recall, mel" of "recall/mel"."""
    name, class_name = ScoreName.of(score)
    title = SCORES.get(name, name.replace("_", " "))
    return f"{title}, {class_name}" if class_name else title


def is_area(score: str) -> bool:
    """Whether a score is an area under a curve, from 0 to 1, which is not told in percent."""
    return ScoreName.of(score).kind == "auc"


def number(value: float | None) -> float:
    """NaN for what was not measured."""
    return math.nan if value is None else float(value)


def told_from_zero(difference: Difference) -> bool:
    """Whether a difference is more than chance, after correction for several comparisons."""
    return number(difference.p_corrected) < ALPHA


def verdicts(result: AugmentationResult) -> list[dict[str, str]]:
    """The sentence of the whole, and that of the class in question, with a word and its tone."""
    recall = f"Recall of {result.target}"
    found = []
    for verdict, about in (
        (result.verdict, "Balanced accuracy"),
        (result.target_verdict, recall),
    ):
        word, tone = OUTCOMES[verdict.outcome]
        sentence = in_words(result, verdict.sentence)
        found.append({"about": about, "word": word, "tone": tone, "sentence": sentence})
    return found


def in_words(result: AugmentationResult, sentence: str) -> str:
    """A sentence with the names of arms and scores as the tables have them."""
    for arm in result.arms:
        if "_" in arm:
            sentence = sentence.replace(arm, arm_title(arm))
    return sentence.replace("recall/", "recall of ")


def told(score: str, value: float | None, sign: bool = False) -> str:
    """A score or a difference in the digits of this report: percent, areas from 0 to 1."""
    factor, decimals = (1, 3) if is_area(score) else (100, 1)
    shown = factor * number(value)
    if not math.isfinite(shown):
        return "–"
    return f"{shown:{'+' if sign else ''}z.{decimals}f}".replace("-", "−")


def percent(value: float | None) -> str:
    """A share in percent, without the sign."""
    return told("", value)


def interval(score: str, found: Score | Difference | Estimate, sign: bool = False) -> str:
    """The ends such as "81.2 … 85.0"; empty if one is missing."""
    ends = [told(score, end, sign) for end in (found.low, found.high)]
    return "" if "–" in ends else " … ".join(ends)


def p_value(value: float | None) -> str:
    """A p-value in words, such as "p = 0.031"; empty without one."""
    p = number(value)
    if not math.isfinite(p):
        return ""
    if p < 0.001:
        return "p < 0.001"
    return f"p = {p:.3f}" if p < 0.1 else f"p = {p:.2f}"


def heading(score: str) -> str:
    """A score as the head of a column, with its unit."""
    return score_title(score) + ("" if is_area(score) else ", %")


def columns(result: AugmentationResult, tables: Iterable[Mapping[str, Any]]) -> list[str]:
    """The scores of the main tables, in order, that any arm has."""
    wanted = (LEAD, "accuracy", f"recall/{result.target}", "precision", "specificity", "f1", "auc")
    tables = list(tables)
    return [name for name in (*wanted, "ece") if any(name in table for table in tables)]


def scores_table(result: AugmentationResult) -> dict[str, Any]:
    """Arms by scores: numbers with intervals, and how many images each arm learned from."""
    names = columns(result, result.scores.values())
    rows = [
        {
            "title": arm_title(arm),
            "base": arm == result.base,
            "real": 0 if arm == ONLY else result.counts.train,
            "synthetic": result.counts.made(arm),
            "cells": [_cell(scores.get(name, UNMEASURED), name) for name in names],
        }
        for arm, scores in result.scores.items()
    ]
    return {"headings": [heading(name) for name in names], "rows": rows}


def _cell(found: Score | Estimate, name: str) -> tuple[str, str]:
    return told(name, found.value), interval(name, found)


def differences_table(result: AugmentationResult) -> dict[str, Any]:
    """Other arms by scores: difference to the base arm, interval, corrected p, told from zero."""
    names = columns(result, result.versus.values())
    rows = [
        {
            "title": arm_title(arm),
            "cells": [_difference(versus.get(name, UNDEFINED), name) for name in names],
        }
        for arm, versus in result.versus.items()
    ]
    units = ["" if is_area(name) else ", points" for name in names]
    headings = [score_title(name) + unit for name, unit in zip(names, units, strict=True)]
    return {"headings": headings, "rows": rows}


def _difference(found: Difference, name: str) -> tuple[str, str, str, bool]:
    number_, ends = told(name, found.difference, sign=True), interval(name, found, sign=True)
    return number_, ends, p_value(found.p_corrected), told_from_zero(found)


def class_table(result: AugmentationResult) -> dict[str, Any]:
    """Every class by arm: all scores of a class, with intervals."""
    found = []
    for class_name in result.classes:
        names = [f"{name}/{class_name}" for name in PER_CLASS]
        rows = [
            (arm_title(arm), [_cell(scores.get(name, UNMEASURED), name) for name in names])
            for arm, scores in result.scores.items()
        ]
        groups = result.test.groups_per_class[class_name]
        found.append({"name": class_name, "groups": groups, "rows": rows})
    return {"headings": [heading(name) for name in PER_CLASS], "classes": found}


def leakage_table(result: AugmentationResult) -> dict[str, Any] | None:
    """Both ways of splitting side by side: what leaks, the base arm's level, each arm's gain."""
    found = result.leakage
    if found is None:
        return None
    sides = (found.group, found.image)
    rows: list[tuple[str, list[tuple[str, str]]]] = [
        ("test images", [(f"{side.test.images:,}", "") for side in sides]),
        (
            f"of them, with a {result.group_noun} that is also in training",
            [(f"{side.shared_groups:,}", "") for side in sides],
        ),
    ]
    for name in (LEAD, f"recall/{result.target}"):
        cells = [_cell(side.base.get(name, UNMEASURED), name) for side in sides]
        rows.append((f"{arm_title(result.base)}: {heading(name)}", cells))
        for arm in result.versus:
            gains = [side.versus.get(arm, {}).get(name, UNDEFINED) for side in sides]
            if arm != ONLY and any(gain is not UNDEFINED for gain in gains):
                cells = [_difference(gain, name)[:2] for gain in gains]
                rows.append((f"{arm_title(arm)}: gain, points", cells))
    headings = list(splittings(result).values())
    return {"sentence": found.sentence, "headings": headings, "rows": rows}


def judged_table(result: AugmentationResult) -> dict[str, Any]:
    """What a classifier of real images says of real images, then of synthetic ones."""
    real = "drawn phantoms" if result.phantom else "real images"
    sets = {f"{real} of the test": result.judged.real}
    sets |= {f"synthetic: {arm_title(arm)}": one for arm, one in result.judged.sets.items()}
    groups = [
        {
            "title": title,
            "rows": [
                (name, _judged(row))
                for name, row in (("all", found.overall), *found.classes.items())
                if row.n
            ],
        }
        for title, found in sets.items()
    ]
    return {"threshold": f"{100 * result.judged.threshold:g}", "groups": groups}


def _judged(row: Judged) -> dict[str, Any]:
    return {
        "n": f"{row.n:,}",
        "identified": _cell(row.identified, ""),
        "width": _width(row.identified.value),
        "mean": percent(row.mean_probability),
        "consistent": _cell(row.consistent, ""),
    }


def learned_from(result: AugmentationResult) -> dict[str, list[tuple[str, str]]]:
    """Scores on the test images by what was learned from, "real" or "synthetic" images."""
    if result.cas is None:
        return {}
    kinds = {"real": result.cas.real, "synthetic": result.cas.synthetic}
    return {
        kind: [_cell(scores[name], name) for name in ("accuracy", LEAD)]
        for kind, scores in kinds.items()
    }


def _width(share: float | None) -> str:
    """Of a bar, in percent of the whole."""
    return f"{100 * number(share):.1f}" if math.isfinite(number(share)) else "0"


def subgroups_table(result: AugmentationResult) -> dict[str, Any] | None:
    """Subgroups of test images by arms and scores; those that are too small have no cells."""
    rows = result.population.subgroups
    pairs = [
        (arm, name)
        for name in (LEAD, "accuracy", f"recall/{result.target}")
        for arm in result.arms
        if any(name in row.scores.get(arm, {}) for row in rows)
    ]
    lines: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        cells = [_cell(row.scores.get(arm, {}).get(name, UNMEASURED), name) for arm, name in pairs]
        line = {"value": row.value, "images": row.images, "groups": row.groups}
        line["cells"] = cells if row.scores else []
        lines.setdefault(row.column, []).append(line)
    headings = [(heading(name), arm_title(arm)) for arm, name in pairs]
    return {"headings": headings, "columns": lines} if rows else None


def drift_rows(result: AugmentationResult) -> list[dict[str, Any]]:
    """Each column's shares of real and synthetic images, and how far apart they are."""
    return [
        {
            "column": row.column,
            "distance": percent(row.total_variation.value),
            "interval": interval("", row.total_variation),
            "shares": [
                (one.value, [(percent(share), _width(share)) for share in (one.real, one.fake)])
                for one in row.shares
            ],
        }
        for row in result.population.drift
    ]


def accept_rates(result: AugmentationResult) -> list[tuple[str, str, str, str]]:
    """Class, images before and after the filter, and the share kept."""
    classes = result.filter.classes if result.filter else {}
    return [
        (name, f"{one.n:,}", f"{one.kept:,}", percent(one.accept_rate))
        for name, one in classes.items()
    ]
