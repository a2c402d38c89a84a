"""Flips, rotation and colour jitter against values known otherwise."""

import colorsys
import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dermgan_jax.augment import classical as classical
from dermgan_jax.augment.classical import Amounts, augment

NOTHING = Amounts(**dict.fromkeys((f.name for f in dataclasses.fields(Amounts)), 0.0))


def some(shape, low=-1.0):
    return np.random.default_rng(0).uniform(low, 1, shape).astype(np.float32)


def only(**amounts):
    return dataclasses.replace(NOTHING, **amounts)


def test_nothing_changes_nothing():
    images = some((4, 8, 8, 3))
    np.testing.assert_array_equal(augment(jax.random.key(0), images, NOTHING), images)


def test_flips_are_exact():
    images = some((4, 6, 8, 3))
    across = augment(jax.random.key(0), images, only(horizontal_flip=1.0))
    np.testing.assert_array_equal(across, images[:, :, ::-1])
    down = augment(jax.random.key(0), images, only(vertical_flip=1.0))
    np.testing.assert_array_equal(down, images[:, ::-1])


def test_flips_are_drawn_for_each_image():
    images = some((400, 4, 4, 1))
    flipped = augment(jax.random.key(0), images, only(horizontal_flip=0.25)) != images
    assert np.isclose(flipped.any(axis=(1, 2, 3)).mean(), 0.25, atol=0.07)


def test_a_quarter_turn_is_exact_and_anticlockwise():
    image = some((7, 7, 3))
    np.testing.assert_allclose(classical.rotate(image, 90.0), np.rot90(image), atol=1e-5)


def test_a_ramp_turns_by_the_angle():
    """Columns rising to the right: turned by θ, they rise along (cos θ, -sin θ) on the screen."""
    side, angle = 21, np.deg2rad(20)
    ramp = np.broadcast_to(np.arange(side, dtype=np.float32)[None, :, None], (side, side, 1))
    turned = np.asarray(classical.rotate(ramp, 20.0))[..., 0]
    inner = turned[6:-6, 6:-6]
    np.testing.assert_allclose(np.diff(inner, axis=1), np.cos(angle), atol=1e-4)
    np.testing.assert_allclose(np.diff(inner, axis=0), -np.sin(angle), atol=1e-4)
    assert turned[10, 10] == pytest.approx(10, abs=1e-4)


def test_rotations_stay_within_the_angle_and_reach_it():
    ramp = np.broadcast_to(np.arange(9, dtype=np.float32)[None, :, None], (9, 9, 1))
    turned = augment(jax.random.key(0), np.stack([ramp] * 128), only(rotation=30.0))[..., 0]
    right, down = turned[:, 4, 5] - turned[:, 4, 4], turned[:, 5, 4] - turned[:, 4, 4]
    degrees = np.rad2deg(np.arctan2(-down, right))
    assert 28 < degrees.max() <= 30.01
    assert -30.01 <= degrees.min() < -28


def test_rotations_leave_no_empty_corners():
    images = np.ones((8, 9, 9, 1), np.float32)
    turned = augment(jax.random.key(0), images, only(rotation=45.0))
    np.testing.assert_allclose(turned, 1, atol=1e-6)


def test_light_and_colour_by_hand():
    """Of the pixels (1, 0, 0) and (0.2, 0.6, 0.4): grey values 0.2989 and 0.4576."""
    image = jnp.array([[[1.0, 0.0, 0.0], [0.2, 0.6, 0.4]]])
    bright = classical.adjust_brightness(image, 1.5)
    np.testing.assert_allclose(bright, [[[1, 0, 0], [0.3, 0.9, 0.6]]], atol=1e-6)
    mean = (0.2989 + 0.2 * 0.2989 + 0.6 * 0.587 + 0.4 * 0.114) / 2
    contrast = classical.adjust_contrast(image, 0.5)
    np.testing.assert_allclose(contrast, 0.5 * image + 0.5 * mean, atol=1e-6)
    grey = 0.2 * 0.2989 + 0.6 * 0.587 + 0.4 * 0.114
    saturated = classical.adjust_saturation(image, 1.2)
    expected = [[[1, 0, 0], [1.2 * 0.2 - 0.2 * grey, 1.2 * 0.6 - 0.2 * grey, 0.48 - 0.2 * grey]]]
    np.testing.assert_allclose(saturated, expected, atol=1e-6)
    np.testing.assert_allclose(classical.adjust_hue(image, 1 / 3)[0, 0], [0, 1, 0], atol=1e-5)


@pytest.mark.parametrize("turns", [-0.3, 0.0, 0.05, 0.5])
def test_hue_equals_the_standard_library(turns):
    image = some((5, 6, 3), low=0)
    image[0, 0] = 0.5
    found = np.asarray(classical.adjust_hue(image, turns))
    for place in np.ndindex(5, 6):
        hue, saturation, value = colorsys.rgb_to_hsv(*map(float, image[place]))
        expected = colorsys.hsv_to_rgb((hue + turns) % 1, saturation, value)
        np.testing.assert_allclose(found[place], expected, atol=1e-5)


def test_jitter_draws_within_its_amounts():
    """A grey image of 0.5 keeps its colour; brightness 0.2 makes it 0.4 to 0.6."""
    images = np.zeros((500, 1, 1, 3), np.float32)
    values = (np.asarray(augment(jax.random.key(0), images, only(brightness=0.2))) + 1) / 2
    assert np.ptp(values, axis=-1).max() < 1e-6
    assert 0.4 <= values.min() < 0.405
    assert 0.595 < values.max() <= 0.6 + 1e-6


def test_order_of_changes_is_drawn():
    """Brightness 2 clips a bright pixel before or after contrast mixes: two different results."""
    image = some((1, 4, 4, 3))
    images = np.repeat(image, 64, axis=0)
    amounts = Amounts(0, 0, 0, 1.0, 1.0, 1.0, 0.5)
    found = np.asarray(augment(jax.random.key(0), images, amounts))
    assert np.isfinite(found).all()
    assert np.abs(found).max() <= 1 + 1e-6
    assert len(np.unique(found.round(4).reshape(64, -1), axis=0)) > 32


def test_grey_images_keep_one_channel_and_change_in_light():
    images = some((4, 8, 8, 1))
    found = augment(jax.random.key(0), images, Amounts())
    assert found.shape == images.shape
    assert not np.allclose(found, images)


def test_compiled_and_not_the_images_are_the_same():
    images = some((20, 16, 16, 3))
    compiled = jax.jit(augment, static_argnums=2)(jax.random.key(0), images, Amounts())
    np.testing.assert_allclose(augment(jax.random.key(0), images, Amounts()), compiled, atol=2e-5)


def test_equal_keys_give_equal_images_whatever_the_batch():
    images = some((6, 8, 8, 3))
    keys = jax.random.split(jax.random.key(3), 6)
    together = classical.augment_each(keys, images, Amounts())
    alone = classical.augment_each(keys[4:5], images[4:5], Amounts())
    np.testing.assert_allclose(together[4:5], alone, atol=1e-6)


def test_impossible_amounts_are_named():
    found = " ".join(Amounts(hue=0.7, rotation=-1).faults())
    assert "model.classical.hue is 0.7" in found
    assert "model.classical.rotation is -1" in found
