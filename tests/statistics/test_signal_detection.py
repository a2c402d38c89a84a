"""d′ and criterion."""

import numpy as np
import pytest
from scipy.stats import norm

from dermgan_jax.statistics.signal_detection import signal_detection


def test_rates_are_log_linear():
    found = signal_detection(30, 50, 10, 30)
    hit, alarm = norm.ppf(30.5 / 51), norm.ppf(10.5 / 31)
    assert found.d_prime == pytest.approx(hit - alarm)
    assert found.criterion == pytest.approx(-(hit + alarm) / 2)


def test_empty_cells_are_finite():
    found = signal_detection(50, 50, 0, 30)
    assert found.d_prime == pytest.approx(norm.ppf(50.5 / 51) - norm.ppf(0.5 / 31))
    assert np.isfinite(found.criterion)


def test_who_guesses_has_no_sensitivity_and_may_lean():
    assert signal_detection(10, 20, 10, 20).d_prime == 0
    always = signal_detection([20, 0], 20, [20, 0], 20)
    np.testing.assert_allclose(always.d_prime, 0, atol=1e-12)
    assert always.criterion[0] < 0 < always.criterion[1]
