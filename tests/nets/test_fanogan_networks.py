"""Networks of f-AnoGAN against the official code, and against A03ki's in PyTorch."""

import functools

import anomaly_vectors
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from dermgan_jax import losses
from dermgan_jax.models import izi_f
from dermgan_jax.nets.fanogan_networks import (
    ConvDiscriminator,
    ConvGenerator,
    ResidualDiscriminator,
    ResidualGenerator,
    discriminator_widths,
    generator_widths,
)

CONV_CASES = ("fanogan_generator", "fanogan_discriminator", "fanogan_encoder")
needs_originals = pytest.mark.skipif(
    not anomaly_vectors.found("fanogan_izif_conv", *CONV_CASES)[3:],
    reason="the reference vectors are not beside the checkout",
)


def compiled(net):
    """apply(variables, inputs, train) -> (outputs, changed collections)."""
    return jax.jit(functools.partial(net.apply, mutable=["batch_stats"]), static_argnums=2)


def close(found, golden, name, rtol, atol):
    np.testing.assert_allclose(found, golden[f"out:{name}"], rtol=rtol, atol=atol, err_msg=name)


@pytest.fixture(scope="module")
def official():
    """(vectors, networks, variables) of the narrowed official code."""
    golden = anomaly_vectors.load("fanogan_official_resnet")
    nets = {
        "g": ResidualGenerator(generator_widths(64, 4), 1),
        "d": ResidualDiscriminator(discriminator_widths(64, 4), "layer"),
        "e": ResidualDiscriminator(discriminator_widths(64, 4), "batch", 12),
    }
    names = {"g": "Generator", "d": "Discriminator", "e": "Encoder"}
    variables = {
        net: anomaly_vectors.residual_variables(golden, name, 32) for net, name in names.items()
    }
    return golden, {net: compiled(nets[net]) for net in nets}, variables


def test_official_networks(official):
    golden, nets, variables = official
    near = {"rtol": 1e-3, "atol": 1e-4}
    images = golden["in:x"].reshape(-1, 64, 64, 1)
    for mode, train in (("eval", False), ("train", True)):
        made = nets["g"](variables["g"], golden["in:z"], train)[0]
        close(made.reshape(3, -1), golden, f"generator_{mode}", **near)
        z = nets["e"](variables["e"], images, train)[0][0]
        close(jnp.tanh(z), golden, f"z_{mode}", **near)
    logits, features = nets["d"](variables["d"], images, False)[0]
    close(logits[:, 0], golden, "d_logit", **near)
    close(anomaly_vectors.flat_chw(features, 32), golden, "d_features", **near)


def test_official_wgan_gp(official):
    golden, nets, variables = official
    reals, fakes = (golden[f"in:{name}"].reshape(-1, 64, 64, 1) for name in ("x", "fake"))

    def score(x):
        return nets["d"](variables["d"], x, False)[0][0][:, 0]

    norms = losses.gradient_norms(
        score, losses.interpolates(reals, fakes, golden["in:alpha"][:, 0])
    )
    penalty = losses.gradient_penalty(norms).mean()
    np.testing.assert_allclose(penalty, golden["out:gradient_penalty"], rtol=1e-3)
    cost = (score(fakes) - score(reals)).mean() + 10 * penalty
    np.testing.assert_allclose(cost, golden["out:d_cost"], rtol=1e-3)


def test_official_izi_f(official):
    golden, nets, variables = official
    images = golden["in:x"].reshape(-1, 64, 64, 1)

    def terms(train):
        z = nets["e"](variables["e"], images, train)[0][0]
        made = nets["g"](variables["g"], jnp.tanh(z), False)[0]
        features = [nets["d"](variables["d"], each, False)[0][1] for each in (images, made)]
        return made, izi_f.squared_error(images, made), izi_f.squared_error(*features)

    _, of_pixels, of_features = terms(True)
    loss = izi_f.anomaly_score(of_pixels, of_features, 1.0).mean()
    for name, value in {
        "loss": loss,
        "loss_img": of_pixels.mean(),
        "loss_feat": of_features.mean(),
    }.items():
        np.testing.assert_allclose(value, golden[f"out:{name}"], rtol=1e-3)
    made, of_pixels, of_features = terms(False)
    near = {"rtol": 1e-3, "atol": 1e-4}
    close(made.reshape(3, -1), golden, "recon_eval", **near)
    close(of_pixels, golden, "score_img", **near)
    close(of_features, golden, "score_feat", **near)
    close(izi_f.anomaly_score(of_pixels, of_features, 1.0), golden, "score", **near)


