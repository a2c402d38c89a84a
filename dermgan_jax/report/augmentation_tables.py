"""What an augmentation study found, as the words and tables of its report."""

import math
from collections.abc import Iterable, Mapping
from typing import Any

Result = Mapping[str, Any]

ONLY = "synthetic_only"  # answers another question than the arms that add images
ARMS = {
    "real": "real only",
    "classical": "classical",
    "filtered": "filtered",
    "unfiltered": "unfiltered",
    ONLY: "synthetic only",
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
    "helped": ("Synthetic images helped", "good"),
    "hurt": ("Synthetic images hurt", "bad"),
    "cannot tell": ("Cannot tell with this much data", "open"),
}
SPLITTINGS = {"group": "split by lesion", "image": "split by image"}
PER_CLASS = ("recall", "precision", "specificity", "f1", "auc", "sensitivity_at_95_specificity")
SIGNIFICANT = 0.05  # of the corrected p, below which a difference is marked as told from zero


def arm_title(arm: str) -> str:
    """An arm as readers see it; "sweep_2" has twice as many synthetic images as real ones."""
    if arm.startswith("sweep_"):
        return f"synthetic × {arm.removeprefix('sweep_')}"
    return ARMS.get(arm, arm.replace("_", " "))


def score_title(score: str) -> str:
    """A score as readers see it: "Recall, mel" of "recall/mel"."""
    name, _, class_name = score.partition("/")
    title = SCORES.get(name, name.replace("_", " "))
    return f"{title}, {class_name}" if class_name else title


def is_area(score: str) -> bool:
    """Whether a score is an area under a curve, from 0 to 1, which is not told in percent."""
    return score.partition("/")[0] == "auc"


def number(value: Any) -> float:
    """NaN for what was not measured."""
    return math.nan if value is None else float(value)


def verdicts(result: Result) -> list[dict[str, str]]:
    """The sentence of the whole, and that of the class in question, with a word and its tone."""
    found = []
    recall = f"Recall of {result['target']}"
    for key, about in (("verdict", "Balanced accuracy"), ("target_verdict", recall)):
        verdict = result.get(key)
        if verdict:
            word, tone = OUTCOMES.get(verdict["outcome"], (verdict["outcome"], "open"))
            sentence = in_words(result, verdict["sentence"])
            found.append({"about": about, "word": word, "tone": tone, "sentence": sentence})
    return found


def in_words(result: Result, sentence: str) -> str:
    """A sentence with the names of arms and scores as the tables have them."""
    for arm in result["arms"]:
        if "_" in arm:
            sentence = sentence.replace(arm, arm_title(arm))
    return sentence.replace("recall/", "recall of ")


def told(score: str, value: Any, sign: bool = False) -> str:
    """A score or a difference in the digits of this report: percent, areas from 0 to 1."""
    factor, decimals = (1, 3) if is_area(score) else (100, 1)
    value = factor * number(value)
    if not math.isfinite(value):
        return "–"
    return f"{value:{'+' if sign else ''}z.{decimals}f}".replace("-", "−")


def percent(value: Any) -> str:
    """A share in percent, without the sign."""
    return told("", value)


def interval(score: str, found: Result, sign: bool = False) -> str:
    """The ends such as "81.2 … 85.0"; empty if one is missing."""
    ends = [told(score, found.get(end), sign) for end in ("low", "high")]
    return "" if "–" in ends else " … ".join(ends)


def p_value(value: Any) -> str:
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


def columns(result: Result, tables: Iterable[Result]) -> list[str]:
    """The scores of the main tables, in order, that any arm has."""
    wanted = ("balanced_accuracy", "accuracy", f"recall/{result['target']}", "precision")
    wanted += ("specificity", "f1", "auc", "ece")
    tables = list(tables)
    return [name for name in wanted if any(name in table for table in tables)]


def scores_table(result: Result) -> dict[str, Any]:
    """Arms by scores: numbers with intervals, and how many images each arm learned from."""
    names = columns(result, result["scores"].values())
    real = sum(result["counts"]["real"]["train"].values())
    made = result["counts"].get("synthetic") or {}
    rows = []
    for arm in result["arms"]:
        scores = result["scores"].get(arm)
        if scores:
            cells = [(scores.get(name, {}), name) for name in names]
            rows.append(
                {
                    "title": arm_title(arm),
                    "base": arm == result["base"],
                    "real": 0 if arm == ONLY else real,
                    "synthetic": sum(made.get(arm, {}).values()),
                    "cells": [(told(name, v.get("value")), interval(name, v)) for v, name in cells],
                }
            )
    return {"headings": [heading(name) for name in names], "rows": rows}


def differences_table(result: Result) -> dict[str, Any]:
    """Other arms by scores: difference to the base arm, interval, corrected p, told from zero."""
    names = columns(result, result["versus"].values())
    rows = [
        {"title": arm_title(arm), "cells": [_difference(versus.get(n, {}), n) for n in names]}
        for arm in result["arms"]
        if (versus := result["versus"].get(arm))
    ]
    units = ["" if is_area(name) else ", points" for name in names]
    headings = [score_title(name) + unit for name, unit in zip(names, units, strict=True)]
    return {"headings": headings, "rows": rows}


def _difference(found: Result, name: str) -> tuple[str, str, str, bool]:
    p = found.get("p_corrected", found.get("p"))
    number_, ends = told(name, found.get("difference"), sign=True), interval(name, found, sign=True)
    return number_, ends, p_value(p), number(p) < SIGNIFICANT


