"""Holm's and Bonferroni's corrections."""

import numpy as np

from dermgan_jax.statistics.multiple_tests import bonferroni, holm


def test_holm_by_hand():
    """0.005 × 4, 0.01 × 3, 0.03 × 2, and 0.04 × 1, which may not be below the one before."""
    found = holm(np.array([0.04, 0.01, 0.03, 0.005]))
    np.testing.assert_allclose(found, [0.06, 0.03, 0.06, 0.02], rtol=1e-12)


def test_never_above_one_nor_below_what_it_corrects():
    p = np.array([0.9, 0.6, 0.5])
    np.testing.assert_array_equal(holm(p), [1.0, 1.0, 1.0])
    np.testing.assert_array_equal(bonferroni(p), [1.0, 1.0, 1.0])
    np.testing.assert_array_equal(holm(np.array([0.2])), [0.2])


def test_holm_finds_what_bonferroni_finds():
    p = np.random.default_rng(0).random((200, 5)) ** 3
    for row in p:
        assert (holm(row) <= bonferroni(row) + 1e-15).all()
        assert holm(row).min() == bonferroni(row).min()


def test_one_false_alarm_in_twenty_families():
    """Uncorrected, five tests of nothing alarm in 23 % of families."""
    p = np.random.default_rng(1).random((4000, 5))
    alarms = np.mean([holm(row).min() < 0.05 for row in p])
    assert 0.035 < alarms < 0.06
    assert (p.min(axis=1) < 0.05).mean() > 0.2


def test_none():
    assert holm(np.array([])).shape == (0,)
