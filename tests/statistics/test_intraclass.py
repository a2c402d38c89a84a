"""Intraclass correlation."""

import numpy as np
import pytest

from dermgan_jax.errors import UserError
from dermgan_jax.statistics.intraclass import intraclass_correlation

# Four judges of six targets: table 2 of Shrout and Fleiss (1979).
RATINGS = np.array(
    [[9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8], [7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7]], float
)


def test_published_example():
    found = intraclass_correlation(RATINGS)
    assert (found.subjects, found.raters) == (6, 4)
    assert found.single.value == pytest.approx(0.29, abs=0.005)
    assert found.mean.value == pytest.approx(0.62, abs=0.005)
    # As the R package psych has them.
    assert (found.single.low, found.single.high) == pytest.approx((0.019, 0.761), abs=0.0005)
    assert (found.mean.low, found.mean.high) == pytest.approx((0.071, 0.927), abs=0.0005)


def test_raters_who_agree_have_one():
    found = intraclass_correlation(np.repeat(RATINGS[:, :1], 3, axis=1))
    assert found.single.value == found.mean.value == 1.0


def test_one_rating_everywhere_has_none():
    assert np.isnan(intraclass_correlation(np.full((5, 3), 4.0)).single.value)


@pytest.mark.parametrize("shape", [(1, 3), (3, 1)])
def test_one_of_either_is_too_few(shape):
    with pytest.raises(UserError, match="two of each"):
        intraclass_correlation(np.ones(shape))
