"""Two one-sided tests."""

import numpy as np
import pytest
from scipy import stats

from dermgan_jax.errors import UserError
from dermgan_jax.statistics.equivalence import (
    CANNOT_TELL,
    DIFFERENT,
    EQUIVALENT,
    SMALL,
    two_one_sided_tests,
)
from dermgan_jax.statistics.group_bootstrap import Uncertainty


def score(value, error):
    """A mean of one reader over many images."""
    return Uncertainty(value, error**2, 0.0, 0.0, 78.0, 0)


@pytest.mark.parametrize(
    ("value", "error", "outcome"),
    [
        (0.5, 0.02, EQUIVALENT),
        (0.55, 0.02, SMALL),
        (0.62, 0.02, DIFFERENT),
        (0.35, 0.02, DIFFERENT),
        (0.55, 0.08, CANNOT_TELL),
        (0.5, 0.08, CANNOT_TELL),
    ],
)
def test_outcomes(value, error, outcome):
    assert two_one_sided_tests(score(value, error), 0.5, 0.1).outcome == outcome


def test_p_values_and_interval_are_students():
    found = two_one_sided_tests(score(0.53, 0.04), 0.5, 0.1)
    assert found.p_equivalent == pytest.approx(stats.t.sf(0.07 / 0.04, 78), rel=1e-4)
    assert found.p_different == pytest.approx(2 * stats.t.sf(0.03 / 0.04, 78), rel=1e-4)
    half = stats.t.ppf(0.975, 78) * 0.04
    np.testing.assert_allclose(
        (found.difference.low, found.difference.high), (0.03 - half, 0.03 + half)
    )


def test_p_value_and_interval_say_the_same():
    for value in np.linspace(0.4, 0.6, 21):
        found = two_one_sided_tests(score(value, 0.03), 0.5, 0.1)
        inside = found.difference.low > -0.1 and found.difference.high < 0.1
        assert inside == (found.p_equivalent < 0.025)


def test_margin_of_nothing():
    with pytest.raises(UserError, match="above 0"):
        two_one_sided_tests(score(0.5, 0.1), 0.5, 0.0)


def test_equivalence_that_is_barred_is_never_told():
    assert two_one_sided_tests(score(0.5, 0.02), 0.5, 0.1, "one reader").outcome == CANNOT_TELL
    assert two_one_sided_tests(score(0.55, 0.02), 0.5, 0.1, "one reader").outcome == DIFFERENT
