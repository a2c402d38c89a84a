"""The promises that every registered model keeps (and the toy that uses the whole contract)."""

import json

import jax
import numpy as np
import pytest
import tiny_configs
from engine_probe import (
    first_call,
    first_state,
    gradients,
    last_state,
    recipe_of,
    relative_difference,
    tiny,
)

from dermgan_jax import config as config_schema
from dermgan_jax import registry
from dermgan_jax.data import pipeline
from dermgan_jax.data.catalogue import catalogue
from dermgan_jax.data.records import DataSpec
from dermgan_jax.models import detector, translation, upscaling
from dermgan_jax.models.contract import Classifier, Sampler, Translator
from dermgan_jax.models.detector import Detector
from dermgan_jax.models.painter import Painter, paint
from dermgan_jax.models.segmenter import Segmenter
from dermgan_jax.models.upscaler import Upscaler
from dermgan_jax.runs.metrics_log import evaluated, read_rows
from dermgan_jax.runs.restore import restore
from dermgan_jax.runs.state import Clock
from dermgan_jax.synthesis.drawing import Drawing
from dermgan_jax.synthesis.trained_sampler import TrainedSampler
from dermgan_jax.train import loop, schedule
from dermgan_jax.train.snapshots import best_metric, snapshots_of
from dermgan_jax.train.step import compile_steps, ema_decay

MODELS = registry.names("model")
SAMPLERS = [name for name in MODELS if issubclass(registry.load("model", name), Sampler)]
TRANSLATORS = [name for name in MODELS if issubclass(registry.load("model", name), Translator)]


def assert_same(left, right):
    jax.tree.map(np.testing.assert_array_equal, left, right)


@pytest.fixture(scope="session")
def cache_dir(tmp_path_factory):
    return tmp_path_factory.mktemp("prepared")


@pytest.fixture(scope="session", params=MODELS)
def whole_run(request, cache_dir, tmp_path_factory):
    """(config, work directory) of a run from beginning to end without interruption."""
    config = tiny(request.param, cache_dir)
    workdir = tmp_path_factory.mktemp(request.param) / "run"
    assert loop.train(config, workdir) == loop.FINISHED
    return config, workdir


def test_every_registered_model_has_a_tiny_config():
    assert set(registry.names("model")) == set(tiny_configs.TINY)


@pytest.mark.parametrize("name", MODELS)
def test_step_moves_its_own_nets_and_the_average_follows(name, cache_dir):
    config = tiny(name, cache_dir)
    recipe = recipe_of(config, 1)
    model, state = recipe.model, first_state(recipe)
    before = jax.device_get(state)
    batches, inputs, stage = first_call(recipe, config)
    state, reports = compile_steps(recipe)(
        *(state, batches, {}, inputs, np.ones(1, bool)),
        image_size=stage.image_size,
        phases=recipe.phases_in(stage),
    )
    after = jax.device_get(state)
    for phase, report in reports.items():
        assert not np.any(report.nonfinite), phase
        assert all(np.isfinite(value).all() for value in report.metrics.values()), phase
    trained = {net for phase in model.phases_in(stage) for net in phase.trains}
    for net, variables in after.variables.items():
        moved = [
            not np.array_equal(a, b)
            for a, b in zip(
                jax.tree.leaves(variables["params"]),
                jax.tree.leaves(before.variables[net]["params"]),
                strict=True,
            )
        ]
        assert any(moved) == (net in trained), net
    decay = ema_decay(config.ema, recipe.model.iteration_images(stage), 0)
    for net in model.averaged:
        expected = jax.tree.map(
            lambda old, new: old + (1 - decay) * (new - old),
            before.ema[net]["params"],
            after.variables[net]["params"],
        )
        jax.tree.map(
            lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-6, atol=1e-7),
            after.ema[net]["params"],
            expected,
        )
    assert (after.clock.step, after.clock.images_seen) == (1, recipe.model.iteration_images(stage))


@pytest.mark.parametrize("name", MODELS)
def test_gradients_are_of_the_phase_nets_only(name, cache_dir):
    recipe = recipe_of(tiny(name, cache_dir), 1)
    state = first_state(recipe)
    for phase in recipe.phases:
        grads, _ = gradients(recipe, phase, state)
        assert set(grads) == set(phase.trains)


@pytest.mark.parametrize("name", MODELS)
def test_one_device_and_eight_give_the_same_gradients(name, cache_dir):
    config = tiny(name, cache_dir)
    for phase_index in range(len(recipe_of(config, 1).phases)):
        results = []
        for num_devices in (1, 8):
            recipe = recipe_of(config, num_devices)
            state = jax.device_get(first_state(recipe))
            results.append(gradients(recipe, recipe.phases[phase_index], state, images_seen=100))
        (one, one_loss), (eight, eight_loss) = results
        np.testing.assert_allclose(one_loss, eight_loss, rtol=1e-5)
        assert relative_difference(one, eight) < 1e-4


