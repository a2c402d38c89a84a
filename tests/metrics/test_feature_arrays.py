"""Bad features are refused by every metric, each with one message that says what to do."""

import numpy as np
import pytest

from dermgan_jax.errors import UserError
from dermgan_jax.metrics import (
    density_coverage,
    frechet,
    inception_score,
    kid,
    measurement_json,
    precision_recall,
)

OF_PAIRS = (frechet, kid, precision_recall, density_coverage)
GOOD = np.random.default_rng(0).normal(size=(30, 4))


@pytest.mark.parametrize("metric", [*OF_PAIRS, inception_score])
def test_nan_is_named(metric):
    broken = GOOD.copy()
    broken[[7, 9]] = np.nan
    with pytest.raises(UserError, match=r"2 of 30 fake images have NaN .* first is number 7"):
        metric.compute(GOOD, broken, seed=0)


@pytest.mark.parametrize("metric", OF_PAIRS)
def test_different_networks(metric):
    with pytest.raises(UserError, match="real features have 4 numbers per image, fake ones 3"):
        metric.compute(GOOD, GOOD[:, :3], seed=0)


@pytest.mark.parametrize("metric", [*OF_PAIRS, inception_score])
@pytest.mark.parametrize("images", [0, 1])
def test_too_few(metric, images):
    with pytest.raises(UserError, match=f"{images} fake images are too few"):
        metric.compute(GOOD, GOOD[:images], seed=0)


@pytest.mark.parametrize("metric", [*OF_PAIRS, inception_score])
def test_not_a_row_per_image(metric):
    with pytest.raises(UserError, match=r"shape \(30, 4, 1\)"):
        metric.compute(GOOD, GOOD[..., None], seed=0)


@pytest.mark.parametrize("metric", OF_PAIRS)
def test_sides_of_different_size_and_a_json_value(metric):
    for value in metric.compute(GOOD, GOOD[:9], seed=0):
        as_json = measurement_json.value_to_json(value)
        assert (as_json["n"], as_json["n_real"]) == (9, 30)
        low, high = as_json["interval"]
        assert low <= value.value <= high
        assert value.std >= 0
