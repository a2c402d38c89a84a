"""Fused convolutions are the separate operations, to second order."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dermgan_jax.nets.resampling import box_down, conv, down_conv, nearest_up, up_conv

PAIRS = {
    "up": (up_conv, lambda x, kernel: conv(nearest_up(x), kernel), (2, 5, 3, 4)),
    "down": (down_conv, lambda x, kernel: box_down(conv(x, kernel)), (2, 6, 4, 4)),
}


def penalty_gradients(operation, x, kernel):
    """Of a gradient penalty: differentiates every convolution twice."""

    def penalty(x, kernel):
        energy = jax.grad(lambda x: jnp.sum(jnp.tanh(operation(x, kernel)) ** 2))(x)
        return jnp.sum(energy**2)

    return jax.grad(penalty, argnums=(0, 1))(x, kernel)


@pytest.mark.parametrize("name", PAIRS)
def test_fused_convolutions_equal_the_separate_operations(name):
    fused, separate, shape = PAIRS[name]
    generator = np.random.default_rng(0)
    x = jnp.array(generator.normal(size=shape), jnp.float32)
    kernel = jnp.array(generator.normal(size=(3, 3, 4, 6)), jnp.float32) / 6
    np.testing.assert_allclose(fused(x, kernel), separate(x, kernel), atol=1e-5)
    got, expected = (
        jax.jit(penalty_gradients, static_argnums=0)(f, x, kernel) for f in PAIRS[name][:2]
    )
    for mine, theirs in zip(got, expected, strict=True):
        np.testing.assert_allclose(mine, theirs, atol=1e-5 * np.abs(theirs).max())


@pytest.mark.parametrize("operation", [conv, up_conv, down_conv])
def test_convolutions_keep_the_precision_of_their_input(operation):
    x, kernel = jnp.ones((1, 4, 4, 2), jnp.bfloat16), jnp.ones((3, 3, 2, 2))
    assert operation(x, kernel).dtype == jnp.bfloat16


def test_box_down_undoes_nearest_up():
    images = jnp.arange(24.0).reshape(1, 2, 4, 3)
    up = nearest_up(images, 4)
    assert up.shape == (1, 8, 16, 3)
    np.testing.assert_array_equal(up[0, :4, :4, 1], images[0, 0, 0, 1])
    np.testing.assert_array_equal(box_down(up, 4), images)
