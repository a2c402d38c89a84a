"""Normalisations against values of the official code and their definitions."""

import jax.numpy as jnp
import numpy as np

from dermgan_jax.nets.normalization import minibatch_stddev, pixel_norm


def test_minibatch_stddev_groups_with_stride_as_the_official_code():
    x = np.sin(np.arange(8 * 4 * 2 * 2) ** 1.1).reshape(8, 4, 2, 2).transpose(0, 2, 3, 1)
    y = minibatch_stddev(jnp.array(x, jnp.float32), 4)
    assert y.shape == (8, 2, 2, 5)
    np.testing.assert_allclose(y[..., :4], x, atol=1e-6)
    expected = np.tile([0.582287, 0.625290], 4)[:, None, None]
    np.testing.assert_allclose(y[..., 4], np.broadcast_to(expected, (8, 2, 2)), atol=1e-5)


def test_minibatch_stddev_falls_back_to_a_size_that_divides_the_batch():
    x = jnp.array(np.random.default_rng(0).normal(size=(6, 2, 2, 3)), jnp.float32)
    np.testing.assert_array_equal(minibatch_stddev(x, 4), minibatch_stddev(x, 3))


def test_pixel_norm_gives_unit_mean_square_and_keeps_the_dtype():
    x = jnp.array(np.random.default_rng(0).normal(size=(2, 3, 3, 8)) * 5, jnp.float32)
    np.testing.assert_allclose(jnp.square(pixel_norm(x)).mean(-1), 1, atol=1e-5)
    assert pixel_norm(x.astype(jnp.bfloat16)).dtype == jnp.bfloat16
