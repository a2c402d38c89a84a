"""Filtered resampling against the original operations' numbers, and their derivatives."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import stylegan2_vectors as vectors
from jax import lax

from dermgan_jax.nets import fir

NHWC = ("NHWC", "HWIO", "NHWC")


@pytest.fixture(scope="module")
def golden():
    return vectors.load("resampling")


def same(left, right, atol=2e-6):
    np.testing.assert_allclose(left, right, rtol=0, atol=atol)


def test_filter_matches_the_original(golden):
    same(fir.blur(golden["in:x"]), golden["out:1331_u1_d1_p0_conv"])


def test_upsampling_matches_the_original(golden):
    same(fir.upsample(golden["in:x"]), golden["out:upsample2d_1331_conv"])


def test_downsampling_matches_the_original(golden):
    """Of the case's odd rows, the last is left out: ours are even, and only reach one further."""
    x = golden["in:x"]
    expected = golden["out:downsample2d_1331_conv"]
    even = x[:, : x.shape[1] // 2 * 2]
    same(fir.downsample(even)[:, :-1], expected[:, : even.shape[1] // 2 - 1])


def test_convolutions_match_the_original(golden):
    x, kernel = golden["in:conv_x"], golden["in:conv_w3"].transpose(2, 3, 1, 0)
    same(fir.up_conv(x, kernel), golden["out:k3_u2_d1_p1_flip0"], atol=1e-5)
    same(fir.down_conv(x, kernel), golden["out:k3_u1_d2_p1_flip1"], atol=1e-5)
    small = golden["in:conv_w1"].transpose(2, 3, 1, 0)[0, 0]
    same(fir.downsample(x) @ small, golden["out:k1_u1_d2_p0_flip1"], atol=1e-5)


def literal(x, kernel, up):
    """As the original does it: zeros inserted, or results thrown away."""
    taps = jnp.outer(jnp.array([1, 3, 3, 1.0]), jnp.array([1, 3, 3, 1.0])) / 64

    def blurred(x, gain, pad):
        channels = x.shape[-1]
        each = jnp.tile(gain * taps[:, :, None, None], (1, 1, 1, channels))
        return lax.conv_general_dilated(
            x, each, (1, 1), [pad] * 2, dimension_numbers=NHWC, feature_group_count=channels
        )

    if up:
        x = lax.conv_general_dilated(
            *(x, kernel[::-1, ::-1], (1, 1), [(2, 2)] * 2),
            lhs_dilation=(2, 2),
            dimension_numbers=NHWC,
        )
        return blurred(x, 4, (1, 1))
    x = blurred(x, 1, (2, 2))
    return lax.conv_general_dilated(x, kernel, (2, 2), "VALID", dimension_numbers=NHWC)


@pytest.mark.parametrize("up", [True, False], ids=["up", "down"])
@pytest.mark.parametrize("size", [(4, 4), (6, 10)])
def test_derivatives_to_the_third_order(up, size):
    """As gradient penalties need them: of the norm of an input gradient, by everything."""
    ours = fir.up_conv if up else fir.down_conv
    rngs = jax.random.split(jax.random.key(0), 3)
    x = jax.random.normal(rngs[0], (2, *size, 3))
    kernel = jax.random.normal(rngs[1], (3, 3, 3, 2))
    out = [2 * side if up else side // 2 for side in size]
    y = jax.random.normal(rngs[2], (2, *out, 2))

    def penalty(function, x, kernel):
        def total(x):
            return (jnp.tanh(function(x, kernel)) * y).sum()

        return jnp.square(jax.grad(total)(x)).sum()

    def of(function):
        return jax.jit(jax.grad(lambda *a: penalty(function, *a), argnums=(0, 1)))(x, kernel)

    same(ours(x, kernel), literal(x, kernel, up), atol=1e-5)
    for got, expected in zip(of(ours), of(lambda *a: literal(*a, up)), strict=True):
        scale = np.abs(expected).max()
        np.testing.assert_allclose(got, expected, rtol=0, atol=1e-5 * scale)


def test_no_convolution_dilates_its_input_on_cpus():
    """Neither forwards nor backwards: XLA's code for those is slow there."""
    x, kernel = jnp.ones((1, 8, 8, 3)), jnp.ones((3, 3, 3, 4))
    for function in (fir.up_conv, fir.down_conv):
        gradient = jax.grad(lambda *a, f=function: jnp.square(f(*a)).sum(), argnums=(0, 1))
        traced = jax.jit(gradient).trace(x, kernel)
        for platform, dilates in (("cpu", False), ("cuda", True)):
            text = traced.lower(lowering_platforms=(platform,)).as_text()
            assert ("lhs_dilate = [2, 2]" in text) == dilates


def test_half_precision_stays_half_precision():
    x, kernel = jnp.ones((1, 4, 4, 2), jnp.bfloat16), jnp.ones((3, 3, 2, 2), jnp.bfloat16)
    for y in (fir.upsample(x), fir.downsample(x), fir.up_conv(x, kernel), fir.down_conv(x, kernel)):
        assert y.dtype == jnp.bfloat16
