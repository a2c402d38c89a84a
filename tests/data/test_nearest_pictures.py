"""The real image nearest to each of some others."""

import numpy as np
import pytest

from dermgan_jax.data import nearest_pictures
from dermgan_jax.data.nearest_pictures import nearest, small


@pytest.mark.parametrize("side", [8, 40])
def test_the_nearest_is_found_mirrored_and_changed(side):
    rng = np.random.default_rng(0)
    real = rng.integers(0, 256, (600, side, side, 3), np.uint8)
    wanted = [5, 311, 599]
    changed = real[wanted].astype(int) + rng.integers(-9, 10, (3, side, side, 3))
    changed = np.clip(changed, 0, 255).astype(np.uint8)
    changed[1] = changed[1, :, ::-1]
    np.testing.assert_array_equal(nearest(changed, real), wanted)


def test_small_pictures_are_averages_of_boxes():
    image = np.arange(32 * 48, dtype=np.int64).reshape(1, 32, 48, 1).astype(np.uint8)
    expected = image.reshape(16, 2, 16, 3).astype(np.float32).mean((1, 3)).reshape(1, -1)
    np.testing.assert_allclose(small(image), expected, rtol=1e-6)


def test_of_very_many_only_some_are_looked_at(monkeypatch):
    monkeypatch.setattr(nearest_pictures, "MOST", 2)
    real = np.arange(4, dtype=np.uint8)[:, None, None, None] * np.ones((1, 4, 4, 1), np.uint8)
    np.testing.assert_array_equal(nearest(real[3:], real), [2])
