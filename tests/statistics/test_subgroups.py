"""Columns of records, scores within their groups, and drift of synthetic images from real ones."""

import dataclasses
import json

import numpy as np
import pytest

from dermgan_jax.errors import UserError
from dermgan_jax.metrics import skin_tone
from dermgan_jax.statistics import classifier_scores, subgroups
from dermgan_jax.statistics.held_out_images import HeldOutImages, Resampling
from dermgan_jax.statistics.subgroups import Share

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
    tones = skin_tone.tone(np.array([60.0, 20, np.nan, 60, 60, 60]))
    found = subgroups.columns(records, tones)
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
def answers() -> tuple[HeldOutImages, np.ndarray, dict[str, np.ndarray]]:
    """Two trainings, worse on the old; a single lesion of unknown age; the young have no mel."""
    rng = np.random.default_rng(0)
    groups = np.repeat(np.arange(150), 2)
    age = np.where(groups < 60, "0-29", np.where(groups < 149, "70+", "unknown"))
    labels = rng.integers(0, 3, 150)[groups]
    labels[(age == "0-29") & (labels == 1)] = 2
    skill = np.where(age == "70+", 0.5, 3.0)[:, None] * np.eye(3)[labels]
    odds = np.exp(rng.standard_normal((2, 300, 3)) + skill)
    test = HeldOutImages(labels, groups, CLASSES, "lesion")
    return test, odds / odds.sum(axis=2, keepdims=True), {"age": age}


def test_scores_of_each_group(answers):
    test, probabilities, columns = answers
    names = ("balanced_accuracy", "accuracy", "recall/mel")
    rows = subgroups.subgroup_scores(
        test, probabilities, columns, names=names, resampling=Resampling(300)
    )
    assert [(r.column, r.value, r.images, r.groups) for r in rows] == [
        ("age", "0-29", 120, 60),
        ("age", "70+", 178, 89),
        ("age", "unknown", 2, 1),
    ]
    young, old, unknown = (row.scores for row in rows)
    assert unknown == {}
    assert set(young) == {"balanced_accuracy", "accuracy"}  # the young have no melanoma
    chosen = columns["age"] == "70+"
    for name in names:
        each = [
            classifier_scores.score(name, test.labels[chosen], p[chosen], classes=CLASSES)
            for p in probabilities
        ]
        assert old[name].value == pytest.approx(np.mean(each))
        assert old[name].low < old[name].value < old[name].high
    assert young["accuracy"].low > old["accuracy"].high
    plain = [dataclasses.asdict(row) for row in rows]
    assert json.loads(json.dumps(plain, allow_nan=False)) == plain


def test_a_group_of_one_class_has_an_accuracy(answers):
    test, probabilities, columns = answers
    chosen = (test.labels == 2) | (columns["age"] == "70+")
    rows = subgroups.subgroup_scores(
        test.select(chosen),
        probabilities[:, chosen],
        {"age": columns["age"][chosen]},
        names=("accuracy", "auc"),
        resampling=Resampling(100),
    )
    assert rows[0].scores["accuracy"].value > 0.5
    assert "auc" not in rows[0].scores


def test_unknown_scores_are_said(answers):
    with pytest.raises(UserError, match="unknown scores recall/melanoma"):
        subgroups.subgroup_scores(*answers, names=["recall/melanoma"])


def test_drift_by_hand():
    real = {"sex": np.array(["f", "f", "m", "m"]), "age": np.array(["70+"] * 4)}
    fake = {"sex": np.array(["f", "m", "m", "m", "?"])}
    (row,) = subgroups.drift(real, fake, real_groups=list("abcd"), resampling=Resampling(200))
    assert row.column == "sex"
    assert row.shares == (Share("?", 0.0, 0.2), Share("f", 0.5, 0.2), Share("m", 0.5, 0.6))
    assert row.total_variation.value == pytest.approx(0.3)
    assert json.dumps(dataclasses.asdict(row), allow_nan=False)


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
                *(real, fake),
                real_groups=groups,
                fake_groups=fake_groups,
                resampling=Resampling(300, seed=i),
            )
            found = row.total_variation
            if truth:
                covers.append(found.low <= truth <= found.high)
                finds.append(found.low > 0)
                averages.append(found.value)
            else:
                holds_zero.append(found.low == 0)
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
        (row,) = subgroups.drift(
            *(real, fake), real_groups=groups, fake_groups=given, resampling=Resampling(1000)
        )
        widths.append(row.total_variation.high - row.total_variation.low)
    assert widths[1] > 1.2 * widths[0]
