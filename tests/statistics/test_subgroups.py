"""Columns of records, scores within their groups, and drift of synthetic images from real ones."""

import json

import numpy as np
import pytest

from dermgan_jax.errors import UserError
from dermgan_jax.statistics import classifier_scores, subgroups

CLASSES = ("bkl", "mel", "nv")


def test_columns():
    records = [
        {"age": "45.0", "sex": "female", "localization": "back", "skin_tone": "dark"},
        {"age": "0.0", "sex": "male", "localization": "scalp"},
        {"age": "70", "sex": "", "localization": "unknown"},
        {"age": "unknown"},
        {"age": "29.5"},
        {"age": "nan"},
    ]
    found = subgroups.columns(records, np.array([60.0, 20, np.nan, 60, 60, 60]))
    assert {column: names.tolist() for column, names in found.items()} == {
        "age": ["30-49", "0-29", "70+", "unknown", "0-29", "unknown"],
        "sex": ["female", "male", "unknown", "unknown", "unknown", "unknown"],
        "localization": ["back", "scalp", "unknown", "unknown", "unknown", "unknown"],
        "skin_tone": ["very light", "tan", "unknown", "very light", "very light", "very light"],
    }


def test_columns_that_nobody_recorded_are_left_out():
    found = subgroups.columns([{"age": "60 and over", "skin_tone": "tan"}, {"skin_tone": ""}])
    assert {column: names.tolist() for column, names in found.items()} == {
        "age": ["60 and over", "unknown"],
        "skin_tone": ["tan", "unknown"],
    }


@pytest.fixture(scope="module")
def answers() -> tuple[np.ndarray, np.ndarray, np.ndarray, dict[str, np.ndarray]]:
    """Two trainings, worse on the old; a single lesion of unknown age; the young have no mel."""
    rng = np.random.default_rng(0)
    groups = np.repeat(np.arange(150), 2)
    age = np.where(groups < 60, "0-29", np.where(groups < 149, "70+", "unknown"))
    labels = rng.integers(0, 3, 150)[groups]
    labels[(age == "0-29") & (labels == 1)] = 2
    skill = np.where(age == "70+", 0.5, 3.0)[:, None] * np.eye(3)[labels]
    odds = np.exp(rng.standard_normal((2, 300, 3)) + skill)
    return labels, groups, odds / odds.sum(axis=2, keepdims=True), {"age": age}


def test_scores_of_each_group(answers):
    labels, groups, probabilities, columns = answers
    names = ("balanced_accuracy", "accuracy", "recall/mel")
    rows = subgroups.subgroup_scores(
        labels, groups, probabilities, CLASSES, columns, names=names, num=300
    )
    assert [(r["column"], r["group"], r["images"], r["lesions"]) for r in rows] == [
        ("age", "0-29", 120, 60),
        ("age", "70+", 178, 89),
        ("age", "unknown", 2, 1),
    ]
    young, old, unknown = (row["scores"] for row in rows)
    assert unknown == {}
    assert young["recall/mel"] == {"value": None, "low": None, "high": None}
    chosen = columns["age"] == "70+"
    for name in names:
        each = [
            classifier_scores.score(name, labels[chosen], p[chosen], classes=CLASSES)
            for p in probabilities
        ]
        assert old[name]["value"] == pytest.approx(np.mean(each))
        assert old[name]["low"] < old[name]["value"] < old[name]["high"]
    assert young["accuracy"]["low"] > old["accuracy"]["high"]
    assert json.loads(json.dumps(rows, allow_nan=False)) == rows


def test_a_group_of_one_class_has_an_accuracy(answers):
    labels, groups, probabilities, columns = answers
    chosen = (labels == 2) | (columns["age"] == "70+")
    rows = subgroups.subgroup_scores(
        labels[chosen],
        groups[chosen],
        probabilities[:, chosen],
        CLASSES,
        {"age": columns["age"][chosen]},
        names=("accuracy", "auc"),
        num=100,
    )
    assert rows[0]["scores"]["accuracy"]["value"] > 0.5
    assert rows[0]["scores"]["auc"]["value"] is None


def test_unknown_scores_are_said(answers):
    labels, groups, probabilities, columns = answers
    with pytest.raises(UserError, match="unknown scores recall/melanoma"):
        subgroups.subgroup_scores(
            *(labels, groups, probabilities, CLASSES, columns), names=["recall/melanoma"]
        )


def test_drift_by_hand():
    real = {"sex": np.array(["f", "f", "m", "m"]), "age": np.array(["70+"] * 4)}
    fake = {"sex": np.array(["f", "m", "m", "m", "?"])}
    (row,) = subgroups.drift(real, fake, real_groups=list("abcd"), num=200)
    assert row["column"] == "sex"
    assert row["groups"] == [
        {"group": "?", "real": 0.0, "fake": 0.2},
        {"group": "f", "real": 0.5, "fake": 0.2},
        {"group": "m", "real": 0.5, "fake": 0.6},
    ]
    assert row["total_variation"]["value"] == pytest.approx(0.3)
    assert json.loads(json.dumps(row, allow_nan=False)) == row


def drawn(rng: np.random.Generator, shares: list[float], lesions: int) -> tuple:
    """A column of images, one to three per lesion, and their lesions."""
    groups = np.repeat(np.arange(lesions), rng.integers(1, 4, lesions))
    names = np.array(["tan", "light", "dark"])[rng.choice(3, lesions, p=shares)]
    return {"skin_tone": names[groups]}, groups


def test_drift_is_found_and_its_absence_too():
    """95 % intervals of 200 pairs of sets, without and with a distance of 0.3."""
    rng = np.random.default_rng(0)
    holds_zero, covers, finds, averages = [], [], [], []
    for i in range(200):
        real, groups = drawn(rng, [0.5, 0.4, 0.1], 200)
        for shares, truth in (([0.5, 0.4, 0.1], 0.0), ([0.8, 0.1, 0.1], 0.3)):
            fake, fake_groups = drawn(rng, shares, 300)
            (row,) = subgroups.drift(
                real, fake, real_groups=groups, fake_groups=fake_groups, num=300, seed=i
            )
            found = row["total_variation"]
            if truth:
                covers.append(found["low"] <= truth <= found["high"])
                finds.append(found["low"] > 0)
                averages.append(found["value"])
            else:
                holds_zero.append(found["low"] == 0)
    assert np.mean(averages) == pytest.approx(0.3, abs=0.02)
    assert np.mean(holds_zero) > 0.91
    assert np.mean(covers) > 0.95
    assert np.mean(finds) > 0.99


def test_lesions_of_synthetic_images_may_be_named():
    """Images made of the same lesion are no independent evidence."""
    rng = np.random.default_rng(1)
    real, groups = drawn(rng, [0.5, 0.4, 0.1], 300)
    fake, fake_groups = drawn(rng, [0.7, 0.2, 0.1], 60)
    widths = []
    for given in (None, fake_groups):
        (row,) = subgroups.drift(real, fake, real_groups=groups, fake_groups=given, num=1000)
        widths.append(row["total_variation"]["high"] - row["total_variation"]["low"])
    assert widths[1] > 1.2 * widths[0]
