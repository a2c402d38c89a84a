"""Every score against scikit-learn, weighted and not, and the table that reports show."""

import dataclasses
import json

import numpy as np
import pytest
from sklearn import metrics
from sklearn.metrics import roc_curve

from dermgan_jax.errors import UserError
from dermgan_jax.statistics import calibration, classifier_scores
from dermgan_jax.statistics.classifier_scores import Score, score_table
from dermgan_jax.statistics.held_out_images import HeldOutImages, Resampling

CLASSES = ("akiec", "bcc", "mel", "nv")


def answers(seeds: int = 1, n: int = 240) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Labels (n,), lesions (n,) with one to three images, probabilities (seeds, n, 4)."""
    rng = np.random.default_rng(0)
    groups = np.repeat(np.arange(n), rng.integers(1, 4, n))[:n]
    labels = rng.choice(4, n, p=[0.1, 0.15, 0.25, 0.5])[groups]
    logits = rng.standard_normal((seeds, n, 4)) + 1.2 * (labels[:, None] == np.arange(4))
    probabilities = np.exp(logits) / np.exp(logits).sum(axis=2, keepdims=True)
    return labels, groups.astype(str), probabilities


def held_out(labels: np.ndarray, groups: np.ndarray) -> HeldOutImages:
    return HeldOutImages(labels, groups, CLASSES, "lesion")


def by_scikit_learn(labels, probabilities, weights) -> dict[str, float]:
    """All of `classifier_scores.names`, but for the calibration error, which it does not have."""
    predicted = probabilities.argmax(axis=1)
    given = {"sample_weight": weights}
    each = {
        "recall": metrics.recall_score(labels, predicted, average=None, **given),
        "precision": metrics.precision_score(
            labels, predicted, average=None, zero_division=0, **given
        ),
        "f1": metrics.f1_score(labels, predicted, average=None, **given),
    }
    one_vs_rest = range(len(CLASSES))
    each["specificity"] = [
        metrics.recall_score(labels != c, predicted != c, **given) for c in one_vs_rest
    ]
    each["auc"] = [
        metrics.roc_auc_score(labels == c, probabilities[:, c], **given) for c in one_vs_rest
    ]
    each["sensitivity_at_95_specificity"] = []
    for c in one_vs_rest:
        false, true, _ = roc_curve(labels == c, probabilities[:, c], **given)
        each["sensitivity_at_95_specificity"].append(true[1 - false >= 0.95 - 1e-12].max())
    overall = {
        "accuracy": metrics.accuracy_score(labels, predicted, **given),
        "balanced_accuracy": metrics.balanced_accuracy_score(labels, predicted, **given),
        "specificity": np.mean(each["specificity"]),
    }
    for name, function in {"precision": metrics.precision_score, "f1": metrics.f1_score}.items():
        overall[name] = function(labels, predicted, average="macro", zero_division=0, **given)
    overall["auc"] = metrics.roc_auc_score(
        labels, probabilities, multi_class="ovr", average="macro", **given
    )
    return overall | {
        f"{kind}/{name}": values[c]
        for kind, values in each.items()
        for c, name in enumerate(CLASSES)
    }


@pytest.mark.parametrize("kind", ["equal", "whole", "fractional"])
def test_every_score_is_scikit_learns(kind):
    labels, _, (probabilities,) = answers()
    rng = np.random.default_rng(1)
    weights = {
        "equal": np.ones(len(labels)),
        "whole": rng.integers(0, 4, len(labels)).astype(float),
        "fractional": rng.random(len(labels)),
    }[kind]
    expected = by_scikit_learn(labels, probabilities, weights)
    assert set(expected) == set(classifier_scores.names(CLASSES)) - {"ece"}
    for name, value in expected.items():
        found = classifier_scores.score(name, labels, probabilities, weights, classes=CLASSES)
        assert found == pytest.approx(value, abs=1e-10), name
    for name, function in classifier_scores.SCORES.items():
        if name != "ece":
            assert function(labels, probabilities, weights) == pytest.approx(expected[name])
    error = calibration.expected_calibration_error(labels, probabilities, weights)
    assert classifier_scores.SCORES["ece"](labels, probabilities, weights) == error


def test_many_sets_of_weights_are_each_on_its_own():
    """More sets than are sorted together."""
    labels, _, (probabilities,) = answers(n=80)
    weights = (
        np.random.default_rng(1).integers(0, 3, (classifier_scores.BLOCK + 7, 80)).astype(float)
    )
    for name in classifier_scores.names(CLASSES):
        together = classifier_scores.score(name, labels, probabilities, weights, classes=CLASSES)
        each = [
            classifier_scores.score(name, labels, probabilities, one, classes=CLASSES)
            for one in weights[-9:]
        ]
        np.testing.assert_allclose(together[-9:], each, rtol=0, atol=1e-12, err_msg=name)


def test_table():
    labels, groups, probabilities = answers(seeds=3)
    test, resampling = held_out(labels, groups), Resampling(300)
    table = score_table(test, probabilities, resampling=resampling)
    assert tuple(table) == classifier_scores.names(CLASSES)
    for name, row in table.items():
        each = [classifier_scores.score(name, labels, p, classes=CLASSES) for p in probabilities]
        assert row.per_seed == pytest.approx(each)
        assert row.value == pytest.approx(np.mean(each))
        assert 0 <= row.low < row.value < row.high <= 1
        assert row.note == ""
        assert json.dumps(dataclasses.asdict(row), allow_nan=False)
    assert table == score_table(test, probabilities, resampling=resampling)


def test_several_images_of_a_lesion_are_not_several_lesions():
    """Copies of every image are no news under the name of their lesion, but under new names."""
    labels, groups, probabilities = answers()
    four = np.tile(np.arange(len(labels)), 4)

    def width(groups) -> float:
        row = score_table(
            held_out(labels[four], groups), probabilities[:, four], wanted=["accuracy"]
        )["accuracy"]
        return row.high - row.low

    alone = score_table(held_out(labels, groups), probabilities, wanted=["accuracy"])["accuracy"]
    honest = alone.high - alone.low
    assert width(groups[four]) == pytest.approx(honest, rel=1e-6)
    assert width([f"{g}/{i // 240}" for i, g in enumerate(groups[four])]) < 0.6 * honest


def test_an_absent_class_is_left_out_of_means_and_said_to_be():
    labels, groups, probabilities = answers(seeds=2)
    kept = labels != 1
    table = score_table(
        held_out(labels[kept], groups[kept]), probabilities[:, kept], resampling=Resampling(200)
    )
    recalls = [table[f"recall/{name}"].value for name in ("akiec", "mel", "nv")]
    assert table["balanced_accuracy"].value == pytest.approx(np.mean(recalls))
    assert table["balanced_accuracy"].note == "no test image of bcc, left out of the mean"
    undefined = Score(None, None, None, (None, None), "no test image of bcc")
    assert table["auc/bcc"] == undefined
    assert table["accuracy"].note == ""


@pytest.mark.parametrize("noun", ["lesion", "patient"])
def test_a_class_of_one_group_is_pointed_out(noun):
    labels, groups, probabilities = answers()
    kept = (labels != 0) | (groups == groups[labels == 0][0])
    test = dataclasses.replace(held_out(labels[kept], groups[kept]), group_noun=noun)
    row = score_table(test, probabilities[:, kept], resampling=Resampling(200))["recall/akiec"]
    assert row.note == f"fewer than two test {noun}s of akiec: the interval is a guess"
    assert row.high - row.low > 0.5


def test_faults_are_said():
    labels, groups, probabilities = answers()
    test = held_out(labels, groups)
    with pytest.raises(UserError, match="all test images are of class 'nv'"):
        score_table(held_out(np.full_like(labels, 3), groups), probabilities)
    with pytest.raises(UserError, match=r"give \(trainings, 240, 4\)"):
        score_table(test, probabilities[0])
    with pytest.raises(UserError, match="leave out images without a label"):
        score_table(held_out(labels - 1, groups), probabilities)
    with pytest.raises(UserError, match="softmax"):
        score_table(test, 2 * probabilities)
    with pytest.raises(UserError, match="softmax"):
        score_table(test, np.full_like(probabilities, np.nan))
    few = [int(np.flatnonzero(labels == c)[0]) for c in range(4)]
    with pytest.raises(UserError, match="use a larger test split"):
        score_table(held_out(labels[few], groups[few]), probabilities[:, few])
