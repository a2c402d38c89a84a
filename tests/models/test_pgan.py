"""PGAN against the official implementation's numbers, and against its own promises."""

import dataclasses
import functools
import math

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pgan_reference as reference
import pytest

from dermgan_jax import config as configuration
from dermgan_jax.data.records import DataSpec
from dermgan_jax.models.contract import Context, Stage
from dermgan_jax.models.pgan import ProgressiveGan, fade_reals, schedule
from dermgan_jax.nets.resampling import box_down, nearest_up

LODS = (0.0, 0.5, 1.0, 1.7, 3.0)


def stage_at(lod: float) -> Stage:
    side = 32 >> math.floor(lod)
    return Stage((side, side), 8, {}, {"alpha": 1 - (lod - math.floor(lod))})


@functools.partial(jax.jit, static_argnames=("model", "side"))
def sample(model, variables, latents, labels, side, alpha):
    return model.sample(variables, latents, labels, Stage((side, side), 8, {}, {"alpha": alpha}))


@functools.partial(jax.jit, static_argnames=("model", "side"))
def score(model, variables, images, side, alpha):
    return model.score(variables, images, Stage((side, side), 8, {}, {"alpha": alpha}))


@functools.partial(jax.jit, static_argnames=("model", "side"))
def losses_and_gradients(model, variables, reals, labels, latents, gen_labels, mix, side, alpha):
    """Both phases' losses and their gradients with respect to the phase's own net."""
    context = Context((side, side), {"alpha": alpha}, jnp.int32(0), {}, {})

    def d_loss(params):
        nets = {**variables, "d": {"params": params}}
        return model.discriminator_loss(nets, reals, labels, latents, mix, context)[0]

    def g_loss(params):
        nets = {**variables, "g": {"params": params}}
        return model.generator_loss(nets, latents, gen_labels, context)[0]

    d_value, d_gradients = jax.value_and_grad(d_loss)(variables["d"]["params"])
    g_value, g_gradients = jax.value_and_grad(g_loss)(variables["g"]["params"])
    return {"d": d_value, "g": g_value}, {"d": d_gradients, "g": g_gradients}


@pytest.mark.parametrize("labels", [0, 3])
def test_generator_matches_the_official_code(labels):
    arrays = reference.read(f"G_paper_c{labels}")
    model, variables = reference.make_gan(labels=labels), reference.variables(arrays)
    classes = arrays["in:labels"].argmax(1) if labels else np.zeros(2, np.int32)
    for lod in LODS:
        stage = stage_at(lod)
        images = sample(
            model, variables, arrays["in:latents"], classes, stage.image_size[0], **stage.traced
        )
        expected = reference.nhwc(arrays[f"out:images_lod{lod}"])
        np.testing.assert_allclose(images, expected, atol=2e-5, err_msg=f"lod {lod}")


@pytest.mark.parametrize("labels", [0, 3])
def test_discriminator_matches_the_official_code(labels):
    arrays = reference.read(f"D_paper_c{labels}")
    model, variables = reference.make_gan(labels=labels), reference.variables(arrays)
    images = reference.nhwc(arrays["in:images"])
    for lod in LODS:
        stage = stage_at(lod)
        scores = score(model, variables, images, stage.image_size[0], **stage.traced)
        expected = arrays[f"out:scores_lod{lod}"][:, 0]
        np.testing.assert_allclose(scores, expected, atol=2e-5, err_msg=f"lod {lod}")


