"""LPIPS of sets: what it takes, what it says of equal images, and diversity."""

import numpy as np
import pytest
import random_lpips

from dermgan_jax.errors import UserError
from dermgan_jax.features import lpips_net
from dermgan_jax.metrics import lpips


@pytest.fixture(scope="module")
def params() -> lpips_net.Params:
    return random_lpips.params()


def noise(n: int, channels: int = 3) -> np.ndarray:
    return np.random.default_rng(1).integers(0, 256, (n, 32, 32, channels), np.uint8)


def test_equal_images_are_at_zero_and_others_are_not(params):
    images = noise(5)
    assert not lpips.paired(images, images, "alex", params).values.any()
    apart = lpips.paired(images, images[::-1], "alex", params).values
    assert apart[2] == 0
    assert (np.delete(apart, 2) > 0.1).all()
    np.testing.assert_allclose(apart, apart[::-1], rtol=1e-5)


def test_float_and_gray_images(params):
    a, b = noise(4, channels=1)[:2], noise(4, channels=1)[2:]
    expected = lpips.paired(a.repeat(3, -1), b.repeat(3, -1), "alex", params).values
    np.testing.assert_allclose(lpips.paired(a, b, "alex", params).values, expected, rtol=1e-6)
    floats = lpips.paired(np.float32(a / 127.5 - 1), np.float32(b / 127.5 - 1), "alex", params)
    np.testing.assert_allclose(floats.values, expected, rtol=1e-4)


def test_diversity_pairs_every_image_once(params, monkeypatch):
    images = np.arange(9, dtype=np.uint8)[:, None, None, None] * np.ones((1, 32, 32, 3), np.uint8)
    seen = []
    paired = lpips.paired
    monkeypatch.setattr(
        lpips, "paired", lambda a, b, *rest: seen.append((a, b)) or paired(a, b, *rest)
    )
    found = lpips.diversity(images, "alex", params, seed=0)
    assert len(found.values) == 4
    assert len(np.unique(np.concatenate(seen[0])[:, 0, 0, 0])) == 8
    assert found.standard_error == pytest.approx(found.std / 2)


def test_diversity_is_decided_by_its_seed(params):
    images = noise(8)
    first = lpips.diversity(images, "alex", params, seed=3)
    np.testing.assert_array_equal(
        first.values, lpips.diversity(images, "alex", params, seed=3).values
    )
    assert first.mean != lpips.diversity(images, "alex", params, seed=4).mean
    assert len(lpips.diversity(images, "alex", params, seed=3, max_pairs=2).values) == 2


def test_a_set_of_one_image_over_and_over_has_no_diversity(params):
    assert lpips.diversity(noise(1).repeat(6, 0), "alex", params, seed=0).mean == 0


def test_unusable_sets_are_named(params):
    with pytest.raises(UserError, match=r"LPIPS \(alex\): images of 30x32 are too small"):
        lpips.paired(noise(2)[:, :30], noise(2)[:, :30], "alex", params)
    with pytest.raises(UserError, match="1 images; it needs at least two"):
        lpips.diversity(noise(1), "alex", params, seed=0)
