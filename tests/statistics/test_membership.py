"""Membership inference with its control."""

import numpy as np
import pytest
from scipy.stats import mannwhitneyu

from dermgan_jax.statistics.membership import FIRST, HELD_OUT, SECOND, membership

NUM = 120
SIDE = np.repeat([FIRST, SECOND, HELD_OUT], NUM)


def scores(seed, *, memory=0.0, easy=0.0):
    """Of both models: training images are easier by `easy`, a model's own by `memory` too."""
    random = np.random.default_rng(seed)
    common = random.normal(size=3 * NUM) + easy * (SIDE != HELD_OUT)
    return [
        common + 0.5 * random.normal(size=3 * NUM) + memory * (which == SIDE)
        for which in (FIRST, SECOND)
    ]


def test_auc_is_mann_whitneys():
    by_first, by_second = scores(0, memory=0.5)
    found = membership(by_first, by_second, SIDE, np.arange(3 * NUM), seed=0)
    expected = [
        mannwhitneyu(own[which == SIDE], own[SIDE == HELD_OUT]).statistic / NUM**2
        for own, which in ((by_first, FIRST), (by_second, SECOND))
    ]
    assert found.attack.value == pytest.approx(np.mean(expected))
    assert found.difference.value == pytest.approx(found.attack.value - found.control.value)
    assert found.numbers == found.groups == (NUM, NUM, NUM)


def test_the_control_unmasks_images_that_are_merely_easy():
    """As two results in print: the attack alone would have called this memory."""
    found = membership(*scores(5, easy=1.0), SIDE, np.arange(3 * NUM), seed=0)
    assert found.attack.interval[0] > 0.6
    low, high = found.difference.interval
    assert low < 0 < high
    assert found.halves.interval[0] < 0.5 < found.halves.interval[1]


def test_memory_is_seen_beside_the_control():
    found = membership(*scores(2, memory=1.0, easy=0.5), SIDE, np.arange(3 * NUM), seed=0)
    assert found.difference.interval[0] > 0.05
    assert found.halves.interval[0] > 0.6


def test_intervals_are_over_groups():
    """Four equal photographs of each lesion tell no more than one."""
    by_first, by_second = scores(3, memory=0.3)
    single = membership(by_first, by_second, SIDE, np.arange(3 * NUM), seed=0)
    repeated = [np.repeat(each, 4) for each in (by_first, by_second, SIDE, np.arange(3 * NUM))]
    grouped = membership(*repeated, seed=0)
    alone = membership(*repeated[:3], np.arange(12 * NUM), seed=0)
    width = [np.diff(each.attack.interval)[0] for each in (single, grouped, alone)]
    assert width[1] == pytest.approx(width[0], rel=0.1)
    assert width[2] < 0.6 * width[0]
