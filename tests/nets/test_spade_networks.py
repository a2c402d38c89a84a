"""SPADE's networks against their originals' numbers."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from spade_vectors import Case, found

from dermgan_jax.models import feature_matching
from dermgan_jax.nets.multiscale_discriminator import MultiscaleDiscriminator, mean_pool
from dermgan_jax.nets.semantic_map import instance_edges, semantic_map
from dermgan_jax.nets.spade_encoder import SpadeEncoder, divergence
from dermgan_jax.nets.spade_generator import SpadeGenerator
from dermgan_jax.nets.spade_layers import Spade, SpadeBlock, nearest_to

CHANGING = ["batch_stats", "spectral"]
GENERATORS = ("spade_generator", "spade_generator_h128", "spade_generator_vae")


def jitted(net):
    """(variables, *inputs, train) -> (result, changed collections)."""

    def apply(variables, *inputs, train):
        return net.apply(variables, *inputs, train=train, mutable=CHANGING)

    return jax.jit(apply, static_argnames="train")


def test_nearest_takes_the_first_pixel_of_each_block():
    maps = jnp.arange(8.0).reshape(1, 1, 8, 1)
    np.testing.assert_array_equal(nearest_to(maps, (1, 4)).ravel(), [0, 2, 4, 6])
    np.testing.assert_array_equal(nearest_to(maps, (1, 3)).ravel(), [0, 2, 5])
    np.testing.assert_array_equal(nearest_to(maps[:, :, :2], (1, 4)).ravel(), [0, 0, 1, 1])


@pytest.mark.parametrize("name", found("preprocess_onehot_edges"))
def test_one_hot_maps_and_edges_of_things(name):
    case = Case(name)
    maps = semantic_map(case.mask, case.options["label_nc"] + 1)
    edges = instance_edges(case["in:instance"][..., 0])
    case.check("out:semantics", jnp.concatenate([maps, edges], -1))


def test_the_class_of_an_image_is_a_channel_of_its_own():
    maps = semantic_map(jnp.zeros((2, 3, 4), jnp.int32), 2, jnp.array([2, 0]), 3)
    assert maps.shape == (2, 3, 4, 5)
    np.testing.assert_array_equal(maps[:, 1, 1], [[1, 0, 0, 0, 1], [1, 0, 1, 0, 0]])


@pytest.mark.parametrize("name", found("spade_block_batch", "spade_block_instance"))
def test_normalisation(name):
    case = Case(name)
    net = Spade(case.options["nhidden"], case.options["norm"])
    apply, inputs = jitted(net), (case["in:x"], case["in:segmap"])
    case.check("out:eval", apply(case.variables(), *inputs, train=False)[0])
    trained, changed = apply(case.variables(), *inputs, train=True)
    case.check("out:train", trained)
    if case.options["norm"] == "batch":
        case.check_state("state:", changed)


@pytest.mark.parametrize(
    "name", found("spade_resblk_identity", "spade_resblk_learned_down", "spade_resblk_learned_up")
)
def test_block(name):
    case = Case(name)
    net = SpadeBlock(case.options["fout"])
    apply, inputs = jitted(net), (case["in:x"], case["in:segmap"])
    case.check("out:eval", apply(case.variables(), *inputs, train=False)[0])
    once, changed = apply(case.variables(), *inputs, train=True)
    case.check("out:train1", once)
    case.check_state("state1:", changed)
    again, _ = apply({**case.variables(), **changed}, *inputs, train=True)
    case.check("out:train2", again)


@pytest.mark.parametrize("name", found(*GENERATORS))
def test_generator(name):
    case = Case(name)
    options = case.options
    net = SpadeGenerator(
        *(3, options["ngf"], options.get("nhidden", 128)),
        *(options["num_upsampling_layers"], options["use_vae"]),
    )
    inputs = (semantic_map(case.mask, options["semantic_nc"]),)
    inputs += (case["in:z"],) if options["use_vae"] else ()
    apply = jitted(net)
    case.check("out:eval", apply(case.variables(), *inputs, train=False)[0])
    trained, changed = apply(case.variables(), *inputs, train=True)
    case.check("out:train1", trained)
    case.check_state("state1:", changed)


@pytest.mark.parametrize("name", found("vae_encoder"))
def test_encoder(name):
    case = Case(name)
    net = SpadeEncoder(case.options["ngf"])
    apply = jitted(net)
    (mean, log_variance), _ = apply(case.variables(), case["in:x"], train=False)
    case.check("out:mu", mean)
    case.check("out:logvar", log_variance)
    case.check("out:kld", divergence(mean, log_variance))
    (mean, log_variance), changed = apply(case.variables(), case["in:x"], train=True)
    case.check("out:mu_train1", mean)
    case.check("out:logvar_train1", log_variance)
    case.check_state("state1:", changed)


def test_pooling_does_not_count_what_lies_outside():
    x = jnp.ones((1, 5, 4, 2))
    np.testing.assert_allclose(mean_pool(x), np.ones((1, 3, 2, 2)))


@pytest.mark.parametrize("name", found("multiscale_discriminator"))
def test_discriminator_and_its_losses(name):
    case = Case(name)
    options = case.options
    net = MultiscaleDiscriminator(options["num_D"], options["ndf"], options["n_layers_D"])
    maps = semantic_map(case.mask, options["label_nc"])

    def seen(fake, train=False):
        both = jnp.concatenate([fake, case["in:real"]])
        pairs = jnp.concatenate([jnp.concatenate([maps, maps]), both], -1)
        return net.apply(case.variables(), pairs, train=train, mutable=CHANGING)

    scales, _ = seen(case["in:fake"])
    for i, scale in enumerate(scales):
        for j, features in enumerate(scale):
            case.check(f"out:d{i}:l{j}", features)
    trained, changed = seen(case["in:fake"], train=True)
    for i, scale in enumerate(trained):
        case.check(f"out:train1:d{i}:last", scale[-1])
    case.check_state("state1:", changed)

    def generator_terms(fake):
        scales, _ = seen(fake)
        of_fake, of_real = feature_matching.halves(scales)
        adversarial = -feature_matching.mean_over_scales(lambda x: x, of_fake)
        matching = options["lambda_feat"] * feature_matching.distance(of_fake, of_real)
        return adversarial, matching

    adversarial, matching = generator_terms(case["in:fake"])
    case.check("out:loss_G_GAN", adversarial[None])
    case.check("out:loss_G_GAN_Feat", matching[None])
    gradient = jax.grad(lambda fake: sum(generator_terms(fake)))(case["in:fake"])
    case.check("out:grad_fake", gradient)
    of_fake, of_real = feature_matching.halves(scales)
    fake_loss = feature_matching.mean_over_scales(lambda x: jax.nn.relu(1 + x), of_fake)
    real_loss = feature_matching.mean_over_scales(lambda x: jax.nn.relu(1 - x), of_real)
    case.check("out:loss_D_fake", fake_loss[None])
    case.check("out:loss_D_real", real_loss[None])
