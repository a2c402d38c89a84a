"""A classifier as judge, by hand and in the limits."""

import dataclasses
import json

import numpy as np
import pytest

from dermgan_jax.errors import UserError
from dermgan_jax.statistics import intervals
from dermgan_jax.statistics.identification import Judged, identification
from dermgan_jax.statistics.intervals import Estimate

CLASSES = ("normal", "bacterial", "viral")


def test_by_hand():
    """Of three bacterial images one is identified, two are consistent."""
    probabilities = np.array(
        [[0.005, 0.99, 0.005], [0.02, 0.98, 0.0], [0.5, 0.2, 0.3], [0.999, 0.001, 0.0]], np.float32
    )
    found = identification(probabilities, np.array([1, 1, 1, 0]), CLASSES)
    bacterial = found.classes["bacterial"]
    assert bacterial.n == 3
    assert bacterial.identified == Estimate(1 / 3, *intervals.wilson(1, 3))
    assert bacterial.mean_probability == pytest.approx((0.99 + 0.98 + 0.2) / 3)
    assert bacterial.consistent.value == 2 / 3
    assert found.classes["viral"] == Judged(
        n=0, identified=None, mean_probability=None, consistent=None
    )
    assert found.overall.n == 4
    assert found.overall.identified.value == 2 / 4
    assert found.overall.consistent.value == 3 / 4
    plain = dataclasses.asdict(found)
    assert json.loads(json.dumps(plain, allow_nan=False)) == plain


def test_a_lower_threshold_identifies_more():
    rng = np.random.default_rng(0)
    probabilities = rng.dirichlet([0.2, 0.2, 0.2], 300)
    labels = probabilities.argmax(axis=1)
    shares = [
        identification(probabilities, labels, CLASSES, threshold).overall.identified.value
        for threshold in (0.0, 0.6, 0.98)
    ]
    assert shares[0] == 1
    assert shares == sorted(shares, reverse=True)
    assert identification(probabilities, labels, CLASSES).overall.consistent.value == 1
    wrong = identification(probabilities, (labels + 1) % 3, CLASSES).overall
    assert wrong.consistent.value == 0
    assert wrong.identified.value == 0


def test_faults_are_said():
    with pytest.raises(UserError, match="one column per class"):
        identification(np.ones((2, 2)), np.array([0, 1]), CLASSES)
    with pytest.raises(UserError, match="an image or more"):
        identification(np.ones((0, 3)), np.array([], int), CLASSES)
    with pytest.raises(UserError, match="labels from -1 to 1"):
        identification(np.ones((2, 3)) / 3, np.array([-1, 1]), CLASSES)
