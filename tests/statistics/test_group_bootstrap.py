"""Resampling of lesions, and intervals over lesions and trainings."""

import numpy as np
import pytest
from scipy import stats

from dermgan_jax.errors import UserError
from dermgan_jax.statistics import group_bootstrap, intervals
from dermgan_jax.statistics.group_bootstrap import Uncertainty

LABELS = np.array([0, 0, 0, 0, 0, 1, 1, 1, 1, 2])
GROUPS = ["a", "a", "b", "c", "d", "e", "e", "f", "g", "h"]


def test_images_of_a_lesion_count_together_and_classes_keep_their_lesions():
    weights = group_bootstrap.image_weights(LABELS, GROUPS, 500, seed=0)
    assert weights.shape == (500, 10)
    np.testing.assert_array_equal(weights[:, 0], weights[:, 1])
    np.testing.assert_array_equal(weights[:, 5], weights[:, 6])
    np.testing.assert_allclose(weights[:, 1:5].sum(axis=1), 4)
    np.testing.assert_allclose(weights[:, 6:9].sum(axis=1), 3)
    np.testing.assert_array_equal(weights[:, 9], 1)
    np.testing.assert_allclose(weights.mean(axis=0), 1, atol=0.15)
    again = group_bootstrap.image_weights(LABELS, GROUPS, 500, seed=0)
    np.testing.assert_array_equal(weights, again)
    assert (weights != group_bootstrap.image_weights(LABELS, GROUPS, 500, seed=1)).any()


def test_variances_are_not_too_small_where_lesions_are_few():
    """The variance of a mean of four is s² / 4 with s² over n − 1; over n it would be 3/4 of it."""
    values = np.array([0.0, 1, 3, 7])
    weights = group_bootstrap.image_weights(np.zeros(4, int), list("abcd"), 40000, seed=0)
    assert (weights @ values / 4).var() == pytest.approx(values.var(ddof=1) / 4, rel=0.03)


def test_a_lesion_of_several_classes_counts_under_its_most_frequent():
    labels = np.array([1, 0, 1, 0, 1, 0])
    group_of_image, stratum = group_bootstrap.strata(labels, ["x", "x", "x", "y", "z", "z"])
    np.testing.assert_array_equal(group_of_image, [0, 0, 0, 1, 2, 2])
    np.testing.assert_array_equal(stratum, [1, 0, 0])


def test_one_lesion_per_class_says_nothing():
    with pytest.raises(UserError, match="3 groups of test images, and no class has two"):
        group_bootstrap.image_weights(np.array([0, 1, 2]), list("abc"), 10, seed=0)


@pytest.mark.parametrize(
    ("trainings", "lowest", "highest"), [(3, 0.943, 0.967), (5, 0.949, 0.959), (10, 0.949, 0.955)]
)
def test_coverage_whatever_the_share_of_lesions(trainings, lowest, highest):
    """By integration over the observed variance of trainings: no simulation, no chance."""
    freedom = trainings - 1
    quantiles = (np.arange(200) + 0.5) / 200
    observed = stats.chi2.ppf(quantiles, freedom) / freedom
    for share in (0, 0.02, 0.05, 0.1, 0.3, 0.5, 0.7, 0.9, 0.98, 1):
        halves = [
            group_bootstrap.half_width(
                Uncertainty(0.0, share, (1 - share) * seeds, 0.0, 1e9, freedom)
            )
            for seeds in observed
        ]
        coverage = np.mean(2 * stats.norm.cdf(halves) - 1)
        assert lowest - 0.002 < coverage < highest + 0.002


