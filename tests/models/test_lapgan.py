"""LAPGAN: its networks against their definitions, the pyramid, and that levels train alone."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax
from scipy import stats

from dermgan_jax import config as configuration
from dermgan_jax.data.records import DataSpec
from dermgan_jax.models.contract import Context
from dermgan_jax.models.lapgan import LaplacianGan
from dermgan_jax.nets import lapgan_networks
from dermgan_jax.nets.lapgan_networks import ResidualConv, ResidualDiscriminator, smooth_up

RNG = np.random.default_rng(0)
TINY = {
    **{"latent_size": 5, "width": 3, "discriminator_width": 4},
    **{"generator_units": 6, "discriminator_units": 7},
}


def make_gan(data=(32, 32, 3, (6, 2), 8), **fields):
    config = configuration.experiment("lapgan")
    config.train.update({"total_kimg": 1.0, "batch_size": 4})
    config.model.update({**TINY, **fields})
    return LaplacianGan(configuration.validate(config), DataSpec(*data))


def uniform(*shape):
    return RNG.uniform(-1, 1, shape).astype(np.float32)


def draw(model):
    """Variables of about the scale that they begin with, but larger in the coarse networks."""
    shapes = jax.eval_shape(model.init, jax.random.key(0))
    return jax.tree.map(lambda like: jnp.asarray(0.2 * uniform(*like.shape)), shapes)


def batch_of(model):
    images = uniform(4, model.data.height, model.data.width, 3)
    return {"image": jnp.asarray(images), "label": jnp.zeros(4, jnp.int32)}


def changed(variables, net, level, function):
    """Variables with one level's parameters replaced."""
    params = variables[net]["params"]
    level = {level: jax.tree.map(function, params[level])}
    return {**variables, net: {"params": {**params, **level}}}


@functools.partial(jax.jit, static_argnames=("model", "name"))
def gradients(model, name, variables, batch, handoff):
    """((loss, aux), gradients) of one phase."""
    phase = {phase.name: phase for phase in model.phases()}[name]
    trainable = {net: variables[net]["params"] for net in phase.trains}
    context = Context((32, 32), {}, jnp.int32(0), handoff, {})
    loss = jax.value_and_grad(phase.loss, has_aux=True)
    return loss(trainable, variables, batch, jax.random.key(7), context)


def both_phases(model, variables, batch):
    (_, aux), d_grads = gradients(model, "d", variables, batch, {})
    (_, _), g_grads = gradients(model, "g", variables, batch, aux.handoff)
    return {**d_grads, **g_grads}


def test_smooth_up_is_bilinear():
    """Three quarters of the nearer pixel, one of the other, edges repeated."""
    images = uniform(2, 3, 5, 2)
    expected = images
    for axis in (1, 2):
        edges = [(1, 1) if a == axis else (0, 0) for a in range(4)]
        padded = np.pad(expected, edges, mode="edge")
        before, here, after = (
            np.take(padded, range(i, i + images.shape[axis]), axis) for i in range(3)
        )
        both = np.stack([0.25 * before + 0.75 * here, 0.75 * here + 0.25 * after], axis + 1)
        shape = [2 * size if a == axis else size for a, size in enumerate(expected.shape)]
        expected = both.reshape(shape)
    np.testing.assert_allclose(smooth_up(images), expected, atol=1e-6)


@pytest.mark.parametrize(
    ("layout", "size", "stride", "padding"),
    [("same", 7, 1, 3), ("valid", 5, 1, 0), ("strided", 5, 2, 0)],
)
def test_convolution_and_its_gradients(layout, size, stride, padding):
    layer, x = ResidualConv(4, size, layout), uniform(2, 8, 12, 3)
    params = layer.init(jax.random.key(0), x)["params"]

    def reference(x, params):
        y = lax.conv_general_dilated(
            *(x, params["kernel"], (stride, stride), [(padding, padding)] * 2),
            dimension_numbers=("NHWC", "HWIO", "NHWC"),
            precision="highest",
        )
        return y + params["bias"]

    expected, expected_vjp = jax.vjp(reference, x, params)
    y, vjp = jax.vjp(lambda x, params: layer.apply({"params": params}, x), x, params)
    np.testing.assert_allclose(y, expected, atol=1e-5)
    cotangent = uniform(*y.shape)
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-4),
        vjp(cotangent),
        expected_vjp(cotangent),
    )


