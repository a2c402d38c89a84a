"""StyleGAN2's losses against the original's numbers, and the family against its own promises."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import stylegan2_vectors as vectors

from dermgan_jax import config as configuration
from dermgan_jax.data.records import DataSpec
from dermgan_jax.interop import stylegan2_names
from dermgan_jax.models.contract import Context
from dermgan_jax.models.stylegan2 import Draws, StyleGan2


def make_gan(resolution=16, labels=0, batch_size=4, precision="float32", **fields):
    """As small as the reference's; `fields` go to config.model."""
    config = configuration.experiment("stylegan2")
    config.precision = precision
    small = {"latent_size": 16, "style_size": 24, "mapping_layers": 2, "label_layers": 2}
    small |= {"channel_base": 128, "channel_max": 16, "r1_gamma": 1.0, "conditional": labels > 0}
    config.model.update(small | fields)
    config.train.update({"total_kimg": 1.0, "batch_size": batch_size})
    data = DataSpec(resolution, resolution, 3, (40,) * labels, 40 * max(labels, 1))
    return StyleGan2(configuration.validate(config), data)


def tiny_gan(**fields):
    """Two resolutions and two channels."""
    small = {"latent_size": 3, "style_size": 4, "mapping_layers": 1, "label_layers": 1}
    small["channel_max"] = 2
    return make_gan(8, **(small | fields))


@pytest.fixture(scope="module")
def tiny():
    """A model and its variables."""
    model = tiny_gan()
    return model, jax.jit(model.init)(jax.random.key(0))


def reference_draws(arrays, phase):
    """What the original drew for a phase's fakes, and what else it drew."""
    uniform, chance, others, *rest = vectors.draws(arrays, f"{phase}_")
    num = len(others)
    cutoff = 1 + int(uniform * 5) if chance < 0.9 else 6
    labels = arrays["in:gen_c"][:num].argmax(1)
    return Draws(arrays["in:z"][:num], labels, others, cutoff, rest[:5]), rest[5:]


def test_losses_and_gradients_match_the_original():
    """Of all four phases, second derivatives among them; with labels and mixed styles."""
    arrays, model = vectors.load("losses_c3_mix"), make_gan(labels=3)
    variables = {net: vectors.variables(arrays, f"w:{net.upper()}.") for net in "gd"}
    labels, reals = arrays["in:real_c"].argmax(1), arrays["in:real"]
    path_draws, (pixels,) = reference_draws(arrays, "Greg")
    extra, rng = {"path_mean": arrays["in:pl_mean"]}, jax.random.key(0)
    losses = {
        "Gmain": lambda v: model.generator_loss(v, reference_draws(arrays, "Gmain")[0], rng, {}),
        "Greg": lambda v: model.path_length_loss(v, path_draws, pixels, extra),
        "Dmain": lambda v: model.discriminator_loss(
            v, reals, labels, reference_draws(arrays, "Dmain")[0], rng, {}
        ),
        "Dreg": lambda v: model.r1_loss(v, reals, labels, rng, {}),
    }

    @jax.jit
    def compute(variables):
        results = {}
        for phase, loss in losses.items():
            net = phase[0].lower()

            def of_params(params, loss=loss, net=net):
                return loss({**variables, net: {**variables[net], "params": params}})

            gradient = jax.value_and_grad(of_params, has_aux=True)
            results[phase] = gradient(variables[net]["params"])
        return results

    results = compute(variables)
    for phase, name in (("Gmain", "G/loss"), ("Greg", "G/reg"), ("Dmain", "D/loss")):
        expected = arrays[f"out:{phase}:Loss/{name}"].mean()
        assert results[phase][0][0] == pytest.approx(expected, rel=1e-5), phase
    assert results["Dreg"][0][0] == pytest.approx(arrays["out:Dreg:Loss/D/reg"].mean(), rel=1e-5)
    for phase, (_, gradient) in results.items():
        got = stylegan2_names.state_dict({"params": gradient})
        names, norms = arrays[f"names:{phase}"], arrays[f"out:{phase}:gradnorms"]
        for name, norm in zip(names, norms, strict=True):
            own = np.linalg.norm(got[name]) * arrays["in:gain"]
            assert own == pytest.approx(max(norm, 0), rel=1e-4, abs=1e-6), (phase, name)
            if (full := arrays.get(f"out:{phase}:grad:{name}")) is not None:
                assert np.abs(got[name] * arrays["in:gain"] - full).max() <= 1e-5 * norm
    moved = results["Gmain"][0][1].collections["g"]["average"]["mapping"]["w_avg"]
    np.testing.assert_allclose(moved, arrays["out:Gmain:w_avg_after"], rtol=0, atol=1e-6)
    path_mean = results["Greg"][0][1].extra["path_mean"]
    assert path_mean == pytest.approx(arrays["out:Greg:pl_mean_after"].item(), rel=1e-5)