def test_variances_of_lesions_and_trainings_are_told_apart():
    """Additive effects of known size: shared by trainings, of each, and of each on each lesion."""
    rng = np.random.default_rng(0)
    shared, seeds, own = 0.3, 0.5, 0.2
    found = []
    for _ in range(400):
        values = rng.normal(0, shared) + rng.normal(0, np.hypot(seeds, own), 4)
        replicates = values[:, None] + rng.normal(0, shared, 400) + rng.normal(0, own, (4, 400))
        found.append(group_bootstrap.of_score(values, replicates, 50))
    of_groups, of_seeds, lasting = np.mean([f[1:4] for f in found], axis=0)
    assert of_groups == pytest.approx(shared**2, rel=0.03)
    assert of_seeds == pytest.approx((seeds**2 + own**2) / 4, rel=0.15)
    assert lasting == pytest.approx(seeds**2 / 4, rel=0.15)


def test_unpaired_trainings_are_pooled():
    rng = np.random.default_rng(1)
    arms = [(rng.normal(size=s), rng.normal(size=(s, 50))) for s in (3, 4)]
    found = group_bootstrap.of_difference(*arms, 40, paired_seeds=False)
    (a, _), (b, _) = arms
    pooled = (2 * a.var(ddof=1) + 3 * b.var(ddof=1)) / 5
    assert found.seeds == pytest.approx(pooled * (1 / 3 + 1 / 4))
    assert found.seeds_freedom == 5
    assert found.value == pytest.approx(b.mean() - a.mean())
    # Without lesions' variance this is the two-sample t-test.
    alone = group_bootstrap.p_value(found._replace(groups=0.0))
    assert alone == pytest.approx(stats.ttest_ind(a, b).pvalue, rel=1e-6)


def test_p_value_and_interval_agree():
    rng = np.random.default_rng(2)
    for _ in range(200):
        groups, seeds = rng.random(2)
        uncertainty = Uncertainty(3 * rng.normal(), groups, seeds, 0.0, 30.0, 2)
        outside = abs(uncertainty.value) > group_bootstrap.half_width(uncertainty)
        p = group_bootstrap.p_value(uncertainty)
        assert (p < 0.05) == outside
        assert group_bootstrap.half_width(uncertainty, p) == pytest.approx(
            abs(uncertainty.value), rel=1e-5
        )
    assert group_bootstrap.p_value(uncertainty._replace(value=0.0)) == 1.0


def test_interval_of_a_score_is_wilsons():
    share = 12 / 80
    uncertainty = Uncertainty(share, share * (1 - share) / 80, 0.0, 0.0, 1e9, 0)
    found = group_bootstrap.score_interval(uncertainty, groups=80)
    assert found == pytest.approx(intervals.wilson(12, 80), abs=1e-6)


def test_all_right_is_not_certain():
    """Nine of nine lesions: no resampling varies, and yet the tenth may be wrong."""
    uncertainty = Uncertainty(1.0, 0.0, 0.0, 0.0, 1e9, 0)
    low, high = group_bootstrap.score_interval(uncertainty, groups=9)
    assert (low, high) == pytest.approx(intervals.wilson(9, 9), abs=1e-6)
    floored = group_bootstrap.floored(uncertainty, groups=9)
    assert group_bootstrap.half_width(floored) > 0.2
    varying = uncertainty._replace(groups=0.01)
    assert group_bootstrap.floored(varying, groups=9) == varying


def test_freedom_of_a_mean_over_classes():
    assert group_bootstrap.mean_freedom(np.array([20, 20, 20])) == pytest.approx(3 * 19)
    assert group_bootstrap.mean_freedom(np.array([5, 1000, 0])) == pytest.approx(4, rel=0.02)


def test_endless_lesions_leave_the_trainings():
    """With three, the quantile is Student's of two degrees of freedom."""
    uncertainty = Uncertainty(0.0, 4.0, 2.0, 1.5, 1e9, 2)
    alone = stats.t.isf(0.025, 2) * np.sqrt(1.5)
    assert group_bootstrap.lasting_half_width(uncertainty) == pytest.approx(alone)
    many_groups = uncertainty._replace(groups=0.1, lasting=2.0)
    half = group_bootstrap.half_width(many_groups)
    assert group_bootstrap.lasting_half_width(many_groups) == half
    assert group_bootstrap.lasting_half_width(uncertainty._replace(lasting=0.0)) == 0
