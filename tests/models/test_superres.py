"""Super-resolution: its two stages, its faults, and what its losses are made of."""

import jax
import numpy as np
import pytest
from engine_probe import first_state, gradients, recipe_of, tiny

from configs import superres_ham10000
from dermgan_jax.config import experiment, validate
from dermgan_jax.data import matlab_resize
from dermgan_jax.data.records import DataSpec
from dermgan_jax.models import upscaling
from dermgan_jax.models.superres import SuperResolution, cosine
from dermgan_jax.runs.metrics_log import evaluated, read_rows
from dermgan_jax.runs.workdir import WorkDir
from dermgan_jax.train import loop


def model_of(side=128, width=None, channels=3, **fields):
    config = experiment("superres")
    config.model.update(fields)
    spec = DataSpec(side, width or side, channels, (), num_examples=10)
    return SuperResolution(validate(config), spec)


def test_defaults_have_no_faults():
    assert model_of().faults() == []


def test_srgans_discriminator_takes_images_of_any_size():
    assert model_of(side=100, width=60, discriminator="srgan", rotate=False).faults() == []


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"generator": "unet"}, "expected one of rrdbnet"),
        ({"discriminator": "patch"}, "expected one of vgg, unet, srgan"),
        ({"scale": 3}, "rrdbnet has 1, 2, 4"),
        ({"generator": "srresnet", "scale": 3}, "srresnet has 2, 4"),
        ({"generator": "msrresnet", "scale": 3}, "multiples of 3"),
        ({"side": 130}, "130x130 cannot be learnt at model.scale=4"),
        ({"side": 130, "scale": 2}, "multiples of 4"),
        ({"side": 96}, "power of two"),
        ({"side": 100, "discriminator": "unet"}, "multiples of 8"),
        ({"side": 128, "width": 64, "discriminator": "unet"}, "model.rotate=False"),
        ({"perceptual_taps": ("conv6_1",)}, "names 'conv6_1'"),
        ({"perceptual_tap_weights": (1.0, 2.0)}, "2 numbers for 1 taps"),
        ({"perceptual_network": "vgg11"}, "vgg16 or vgg19"),
        ({"loss": "wgangp"}, "vanilla, lsgan"),
    ],
)
def test_faults_are_named(options, named):
    assert named in "\n".join(model_of(**options).faults())


def test_two_domains_are_a_fault():
    config = experiment("superres")
    config.data.update({"domain_a": ("a",), "domain_b": ("b",)})
    model = SuperResolution(validate(config), DataSpec(128, 128, 3, (), num_examples=10))
    assert "leave them empty" in "\n".join(model.faults())


def test_two_stages_with_optimisers_and_rates_of_their_own():
    model = model_of(pixel_kimg=10.0, cosine_kimg=4.0, halve_kimg=(2.0, 5.0))
    first, last = model.stage(0), model.stage(9_999)
    assert (first.phases, last.phases) == (("pixel",), ("pixel",))
    assert first.learning_rates["g"] == 2e-4
    assert model.stage(4_000).learning_rates["g"] == 2e-4  # a restart
    np.testing.assert_allclose(model.stage(2_000).learning_rates["g"], 1e-4, rtol=1e-3)
    np.testing.assert_allclose(model.stage(3_999).learning_rates["g"], 1e-7, rtol=0.01)
    gan = model.stage(10_000)
    assert gan.phases == ("g", "d")
    assert gan.moments != last.moments
    rates = [model.stage(seen).learning_rates for seen in (10_000, 11_999, 12_000, 15_000)]
    np.testing.assert_allclose([r["g"] for r in rates], [1e-4, 1e-4, 5e-5, 2.5e-5])
    np.testing.assert_allclose([r["d"] for r in rates], [1e-4, 1e-4, 5e-5, 2.5e-5])


def test_cosine_restarts():
    np.testing.assert_allclose([cosine(x) for x in (0, 0.5, 1, 1.5)], [1, 0.50025, 1, 0.50025])


def test_small_images_are_those_of_8_bits():
    model = model_of(side=32)
    images = np.random.default_rng(0).integers(0, 256, (3, 32, 32, 3), np.uint8)
    small = upscaling.degrade(model, images, seed=0)
    steps = (small + 1) * 127.5
    np.testing.assert_allclose(steps, np.rint(steps), atol=1e-3)
    exact = np.asarray(matlab_resize.shrink(images, 4)).clip(0, 255)
    assert np.abs(steps - exact).max() <= 0.5 + 1e-3


@pytest.fixture(scope="module")
def cache_dir(tmp_path_factory):
    return tmp_path_factory.mktemp("prepared")


def test_generator_loss_is_the_sum_of_its_terms(cache_dir):
    """Weights at 0 take terms away; the discriminator then has no say."""
    fields = {"model.rotate": False, "model.perceptual": 0.0, "model.adversarial": 0.0}
    config = tiny("superres", cache_dir, **fields, **{"model.pixel": 2.0})
    recipe = recipe_of(config, 1)
    state = first_state(recipe)
    pixel, g, _ = recipe.phases
    assert "f" not in state.variables
    by_pixels, l1 = gradients(recipe, pixel, state)
    adversarial, loss = gradients(recipe, g, state)
    np.testing.assert_allclose(loss, 2 * l1, rtol=1e-5)
    jax.tree.map(
        lambda one, two: np.testing.assert_allclose(two, 2 * one, rtol=1e-3, atol=1e-7),
        by_pixels,
        adversarial,
    )


@pytest.mark.parametrize(
    ("generator", "discriminator", "phase", "net"),
    [("rrdbnet", "unet", 2, "d"), ("srresnet", "srgan", 1, "g")],
)
def test_other_networks_train(cache_dir, generator, discriminator, phase, net):
    fields = {"model.generator": generator, "model.discriminator": discriminator}
    fields |= {"model.growth": 4, "model.perceptual": 0.0}
    recipe = recipe_of(tiny("superres", cache_dir, **fields), 1)
    grads, loss = gradients(recipe, recipe.phases[phase], first_state(recipe))
    assert np.isfinite(loss)
    assert all(np.any(leaf) for leaf in jax.tree.leaves(grads[net]))


@pytest.mark.slow
def test_stage_by_pixels_learns_more_than_bicubic(tmp_path):
    """The phantom variant, half its length, about a minute."""
    config = superres_ham10000.get_config("phantom")
    config.data.prepared_dir = str(tmp_path / "prepared")
    config.model.update({"pixel_kimg": 4.0, "cosine_kimg": 4.0})
    config.train.total_kimg = 4.0
    config.eval.update({"every_kimg": 0.0, "snapshot_kimg": 4.0})
    config = validate(config)
    assert loop.train(config, tmp_path / "run", devices=jax.devices()[:1]) == loop.FINISHED
    *_, last = evaluated(read_rows(WorkDir(tmp_path / "run").metrics)).values()
    for name in ("psnr_y", "ssim_y"):
        assert last[name].value.value > last[name].identity.value
    assert last["consistency"].value.value < last["consistency"].identity.value
