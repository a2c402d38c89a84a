"""The diversity of synthetic images over that of real ones."""

import numpy as np
import pytest

from dermgan_jax.errors import UserError
from dermgan_jax.metrics import diversity


def images(num, seed=0, spread=1.0):
    """Noise of 32x32 whose mean colours vary."""
    generator = np.random.default_rng(seed)
    colours = 128 + spread * generator.normal(0, 40, (num, 1, 1, 3))
    return np.clip(colours + generator.normal(0, 5, (num, 32, 32, 3)), 0, 255).astype(np.uint8)


def measured(real, fake, seed=0):
    return diversity.compute(real, fake, seed=seed, mirror=False)


def test_equal_distributions_are_equally_diverse():
    found = measured(images(300), images(200, seed=1))
    assert found.value == pytest.approx(1, abs=4 * found.std)
    assert 0 < found.std < 0.1
    assert (found.better, found.n, found.n_real) == ("higher", 200, 300)


def test_half_the_spread_is_half_the_diversity_and_one_image_none():
    assert measured(images(300), images(200, spread=0.5)).value == pytest.approx(0.5, abs=0.06)
    assert measured(images(300), np.repeat(images(1), 200, 0)).value == 0


def test_hand_computed_distance():
    """Two images, black and white: every pair is apart by sqrt(3 · 256 boxes)."""
    pair = np.stack([np.zeros((32, 32, 3), np.uint8), np.full((32, 32, 3), 255, np.uint8)])
    grey = np.stack([np.zeros((32, 32, 3), np.uint8), np.full((32, 32, 3), 51, np.uint8)])
    assert measured(pair, grey).value == pytest.approx(0.2)


def test_too_few_images():
    with pytest.raises(UserError, match="1 images; it needs at least two"):
        measured(images(1), images(5))