def class_table(result: Result) -> dict[str, Any]:
    """Every class by arm: all scores of a class, with intervals."""
    lesions = result["test"].get("lesions_per_class") or {}
    groups = []
    for class_name in result["classes"]:
        rows = []
        for arm in result["arms"]:
            scores = result["scores"].get(arm) or {}
            names = [f"{name}/{class_name}" for name in PER_CLASS]
            if any(name in scores for name in names):
                found = [(scores.get(name, {}), name) for name in names]
                cells = [(told(name, v.get("value")), interval(name, v)) for v, name in found]
                rows.append((arm_title(arm), cells))
        if rows:
            groups.append({"name": class_name, "lesions": lesions.get(class_name), "rows": rows})
    return {"headings": [heading(name) for name in PER_CLASS], "groups": groups}


def leakage_table(result: Result) -> dict[str, Any] | None:
    """Both ways of splitting side by side: what leaks, the base arm's level, each arm's gain."""
    found = result.get("leakage")
    if not found:
        return None
    sides = [found.get(name) or {} for name in SPLITTINGS]
    tests = [side.get("test") or {} for side in sides]
    rows: list[tuple[str, list[tuple[str, str]]]] = [
        ("test images", [(count(test.get("images")), "") for test in tests]),
        (
            "of them, with a lesion that is also in training",
            [(count(side.get("shared_lesions")), "") for side in sides],
        ),
    ]
    for name in ("balanced_accuracy", f"recall/{result['target']}"):
        level = [(side.get("base") or {}).get(name, {}) for side in sides]
        cells = [(told(name, v.get("value")), interval(name, v)) for v in level]
        rows.append((f"{arm_title(result['base'])}: {heading(name)}", cells))
        for arm in result["arms"]:
            gains = [(side.get("versus") or {}).get(arm, {}).get(name, {}) for side in sides]
            if arm != ONLY and any(gains):
                cells = [_difference(gain, name)[:2] for gain in gains]
                rows.append((f"{arm_title(arm)}: gain, points", cells))
    return {"sentence": found["sentence"], "headings": list(SPLITTINGS.values()), "rows": rows}


def count(value: Any) -> str:
    """A number of things; "–" if it is not known."""
    return "–" if value is None else f"{value:,.0f}"


def judged_table(result: Result) -> dict[str, Any] | None:
    """What a classifier of real images says of real images, then of synthetic ones."""
    judged = result.get("judged")
    if not judged:
        return None
    real = "drawn phantoms" if result["phantom"] else "real images"
    sets = {f"{real} of the test": judged.get("real")}
    sets |= {f"synthetic: {arm_title(arm)}": one for arm, one in (judged.get("sets") or {}).items()}
    groups = []
    for title, found in sets.items():
        if found:
            rows = [("all", found["overall"]), *found["classes"].items()]
            rows = [(name, row) for name, row in rows if row.get("n")]
            groups.append({"title": title, "rows": [(name, _judge(row)) for name, row in rows]})
    return {"threshold": f"{100 * judged['threshold']:g}", "groups": groups}


def learned_from(result: Result) -> dict[str, list[tuple[str, str]]]:
    """Scores on the test images by what was learned from, "real" or "synthetic" images."""
    names = ("accuracy", "balanced_accuracy")
    return {
        kind: [(told(name, found[name]["value"]), interval(name, found[name])) for name in names]
        for kind, found in (result.get("cas") or {}).items()
    }


def _judge(row: Result) -> dict[str, Any]:
    return {
        "n": count(row["n"]),
        "identified": (percent(row["identified"]["value"]), interval("", row["identified"])),
        "width": _width(row["identified"]["value"]),
        "mean": percent(row["mean_probability"]),
        "consistent": (percent(row["consistent"]["value"]), interval("", row["consistent"])),
    }


def _width(share: Any) -> str:
    share = number(share)
    return f"{100 * share:.1f}" if math.isfinite(share) else "0"


def subgroups_table(result: Result) -> dict[str, Any] | None:
    """Groups of test images by arms and scores; groups that are too small have no cells."""
    rows = result.get("subgroups") or []
    order = ("balanced_accuracy", "accuracy", f"recall/{result['target']}")
    pairs = [
        (arm, name)
        for name in order
        for arm in result["arms"]
        if any(name in row["scores"].get(arm, {}) for row in rows)
    ]
    lines: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        found = [(row["scores"].get(arm, {}).get(name, {}), name) for arm, name in pairs]
        cells = [(told(name, v.get("value")), interval(name, v)) for v, name in found]
        line = {"group": row["group"], "images": row["images"], "lesions": row["lesions"]}
        line["cells"] = cells if row["scores"] else []
        lines.setdefault(row["column"], []).append(line)
    headings = [(heading(name), arm_title(arm)) for arm, name in pairs]
    return {"headings": headings, "columns": lines} if rows else None


def drift_rows(result: Result) -> list[dict[str, Any]]:
    """Each column's shares of real and synthetic images, and how far apart they are."""
    return [
        {
            "column": row["column"],
            "distance": percent(row["total_variation"]["value"]),
            "interval": interval("", row["total_variation"]),
            "groups": [
                (one["group"], [(percent(one[s]), _width(one[s])) for s in ("real", "fake")])
                for one in row["groups"]
            ],
        }
        for row in result.get("drift") or []
    ]


def accept_rates(result: Result) -> list[tuple[str, str, str, str]]:
    """Class, images before and after the filter, and the share kept."""
    found = result.get("filter") or {}
    return [
        (name, count(one["n"]), count(one["kept"]), percent(one["accept_rate"]))
        for name, one in (found.get("classes") or {}).items()
    ]
