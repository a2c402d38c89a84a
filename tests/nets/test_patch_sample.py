"""CUT's patch embeddings and contrastive loss, from images to the loss."""

import jax
import jax.numpy as jnp
import numpy as np
import torch_vectors

from dermgan_jax import losses
from dermgan_jax.interop import torch_names
from dermgan_jax.nets.patch_sample import PatchSample, patch_ids
from dermgan_jax.nets.resnet_generator import ResnetGenerator

TAPS = (0, 4, 7, 10, 14)


def test_contrastive_loss_of_a_generator():
    golden = torch_vectors.load("cut_nce_full")
    names = torch_names.resnet_generator(6)
    generator_variables = torch_vectors.variables(names, golden, "w:G.")
    generator = ResnetGenerator(3, 3, 6)
    variables = torch_vectors.variables(torch_names.patch_sample(len(TAPS)), golden, "w:F.")
    sample = PatchSample(32)
    ids = [golden[f"in:patch_ids_{i}"] for i in range(len(TAPS))]

    @jax.jit
    def embed(images):
        _, features = generator.apply(
            generator_variables, images, train=True, features=TAPS, encode_only=True
        )
        return sample.apply(variables, features, ids)

    queries, keys = embed(golden["in:tgt"]), embed(golden["in:src"])
    total = 0.0
    for tap, query, key in zip(TAPS, queries, keys, strict=True):
        for found, name in ((query, "q"), (key, "k")):
            expected = golden[f"out:pool_{name}_{tap}"].reshape(2, -1, 32)
            np.testing.assert_allclose(found, expected, rtol=0, atol=2e-5)
        loss = losses.patch_nce(query, key).mean()
        np.testing.assert_allclose(loss, golden[f"out:loss_layer_{tap}"], rtol=1e-4)
        total += loss / len(TAPS)
    np.testing.assert_allclose(total, golden["out:loss_NCE"], rtol=1e-4)


def test_zero_features_have_finite_gradients():
    feature, ids = jnp.zeros((1, 2, 2, 3)), [jnp.arange(3)]
    net = PatchSample(4)
    variables = net.init(jax.random.key(0), [feature], ids)
    gradient = jax.grad(lambda x: net.apply(variables, [x], ids)[0].sum())(feature)
    assert jnp.isfinite(gradient).all()


def test_patches_are_different_pixels_of_each_map():
    first, second = patch_ids(jax.random.key(0), [(3, 4), (20, 10)], 50)
    assert sorted(first.tolist()) == list(range(12))
    assert second.shape == (50,)
    assert len(set(second.tolist())) == 50
    assert 0 <= second.min() < second.max() < 200