@needs_originals
def test_conv_networks():
    near = {"rtol": 5e-4, "atol": 5e-5}
    golden = anomaly_vectors.load("fanogan_generator")
    variables = anomaly_vectors.conv_variables(golden, anomaly_vectors.CONV_GENERATOR, 128)
    net = compiled(ConvGenerator(32, 128, 3))
    for mode, train in (("eval", False), ("train", True)):
        made, state = net(variables, golden["in:z"], train)
        np.testing.assert_allclose(made, anomaly_vectors.nhwc(golden[f"out:{mode}"]), **near)
    for torch, ours in anomaly_vectors.CONV_GENERATOR.items():
        if f"out:state:{torch}.running_var" in golden:
            close(state["batch_stats"][ours]["var"], golden, f"state:{torch}.running_var", **near)
    for case, outputs in (("fanogan_discriminator", 1), ("fanogan_encoder", 16)):
        golden = anomaly_vectors.load(case)
        variables = anomaly_vectors.conv_variables(golden, anomaly_vectors.CONV_DISCRIMINATOR, 128)
        net = compiled(ConvDiscriminator(16, outputs, dropout=0.0))
        images = anomaly_vectors.nhwc(golden["in:x"])
        found = {train: net(variables, images, train)[0] for train in (False, True)}
        if outputs == 1:
            close(found[False][0], golden, "validity_eval", **near)
            close(anomaly_vectors.flat_chw(found[False][1], 128), golden, "features_eval", **near)
            close(found[True][0], golden, "validity_train_nodropout", **near)
        else:
            close(jnp.tanh(found[False][0]), golden, "z_eval", **near)
            close(jnp.tanh(found[True][0]), golden, "z_train_nodropout", **near)