@pytest.mark.parametrize("name", ["pix2pix", "cut"])
def test_noise_of_the_generator_is_part_of_the_promises(name, cache_dir):
    """Dropout of pix2pix and flips of CUT, which the phase before hands on, change its loss."""
    recipe = recipe_of(tiny(name, cache_dir), 1)
    _, losses = gradients(recipe, recipe.phases[-1], first_state(recipe), seeds=range(6))
    assert np.ptp(losses) > 1e-4 * losses.mean()


def test_resumed_run_equals_whole_run(whole_run, cache_dir, tmp_path):
    config, whole = whole_run
    name = config.model.name
    half = tiny(name, cache_dir, **{"train.total_kimg": config.train.total_kimg / 2})
    assert loop.train(half, tmp_path / "run") == loop.FINISHED
    assert loop.train(config, tmp_path / "run") == loop.FINISHED
    assert_same(last_state(config, whole), last_state(config, tmp_path / "run"))


def train_rows(workdir):
    """Step -> metrics of the training rows."""
    rows = [json.loads(line) for line in (workdir / "metrics.jsonl").read_text().splitlines()]
    return {row["step"]: row["metrics"] for row in rows if row["kind"] == "train"}


@pytest.mark.parametrize("cache", ["none", "host"])
def test_data_cache_changes_nothing(whole_run, cache, cache_dir, tmp_path):
    config, whole = whole_run
    other = tiny(config.model.name, cache_dir, **{"data.cache": cache})
    loop.train(other, tmp_path / "run")
    assert_same(last_state(config, whole), last_state(config, tmp_path / "run"))


def made(workdir):
    """Some images of a trained model, from noise or from images; or what it says of images."""
    restored = restore(workdir)
    model = restored.model
    if isinstance(model, Sampler):
        return TrainedSampler(workdir, Drawing(seed=5)).sample(4)[0]
    shape = (4, model.data.height, model.data.width, model.data.channels)
    if isinstance(model, Classifier):
        pixels = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
        return model.probabilities(restored.variables, model.inputs(restored.variables, pixels))
    if isinstance(model, Painter):
        masks = np.random.default_rng(0).integers(0, model.data.mask_classes, shape[:3], np.uint8)
        return paint(model, restored.variables, masks, np.zeros(4, np.int32))
    images = np.random.default_rng(0).uniform(-1, 1, shape).astype(np.float32)
    if isinstance(model, Detector):
        return detector.detect(model, restored.variables, images).normal
    if isinstance(model, Segmenter):
        return jax.jit(model.probabilities)(restored.variables, images)[..., 1:]
    if isinstance(model, Upscaler):
        return upscaling.upscale(model, restored.variables, images)
    return translation.translate(model, restored.variables, images, model.directions[-1])


def test_steps_per_call_changes_nothing(whole_run, cache_dir, tmp_path):
    """Up to rounding, which Adam turns into steps where a gradient is nothing but rounding."""
    config, whole = whole_run
    other = tiny(config.model.name, cache_dir, **{"train.steps_per_call": 5})
    loop.train(other, tmp_path / "run")
    np.testing.assert_allclose(made(whole), made(tmp_path / "run"), atol=2e-3)


@pytest.mark.parametrize("name", MODELS)
def test_each_phase_is_traced_once_per_stage(name, cache_dir, tmp_path, monkeypatch):
    """Whichever phases are due together."""
    config = tiny(name, cache_dir)
    recipe, clock = recipe_of(config, 8), Clock(0, 0, 0)
    compiled = {}
    while stages := schedule.plan_call(recipe.model, clock)[0]:
        compiled[stages[0].static] = stages[0].image_size
        clock = schedule.plan_call(recipe.model, clock)[1]
    traces = []
    phases = registry.load("model", name).phases

    def counted(self):
        first, *others = phases(self)

        def loss(*args):
            traces.append(args[-1].image_size)
            return first.loss(*args)

        return (type(first)(first.name, first.trains, loss, first.every, first.repeat), *others)

    monkeypatch.setattr(registry.load("model", name), "phases", counted)
    loop.train(config, tmp_path / "run")
    assert traces == list(compiled.values())


@pytest.mark.parametrize("name", MODELS)
def test_implicit_transfer_in_the_loop_is_an_error(name, cache_dir, tmp_path, monkeypatch):
    """The guard holds: were the inputs handed over as NumPy arrays, the run would stop."""
    monkeypatch.setattr(pipeline, "to_devices", lambda arrays, sharding: arrays)
    with pytest.raises(jax.errors.JaxRuntimeError, match="Disallowed host-to-device transfer"):
        loop.train(tiny(name, cache_dir), tmp_path / "run")


@pytest.mark.parametrize("name", MODELS)
def test_state_is_donated(name, cache_dir):
    recipe = recipe_of(tiny(name, cache_dir), 8)
    state = first_state(recipe)
    batches, inputs, stage = first_call(recipe, recipe.model.config)
    compile_steps(recipe)(
        *(state, batches, {}, inputs, np.ones(1, bool)),
        image_size=stage.image_size,
        phases=recipe.phases_in(stage),
    )
    assert all(leaf.is_deleted() for leaf in jax.tree.leaves(state.opt_state))


