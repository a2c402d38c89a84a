"""Blurred resampling against CUT's filters applied literally."""

import blur_reference
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dermgan_jax.nets.antialiasing import blur_down, blur_up


def taps(weights: list[int], gain: int) -> jax.Array:
    """As the original makes them: an outer product that sums to `gain`, for three channels."""
    outer = jnp.outer(jnp.array(weights), jnp.array(weights))
    return jnp.broadcast_to(gain * outer / outer.sum(), (3, 1, *outer.shape))


@pytest.mark.parametrize("size", [(6, 10), (5, 4), (2, 3)])
def test_blurs_equal_the_original_filters(size):
    x = jax.random.normal(jax.random.key(0), (2, *size, 3))
    expected = blur_reference.down(x, taps([1, 2, 1], 1))
    np.testing.assert_allclose(blur_down(x), expected, rtol=0, atol=1e-6)
    expected = blur_reference.up(x, taps([1, 3, 3, 1], 4))
    np.testing.assert_allclose(blur_up(x), expected, rtol=0, atol=1e-6)


def test_constant_images_stay_as_they_are():
    x = jnp.full((1, 4, 6, 2), 3.0, jnp.bfloat16)
    for blurred, size in ((blur_down(x), (2, 3)), (blur_up(x), (8, 12))):
        assert blurred.dtype == jnp.bfloat16
        np.testing.assert_array_equal(blurred, jnp.full((1, *size, 2), 3.0))