@needs_originals
def test_conv_izi_f():
    """Loss, gradients, one step of Adam, scores and maps of the published training code."""
    golden, near = anomaly_vectors.load("fanogan_izif_conv"), {"rtol": 1e-3, "atol": 2e-5}
    layers = {"G": anomaly_vectors.CONV_GENERATOR}
    g, d, e = (
        anomaly_vectors.conv_variables(
            golden, layers.get(net, anomaly_vectors.CONV_DISCRIMINATOR), 128, f"param:{net}."
        )
        for net in "GDE"
    )
    images = anomaly_vectors.nhwc(golden["in:x"])
    generator = compiled(ConvGenerator(16, 128, 3))
    critic = compiled(ConvDiscriminator(16, dropout=0.0))
    encoder = compiled(ConvDiscriminator(16, 6, dropout=0.0))

    def terms(params, train):
        variables = {**e, "params": params}
        (z, _), changed = encoder(variables, images, train)
        made, _ = generator(g, jnp.tanh(z), False)
        features = [critic(d, each, False)[0][1] for each in (images, made)]
        residuals = izi_f.squared_error(images, made), izi_f.squared_error(*features)
        return residuals, (made, z, changed)

    @jax.jit
    def step(params, kappa):
        def loss(params):
            residuals, (made, _, changed) = terms(params, True)
            return izi_f.anomaly_score(*residuals, kappa).mean(), (made, changed)

        return jax.value_and_grad(loss, has_aux=True)(params)

    for kappa in (1.0, 0.3):
        (loss, (made, changed)), grads = step(e["params"], kappa)
        np.testing.assert_allclose(loss, golden[f"out:kappa{kappa}:loss"], rtol=1e-4)
        kernel = np.transpose(grads["down0"]["kernel"], (3, 2, 0, 1))
        close(kernel, golden, f"kappa{kappa}:grad:model.0.weight", **near)
        close(grads["output"]["bias"], golden, f"kappa{kappa}:grad:adv_layer.0.bias", **near)
    (_, (made, changed)), grads = step(e["params"], 1.0)
    adam = optax.adam(2e-4, b1=0.5, b2=0.999)
    updates, _ = adam.update(grads, adam.init(e["params"]))
    after = optax.apply_updates(e["params"], updates)
    # The original then encodes its reconstructions too, for a picture, still in training mode.
    of_picture = {**changed, "params": after}
    _, changed = encoder(of_picture, made, True)
    for torch, ours in anomaly_vectors.CONV_DISCRIMINATOR.items():
        key = f"after_adam_step:E.{torch}"
        if f"out:{key}.bias" in golden:
            close(after[ours]["bias"], golden, f"{key}.bias", **near)
        if f"out:{key}.running_var" in golden:
            stats = changed["batch_stats"][ours]
            close(stats["mean"], golden, f"{key}.running_mean", **near)
            close(stats["var"], golden, f"{key}.running_var", **near)
    (of_pixels, of_features), (made, z, _) = terms(e["params"], False)
    close(jnp.tanh(z), golden, "eval:z", **near)
    np.testing.assert_allclose(made, anomaly_vectors.nhwc(golden["out:eval:recon"]), **near)
    close(of_pixels, golden, "score:A_R_image_mse", **near)
    close(of_features, golden, "score:A_D_feature_mse", **near)
    close(izi_f.anomaly_score(of_pixels, of_features, 1.0), golden, "score:A", **near)
    close(izi_f.anomaly_map(images, made)[:, None], golden, "map:abs_channelmean", **near)


def test_other_sides_have_as_many_blocks_as_they_take():
    assert generator_widths(64, 64) == (512, 512, 256, 128, 64)
    assert discriminator_widths(64, 64) == (64, 128, 256, 512, 512)
    assert generator_widths(16, 4) == (16, 8, 4)
    assert generator_widths(128, 4) == (32, 32, 32, 16, 8, 4)


@pytest.mark.skipif(
    not anomaly_vectors.found("wgan_gp"), reason="the reference vectors are not beside the checkout"
)
def test_wgan_gp_of_the_port():
    """A dense critic. The port mixes each channel by a number of its own; else it is the same."""
    golden = anomaly_vectors.load("wgan_gp")
    real, fake, alpha = (golden[f"in:{name}"] for name in ("real", "fake", "alpha"))
    params = {key: golden[key] for key in golden if key.startswith("param:")}

    def score(params, images):
        x = images.reshape(len(images), -1)
        for layer in ("features.0", "features.2"):
            x = jax.nn.leaky_relu(
                x @ params[f"param:{layer}.weight"].T + params[f"param:{layer}.bias"], 0.2
            )
        return (x @ params["param:last_layer.0.weight"].T + params["param:last_layer.0.bias"])[:, 0]

    @jax.jit
    @functools.partial(jax.value_and_grad, has_aux=True)
    def loss(params):
        between = alpha * real + (1 - alpha) * fake
        norms = losses.gradient_norms(functools.partial(score, params), between)
        penalty = losses.gradient_penalty(norms).mean()
        critic = losses.wasserstein_critic(score(params, real), score(params, fake)).mean()
        return critic + 10 * penalty, penalty

    (value, penalty), grads = loss(params)
    np.testing.assert_allclose(penalty, golden["out:gradient_penalty"], rtol=5e-4)
    np.testing.assert_allclose(value, golden["out:d_loss"], rtol=5e-4)
    for name in ("features.0.bias", "features.2.bias", "last_layer.0.bias"):
        found = grads[f"param:{name}"]
        np.testing.assert_allclose(found, golden[f"out:grad:{name}"], rtol=5e-4, atol=1e-5)
