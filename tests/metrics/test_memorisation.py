"""Nearest training images by brute force, and a test whose error rate is what it says."""

import numpy as np
import pytest
from scipy.spatial.distance import cdist

from dermgan_jax.metrics.memorisation import closeness, median_ratio, nearest_few

RANDOM = np.random.default_rng(0)


@pytest.mark.parametrize("grouped", [False, True])
def test_nearest_few_equals_brute_force(grouped):
    """600 images make two blocks; far from the origin float32 would lose the distances."""
    points, mirrored, train = (RANDOM.normal(1e3, 1, (n, 4)) for n in (600, 600, 50))
    groups = (RANDOM.integers(0, 5, 600), RANDOM.integers(0, 5, 50)) if grouped else None
    both = np.stack([cdist(points, train), cdist(mirrored, train)])
    distances = both.min(axis=0)
    if grouped:
        distances[groups[0][:, None] == groups[1]] = np.inf
    order = distances.argsort(axis=1)[:, :3]
    found = nearest_few((points, mirrored), train, 3, groups)
    np.testing.assert_array_equal(found.indices, order)
    np.testing.assert_allclose(
        found.distances, np.take_along_axis(distances, order, axis=1), rtol=1e-3
    )
    expected = np.take_along_axis(both.argmin(axis=0) == 1, order, axis=1)
    np.testing.assert_array_equal(found.mirrored, expected)


def test_nobody_left_to_compare_with_is_infinitely_far():
    train = np.array([[0.0], [1.0], [5.0]])
    found = nearest_few((train, train), train, 3, (np.array([0, 0, 1]),) * 2)
    np.testing.assert_allclose(found.distances[:, 0], [5, 4, 4], rtol=1e-6)
    assert np.isinf(found.distances[0, 1:]).all()


@pytest.mark.parametrize(("num_held_out", "rank"), [(12, 1), (100, 1), (400, 4)])
def test_error_rate_is_at_most_the_p_value(num_held_out, rank):
    """Of 4,000 models that draw like held-out images, at most 1 % have p < 0.01."""
    random = np.random.default_rng(1)
    values = [
        closeness(random.exponential(size=200), random.exponential(size=num_held_out))
        for _ in range(4000)
    ]
    assert {value.rank for value in values} == {rank}
    expected = rank / (num_held_out + 1)
    assert values[0].nominal == pytest.approx(expected)
    assert np.mean([value.share for value in values]) == pytest.approx(expected, rel=0.1)
    wrong = np.mean([value.p_value < 0.01 for value in values])
    assert 0.001 < wrong < 0.01 + 3 * np.sqrt(0.01 / 4000)


def test_copies_are_significant():
    held_out = np.linspace(1, 2, 300)
    found = closeness(np.concatenate([np.full(20, 0.1), np.linspace(1, 2, 380)]), held_out)
    assert (found.count, found.rank) == (23, 3)
    assert found.threshold == held_out[2]
    assert found.interval[0] > found.nominal
    assert found.p_value < 1e-3
    assert closeness(np.linspace(1, 2, 400), held_out).p_value > 0.1


def test_median_ratio_and_how_often_its_interval_is_right():
    random = np.random.default_rng(2)
    ratio, (low, high) = median_ratio(np.full(30, 3.0), np.full(40, 2.0), seed=0)
    assert ratio == low == high == 1.5
    right = [
        low <= 2 <= high
        for _, (low, high) in (
            median_ratio(random.uniform(2, 6, 60), random.uniform(1, 3, 80), seed=i)
            for i in range(60)
        )
    ]
    assert 0.85 <= np.mean(right) < 1
