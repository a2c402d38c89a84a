"""Equalised layers keep unit-variance parameters and unit-variance signals."""

import jax
import jax.numpy as jnp
import numpy as np

from dermgan_jax.nets.equalized import EqualizedConv, EqualizedDense


def test_conv_scales_unit_normal_kernels_when_used():
    x = jax.random.normal(jax.random.key(0), (4, 16, 16, 32))
    layer = EqualizedConv(64, gain=1.0)
    variables = layer.init(jax.random.key(1), x)
    assert abs(variables["params"]["kernel"].std() - 1) < 0.02
    inside = layer.apply(variables, x)[:, 1:-1, 1:-1]
    assert abs(inside.std() - 1) < 0.05


def test_dense_gives_feature_maps_with_a_bias_per_channel():
    x = jax.random.normal(jax.random.key(0), (64, 128))
    layer = EqualizedDense((4, 4, 8), gain=0.5)
    variables = layer.init(jax.random.key(1), x)
    y = layer.apply(variables, x)
    assert y.shape == (64, 4, 4, 8)
    assert abs(y.std() - 0.5) < 0.03
    assert variables["params"]["bias"].shape == (8,)


def test_parameters_are_left_as_they_were():
    kernel, x = np.ones((1, 1, 2, 3), np.float32), np.ones((1, 4, 4, 2), np.float32)
    variables = {"params": {"kernel": kernel, "bias": np.zeros(3, np.float32)}}
    EqualizedConv(3, kernel_size=1).apply(variables, x)
    np.testing.assert_array_equal(kernel, 1)


def test_bfloat16_computes_in_bfloat16_and_stores_float32():
    x = jnp.ones((1, 4, 4, 2))
    layer = EqualizedConv(3, resample="up", dtype=jnp.bfloat16)
    y, variables = layer.init_with_output(jax.random.key(0), x)
    assert y.dtype == jnp.bfloat16
    assert variables["params"]["kernel"].dtype == jnp.float32
