"""DCGAN against an explicit reference, and the order of its updates."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dermgan_jax import config as configuration
from dermgan_jax.data.records import DataSpec
from dermgan_jax.models.contract import Context
from dermgan_jax.models.dcgan import DeepConvolutionalGan
from dermgan_jax.nets.dcgan_networks import DcganDiscriminator, widths

CLASSES = (6, 2)


def make_gan(data=(16, 16, 3, CLASSES, 8), **fields):
    config = configuration.experiment("dcgan")
    config.train.update({"total_kimg": 1.0, "batch_size": 4})
    config.model.update({"latent_size": 5, "width": 4, "discriminator_width": 4, **fields})
    return DeepConvolutionalGan(configuration.validate(config), DataSpec(*data))


def draw(model, seed=0):
    """Variables of an unusual scale, so that no term is too small to be seen."""
    rng = np.random.default_rng(seed)
    shapes = jax.eval_shape(model.init, jax.random.key(0))

    def leaf(path, like):
        low = 0.5 if path[-1].key in ("var", "scale") else -0.5
        return jnp.asarray(rng.uniform(low, 0.9, like.shape), jnp.float32)

    return jax.tree.map_with_path(leaf, shapes)


def batch_of(model, num=4):
    shape = (num, model.data.height, model.data.width, model.data.channels)
    images = np.random.default_rng(1).uniform(-1, 1, shape).astype(np.float32)
    return {"image": jnp.asarray(images), "label": jnp.arange(num) % 2}


@functools.partial(jax.jit, static_argnames=("model", "name"))
def run_phase(model, name, variables, batch, rng, handoff):
    """(loss, metrics, collections, handoff) of one phase."""
    phase = {phase.name: phase for phase in model.phases()}[name]
    trainable = {net: variables[net]["params"] for net in phase.trains}
    context = Context((16, 16), {}, jnp.int32(0), handoff, {})
    loss, aux = phase.loss(trainable, variables, batch, rng, context)
    return loss, aux.metrics, aux.collections, aux.handoff


@functools.partial(jax.jit, static_argnames=("model", "train"))
def judge(model, variables, images, labels, train):
    return model.discriminator.apply(
        variables["d"], images, labels, train=train, mutable=["batch_stats"] if train else False
    )


def test_parameters_at_64_are_as_many_as_in_the_original():
    model = make_gan((64, 64, 3, (), 8), latent_size=100, width=64, discriminator_width=64)
    shapes = jax.eval_shape(model.init, jax.random.key(0))
    counts = {
        net: sum(leaf.size for leaf in jax.tree.leaves(shapes[net]["params"])) for net in shapes
    }
    assert counts == {"g": 3_576_704, "d": 2_765_568}


def test_widths_halve_towards_the_image():
    assert widths(64, 64, 1024) == (512, 256, 128, 64)
    assert widths(128, 64, 1024) == (1024, 512, 256, 128, 64)
    assert widths(256, 64, 1024) == (1024, 1024, 512, 256, 128, 64)
    assert widths(256, 64, 4096) == (2048, 1024, 512, 256, 128, 64)
    assert widths(8, 64, 1024) == (64,)


def convolve(x, kernel, stride):
    """By the definition, of zero-padded (N, H, W, C)."""
    side = len(kernel)
    height, width = ((size - side) // stride + 1 for size in x.shape[1:3])
    y = np.zeros((len(x), height, width, kernel.shape[-1]))
    for i in range(height):
        for j in range(width):
            patch = x[:, stride * i : stride * i + side, stride * j : stride * j + side]
            y[:, i, j] = np.einsum("nhwc,hwcd->nd", patch, kernel)
    return y


def normalize(x, axes, params):
    mean, var = x.mean(axes, keepdims=True), x.var(axes, keepdims=True)
    return (x - mean) / np.sqrt(var + 1e-5) * params["scale"] + params["bias"]


@pytest.mark.parametrize("norm", ["batch", "layer", "none"])
def test_discriminator_matches_its_definition(norm):
    model = make_gan(discriminator_norm=norm, conditional=True)
    variables, batch = draw(model), batch_of(model)
    one_hot = np.eye(2)[batch["label"]]
    scores, _ = judge(model, variables, batch["image"], one_hot, True)
    params = jax.tree.map(np.asarray, variables["d"]["params"])

    def bias(name):
        assert ("bias" in params[name]) == (norm == "none")
        return params[name].get("bias", 0)

    x = np.asarray(batch["image"], np.float64)
    for i in range(2):
        x = np.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)))
        x = convolve(x, params[f"conv{i}"]["kernel"], 2) + bias(f"conv{i}")
        if i and norm != "none":
            x = normalize(x, {"batch": (0, 1, 2), "layer": (1, 2, 3)}[norm], params["norm1"])
        x = np.where(x > 0, x, 0.2 * x)
    expected = (convolve(x, params["score"]["kernel"], 1) + bias("score")).reshape(-1)
    expected += (one_hot @ params["embedding"]["kernel"] * x.sum((1, 2))).sum(-1)
    np.testing.assert_allclose(scores, expected, rtol=1e-4, atol=1e-4)


def test_fakes_of_both_phases_are_the_same():
    """Their scores are, as long as the discriminator has not moved."""
    model = make_gan()
    variables, batch = draw(model), batch_of(model)
    rngs = jax.random.split(jax.random.key(0))
    _, d_metrics, d_changed, handoff = run_phase(model, "d", variables, batch, rngs[0], {})
    _, g_metrics, g_changed, _ = run_phase(model, "g", variables, batch, rngs[1], handoff)
    assert handoff["latents"].shape == (4, 5)
    np.testing.assert_allclose(d_metrics["score_fake"], g_metrics["score_fake"], rtol=1e-5)
    assert (set(d_changed), set(g_changed)) == ({"d"}, {"g"})
    # G's statistics move by one batch of momentum 0.1, those of its latents' projection.
    kernel = np.asarray(variables["g"]["params"]["project"]["kernel"])
    projected = np.einsum("nd,hwdc->nhwc", handoff["latents"], kernel)
    old = variables["g"]["batch_stats"]["project_norm"]["mean"]
    np.testing.assert_allclose(
        g_changed["g"]["batch_stats"]["project_norm"]["mean"],
        0.9 * old + 0.1 * projected.mean((0, 1, 2)),
        rtol=1e-4,
        atol=1e-5,
    )


def test_reals_and_fakes_are_normalised_apart_and_both_counted():
    model = make_gan()
    variables, batch = draw(model), batch_of(model)
    scores, after_reals = judge(model, variables, batch["image"], None, True)
    results = [
        run_phase(model, "d", variables, batch, jax.random.key(seed), {}) for seed in range(2)
    ]
    for _, metrics, _, _ in results:
        np.testing.assert_allclose(metrics["score_real"], scores.mean(), rtol=1e-4)
    means = [changed["d"]["batch_stats"]["norm1"]["mean"] for _, _, changed, _ in results]
    assert not np.allclose(*means), "the fakes' statistics must count"
    fakes = model.generator.apply(
        variables["g"], results[0][3]["latents"], None, train=True, mutable=["batch_stats"]
    )[0]
    _, after_fakes = judge(model, {"d": {**variables["d"], **after_reals}}, fakes, None, True)
    np.testing.assert_allclose(
        means[0], after_fakes["batch_stats"]["norm1"]["mean"], rtol=1e-4, atol=1e-5
    )


def test_wgangp_repeats_the_critic_only():
    model = make_gan(loss="wgangp", critic_updates=5, discriminator_norm="layer")
    assert [(phase.name, phase.trains, phase.repeat) for phase in model.phases()] == [
        ("d", ("d",), 5),
        ("g", ("g",), 1),
    ]
    variables = draw(model)
    assert set(variables["d"]) == {"params"}
    result = run_phase(model, "d", variables, batch_of(model), jax.random.key(0), {})
    loss, metrics = result[:2]
    distance = metrics["score_real"] - metrics["score_fake"]
    np.testing.assert_allclose(loss, metrics["gradient_penalty"] - distance, rtol=1e-4)
    assert metrics["gradient_penalty"] > 0


def test_an_image_depends_on_its_own_latent_and_label_alone():
    model = make_gan(conditional=True)
    variables = draw(model)
    latents = model.latents(jax.random.key(3), 4)
    sample = jax.jit(lambda z, labels: model.sample(variables, z, labels, model.stage(0)))
    images = sample(latents, jnp.array([0, 1, 0, 1]))
    assert images.shape == (4, 16, 16, 3)
    assert images.dtype == jnp.float32
    assert np.abs(images).max() <= 1
    shuffled = sample(latents[::-1], jnp.array([1, 0, 1, 0]))[::-1]
    np.testing.assert_allclose(images, shuffled, atol=1e-5)
    other = sample(latents, jnp.array([1, 1, 0, 1]))
    assert np.abs(other[0] - images[0]).max() > 1e-3
    np.testing.assert_allclose(other[1:], images[1:], atol=1e-5)


def test_score_of_unknown_class_is_the_mean_over_the_data():
    model = make_gan(conditional=True)
    variables, images = draw(model), batch_of(model)["image"]
    of_class = [judge(model, variables, images, np.eye(2)[[c] * 4], False) for c in range(2)]
    assert np.abs(of_class[0] - of_class[1]).max() > 1e-2
    expected = 0.75 * of_class[0] + 0.25 * of_class[1]
    scores = jax.jit(lambda v: model.score(v, images, model.stage(0)))(variables)
    np.testing.assert_allclose(scores, expected, rtol=1e-4, atol=1e-4)


def test_bfloat16_stays_close_to_float32():
    """In the sense of the networks: outputs are float32, and near."""
    net = DcganDiscriminator((8, 4), "layer", jnp.bfloat16)
    model = make_gan(discriminator_norm="layer")
    variables, images = draw(model), batch_of(model)["image"]
    rough = net.apply(variables["d"], images, None, train=False)
    exact = judge(model, variables, images, None, False)
    assert rough.dtype == jnp.float32
    assert 0 < np.abs(rough - exact).max() < 0.05 * np.abs(exact).max()


@pytest.mark.parametrize(
    ("data", "fields", "message"),
    [
        ((16, 24, 3, (), 8), {}, "not 16x24"),
        ((24, 24, 3, (), 8), {}, "not 24x24"),
        ((4, 4, 3, (), 8), {}, "not 4x4"),
        ((16, 16, 3, (), 8), {"loss": "hinge"}, "model.loss"),
        (
            (16, 16, 3, (), 8),
            {"discriminator_norm": "group"},
            "model.discriminator_norm is 'group'",
        ),
        ((16, 16, 3, (), 8), {"loss": "wgangp"}, "set it to 'layer' or 'none'"),
        ((16, 16, 3, (), 8), {"loss": "wgangp", "discriminator_norm": "none"}, None),
        ((8, 8, 1, CLASSES, 8), {"conditional": True}, None),
    ],
)
def test_faults_name_the_field(data, fields, message):
    found = make_gan(data, **fields).faults()
    assert [message in fault for fault in found] == ([True] if message else [])
