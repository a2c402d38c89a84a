"""Density and coverage against prdc."""

from pathlib import Path

import numpy as np
import pytest
from scipy.spatial.distance import cdist

from dermgan_jax.metrics import density_coverage

GOLDEN = Path(__file__).parents[1] / "golden" / "metrics" / "prdc.npz"


@pytest.mark.parametrize("k", [1, 3, 5])
def test_equals_prdc(k):
    golden = np.load(GOLDEN)
    balls = density_coverage.count(golden["in:real"], golden["in:fake"], k)
    assert balls.per_fake.mean() / k == pytest.approx(float(golden[f"out:k{k}_density"]))
    assert balls.covered.mean() == pytest.approx(float(golden[f"out:k{k}_coverage"]))


def test_fact_sheet():
    x = np.random.RandomState(0).randn(500, 16)
    y = np.random.RandomState(1).randn(500, 16) * 1.2 + 0.5
    density, coverage = density_coverage.compute(x, y, seed=0)
    assert (density.name, density.value) == ("density", pytest.approx(0.246))
    assert (coverage.name, coverage.value) == ("coverage", pytest.approx(0.536))
    assert density.interval[0] < density.value < density.interval[1]


def test_several_blocks():
    random = np.random.default_rng(0)
    real, fake = random.normal(size=(600, 3)), random.normal(size=(1100, 3)) + 1
    balls = density_coverage.count(real, fake)
    inside = cdist(fake, real) < np.sort(cdist(real, real), axis=1)[:, 5]
    np.testing.assert_array_equal(balls.per_fake, inside.sum(axis=1))
    np.testing.assert_array_equal(balls.covered, inside.any(axis=0))


def test_the_border_does_not_belong_to_the_ball():
    real = np.arange(6.0)[:, None]
    balls = density_coverage.count(real, np.array([[10.0], [9.75]]))
    np.testing.assert_array_equal(balls.per_fake, [0, 1])
    np.testing.assert_array_equal(balls.covered, [False] * 5 + [True])


def test_identical_sets():
    """A ball of the fifth neighbour holds its centre and four others."""
    points = np.random.default_rng(0).normal(size=(40, 5))
    density, coverage = density_coverage.compute(points, points, seed=0)
    assert density.value == coverage.value == 1
