"""Sensitivity at a fixed specificity, against scikit-learn's ROC curve."""

import numpy as np
import pytest
from sklearn.metrics import roc_curve

from dermgan_jax.errors import UserError
from dermgan_jax.statistics.operating_point import sensitivity_at_specificity


def expected(positive, scores, weights, specificity) -> float:
    false, true, _ = roc_curve(positive, scores, sample_weight=weights, drop_intermediate=False)
    return true[1 - false >= specificity - 1e-12].max()


@pytest.mark.parametrize("specificity", [0.0, 0.8, 0.95, 1.0])
@pytest.mark.parametrize("decimals", [8, 1])
def test_against_scikit_learn(specificity, decimals):
    rng = np.random.default_rng(0)
    positive = rng.random(300) < 0.2
    scores = (rng.standard_normal(300) + positive).round(decimals)
    sets = np.stack([np.ones(300), rng.integers(0, 4, 300), rng.random(300)])
    found = sensitivity_at_specificity(positive, scores, sets, specificity=specificity)
    for weights, value in zip(sets, found, strict=True):
        assert value == pytest.approx(expected(positive, scores, weights, specificity), abs=1e-10)
        alone = sensitivity_at_specificity(positive, scores, weights, specificity=specificity)
        assert alone == pytest.approx(value, abs=1e-12)


def test_exactly_the_allowed_false_alarms():
    """One of twenty negatives outscores the second positive: specificity is 0.95, no less."""
    scores = np.array([0.9, 0.5, 0.6, *np.linspace(0, 0.4, 19)])
    positive = np.arange(22) < 2
    assert sensitivity_at_specificity(positive, scores) == 1.0
    assert sensitivity_at_specificity(positive, scores, specificity=0.96) == 0.5


def test_equal_scores_fall_together():
    """Positives cannot be called without the negatives that score the same."""
    positive = np.array([True, True, False, False])
    assert sensitivity_at_specificity(positive, np.array([1.0, 0.5, 0.5, 0.0])) == 0.5
    assert sensitivity_at_specificity(positive, np.zeros(4)) == 0.0


def test_needs_both_kinds():
    with pytest.raises(UserError, match="0 of 3 images are positive"):
        sensitivity_at_specificity(np.zeros(3, bool), np.arange(3.0))
