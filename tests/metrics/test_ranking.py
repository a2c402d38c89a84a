"""Ranks and paired differences of several fake sides."""

import dataclasses

import numpy as np
import pytest

from dermgan_jax.metrics import frechet, kid
from dermgan_jax.metrics.measurement import MetricValue
from dermgan_jax.metrics.ranking import agreement, covariance, ranks

RANDOM = np.random.default_rng(0)
REAL = RANDOM.normal(size=(300, 6)) + 2


def fakes(*shifts, n=200, seed=1):
    random = np.random.default_rng(seed)
    return {f"by {shift}": random.normal(size=(n, 6)) + 2 + shift for shift in shifts}


def measured(sides, metric=kid):
    return {name: metric.compute(REAL, side, seed=0)[0] for name, side in sides.items()}


def test_far_sides_keep_their_order_and_near_ones_do_not():
    far = ranks(measured(fakes(0.1, 0.5, 1.0)), seed=0)
    assert far.rank == {"by 0.1": 1, "by 0.5": 2, "by 1.0": 3}
    assert far.survives > 0.99
    assert far.interval["by 1.0"] == (3, 3)
    near = ranks(measured(fakes(0.3, 0.3001, 0.3002)), seed=0)
    assert near.survives < 0.8
    assert near.interval["by 0.3"][0] < near.interval["by 0.3"][1]
    assert sum(near.first.values()) == pytest.approx(1)


@pytest.mark.parametrize("metric", [kid, frechet])
def test_paired_errors_foretell_how_differences_scatter(metric):
    """Both sides lie the same way off: other real images move both values alike."""
    gaps, errors, alone = [], [], []
    for draw in range(60):
        random = np.random.default_rng(draw)
        real = random.normal(size=(80, 6)) + 2
        sides = [random.normal(size=(400, 6)) + 3 for _ in range(2)]
        values = [metric.compute(real, side, seed=0)[0] for side in sides]
        matrix, unpaired = covariance(values)
        assert not unpaired
        gaps.append(values[0].value - values[1].value)
        errors.append(np.sqrt(matrix[0, 0] + matrix[1, 1] - 2 * matrix[0, 1]))
        alone.append(np.sqrt(matrix[0, 0] + matrix[1, 1]))
    assert 0.7 < np.mean(errors) / np.std(gaps, ddof=1) < 1.4
    assert np.mean(alone) > 1.4 * np.mean(errors)


def test_a_higher_value_may_be_the_better_one():
    value = MetricValue("recall", 0.2, "p", 100, {}, "higher", interval=(0.1, 0.3))
    other = dataclasses.replace(value, value=0.8, interval=(0.7, 0.9))
    found = ranks({"a": value, "b": other}, seed=0)
    assert found.rank == {"a": 2, "b": 1}
    assert found.unpaired
    (difference,) = found.differences
    assert (difference.first, difference.second) == ("a", "b")
    assert difference.interval[0] < difference.value == pytest.approx(-0.6)
    assert difference.p < 1e-6


def test_what_cannot_be_ranked_is_told():
    values = measured(fakes(0.1)) | measured(fakes(0.5, n=50))
    assert "different numbers of images (by 0.1 200, by 0.5 50)" in ranks(values, seed=0)
    one = next(iter(values.values()))
    silent = dataclasses.replace(one, influence=None, interval=None)
    assert "no standard error" in ranks({"a": silent, "b": silent}, seed=0)
    nan = dataclasses.replace(one, value=float("nan"))
    assert "finite" in ranks({"a": one, "b": nan}, seed=0)
    other = dataclasses.replace(one, protocol="another")
    assert "protocols" in ranks({"a": one, "b": other}, seed=0)


def test_metrics_that_agree_and_that_contradict():
    first = ranks(measured(fakes(0.1, 0.5, 1.0)), seed=0)
    same = ranks(measured(fakes(0.1, 0.5, 1.0), frechet), seed=0)
    assert agreement([first, same]) == pytest.approx(1)
    turned = first._replace(rank={side: 4 - rank for side, rank in first.rank.items()})
    assert agreement([first, turned]) == pytest.approx(0)
    assert agreement([first]) is None


def test_equal_values_share_a_rank_and_are_no_agreement():
    one = next(iter(measured(fakes(0.1)).values()))
    tie = ranks({"a": one, "b": one}, seed=0)
    assert tie.rank == {"a": 1, "b": 1}
    assert 0.4 < tie.survives < 0.6
    assert agreement([tie, tie]) is None
    order = ranks(measured(fakes(0.1, 1.0)), seed=0)
    order = order._replace(rank={"a": 1, "b": 2})
    assert agreement([order, order]) == pytest.approx(1)
    # m = 2, k = 2, S = 2 × 0.5², T = 6: W = 12 × 0.5 / (4 × 6 − 2 × 6)
    assert agreement([order, tie]) == pytest.approx(0.5)
