"""Projected GAN's losses against the original's numbers, and the family against its users."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from projected_vectors import Case

from dermgan_jax import config as configuration
from dermgan_jax.data.records import DataSpec
from dermgan_jax.models import projected
from dermgan_jax.models.projected import ProjectedGan
from dermgan_jax.runs.state import init_state
from dermgan_jax.train import sharding
from dermgan_jax.train.recipe import Recipe
from dermgan_jax.train.step import StageInputs, compile_steps, ema_decay


def make(resolution=32, classes=(), num_examples=100, **fields):
    config = configuration.experiment("projected")
    config.model.update({"latent_size": 8, "width": 4, "features": "tiny", "pretrained": False})
    config.model.update({"feature_side": 32, "projection_width": 4, "discriminator_width": 4})
    config.model.update(fields)
    config.train.update({"total_kimg": 1.0, "batch_size": 4})
    data = DataSpec(resolution, resolution, 3, classes, num_examples)
    return ProjectedGan(configuration.validate(config), data)


def test_losses_match_the_original():
    case = Case("pg_losses")
    real, fake = case["in:logits_real"], case["in:logits_fake"]
    zero = jnp.full_like(real, 2.0)  # beyond the margin: no loss
    losses = {
        "d_fake": (lambda x: projected.discriminator_loss(zero, x), fake),
        "d_real": (lambda x: projected.discriminator_loss(x, -zero), real),
        "g": (projected.generator_loss, case["in:logits_gen"]),
    }
    for name, (loss, logits) in losses.items():
        value, gradient = jax.value_and_grad(loss)(logits)
        case.check(f"{name}_loss", value)
        case.check(f"{name}_grad", gradient)


def test_averaging_and_adam_match_the_original():
    """Half-life of 10 batch / 32 kimg, at most 5 % of the images; rates of lazy regularisation."""
    case = Case("pg_ema_beta")
    for batch, betas in zip(case.arrays["in:batch"], case.arrays["out:beta"], strict=True):
        fields = {"half_life_kimg": batch * 10 / 32, "ramp_up": 0.05, "decay": 0.0}
        for seen, beta in zip(case.arrays["in:cur_nimg"], betas, strict=True):
            got = ema_decay(configuration.FrozenConfigDict(fields), int(batch), jnp.float32(seen))
            assert float(got) == pytest.approx(beta, abs=2e-5, rel=1e-4)
    model = make()
    rate, b1, b2 = case.arrays["out:adam_d"]
    assert model.stage(0).learning_rates["d"] == pytest.approx(rate, rel=1e-4)
    assert model.adam("d") == pytest.approx({"b1": b1, "b2": b2, "eps": 1e-8})
    assert model.adam("g")["b2"] == 0.99


def test_phases_run_in_the_original_order():
    assert [(phase.name, phase.trains) for phase in make().phases()] == [
        ("g", ("g",)),
        ("d", ("d",)),
    ]


@pytest.mark.parametrize(
    ("facts", "message"),
    [
        ({"resolution": 48}, "with a side of 32, 64, 128, 256, 512, 1024, not 48x48"),
        ({"num_examples": 3}, "train.batch_size is 4, but there are 3 images"),
        ({"features": "vit_s16"}, "model.features is 'vit_s16', which has no pyramid of maps"),
        ({"features": "efficientnet_lite9"}, "did you mean 'efficientnet_lite"),
        ({"feature_side": 36}, "sees images of side 36: choose a multiple of 8"),
        ({"generator": "stylegan"}, "model.generator is 'stylegan'; expected one of fastgan_lite"),
        ({"mixing": "both"}, "model.mixing is 'both'; expected one of scales"),
        ({"conditional": True}, "model.conditional is set but the data have no classes"),
        ({"constant_kimg": 1.0}, "model.constant_kimg says nothing without model.decay_kimg"),
        ({"decay_kimg": 0.5}, "train.total_kimg is 1, but learning rates are 0 after 0.5 kimg"),
    ],
)
def test_what_does_not_go_together_is_named(facts, message):
    assert any(message in fault for fault in make(**facts).faults())
    assert not make().faults()


def test_learning_rates_stay_then_fall_to_0():
    def rates(seen, **fields):
        return make(**fields).stage(seen).learning_rates

    full, falling = rates(0), {"constant_kimg": 0.25, "decay_kimg": 0.75}
    assert rates(999) == rates(250, **falling) == full
    assert rates(625, **falling) == pytest.approx({net: rate / 2 for net, rate in full.items()})
    assert set(rates(1000, **falling).values()) == {0.0}


def test_small_images_need_large_features():
    """A map of 2 pixels is less than the 4x4 kernels of the discriminators."""
    faults = make(features="efficientnet_lite0", feature_side=32).faults()
    assert faults == [
        "model.feature_side is 32: the deepest map needs 4 pixels, which take 64 or more"
    ]
    assert not make(features="efficientnet_lite0", feature_side=64).faults()
    assert make(features="efficientnet_lite0", feature_side=64, mixing="channels").faults()


def test_missing_feature_weights_are_asked_for():
    model = make(features="efficientnet_lite0", feature_side=64, pretrained=True)
    assert model.published_weights == ("efficientnet_lite0",)
    assert make().published_weights == ()


def test_labels_change_what_is_drawn_and_how_it_is_judged():
    model = make(classes=(50, 50), conditional=True)
    variables = jax.jit(model.init)(jax.random.key(0))
    latents = jnp.repeat(model.latents(jax.random.key(1), 1), 2, 0)
    images = model.sample(variables, latents, jnp.array([0, 1]), model.stage(0))
    assert float(jnp.abs(images[0] - images[1]).max()) > 1e-3
    maps = model.pyramid.apply(variables["f"], images)

    def judge(labels):
        return model.discriminator.apply(variables["d"], maps, labels, train=False).mean(-1)

    one, other = judge(jnp.eye(2)), judge(jnp.eye(2)[::-1])
    assert float(jnp.abs(one - other).max()) > 1e-4
    mixed = model.score(variables, images, model.stage(0))
    np.testing.assert_allclose(mixed, (one + other) / 2, rtol=1e-5)


@pytest.mark.parametrize("fresh", [True, False])
def test_ada_follows_the_discriminator(fresh):
    """With noise in the generator, and with fakes of the generator's phase or its own."""
    model = make(augment="ada", ada_interval=1, generator="fastgan", fresh_fakes=fresh)
    recipe = Recipe(model, sharding.data_mesh(jax.devices()[:1]))
    state = jax.jit(lambda: init_state(model))()
    stage = model.stage(0)
    rates = {net: jnp.full(1, rate) for net, rate in stage.learning_rates.items()}
    inputs = StageInputs(rates, {}, jnp.zeros(1, jnp.uint32))
    images = np.random.default_rng(0).integers(0, 256, (1, 1, 4, 32, 32, 3), np.uint8)
    batches = {"image": images, "label": np.zeros((1, 1, 4), np.int32)}
    before = jax.device_get(state)
    after, reports = compile_steps(recipe)(
        *(state, batches, {}, inputs, np.ones(1, bool)),
        image_size=(32, 32),
        phases=recipe.phases_in(stage),
    )
    assert np.isfinite(reports["d"].metrics["loss"]).all()
    assert reports["d"].metrics["augment_p"][0] == after.extra["ada"].p
    strengths = [
        np.asarray(state.variables["g"]["params"]["feat_8"]["noise1"]) for state in (before, after)
    ]
    assert not np.array_equal(*strengths)
