"""Patch discriminators against the PyTorch originals, to second order."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import torch_vectors

from dermgan_jax import losses
from dermgan_jax.interop import torch_names
from dermgan_jax.nets.patch_discriminator import PatchDiscriminator, PixelDiscriminator

PATCH = {
    "nlayer2_instance": (2, "instance"),
    "nlayer3_batch": (3, "batch"),
    "nlayer3_instance": (3, "instance"),
    "nlayer3_none": (3, "none"),
    "nlayer5_instance": (5, "instance"),
}
# norm, centre and weight of the penalty
PENALTIES = {
    "gradpen_instance_mixed": ("instance", 1.0, 10.0),
    "gradpen_none_mixed": ("none", 1.0, 10.0),
    "gradpen_none_fake": ("none", 1.0, 10.0),
    "gradpen_none_real": ("none", 0.5, 3.0),
}


@pytest.mark.parametrize("case", torch_vectors.found(*PATCH))
def test_patch_logits(case):
    golden, (num_layers, norm) = torch_vectors.load(case), PATCH[case]
    variables = torch_vectors.variables(torch_names.patch_discriminator(num_layers, norm), golden)
    net = PatchDiscriminator(len(golden["w:model.0.weight"]), num_layers, norm)
    for shape in ("sq", "ns"):
        if f"in:{shape}" in golden:
            logits = net.apply(variables, golden[f"in:{shape}"], train=False)
            np.testing.assert_allclose(logits, golden[f"out:y_{shape}"], rtol=0, atol=2e-5)


@pytest.mark.parametrize("norm", ["batch", "instance"])
def test_pixel_logits(norm):
    golden = torch_vectors.load(f"pixel_{norm}")
    variables = torch_vectors.variables(torch_names.pixel_discriminator(norm), golden)
    net = PixelDiscriminator(len(golden["w:net.0.weight"]), norm)
    logits = net.apply(variables, golden["in:x"], train=False)
    np.testing.assert_allclose(logits, golden["out:y_x"], rtol=0, atol=2e-5)


def places(case, golden):
    reals, fakes, alpha = golden["in:real"], golden["in:fake"], golden["in:alpha"][:, 0]
    if case.endswith("mixed"):
        return losses.interpolates(reals, fakes, 1 - alpha)
    return reals if case.endswith("real") else fakes


@pytest.mark.parametrize("case", torch_vectors.found(*PENALTIES))
def test_gradient_penalty(case):
    golden, (norm, target, weight) = torch_vectors.load(case), PENALTIES[case]
    names = torch_names.patch_discriminator(3, norm)
    variables = torch_vectors.variables(names, golden)
    net = PatchDiscriminator(len(golden["w:model.0.weight"]), 3, norm)

    @jax.jit
    @jax.value_and_grad
    def penalty(variables, images):
        norms = losses.gradient_norms(lambda x: net.apply(variables, x, train=True), images)
        return weight * losses.absolute_gradient_penalty(norms, target).mean()

    images = jnp.asarray(places(case, golden))
    value, found = penalty(variables, images)
    np.testing.assert_allclose(value, golden["out:gp"], rtol=1e-4)
    norms = losses.gradient_norms(lambda x: net.apply(variables, x, train=True), images)
    np.testing.assert_allclose(norms, golden["out:grad_norm_per_sample"], rtol=1e-4)
    for name in names:
        expected = golden[f"out:gpgrad:{name.torch}"]
        # An instance norm takes these biases out again: their gradients are rounding errors.
        if norm == "instance" and name.torch in {f"model.{i}.bias" for i in (2, 5, 8)}:
            continue
        error = np.linalg.norm(torch_vectors.torch_tensor(name, found) - expected)
        assert error <= 1e-3 * np.linalg.norm(expected) + 1e-7, name


def test_published_sizes_and_patches():
    x = jnp.zeros((1, 256, 256, 3))
    for net in (PatchDiscriminator(), PatchDiscriminator(antialias=True)):
        logits, shapes = jax.eval_shape(
            lambda x, net=net: net.init_with_output(jax.random.key(0), x, train=False), x
        )
        assert logits.shape == (1, 30, 30, 1)
        assert sum(leaf.size for leaf in jax.tree.leaves(shapes)) == 2_764_737


def test_antialiased_names():
    """Each down-sampling is one more layer of the original's Sequential."""
    kernels = [name.torch for name in torch_names.patch_discriminator(antialias=True)][::2]
    assert kernels == [f"model.{i}.weight" for i in (0, 3, 7, 11, 14)]


def test_bfloat16_gives_float32_logits():
    x = jax.random.normal(jax.random.key(1), (2, 32, 48, 3))
    exact = PatchDiscriminator(4, 2)
    variables = exact.init(jax.random.key(0), x, train=False)
    logits = PatchDiscriminator(4, 2, dtype=jnp.bfloat16).apply(variables, x, train=False)
    assert logits.dtype == jnp.float32
    np.testing.assert_allclose(logits, exact.apply(variables, x, train=False), atol=0.05)
