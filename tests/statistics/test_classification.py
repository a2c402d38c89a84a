"""Classifier scores against scikit-learn, intervals of shares against statsmodels."""

from pathlib import Path

import numpy as np
import pytest
from sklearn import metrics as sklearn_metrics

from dermgan_jax.errors import UserError
from dermgan_jax.statistics import classification, intervals

GOLDEN = Path(__file__).parents[1] / "golden" / "statistics" / "classification.npz"
EXACT = {"rtol": 0, "atol": 1e-12}


@pytest.fixture(scope="module")
def golden() -> dict[str, np.ndarray]:
    return dict(np.load(GOLDEN))


@pytest.fixture(scope="module")
def confusion(golden) -> np.ndarray:
    return classification.confusion_matrix(golden["in:y"], golden["in:pred"], 7)


def test_confusion_matrix(golden, confusion):
    np.testing.assert_array_equal(confusion, golden["out:confusion_rows_true"])


@pytest.mark.parametrize("score", ["recall", "precision", "f1", "specificity"])
def test_scores_per_class_and_their_means(golden, confusion, score):
    scores = classification.class_scores(confusion)
    found = getattr(scores, score)
    np.testing.assert_allclose(found, golden[f"out:{score}_per_class"], **EXACT)
    np.testing.assert_allclose(found.mean(), golden[f"out:{score}_macro"], **EXACT)
    if score != "specificity":
        weighted = np.average(found, weights=scores.support)
        np.testing.assert_allclose(weighted, golden[f"out:{score}_weighted"], **EXACT)
        accuracy = classification.accuracy(confusion)
        np.testing.assert_allclose(accuracy, golden[f"out:{score}_micro"], **EXACT)


def test_scores_of_each_class_against_the_rest(golden, confusion):
    (tn, fp), (fn, tp) = golden["out:multilabel_confusion"].transpose(1, 2, 0)
    scores = classification.class_scores(confusion)
    np.testing.assert_array_equal(scores.support, tp + fn)
    np.testing.assert_allclose(scores.recall, tp / (tp + fn), **EXACT)
    np.testing.assert_allclose(scores.precision, tp / np.maximum(tp + fp, 1), **EXACT)
    np.testing.assert_allclose(scores.specificity, tn / (tn + fp), **EXACT)
    as_recall = golden["out:specificity_per_class_as_recall0"]
    np.testing.assert_allclose(scores.specificity, as_recall, **EXACT)


def test_scores_of_the_whole_matrix(golden, confusion):
    for key, found in {
        "accuracy": classification.accuracy(confusion),
        "balanced_accuracy": classification.balanced_accuracy(confusion),
        "balanced_accuracy_adjusted": classification.balanced_accuracy(confusion, adjusted=True),
        "mcc": classification.matthews_correlation(confusion),
    }.items():
        np.testing.assert_allclose(found, golden[f"out:{key}"], **EXACT, err_msg=key)


def test_scores_of_probabilities(golden):
    true, p = golden["in:y"], golden["in:prob"].astype(np.float64)
    p /= p.sum(axis=1, keepdims=True)
    per_class = classification.auc_one_vs_rest(true, p)
    for key, found in {
        "log_loss": classification.log_loss(true, golden["in:prob"]),
        "auc_per_class": per_class,
        "auc_ovr_macro": per_class.mean(),
        "auc_ovo_macro": classification.auc_one_vs_one(true, p),
        "average_precision_per_class": [
            classification.average_precision(true == c, p[:, c]) for c in range(7)
        ],
    }.items():
        np.testing.assert_allclose(found, golden[f"out:{key}"], rtol=0, atol=1e-10, err_msg=key)


def test_intervals_of_a_share(golden, confusion):
    hits, n = int(np.trace(confusion)), int(confusion.sum())
    share = hits / n
    for key, found in {
        "wilson": intervals.wilson(hits, n),
        "beta": intervals.clopper_pearson(hits, n),
        "normal": intervals.normal(share, np.sqrt(share * (1 - share) / n)),
    }.items():
        np.testing.assert_allclose(found, golden[f"out:accuracy_ci95_{key}"], rtol=0, atol=1e-10)


