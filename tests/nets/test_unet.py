"""The U-Net generator against the PyTorch original."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import torch_vectors

from dermgan_jax.interop import torch_names
from dermgan_jax.nets.unet import UnetGenerator

CASES = {
    "unet_6_bn_pix2pix": (6, "batch"),
    "unet_6_in": (6, "instance"),
    "unet_8_bn_pix2pix": (8, "batch"),
    "unet_8_in": (8, "instance"),
}


@pytest.mark.parametrize("case", torch_vectors.found(*CASES))
def test_evaluation(case):
    golden, (num_downs, norm) = torch_vectors.load(case), CASES[case]
    variables = torch_vectors.variables(torch_names.unet_generator(num_downs, norm), golden)
    width, channels = len(golden["w:model.model.0.weight"]), golden["out:y_x"].shape[-1]
    net = UnetGenerator(channels, num_downs, width, norm)
    images = jax.jit(lambda x: net.apply(variables, x, train=False))(golden["in:x"])
    np.testing.assert_allclose(images, golden["out:y_x"], rtol=0, atol=2e-5)


def test_dropout_at_the_original_levels(monkeypatch):
    """num_downs - 5 of them: above the four outermost levels, below the innermost."""
    net, x = UnetGenerator(1, 7, 1), jnp.zeros((1, 128, 256, 2))
    dropped = []

    def bernoulli(key, p, shape):
        dropped.append((p, tuple(shape)))
        return jnp.ones(shape, bool)

    variables = jax.eval_shape(lambda x: net.init(jax.random.key(0), x, train=False), x)
    monkeypatch.setattr(jax.random, "bernoulli", bernoulli)

    def run(variables, x):
        rngs = {"dropout": jax.random.key(0)}
        return net.apply(variables, x, train=True, rngs=rngs, mutable=["batch_stats"])

    images, _ = jax.eval_shape(run, variables, x)
    assert images.shape == (1, 128, 256, 1)
    assert dropped == [(0.5, (1, 4, 8, 8)), (0.5, (1, 8, 16, 8))]


def test_published_size():
    net = UnetGenerator(3)
    x = jnp.zeros((1, 256, 256, 3))
    shapes = jax.eval_shape(lambda x: net.init(jax.random.key(0), x, train=False), x)
    assert sum(leaf.size for leaf in jax.tree.leaves(shapes["params"])) == 54_413_955


def test_bfloat16_gives_float32_images():
    nets = [UnetGenerator(3, 3, 4, dtype=dtype) for dtype in (jnp.float32, jnp.bfloat16)]
    x = jax.random.normal(jax.random.key(1), (2, 16, 24, 3))
    variables = jax.jit(lambda x: nets[0].init(jax.random.key(0), x, train=False))(x)
    exact, rough = (
        jax.jit(lambda x, net=net: net.apply(variables, x, train=False))(x) for net in nets
    )
    assert rough.dtype == jnp.float32
    np.testing.assert_allclose(rough, exact, atol=0.02)
