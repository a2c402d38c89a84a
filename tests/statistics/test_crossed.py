"""Scores with readers and images both random."""

import numpy as np
import pytest
from scipy.stats import norm, t

from dermgan_jax.errors import UserError
from dermgan_jax.statistics import crossed
from dermgan_jax.statistics.equivalence import two_one_sided_tests


def simulated(rng, readers, real, fake, of_readers, of_images, level=0.2):
    """Truth and latent scores for "real" whose sign is right with a known probability.

    Readers differ with variance `of_readers` and images with `of_images`; what is left has 1.
    """
    truth = np.arange(real + fake) < real
    latent = (
        level
        + rng.normal(0, np.sqrt(of_readers), readers)
        + rng.normal(0, np.sqrt(of_images), (len(truth), 1))
        + rng.normal(size=(len(truth), readers))
    )
    return truth, np.where(truth[:, None], latent, -latent)


def coverage(repetitions, readers, real, fake, of_readers, of_images, with_auc=False):
    """How often the intervals of accuracy, TNR and AUC hold the truth."""
    rng, level = np.random.default_rng(0), 0.2
    share = norm.cdf(level / np.sqrt(1 + of_readers + of_images))
    area = norm.cdf(2 * level / np.sqrt(2 + 4 * of_readers + 2 * of_images))
    held = {"accuracy": 0, "tnr": 0, "auc": 0}
    for seed in range(repetitions):
        truth, scores = simulated(rng, readers, real, fake, of_readers, of_images, level)
        panel = crossed.panel(truth, (scores > 0).astype(float), seed)
        every = np.ones(len(truth), bool)
        asked = {
            "accuracy": (crossed.accuracy(panel), every, share),
            "tnr": (crossed.rate(panel, False), ~truth, share),
        }
        if with_auc:
            asked["auc"] = (crossed.auc(panel, scores), every, area)
        for name, (statistic, images, known) in asked.items():
            found = crossed.estimate(crossed.uncertainty(panel, statistic, images), images)
            held[name] += found.low <= known <= found.high
    return {name: count / repetitions for name, count in held.items()}


def test_intervals_of_eight_readers_and_eighty_images_cover():
    found = coverage(200, 8, 50, 30, 0.05, 0.2)
    assert found["accuracy"] == pytest.approx(0.95, abs=0.04)
    assert found["tnr"] == pytest.approx(0.95, abs=0.04)


@pytest.mark.slow
@pytest.mark.parametrize("variances", [(0.0, 0.0), (0.02, 0.1), (0.1, 0.3), (0.3, 0.02)])
@pytest.mark.parametrize("size", [(8, 50, 30), (5, 40, 40), (3, 20, 80)])
def test_intervals_cover_what_they_promise(size, variances):
    """95 ± 2 %, whether readers or images differ more."""
    for share in list(coverage(2000, *size, *variances).values())[:2]:
        assert share == pytest.approx(0.95, abs=0.02)


@pytest.mark.slow
@pytest.mark.parametrize("size", [(8, 50, 30), (3, 20, 80)])
def test_intervals_of_areas_cover_what_they_promise(size):
    found = coverage(1500, *size, 0.1, 0.3, with_auc=True)
    assert found["auc"] == pytest.approx(0.95, abs=0.02)


def test_one_reader_has_the_interval_of_a_share():
    truth = np.arange(80) < 40
    called = (np.arange(80) % 5 != 0).astype(float)[:, None]
    panel = crossed.panel(truth, called)
    found = crossed.uncertainty(panel, crossed.rate(panel, True), truth)
    assert (found.value, found.seeds) == (0.8, 0.0)
    assert found.groups == pytest.approx(0.8 * 0.2 / 39, rel=0.1)
    half = t.ppf(0.975, 39) * np.sqrt(found.groups)
    low, high = (getattr(crossed.estimate(found, truth), end) for end in ("low", "high"))
    assert 0.8 - low > half > high - 0.8  # Wilson's leans to one half


def test_missing_answers_count_neither_way():
    truth = np.array([True, True, True, False, False])
    called = np.array([[1, 1, np.nan, 0, 0], [1, 0, 0, 0, 1]]).T
    panel = crossed.panel(truth, called)
    one = np.ones((1, 5))
    assert crossed.accuracy(panel)(0, one)[0] == 1.0
    assert crossed.rate(panel, True)(1, one)[0] == pytest.approx(1 / 3)
    assert crossed.balanced_accuracy(panel)(1, one)[0] == pytest.approx((1 / 3 + 1 / 2) / 2)