def test_phases_run_in_the_original_order():
    phases = make_gan().phases()
    assert [(p.name, p.trains, p.every, p.repeat) for p in phases] == [
        ("g", ("g",), 1, 1),
        ("g_path", ("g",), 4, 1),
        ("d", ("d",), 1, 1),
        ("d_r1", ("d",), 16, 1),
    ]
    without = make_gan(path_weight=0.0, r1_gamma=0.0)
    assert [p.name for p in without.phases()] == ["g", "d"]
    assert without.init_extra(jax.random.key(0)) == {}
    critics = make_gan(loss="wgangp", critic_updates=3).phases()
    assert [(p.name, p.repeat) for p in critics] == [("d", 3), ("g", 1)]


def test_lazy_penalties_slow_the_optimiser_down():
    """Karras et al., 2020, appendix B: k / (k + 1) of the rate, decay rates to that power."""
    model = make_gan()
    assert model.adam("g") == pytest.approx({"b1": 0, "b2": 0.991992, "eps": 1e-8}, abs=1e-6)
    assert model.adam("d")["b2"] == pytest.approx(0.990585, abs=1e-6)
    rates = model.stage(0).learning_rates
    assert rates == pytest.approx({"g": 0.002 * 4 / 5, "d": 0.002 * 16 / 17})
    plain = make_gan(loss="wgangp")
    assert plain.adam("d")["b2"] == 0.99
    assert plain.stage(0).learning_rates == {"g": 0.002, "d": 0.002}


def phase_context(model):
    return Context((), {}, jnp.int32(0), {}, model.init_extra(jax.random.key(0)))


@pytest.mark.parametrize("phase", ["g_path", "d_r1"])
def test_lazy_penalties_count_as_often_as_they_are_left_out(tiny, phase):
    """A phase's loss is the penalty times its interval, and path lengths see half of the batch."""
    model, variables = tiny
    doubled = tiny_gan(path_interval=8, r1_interval=32)
    batch = {"image": jnp.linspace(-1, 1, 4 * 192).reshape(4, 8, 8, 3), "label": jnp.zeros(4, int)}
    values = []
    for each in (model, doubled):
        loss = next(p.loss for p in each.phases() if p.name == phase)
        net = phase[0]
        trainable, frozen = {net: variables[net]["params"]}, variables
        value, _ = jax.jit(loss)(
            *(trainable, frozen, batch, jax.random.key(1), phase_context(each))
        )
        values.append(float(value))
    assert values[0] > 0
    assert values[1] == pytest.approx(2 * values[0], rel=1e-5)


def test_styles_are_mixed_from_a_random_layer_on(tiny):
    model, variables = tiny
    always = tiny_gan(style_mixing=1.0)
    cutoffs = [int(always.draw(jax.random.key(i), 2).cutoff) for i in range(30)]
    assert set(cutoffs) == {1, 2, 3}  # of four styles
    shares = [int(model.draw(jax.random.key(i), 2).cutoff) == 4 for i in range(100)]
    assert 2 <= sum(shares) <= 25  # a tenth is not mixed
    draws = always.draw(jax.random.key(0), 2)
    styles, mean = model._drawn_styles(variables["g"], draws._replace(cutoff=1))
    own, others = (
        model.styles(variables, latents, draws.labels) for latents in (draws.latents, draws.others)
    )
    np.testing.assert_allclose(styles[:, :1], own[:, :1], atol=1e-6)
    np.testing.assert_allclose(styles[:, 1:], others[:, 1:], atol=1e-6)
    np.testing.assert_allclose(mean, own[:, 0].mean(0), atol=1e-6)
    assert tiny_gan(style_mixing=0.0).draw(jax.random.key(0), 2).others is None


def test_wgan_gp_is_what_its_formula_says():
    """Gulrajani et al., 2017, equation 3, with spectral normalisation, whose vectors move."""
    model = tiny_gan(loss="wgangp", spectral_norm=True, gradient_penalty=7.0, style_mixing=0.0)
    variables = jax.jit(model.init)(jax.random.key(0))
    reals = jax.random.normal(jax.random.key(1), (4, 8, 8, 3))
    labels, rng = jnp.zeros(4, jnp.int32), jax.random.key(2)
    draws = model.draw(jax.random.key(3), 4)
    loss, aux = jax.jit(model.discriminator_loss)(variables, reals, labels, draws, rng, {})

    def score(images):
        return model.discriminator.apply(variables["d"], images, None)

    @jax.jit
    def expected():
        styles = model.styles(variables, draws.latents, labels)
        fakes = model._synthesize(variables["g"], styles, draws.noise)
        mix = jax.random.uniform(jax.random.split(rng, 3)[2], (4, 1, 1, 1))
        gradients = jax.grad(lambda x: score(x).sum())(mix * fakes + (1 - mix) * reals)
        norms = jnp.sqrt(jnp.square(gradients).sum((1, 2, 3)))
        penalty = 7 * jnp.square(norms - 1).mean()
        generator = model.generator_loss(variables, draws, rng, {})[0]
        return score(fakes).mean() - score(reals).mean() + penalty, -score(fakes).mean(), generator

    critic, generator, generator_loss = expected()
    assert float(loss) == pytest.approx(float(critic), rel=1e-5)
    assert float(generator_loss) == pytest.approx(float(generator), rel=1e-5)
    before, after = variables["d"]["spectral"], aux.collections["d"]["spectral"]
    assert jax.tree.structure(before) == jax.tree.structure(after)
    assert not np.array_equal(before["b4"]["conv"]["u"], after["b4"]["conv"]["u"])


