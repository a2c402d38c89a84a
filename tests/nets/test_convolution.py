"""Convolutions equal XLA's own, to second order, and on CPUs none dilates its input."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax

from dermgan_jax.nets import convolution, winograd
from dermgan_jax.nets.convolution import (
    convolve,
    convolve_down,
    convolve_up,
    convolve_upsampled,
)

NHWC = ("NHWC", "HWIO", "NHWC")


def plain(x, kernel):
    return lax.conv_general_dilated(x, kernel, (1, 1), "VALID", dimension_numbers=NHWC)


def down(x, kernel):
    return lax.conv_general_dilated(x, kernel, (2, 2), [(1, 1)] * 2, dimension_numbers=NHWC)


def up(x, kernel):
    """PyTorch's transposed convolution, by its definition: dilate, pad, convolve flipped."""
    padding = [(len(kernel) - 2, 2)] * 2
    return lax.conv_general_dilated(
        x, kernel[::-1, ::-1], (1, 1), padding, lhs_dilation=(2, 2), dimension_numbers=NHWC
    )


def upsampled(x, kernel):
    """Every pixel four times, then zeros around, then the convolution."""
    enlarged = x.repeat(2, 1).repeat(2, 2)
    return lax.conv_general_dilated(enlarged, kernel, (1, 1), "SAME", dimension_numbers=NHWC)


# operation, definition, kernel side, height, width, channels in, channels out
CASES = {
    "few channels": (convolve, plain, 4, 6, 9, 2, 3),
    "Winograd": (convolve, plain, 3, 7, 6, 32, 33),
    "to narrow": (convolve, plain, 5, 7, 9, 12, 3),
    "from narrow": (convolve, plain, 5, 7, 9, 3, 12),
    "down 3, odd": (convolve_down, down, 3, 7, 4, 2, 3),
    "down 4, even": (convolve_down, down, 4, 6, 8, 2, 3),
    "down 4, odd": (convolve_down, down, 4, 7, 5, 2, 3),
    "up 3": (convolve_up, up, 3, 3, 4, 2, 3),
    "up 4": (convolve_up, up, 4, 1, 3, 2, 3),
    "enlarged": (convolve_upsampled, upsampled, 3, 3, 4, 2, 3),
    "enlarged, one product": (convolve_upsampled, upsampled, 3, 17, 16, 2, 3),
}


def penalty_gradients(operation, x, kernel):
    """Of a gradient penalty: differentiates every convolution twice."""

    def penalty(x, kernel):
        energy = jax.grad(lambda x: jnp.square(jnp.tanh(operation(x, kernel))).sum())(x)
        return jnp.square(energy).sum()

    return operation(x, kernel), jax.grad(penalty, argnums=(0, 1))(x, kernel)


def as_on_accelerators(*operands, default, **_):
    """`lax.platform_dependent` where no branch of it is for the platform."""
    return default(*operands)


@pytest.mark.parametrize("accelerator", [False, True])
@pytest.mark.parametrize("name", CASES)
def test_equal_to_the_definition_at_every_order(name, accelerator, monkeypatch):
    operation, definition, side, height, width, inputs, outputs = CASES[name]
    if accelerator:
        monkeypatch.setattr(lax, "platform_dependent", as_on_accelerators)
    generator = np.random.default_rng(0)
    x = jnp.array(generator.normal(size=(2, height, width, inputs)), jnp.float32)
    kernel = jnp.array(generator.normal(size=(side, side, inputs, outputs)), jnp.float32)
    kernel /= side * inputs**0.5
    jax.clear_caches()
    run = jax.jit(penalty_gradients, static_argnums=0)
    for mine, theirs in zip(
        jax.tree.leaves(run(operation, x, kernel)),
        jax.tree.leaves(run(definition, x, kernel)),
        strict=True,
    ):
        np.testing.assert_allclose(mine, theirs, rtol=0, atol=2e-5 * np.abs(theirs).max())


@pytest.mark.parametrize("name", CASES)
def test_only_accelerators_dilate_the_input_of_convolutions(name):
    operation, definition, side, height, width, inputs, outputs = CASES[name]
    arguments = jnp.ones((1, height, width, inputs)), jnp.ones((side, side, inputs, outputs))

    def dilates(operation, platform):
        traced = jax.jit(penalty_gradients, static_argnums=0).trace(operation, *arguments)
        program = traced.lower(lowering_platforms=(platform,)).as_text()
        assert "convolution" in program or "dot_general" in program
        return "lhs_dilate = [2, 2]" in program

    strided = definition in (down, up)
    assert not dilates(operation, "cpu")
    assert dilates(definition, "cpu") == strided
    assert dilates(operation, "cuda") == dilates(operation, "tpu") == strided


@pytest.mark.parametrize("size", [(3, 3), (4, 5), (8, 7)])
def test_winograd_takes_every_size(size):
    x = jax.random.normal(jax.random.key(0), (2, *size, 3))
    kernel = jax.random.normal(jax.random.key(1), (3, 3, 3, 4))
    found = winograd.convolve_3x3(x, kernel)
    np.testing.assert_allclose(found, plain(x, kernel), rtol=0, atol=2e-5)


@pytest.mark.parametrize("operation", [convolve, convolve_down, convolve_up, convolve_upsampled])
def test_precision_is_that_of_the_input(operation):
    x, kernel = jnp.ones((1, 6, 6, 40), jnp.bfloat16), jnp.ones((3, 3, 40, 40), jnp.bfloat16)
    assert operation(x, kernel).dtype == jnp.bfloat16
    gradient = jax.grad(lambda kernel: operation(x, kernel).astype(jnp.float32).sum())(kernel)
    assert gradient.dtype == jnp.bfloat16


def test_paddings():
    x = jnp.arange(4.0).reshape(1, 2, 2, 1)
    np.testing.assert_array_equal(
        convolution.reflect_pad(x, 1)[0, :, :, 0],
        [[3, 2, 3, 2], [1, 0, 1, 0], [3, 2, 3, 2], [1, 0, 1, 0]],
    )
    np.testing.assert_array_equal(convolution.zero_pad(x, 1).sum(), 6)
    assert convolution.zero_pad(x, 2).shape == (1, 6, 6, 1)
