"""Warps by maps whose results are known."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dermgan_jax.augment.warp import warp

HEIGHT, WIDTH = 9, 12
IMAGES = np.random.default_rng(0).normal(size=(2, HEIGHT, WIDTH, 3)).astype(np.float32)


def affine(rows):
    return jnp.broadcast_to(jnp.array([*rows, [0, 0, 1]], jnp.float32), (2, 3, 3))


def shift(x, y):
    return affine([[1, 0, x], [0, 1, y]])


@pytest.mark.parametrize(("x", "y"), [(0, 0), (5, -3), (-8, 5)])
def test_shifts_by_whole_pixels_bring_mirror_images_in(x, y):
    mirrored = np.pad(IMAGES, ((0, 0), (HEIGHT - 1,) * 2, (WIDTH - 1,) * 2, (0, 0)), mode="reflect")
    top, left = HEIGHT - 1 + y, WIDTH - 1 + x
    expected = mirrored[:, top : top + HEIGHT, left : left + WIDTH]
    np.testing.assert_allclose(jax.jit(warp)(IMAGES, shift(x, y)), expected, atol=1e-5)


def test_beyond_the_mirror_images_there_is_nothing():
    np.testing.assert_array_equal(jax.jit(warp)(IMAGES, shift(3 * WIDTH, 0)), 0)
    np.testing.assert_array_equal(jax.jit(warp)(IMAGES, shift(0, -3 * HEIGHT)), 0)


def test_half_a_turn_of_a_smooth_image():
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    image = np.cos(np.pi * x / (WIDTH - 1)) + 2 * np.cos(np.pi * y / (HEIGHT - 1))
    images = np.broadcast_to(image[None, :, :, None], (2, HEIGHT, WIDTH, 1)).astype(np.float32)
    turned = jax.jit(warp)(images, affine([[-1, 0, 0], [0, -1, 0]]))
    np.testing.assert_allclose(turned, images[:, ::-1, ::-1], atol=0.1)


def test_each_image_has_its_own_map():
    maps = jnp.stack([shift(0, 0)[0], shift(1, 0)[0]])
    first, second = jax.jit(warp)(IMAGES, maps)
    np.testing.assert_allclose(first, IMAGES[0], atol=1e-5)
    np.testing.assert_allclose(second[:, :-1], IMAGES[1, :, 1:], atol=1e-5)
