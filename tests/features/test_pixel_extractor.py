"""Small pictures as features: what their distances are, and what these do not see."""

import numpy as np

from dermgan_jax.features import pixel_extractor

IMAGES = np.random.default_rng(0).integers(30, 220, (5, 16, 16, 3), np.uint8)


def features(images):
    return pixel_extractor.load().extract(images, lambda num: None)["pixels"]


def test_squared_distance_is_two_minus_two_correlations():
    found = features(IMAGES)
    centred = IMAGES - IMAGES.mean(axis=(1, 2), keepdims=True)
    flat = centred.reshape(5, -1)
    flat /= np.linalg.norm(flat, axis=1, keepdims=True)
    squares = np.square(found[:, None] - found).sum(axis=-1)
    np.testing.assert_allclose(squares, 2 - 2 * flat @ flat.T, atol=1e-5)
    assert found.shape == (5, pixel_extractor.load().dim)


def test_light_colour_and_contrast_do_not_matter():
    changed = (IMAGES * 0.5 + np.array([60, 10, 90])).astype(np.uint8)
    assert np.linalg.norm(features(IMAGES) - features(changed), axis=1).max() < 0.02


def test_flat_images_are_all_at_zero():
    flat = np.arange(3, dtype=np.uint8)[:, None, None, None] * np.full((1, 8, 8, 3), 80, np.uint8)
    assert not np.abs(features(flat)).max() > 1e-5


def test_larger_images_are_shrunk():
    large = IMAGES.repeat(3, axis=1).repeat(3, axis=2)
    apart = np.linalg.norm(features(large) - features(IMAGES), axis=1)
    assert apart.max() < 0.4
    across = np.linalg.norm(features(large) - features(IMAGES[::-1]), axis=1)
    assert (np.delete(across, 2) > 1).all()