def test_weights_begin_as_in_torch():
    params = ResidualConv(40, 5).init(jax.random.key(0), np.zeros((1, 8, 8, 16)))["params"]
    bound = (5 * 5 * 16) ** -0.5
    for leaf in params.values():
        assert 0.9 * bound < np.abs(leaf).max() <= bound
    assert np.std(params["kernel"]) == pytest.approx(bound / 3**0.5, rel=0.05)


def test_coarse_networks_match_their_definition():
    model = make_gan(conditional=True)
    variables, noise, images = draw(model), uniform(4, 5), uniform(4, 8, 8, 3)
    one_hot = np.eye(2, dtype=np.float32)[[0, 1, 1, 0]]
    g, d = (jax.tree.map(np.asarray, variables[net]["params"]["8x8"]) for net in "gd")

    def dense(x, params):
        return x @ params["kernel"] + params["bias"]

    x = np.maximum(dense(np.concatenate([noise, one_hot], 1), g["dense0"]), 0)
    x = dense(1 / (1 + np.exp(-dense(x, g["dense1"]))), g["dense2"]).reshape(4, 8, 8, 3)
    made = model.generator(8).apply({"params": g}, noise, one_hot)
    np.testing.assert_allclose(made, x, atol=1e-5)

    x = np.maximum(dense(np.maximum(dense(images.reshape(4, -1), d["dense0"]), 0), d["dense1"]), 0)
    expected = dense(x, d["score"])[:, 0] + (one_hot @ d["embedding"]["kernel"] * x).sum(1)
    scores = model.discriminator(8).apply({"params": d}, images, one_hot, train=False)
    np.testing.assert_allclose(scores, expected, rtol=1e-4, atol=1e-4)


def test_parameters_are_as_many_as_the_layers_have():
    model = make_gan(
        (32, 32, 3, (), 8),
        **{"latent_size": 100, "start_resolution": 16, "width": 64, "discriminator_width": 64},
        **{"generator_units": 8000, "discriminator_units": 1600},
    )
    shapes = jax.eval_shape(model.init, jax.random.key(0))
    counts = {
        (net, level): sum(leaf.size for leaf in jax.tree.leaves(params))
        for net in shapes
        for level, params in shapes[net]["params"].items()
    }
    pixels = 16 * 16 * 3
    assert counts == {
        ("g", "16x16"): 101 * 8000 + 8001 * 8000 + 8001 * pixels,
        ("d", "16x16"): (pixels + 1) * 1600 + 1601 * 1600 + 1601,
        ("g", "32x32"): (49 * 4 + 1) * 64 + (49 * 64 + 1) * 64 + (25 * 64 + 1) * 3,
        ("d", "32x32"): (25 * 3 + 1) * 64 + (25 * 64 + 1) * 64 + 64 * 12 * 12 + 1,
    }


def test_dropout_is_on_in_training_only():
    images = uniform(2, 16, 16, 3)
    for dropout in (True, False):
        net = ResidualDiscriminator(4, dropout)
        variables = net.init(jax.random.key(0), images, None, train=False)
        still = net.apply(variables, images, None, train=False)
        noisy = net.apply(variables, images, None, train=True, rngs={"dropout": jax.random.key(1)})
        assert np.allclose(still, noisy) != dropout