def test_readers_with_images_of_their_own():
    truth = np.array([True, False] * 40)
    called = np.full((80, 4), np.nan)
    for reader in range(4):
        own = slice(reader * 20, reader * 20 + 20)
        called[own, reader] = truth[own]
        called[reader * 20, reader] = 0.0
    panel = crossed.panel(truth, called)
    found = crossed.uncertainty(panel, crossed.accuracy(panel), np.ones(80, bool))
    assert found.value == pytest.approx(0.95)


def test_who_is_always_right_gets_an_interval():
    truth = np.arange(20) < 10
    panel = crossed.panel(truth, np.repeat(truth[:, None], 3, axis=1).astype(float))
    found = crossed.uncertainty(panel, crossed.accuracy(panel), np.ones(20, bool))
    share = crossed.estimate(found, 20)
    assert share.value == share.high == 1.0
    assert 0.7 < share.low < 0.9


def test_readers_who_scatter_less_than_chance_are_not_taken_for_certain():
    """Both are right in half of the images, of either kind."""
    truth = np.arange(8) < 4
    called = np.array([[1, 0, 1, 0, 1, 1, 0, 0], [1, 1, 0, 0, 1, 0, 1, 0]], float).T
    panel = crossed.panel(truth, called)
    found = crossed.uncertainty(panel, crossed.accuracy(panel), np.ones(8, bool))
    share = crossed.estimate(found, 8)
    assert share.value == 0.5
    assert share.high - share.low > 0.25


def test_a_score_that_nobody_has():
    truth = np.arange(4) < 2
    panel = crossed.panel(truth, np.ones((4, 2)))
    nothing = crossed.share_of(np.full((4, 2), np.nan))
    assert crossed.uncertainty(panel, nothing, truth) is None
    assert crossed.estimate(None, 4) is None


def test_too_few_images():
    with pytest.raises(UserError, match="no class has two"):
        crossed.panel(np.array([True, False]), np.ones((2, 2)))


def test_rates_near_none_and_all_hide_variance():
    """Agresti and Coull's for 0 of 20; nothing where a share is well inside."""
    share, adjusted = np.array([0.0, 1.0, 0.5]), 2 / 24
    expected = [adjusted * (1 - adjusted) / 24] * 2 + [0.0]
    np.testing.assert_allclose(crossed.hidden_variance(share, np.full(3, 20)), expected)


def test_who_always_says_the_same_is_not_certain():
    truth = np.arange(40) < 20
    panel = crossed.panel(truth, np.ones((40, 3)))
    found = crossed.of_both(panel, crossed.balanced_accuracy(panel), 0.5)
    assert found.value == 0.5
    adjusted = 2 / 24
    assert found.groups == pytest.approx(2 * adjusted * (1 - adjusted) / 24 / 4)
    assert 0.05 < crossed.share_estimate(found).high - 0.5 < 0.12


def test_readers_of_different_images_do_not_hide_the_same():
    truth = np.arange(80) % 2 == 0
    called = np.full((80, 4), np.nan)
    for reader in range(4):
        called[reader * 20 : reader * 20 + 20, reader] = 1.0
    same = crossed.panel(truth[:20], np.ones((20, 4)))
    apart = crossed.panel(truth, called)
    hidden = [crossed.of_both(p, crossed.balanced_accuracy(p), 0.5).groups for p in (same, apart)]
    assert hidden[1] == pytest.approx(hidden[0] / 4)


def verdicts(repetitions, readers, real, fake, tpr, tnr):
    """How often readers with these rates are called equivalent to chance within 0.1."""
    rng, equivalent = np.random.default_rng(0), 0
    truth = np.arange(real + fake) < real
    for seed in range(repetitions):
        right = rng.random((len(truth), readers)) < np.where(truth, tpr, tnr)[:, None]
        panel = crossed.panel(truth, np.where(truth[:, None], right, ~right).astype(float), seed)
        found = crossed.of_both(panel, crossed.balanced_accuracy(panel), 0.5)
        equivalent += two_one_sided_tests(found, 0.5, 0.1).p_equivalent < 0.05
    return equivalent / repetitions


@pytest.mark.slow
@pytest.mark.parametrize("rates", [(0.6, 0.6), (0.9, 0.3), (0.98, 0.22), (1.0, 0.2)])
@pytest.mark.parametrize("size", [(2, 10, 10), (3, 20, 20), (2, 30, 10)])
def test_readers_at_the_margin_are_rarely_called_equivalent(size, rates):
    """5 % and what 1500 repetitions scatter, however strongly readers lean to one answer."""
    assert verdicts(1500, *size, *rates) < 0.065