@pytest.mark.parametrize("name", MODELS)
def test_bfloat16_switch(name, cache_dir):
    """Parameters and gradients stay float32; the loss is close to that in float32.

    Mean logits may be next to 0: those are compared with what bfloat16 leaves of numbers near 1.
    """
    losses = {}
    for precision in ("float32", "bfloat16"):
        recipe = recipe_of(tiny(name, cache_dir, precision=precision), 1)
        phase = recipe.phases[0]
        grads, losses[precision] = gradients(recipe, phase, first_state(recipe))
        assert {leaf.dtype for leaf in jax.tree.leaves(grads)} == {np.dtype(np.float32)}
    np.testing.assert_allclose(losses["bfloat16"], losses["float32"], rtol=0.05, atol=2**-7)
    assert name == "toy" or losses["bfloat16"] != losses["float32"]


@pytest.mark.parametrize("name", MODELS)
def test_height_unlike_width_works_or_is_refused_before_step_0(name, cache_dir):
    config = tiny(name, cache_dir)
    spec = DataSpec(height=16, width=24, channels=1, class_counts=(), num_examples=8)
    model = registry.load("model", name)(config, spec)
    if model.faults():
        assert "24" in " ".join(model.faults())
        return
    variables = jax.jit(model.init)(jax.random.key(0))
    if isinstance(model, Translator):
        images = translation.translate(model, variables, np.zeros((2, 16, 24, 1), np.uint8), "AtoB")
    else:
        latents = model.latents(jax.random.key(1), 2)
        images = model.sample(variables, latents, np.zeros(2, np.int32), model.stage(0))
    assert images.shape == (2, 16, 24, 1)


@pytest.mark.parametrize("whole_run", SAMPLERS, indirect=True)
def test_samples_are_reproducible_and_independent_of_how_many(whole_run):
    _, workdir = whole_run
    sampler = TrainedSampler(workdir, Drawing(seed=5))
    images, _ = sampler.sample(3)
    more, _ = sampler.sample(40)
    other, _ = sampler.with_drawing(Drawing(seed=6)).sample(3)
    np.testing.assert_array_equal(images, more[:3])
    assert not np.array_equal(images, other)
    assert np.isfinite(more).all()


@pytest.mark.parametrize("whole_run", TRANSLATORS, indirect=True)
def test_translations_are_reproducible_and_independent_of_how_many(whole_run):
    _, workdir = whole_run
    restored = restore(workdir)
    side = restored.model.data.height
    images = np.random.default_rng(0).integers(0, 256, (20, side, side, 3), np.uint8)
    for direction in restored.model.directions:
        run = [
            translation.translate(restored.model, restored.variables, some, direction)
            for some in (images, images, images[:3], images[::-1])
        ]
        np.testing.assert_array_equal(run[0], run[1])
        np.testing.assert_allclose(run[0][:3], run[2], atol=1e-5)
        np.testing.assert_allclose(run[0], run[3][::-1], atol=1e-5)
        assert np.isfinite(run[0]).all()
        assert np.abs(run[0]).max() <= 1


@pytest.mark.parametrize("whole_run", SAMPLERS, indirect=True)
def test_discriminator_scores_samples(whole_run):
    _, workdir = whole_run
    sampler = TrainedSampler(workdir, Drawing(seed=5))
    images, _ = sampler.sample(4)
    scores = sampler.model.score(sampler.variables, images, sampler.stage)
    assert scores.shape == (4,)
    assert len(np.unique(scores)) > 1


def test_work_directory_holds_what_a_run_leaves(whole_run):
    config, workdir = whole_run
    assert (
        config_schema.differences(
            config_schema.from_json((workdir / "config.json").read_text()), config
        )
        == []
    )
    assert list((workdir / "samples").glob("*.png"))
    for name in ("data_card.json", "environment.json", "parameters.txt", "metrics.jsonl"):
        assert (workdir / name).stat().st_size > 0, name
    assert len(list((workdir / "checkpoints").glob("[0-9]*"))) >= config.checkpoint.keep_last


def test_run_measures_what_it_announces(whole_run):
    config, workdir = whole_run
    model, data = recipe_of(config, 1).model, catalogue(config.data)
    announced = snapshots_of(model).published(model, data)
    for measured in evaluated(read_rows(workdir / "metrics.jsonl")).values():
        assert tuple(one.published for one in measured.values()) == announced
    assert best_metric(model, data) in [one.key for one in announced]


@pytest.mark.parametrize("name", MODELS)
def test_one_channel(name, cache_dir, tmp_path):
    config = tiny(name, cache_dir, **{"data.channels": 1, "train.total_kimg": 0.032})
    assert loop.train(config, tmp_path / "run") == loop.FINISHED
    own = made(tmp_path / "run")
    assert own.ndim == 2 or own.shape[-1] == 1
