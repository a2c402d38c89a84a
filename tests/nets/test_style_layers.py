"""StyleGAN2's layers against the original's numbers."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import stylegan2_vectors as vectors

from dermgan_jax.nets import style_layers
from dermgan_jax.nets.style_layers import ConvLayer, FullyConnected, StyledConv


@pytest.mark.parametrize(
    ("case", "activation", "options"),
    [
        ("linear", "linear", {}),
        ("lrelu", "lrelu", {}),
        # There the gain takes the place of sqrt(2), and does not multiply the largest magnitude.
        ("linear_gain_clamp", "linear", {"gain": 1.7, "clamp": 0.9 / 1.7}),
        ("lrelu_gain_clamp", "lrelu", {"gain": 1.7 / 2**0.5, "clamp": 0.9 * 2**0.5 / 1.7}),
    ],
)
def test_activations_match_the_original(case, activation, options):
    golden = vectors.load("bias_act")
    got = style_layers.activate(golden["in:x"] + golden["in:b"], activation, **options)
    np.testing.assert_allclose(got, golden[f"out:{case}"], rtol=0, atol=1e-6)


@pytest.mark.parametrize(
    ("case", "options"),
    [
        ("k3_none", {}),
        ("k3_nodemod", {"demodulate": False}),
        ("k3_up2", {"up": True}),
        ("k1_none", {}),
        ("k1_nodemod", {"demodulate": False}),
    ],
)
def test_modulated_convolution_matches_the_original(case, options):
    golden = vectors.load("modulated_conv2d")
    kernel = golden[f"in:w{case[1]}"].transpose(2, 3, 1, 0)
    got = style_layers.modulated_conv(golden["in:x"], kernel, golden["in:s"], **options)
    np.testing.assert_allclose(got, golden[f"out:{case}"], rtol=0, atol=2e-5)


def test_each_image_is_convolved_by_a_kernel_of_its_own():
    """Scaling activations is what the paper does to kernels, for a batch of two styles."""
    rngs = jax.random.split(jax.random.key(0), 3)
    x = jax.random.normal(rngs[0], (2, 5, 6, 3))
    kernel = jax.random.normal(rngs[1], (3, 3, 3, 4))
    styles = jax.random.normal(rngs[2], (2, 3))
    own = kernel * styles[:, None, None, :, None]
    own = own * jax.lax.rsqrt(jnp.square(own).sum((1, 2, 3), keepdims=True) + 1e-8)
    expected = jnp.concatenate([style_layers.conv(x[i : i + 1], own[i]) for i in range(2)])
    got = style_layers.modulated_conv(x, kernel, styles)
    np.testing.assert_allclose(got, expected, rtol=0, atol=1e-5)


def test_learning_rate_multiplier_scales_steps_but_not_outputs():
    x = jax.random.normal(jax.random.key(0), (500, 64))
    slow, fast = (FullyConnected(32, "lrelu", lr_multiplier=rate) for rate in (0.01, 1.0))
    for layer in (slow, fast):
        y = layer.apply(layer.init(jax.random.key(1), x), x)
        assert float(jnp.square(y).mean()) == pytest.approx(1.04, abs=0.1)  # (1 + 0.2²) of 1
    kernel = slow.init(jax.random.key(1), x)["params"]["kernel"]
    assert float(kernel.std()) == pytest.approx(100, rel=0.05)


def test_noise_is_constant_absent_or_given():
    x, style = jnp.ones((2, 4, 4, 3)), jnp.zeros((2, 5))
    layer = StyledConv(6, up=True)
    variables = layer.init(jax.random.key(0), x, style, "const")
    constant = variables["noise"]["noise_const"]
    assert constant.shape == (8, 8)
    variables["params"]["noise_strength"] = jnp.float32(0.5)

    def run(noise):
        return layer.apply(variables, x, style, noise)

    np.testing.assert_array_equal(run("const"), run(jnp.stack([constant] * 2)))
    np.testing.assert_array_equal(run("none"), run(jnp.zeros((2, 8, 8))))
    assert not np.allclose(run("const"), run("none"))
    # The same for all channels, before the activation.
    raised = run(jnp.full((2, 8, 8), 100.0)) - run(jnp.full((2, 8, 8), 98.0))
    np.testing.assert_allclose(raised, np.sqrt(2), rtol=1e-4)


@pytest.mark.parametrize("layer", [ConvLayer(5, 3, spectral_norm=True), None])
def test_spectral_norm_is_one_once_the_iteration_has_settled(layer):
    layer = layer or FullyConnected(5, spectral_norm=True)
    x = jnp.ones((2, 4, 4, 6) if isinstance(layer, ConvLayer) else (2, 6))
    variables = dict(layer.init(jax.random.key(0), x))
    for _ in range(30):
        _, moved = layer.apply(variables, x, mutable=["spectral"])
        variables |= moved
    _, again = layer.apply(variables, x, mutable=["spectral"])
    np.testing.assert_allclose(again["spectral"]["u"], moved["spectral"]["u"], atol=1e-4)
    kernel = np.asarray(variables["params"]["kernel"])
    largest = np.linalg.svd(kernel.reshape(-1, 5), compute_uv=False)[0]
    plain = layer.clone(spectral_norm=False)
    fan_in = kernel.size / 5
    scaled = {"params": {**variables["params"], "kernel": kernel / largest * np.sqrt(fan_in)}}
    np.testing.assert_allclose(layer.apply(variables, x), plain.apply(scaled, x), rtol=1e-4)


def test_spectral_norm_keeps_still_where_it_must_not_move():
    """Scores are the same however often they are asked for, and gradients see the norm."""
    layer, x = FullyConnected(4, spectral_norm=True), jnp.ones((1, 6))
    variables = layer.init(jax.random.key(0), x)
    np.testing.assert_array_equal(layer.apply(variables, x), layer.apply(variables, x))

    def total(kernel):
        params = {**variables["params"], "kernel": kernel}
        return layer.apply({**variables, "params": params}, x).sum()

    kernel = variables["params"]["kernel"]
    # Scaling the kernel changes nothing, so the gradient has no part along it.
    along = jnp.vdot(jax.grad(total)(kernel), kernel)
    np.testing.assert_allclose(along, 0, atol=1e-5)
    np.testing.assert_allclose(total(3 * kernel), total(kernel), rtol=1e-5)