def test_images_follow_noise_and_truncation(tiny):
    model, variables = tiny
    for layer in ("b4/conv1", "b8/conv0", "b8/conv1"):
        block, conv = layer.split("/")
        variables["g"]["params"]["synthesis"][block][conv]["noise_strength"] = jnp.float32(1)
    styles = model.styles(variables, model.latents(jax.random.key(1), 2), jnp.zeros(2, jnp.int32))
    assert styles.shape == (2, 4, 4)
    images = {
        name: np.asarray(model.synthesize(variables, styles, noise))
        for name, noise in {
            "const": "const",
            "none": "none",
            "random": jax.random.key(2),
            "same": jax.random.key(2),
            "other": jax.random.key(3),
        }.items()
    }
    np.testing.assert_array_equal(images["random"], images["same"])
    distinct = [images[name] for name in ("const", "none", "random", "other")]
    assert not any(np.allclose(a, b) for i, a in enumerate(distinct) for b in distinct[:i])
    np.testing.assert_array_equal(
        model.sample(
            variables, model.latents(jax.random.key(1), 2), np.zeros(2, int), model.stage(0)
        ),
        images["const"],
    )
    mean = model.truncate(variables, styles, 0.0)
    np.testing.assert_array_equal(mean[0, 0], model.mean_style(variables))
    np.testing.assert_array_equal(mean[0], mean[1])


def test_conditional_scores_are_means_over_the_labels():
    model = tiny_gan(labels=2)
    model = dataclasses.replace(model, data=dataclasses.replace(model.data, class_counts=(30, 10)))
    variables = jax.jit(model.init)(jax.random.key(0))
    images = jax.random.normal(jax.random.key(1), (2, 8, 8, 3))
    one_by_one = jax.jit(model.discriminator.apply)
    each = [one_by_one(variables["d"], images, np.eye(2, dtype="f4")[[i, i]]) for i in (0, 1)]
    scores = jax.jit(lambda v: model.score(v, images, model.stage(0)))(variables)
    np.testing.assert_allclose(scores, 0.75 * each[0] + 0.25 * each[1], rtol=1e-5)
    assert not np.allclose(each[0], each[1])
    labels = np.asarray(model.random_labels(jax.random.key(2), 4000))
    np.testing.assert_allclose(np.bincount(labels) / 4000, (0.75, 0.25), atol=0.03)


@pytest.mark.parametrize(
    ("data", "fields", "message"),
    [
        ((32, 48, 3, (), 10), {}, "square images"),
        ((48, 48, 3, (), 10), {}, "power of two"),
        ((4, 4, 3, (), 10), {}, "from 8 on"),
        ((16, 16, 3, (), 10), {"conditional": True}, "model.conditional"),
        ((16, 16, 3, (), 10), {"batch_size": 10}, "train.batch_size is 10"),
        ((16, 16, 3, (), 10), {"loss": "hinge"}, "model.loss is 'hinge'"),
        ((16, 16, 3, (), 10), {"augment": "adaptive"}, "model.augment is 'adaptive'"),
        ((16, 16, 3, (), 10), {"augment_policy": "blit"}, "model.augment_policy is 'blit'"),
        ((16, 16, 3, (), 10), {"channel_base": 8}, "model.channel_base is 8"),
        ((16, 16, 3, (), 10), {"augment": "ada", "augment_policy": "bgcfnc"}, "22 pixels"),
        (
            *((16, 16, 3, (), 10), {"augment": "diffaugment", "diffaugment_policies": ("blur",)}),
            "model.augment is 'diffaugment'",
        ),
    ],
)
def test_faults_name_the_field(data, fields, message):
    model = dataclasses.replace(make_gan(**fields), data=DataSpec(*data))
    assert [message in fault for fault in model.faults()] == [True]


def test_a_sound_configuration_has_no_faults():
    assert make_gan(labels=3).faults() == []