def test_levels_of_the_pyramid_and_their_residuals_add_up_to_the_image():
    model, images = make_gan(), uniform(2, 32, 32, 3)
    levels = model.pyramid(images)
    assert {side: level.shape for side, level in levels.items()} == {
        side: (2, side, side, 3) for side in (8, 16, 32)
    }
    np.testing.assert_allclose(levels[8][0, 1, 2], images[0, 4:8, 8:12].mean((0, 1)), atol=1e-6)
    residuals = {side: levels[side] - smooth_up(levels[side // 2]) for side in (16, 32)}
    again = levels[8]
    for side in (16, 32):
        again = smooth_up(again) + residuals[side]
    np.testing.assert_allclose(again, images, atol=1e-6)


def test_samples_add_every_level_to_the_coarser_one(monkeypatch):
    """With known residuals: the level's noise plane plus a tenth of the scaled-up image."""
    model = make_gan()
    variables, labels = draw(model), np.zeros(2, np.int32)
    latents = model.latents(jax.random.key(1), 2)
    assert latents.shape == (2, 5 + 16 * 16 + 32 * 32)
    monkeypatch.setattr(
        lapgan_networks.ResidualGenerator,
        "__call__",
        lambda self, noise, low, labels: noise[..., None] + 0.1 * low,
    )
    noise = 2 * stats.norm.cdf(np.asarray(latents)) - 1
    images = model.generator(8).apply(
        {"params": variables["g"]["params"]["8x8"]}, noise[:, :5].astype(np.float32), None
    )
    for side, planes in ((16, noise[:, 5:261]), (32, noise[:, 261:])):
        images = 1.1 * smooth_up(images) + planes.reshape(2, side, side, 1)
    made = model.sample(variables, latents, labels, model.stage(0))
    np.testing.assert_allclose(made, images, atol=1e-5)


def test_noise_of_samples_is_that_of_training():
    model = make_gan()
    noise = model.noise(model.latents(jax.random.key(1), 4))
    assert stats.kstest(np.ravel(noise[32]), "uniform", (-1, 2)).pvalue > 0.01
    (_, aux), _ = gradients(model, "d", draw(model), batch_of(model), {})
    used = aux.handoff["noise_32"]
    assert used.shape == noise[32].shape == (4, 32, 32)
    assert stats.kstest(np.ravel(used), "uniform", (-1, 2)).pvalue > 0.01


def test_levels_are_trained_alone():
    """Whatever one level's networks are, the other levels' gradients stay as they are."""
    model = make_gan()
    variables, batch = draw(model), batch_of(model)
    before = both_phases(model, variables, batch)
    for net in "gd":
        other = changed(variables, net, "16x16", lambda leaf: 1.5 * leaf)
        after = both_phases(model, other, batch)
        for kind in "gd":
            for level in ("8x8", "16x16", "32x32"):
                pairs = zip(
                    *(jax.tree.leaves(grads[kind][level]) for grads in (before, after)),
                    strict=True,
                )
                same = all(np.allclose(a, b, rtol=1e-4, atol=1e-7) for a, b in pairs)
                assert same == (level != "16x16"), (net, kind, level)


def test_wgangp_repeats_the_critic_only():
    model = make_gan((16, 16, 3, (), 8), loss="wgangp", critic_updates=5, dropout=False)
    phases = [(phase.name, phase.trains, phase.repeat) for phase in model.phases()]
    assert phases == [("d", ("d",), 5), ("g", ("g",), 1)]
    (loss, aux), _ = gradients(model, "d", draw(model), batch_of(model), {})
    metrics = {name: float(value) for name, value in aux.metrics.items()}
    expected = sum(
        metrics[f"score_fake_{side}"]
        - metrics[f"score_real_{side}"]
        + metrics[f"gradient_penalty_{side}"]
        for side in (8, 16)
    )
    assert loss == pytest.approx(expected, rel=1e-5)


def test_score_is_the_mean_of_all_levels_and_of_the_classes():
    model = make_gan(conditional=True)
    variables, images = draw(model), uniform(3, 32, 32, 3)
    expected = []
    for side, level in model.pyramid(images).items():
        params = {"params": variables["d"]["params"][f"{side}x{side}"]}
        for label, share in enumerate((0.75, 0.25)):
            one_hot = np.eye(2, dtype=np.float32)[[label] * 3]
            scores = model.discriminator(side).apply(params, level, one_hot, train=False)
            expected.append(share * scores / 3)
    assert np.abs(expected).min() > 0
    scores = model.score(variables, images, model.stage(0))
    np.testing.assert_allclose(scores, sum(expected), rtol=1e-4)


def test_labels_reach_every_level():
    model = make_gan(conditional=True)
    variables, noise, low = draw(model), uniform(1, 16, 16), uniform(1, 16, 16, 3)
    net, params = model.generator(16), {"params": variables["g"]["params"]["16x16"]}
    made = [net.apply(params, noise, low, np.eye(2, dtype=np.float32)[[c]]) for c in range(2)]
    assert np.abs(made[0] - made[1]).max() > 1e-3
    latents = model.latents(jax.random.key(1), 1)
    whole = [model.sample(variables, latents, np.array([c]), model.stage(0)) for c in range(2)]
    assert np.abs(whole[0] - whole[1]).max() > 1e-3


@pytest.mark.parametrize(
    ("data", "fields", "message"),
    [
        ((16, 24, 3, (), 8), {}, "not 16x24"),
        ((32, 32, 3, (), 8), {"start_resolution": 4}, "model.start_resolution is 4"),
        ((32, 32, 3, (), 8), {"start_resolution": 64}, "model.start_resolution is 64"),
        ((48, 48, 3, (), 8), {"start_resolution": 16}, "model.start_resolution is 16"),
        ((28, 28, 1, (), 8), {"start_resolution": 7}, None),
        ((32, 32, 3, (), 8), {"start_resolution": 32}, None),
    ],
)
def test_faults_name_the_field(data, fields, message):
    found = make_gan(data, **fields).faults()
    assert [message in fault for fault in found] == ([True] if message else [])