def test_intervals_at_the_ends():
    assert intervals.clopper_pearson(0, 9)[0] == 0
    assert intervals.clopper_pearson(9, 9)[1] == 1
    assert intervals.wilson(0, 9) == pytest.approx((0, 0.2991), abs=1e-4)


def test_a_class_without_images_is_left_out_of_balanced_accuracy():
    confusion = np.array([[3, 1, 0], [0, 0, 0], [0, 0, 2]])
    assert classification.balanced_accuracy(confusion) == pytest.approx((0.75 + 1) / 2)
    assert np.isnan(classification.class_scores(confusion).recall[1])


def test_ties_count_half():
    positive = np.array([True, True, False, False])
    assert classification.auc(positive, np.array([1, 0, 0, -1])) == 0.875
    assert classification.average_precision(positive, np.zeros(4)) == 0.5


def test_auc_needs_both_kinds():
    with pytest.raises(UserError, match="3 of 3 images are positive"):
        classification.auc(np.ones(3, bool), np.arange(3))


@pytest.fixture(scope="module", params=["whole", "fractional"])
def weights(request, golden) -> np.ndarray:
    rng = np.random.default_rng(3)
    n = len(golden["in:y"])
    return rng.integers(0, 4, n).astype(float) if request.param == "whole" else rng.random(n)


def test_weighted_confusion_matrix(golden, weights):
    true, predicted = golden["in:y"], golden["in:pred"]
    found = classification.confusion_matrix(true, predicted, 7, weights)
    expected = sklearn_metrics.confusion_matrix(true, predicted, sample_weight=weights)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-10)
    scores = classification.class_scores(found)
    for key, score in {
        "recall": sklearn_metrics.recall_score,
        "precision": sklearn_metrics.precision_score,
        "f1": sklearn_metrics.f1_score,
    }.items():
        expected = score(true, predicted, average=None, sample_weight=weights, zero_division=0)
        np.testing.assert_allclose(getattr(scores, key), expected, rtol=0, atol=1e-10)
    expected = sklearn_metrics.balanced_accuracy_score(true, predicted, sample_weight=weights)
    assert classification.balanced_accuracy(found) == pytest.approx(expected, abs=1e-10)


@pytest.mark.parametrize("decimals", [8, 1])
def test_weighted_auc(golden, weights, decimals):
    true, probabilities = golden["in:y"], golden["in:prob"].astype(np.float64).round(decimals)
    for c in range(7):
        found = classification.auc(true == c, probabilities[:, c], weights)
        expected = sklearn_metrics.roc_auc_score(
            true == c, probabilities[:, c], sample_weight=weights
        )
        assert found == pytest.approx(expected, abs=1e-10)


def test_many_sets_of_weights_at_once(golden):
    true, predicted, scores = golden["in:y"], golden["in:pred"], golden["in:prob"][:, 2]
    weights = np.random.default_rng(0).random((5, len(true)))
    confusions = classification.confusion_matrix(true, predicted, 7, weights)
    areas = classification.auc(true == 2, scores, weights)
    for one, confusion, area in zip(weights, confusions, areas, strict=True):
        alone = classification.confusion_matrix(true, predicted, 7, one)
        np.testing.assert_allclose(confusion, alone, **EXACT)
        assert area == pytest.approx(classification.auc(true == 2, scores, one), abs=1e-12)
    for function in (classification.accuracy, classification.balanced_accuracy):
        each = [function(confusion) for confusion in confusions]
        np.testing.assert_allclose(function(confusions), each, **EXACT)


def test_weights_may_leave_one_kind_only():
    positive = np.array([True, False, False])
    weights = np.array([[1.0, 1, 0], [0, 2, 1]])
    areas = classification.auc(positive, np.array([0.5, 0.2, 0.9]), weights)
    np.testing.assert_array_equal(areas, [1.0, np.nan])