@pytest.mark.parametrize("labels", [0, 3])
def test_losses_and_gradients_match_the_official_code(labels):
    arrays = reference.read(f"losses_c{labels}")
    model, variables = reference.make_gan(labels=labels), reference.variables(arrays)
    gen_labels, real_labels = (
        arrays[f"in:{name}"].argmax(1) if labels else np.zeros(4, np.int32)
        for name in ("gen_labels", "real_labels")
    )
    for lod in (0.0, 0.5, 1.7):
        stage = stage_at(lod)
        side = stage.image_size[0]
        values, gradients = losses_and_gradients(
            model,
            variables,
            # The official discriminator is fed full-size images and takes these means itself.
            box_down(reference.nhwc(arrays["in:reals"]), 32 // side),
            real_labels,
            arrays["in:latents"],
            gen_labels,
            arrays["in:mixing_factors"].reshape(-1),
            side,
            **stage.traced,
        )
        for net in ("d", "g"):
            # The official [N, 1] + [N] broadcasts; only the mean of that matrix is used.
            expected = arrays[f"out:lod{lod}:{net.upper()}_loss"].mean()
            assert values[net] == pytest.approx(expected, rel=2e-5)
        for name, (net, layer, kind) in reference.layer_names(arrays).items():
            gradient = gradients[net][layer][kind]
            norm = arrays[f"out:lod{lod}:gradnorm:{name}"]
            assert np.linalg.norm(gradient) == pytest.approx(norm, rel=1e-3, abs=1e-6), name
            if norm == 0:
                assert not gradient.any(), f"{name} is not in use"
            if (full := arrays.get(f"out:lod{lod}:grad:{name}")) is not None:
                full = reference.kernel(full, f"{net}/{layer}")
                assert np.abs(gradient - full).max() < 1e-4 * norm


# FACTS.md section 12, made with the official code: lod -> (image statistics, D scores, label
# logits of image 0, gradient norms).
WIDE = {
    0.0: (
        (-0.26179, 0.97252, -0.37528, -0.52100, 1.46373, 0.30738),
        (-0.07232, -0.08443, -0.08605, -0.16965),
        (0.59533, -0.22572, 0.63133),
        (0.10505, 0.10076, 0.09752, 0.10282),
    ),
    0.5: (
        (-0.18553, 0.60672, -0.08831, -0.16117, 0.73437, 0.40304),
        (-0.03634, -0.02793, -0.04364, -0.06744),
        (0.45414, -0.25771, 0.35802),
        (0.07225, 0.07098, 0.06082, 0.06546),
    ),
    1.25: (
        (-0.06873, 0.57720, 0.29154, 0.29154, 0.02070, 0.08930),
        (-0.00876, -0.06538, -0.07439, -0.06076),
        (0.31030, -0.26844, 0.17022),
        (0.07600, 0.08319, 0.09392, 0.08444),
    ),
}


def test_wider_networks_match_the_official_code():
    model = reference.make_gan(labels=3, fmap_base=512, fmap_max=32, latent_size=32)
    variables = reference.variables(reference.wide_weights())
    latents = np.sin(0.7 * np.arange(64) + 0.3).reshape(2, 32).astype(np.float32)
    reals = reference.nhwc(np.random.RandomState(99).rand(4, 3, 32, 32) * 2 - 1).astype(np.float32)

    @functools.partial(jax.jit, static_argnames="side")
    def judge(images, side, alpha):
        def total_score(images):
            images = box_down(images, 32 // side)
            scores, logits = model.discriminator.apply(variables["d"], images, side, alpha)
            return scores.sum(), (scores, logits)

        gradients, outputs = jax.grad(total_score, has_aux=True)(images)
        return *outputs, jnp.sqrt(jnp.square(gradients).sum((1, 2, 3)))

    for lod, (statistics, scores, logits, norms) in WIDE.items():
        stage = stage_at(lod)
        side = stage.image_size[0]
        images = sample(model, variables, latents, np.array([0, 2]), side, **stage.traced)
        flat = np.asarray(images).transpose(0, 3, 1, 2).ravel()
        got = (flat.mean(), flat.std(), flat[0], flat[1], flat[flat.size // 2], flat[-1])
        np.testing.assert_allclose(got, statistics, atol=2e-5)
        got_scores, got_logits, got_norms = judge(reals, side, **stage.traced)
        np.testing.assert_allclose(got_scores, scores, atol=2e-5)
        np.testing.assert_allclose(got_logits[0], logits, atol=2e-5)
        np.testing.assert_allclose(got_norms, norms, atol=2e-5)


def test_reals_fade_as_in_the_official_code():
    arrays = reference.read("process_reals")
    for lod in (0.0, 0.3, 1.0, 1.75, 2.5):
        stage = stage_at(lod)
        side = stage.image_size[0]
        images = reference.nhwc(arrays[f"in:u8_res{side}"]).astype(np.float32) * (2 / 255) - 1
        faded = nearest_up(fade_reals(images, stage.traced["alpha"]), 32 // side)
        expected = reference.nhwc(arrays[f"out:x_lod{lod}"])
        np.testing.assert_allclose(faded, expected, atol=1e-5)


SCHEDULES = {
    "default": {},
    "short": {
        "stable_kimg": 400.0,
        "fade_kimg": 300.0,
        "batch_sizes": ((4, 128), (8, 64), (16, 32)),
        "learning_rates": {"g": ((16, 0.0015), (32, 0.002)), "d": ((32, 0.003),)},
    },
    "start8": {"start_resolution": 8},
    "no_transition": {"fade_kimg": 0.0},
}


@pytest.mark.parametrize("variant", SCHEDULES)
def test_schedule_matches_the_official_code(variant):
    arrays = reference.read("training_schedule")
    rates = {"g": (), "d": ()}
    fields = {"batch_sizes": (), "learning_rates": rates} | SCHEDULES[variant]
    model = reference.make_gan(train_batch_size=16, **fields)
    spans = (model.config.model[key] for key in ("start_resolution", "stable_kimg", "fade_kimg"))
    spans = tuple(spans)
    for images_seen, expected in zip(arrays["in:cur_nimg"], arrays[f"out:{variant}"], strict=True):
        stage = model.stage(int(images_seen))
        lod, resolution = schedule(int(images_seen), 32, *spans)
        got = (lod, resolution, stage.batch_size, *(stage.learning_rates[n] for n in "gd"))
        np.testing.assert_allclose(got, expected[:5], rtol=0, atol=1e-9)
        assert stage.image_size == (resolution, resolution)
        assert stage.traced["alpha"] == pytest.approx(1 - lod % 1, abs=1e-12)


def test_moments_start_anew_at_both_ends_of_a_fade():
    model = reference.make_gan(stable_kimg=1.0, fade_kimg=2.0)
    seen = [0, 999, 1001, 2999, 3000, 3999, 4001]
    moments = [model.stage(images).moments for images in seen]
    assert moments == [(3, 3), (3, 3), (2, 3), (2, 3), (2, 2), (2, 2), (1, 2)]


def test_parameters_at_256_are_as_many_as_in_the_official_code():
    config = configuration.experiment("pgan")
    config.train.total_kimg = 1.0
    model = ProgressiveGan(configuration.validate(config), DataSpec(256, 256, 3, (), 1))
    shapes = jax.eval_shape(model.init, jax.random.key(0))
    counts = {net: sum(leaf.size for leaf in jax.tree.leaves(shapes[net])) for net in shapes}
    assert counts == {"g": 23_044_309, "d": 23_052_353}


def test_bfloat16_stays_close_to_float32():
    arrays = reference.read("losses_c0")
    variables = reference.variables(arrays)
    reals = box_down(reference.nhwc(arrays["in:reals"]), 4)
    labels = np.zeros(4, np.int32)
    inputs = (reals, labels, arrays["in:latents"], labels, np.linspace(0, 1, 4), 8, 0.5)
    exact, exact_gradients = losses_and_gradients(reference.make_gan(), variables, *inputs)
    rough, rough_gradients = losses_and_gradients(
        reference.make_gan(precision="bfloat16"), variables, *inputs
    )
    for net in ("d", "g"):
        assert rough[net].dtype == jnp.float32
        assert rough[net] == pytest.approx(float(exact[net]), rel=0.02, abs=0.02)
        assert rough[net] != exact[net]
        difference = jax.tree.map(jnp.subtract, rough_gradients[net], exact_gradients[net])
        assert optax.tree.norm(difference) < 0.05 * optax.tree.norm(exact_gradients[net])


def test_grey_images():
    model = reference.make_gan(resolution=16, channels=1, labels=2)
    variables = jax.eval_shape(model.init, jax.random.key(0))
    latents, labels = jnp.zeros((8, 12)), jnp.zeros(8, jnp.int32)
    stage = Stage((8, 8), 8, {}, {"alpha": 0.5})
    images = jax.eval_shape(lambda v: model.sample(v, latents, labels, stage), variables)
    assert images.shape == (8, 16, 16, 1)
    scores = jax.eval_shape(lambda v: model.score(v, jnp.zeros(images.shape), stage), variables)
    assert scores.shape == (8,)


def test_labels_are_drawn_with_the_frequencies_of_the_data():
    model = reference.make_gan(labels=3)
    model = dataclasses.replace(
        model, data=dataclasses.replace(model.data, class_counts=(30, 0, 10))
    )
    labels = np.asarray(model.random_labels(jax.random.key(0), 4000))
    np.testing.assert_allclose(np.bincount(labels) / 4000, (0.75, 0, 0.25), atol=0.03)


@pytest.mark.parametrize(
    ("data", "fields", "message"),
    [
        ((32, 48, 3, (), 10), {}, "square images"),
        ((48, 48, 3, (), 10), {}, "power of two"),
        ((32, 32, 3, (), 10), {"start_resolution": 64}, "model.start_resolution is 64"),
        ((32, 32, 3, (), 10), {"conditional": True}, "model.conditional"),
        ((32, 32, 3, (), 10), {"batch_sizes": ((8, 10),)}, "batch size 10 at resolution 8"),
        ((32, 32, 3, (), 10), {"fmap_base": 3}, "model.fmap_base is 3"),
    ],
)
def test_faults_name_the_field(data, fields, message):
    model = dataclasses.replace(reference.make_gan(**fields), data=DataSpec(*data))
    assert [message in fault for fault in model.faults()] == [True]


def test_a_sound_configuration_has_no_faults():
    assert reference.make_gan(labels=3).faults() == []
