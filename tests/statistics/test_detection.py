"""Scores of detectors against scikit-learn, with ties, weights and intervals."""

import anomaly_vectors
import numpy as np
import pytest
from sklearn import metrics as sk

from dermgan_jax.errors import UserError
from dermgan_jax.statistics import classification, detection
from dermgan_jax.statistics.held_out_images import HeldOutImages, Resampling


def test_vectors():
    golden = anomaly_vectors.load("metrics")
    abnormal, scores = golden["in:image_labels"] == 1, golden["in:image_scores"]
    found = {name: v[0] for name, v in detection.values(abnormal, scores, np.ones((1, 12))).items()}
    assert found["auroc"] == pytest.approx(golden["out:sk_image_auroc"], abs=1e-12)
    assert found["average_precision"] == pytest.approx(
        golden["out:sk_image_average_precision"], abs=1e-12
    )
    assert found["fpr_at_95_tpr"] == golden["out:fpr_at_95tpr_image"]
    # No sigmoid, no clipping: scores may be in any range.
    same = detection.values(abnormal, golden["in:unbounded_scores"], np.ones((1, 12)))
    assert {name: v[0] for name, v in same.items()} == found


@pytest.mark.parametrize("seed", range(3))
def test_weighted_values_are_those_of_repeated_images(seed):
    rng = np.random.default_rng(seed)
    abnormal = rng.random(40) < 0.3
    scores = np.round(rng.normal(abnormal, 1), 1)
    times = rng.integers(0, 4, 40)
    found = detection.values(abnormal, scores, times[None].astype(float))
    y, s = np.repeat(abnormal, times), np.repeat(scores, times)
    assert found["auroc"][0] == pytest.approx(sk.roc_auc_score(y, s))
    assert found["average_precision"][0] == pytest.approx(sk.average_precision_score(y, s))
    false, true, _ = sk.roc_curve(y, s, drop_intermediate=False)
    assert found["fpr_at_95_tpr"][0] == pytest.approx(false[(true >= 0.95).argmax()])
    assert detection.average_precision(y, s) == pytest.approx(
        classification.average_precision(y, s)
    )
    assert detection.fpr_at_tpr(y, s) == pytest.approx(found["fpr_at_95_tpr"][0])


def images(rng, normals=60, abnormals=30, per_group=2):
    labels = np.repeat([0, 1], [normals, abnormals])
    groups = [f"g{i // per_group}" for i in range(len(labels))]
    test = HeldOutImages(labels, groups, ("nv", "mel"), "lesion")
    # Images of one group are alike: an interval that resamples images is too narrow.
    effect = rng.normal(size=len(labels) // per_group).repeat(per_group)
    return test, labels == 1, labels + effect


def test_intervals_are_over_groups():
    rng = np.random.default_rng(0)
    test, abnormal, scores = images(rng, per_group=6)
    alone = HeldOutImages(test.labels, list(map(str, range(len(test)))), test.classes)
    widths = []
    for each in (test, alone):
        replicated = detection.replicates(each, abnormal, scores, Resampling(500))
        found = detection.with_intervals(each, abnormal, replicated)["auroc"]
        assert 0 <= found.low < found.value < found.high <= 1
        assert found.value == pytest.approx(sk.roc_auc_score(abnormal, scores))
        widths.append(found.high - found.low)
    assert widths[0] > 1.5 * widths[1]


def test_interval_covers():
    """95 % within what 200 draws can tell."""
    covered = 0
    for seed in range(200):
        test, abnormal, scores = images(np.random.default_rng(seed))
        replicated = detection.replicates(test, abnormal, scores, Resampling(200, seed))
        found = detection.with_intervals(test, abnormal, replicated)["auroc"]
        covered += found.low <= 0.7602 <= found.high  # Phi(1 / sqrt 2)
    assert 0.90 <= covered / 200 <= 0.99


def test_difference_of_detectors_is_paired():
    rng = np.random.default_rng(1)
    test, abnormal, scores = images(rng)
    better = scores + 0.6 * abnormal
    first, second = (
        detection.replicates(test, abnormal, each, Resampling(500), at=0.5)
        for each in (scores, better)
    )
    found = detection.differences(test, abnormal, first, second)
    assert found["auroc"].low > 0
    assert found["auroc"].p_value < 0.05
    assert found["false_alarms"].value == 0
    assert found["false_alarms"].low < 0 < found["false_alarms"].high
    alone = detection.with_intervals(test, abnormal, second)["auroc"]
    assert found["auroc"].high - found["auroc"].low < alone.high - alone.low


def test_threshold_of_validation_normals():
    scores = np.arange(100.0)
    threshold = detection.threshold(scores)
    assert (scores > threshold).mean() <= 0.05
    assert (scores > threshold - 1).mean() >= 0.05
    abnormal = np.array([True, True, False, False])
    found = detection.rates(abnormal, np.array([1.0, 3.0, 0.0, 2.0]), np.ones((1, 4)), 1.0)
    assert (found["sensitivity"][0], found["false_alarms"][0]) == (0.5, 0.5)
    with pytest.raises(UserError, match="no normal validation images"):
        detection.threshold(np.empty(0))


def test_one_kind_alone_is_named():
    test = HeldOutImages(np.zeros(4, int), list("abcd"), ("nv",))
    with pytest.raises(UserError, match="none is abnormal"):
        detection.replicates(test, np.zeros(4, bool), np.arange(4.0))
