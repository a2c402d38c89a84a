"""f-AnoGAN: its curriculum, what its encoder learns, faults, and a sampler in place of the GAN."""

import importlib.util
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import tiny_configs

from dermgan_jax import config as config_schema
from dermgan_jax.data.catalogue import catalogue
from dermgan_jax.data.records import DataSpec
from dermgan_jax.errors import UserError
from dermgan_jax.evaluation.detect import restore_detector
from dermgan_jax.models import borrowed_sampler, detector
from dermgan_jax.models.contract import Context
from dermgan_jax.models.fanogan import FAnoGan
from dermgan_jax.runs import ancestry
from dermgan_jax.runs.borrowing import borrow_sampler, is_run
from dermgan_jax.runs.restore import restore, restored_state
from dermgan_jax.runs.workdir import WorkDir
from dermgan_jax.train import loop, schedule
from dermgan_jax.train.detector_snapshots import DetectorSnapshots, Spread
from dermgan_jax.train.start import build_model


def tiny(**fields):
    config = tiny_configs.TINY["fanogan"]()
    with config.unlocked():
        config.update_from_flattened_dict(fields)
    return config


def model_of(config, side=8, channels=3):
    return FAnoGan(config_schema.validate(config), DataSpec(side, side, channels, (9,), 9))


@pytest.fixture(scope="module")
def model():
    return model_of(tiny())


@pytest.fixture(scope="module")
def variables(model):
    return jax.jit(model.init)(jax.random.key(0))


def images(num, side=8):
    return np.random.default_rng(0).uniform(-1, 1, (num, side, side, 3)).astype(np.float32)


def test_the_encoder_learns_after_the_gan(model):
    assert model.stage(0).phases == ("d", "g")
    assert model.stage(15).phases == ("d", "g")
    assert model.stage(16).phases == ("e",)
    assert model.iteration_images(model.stage(0)) == 16
    assert model.iteration_images(model.stage(16)) == 8
    assert [stage.phases for stage in schedule.all_stages(model)] == [("d", "g"), ("e",)]
    assert "learns only after" in model.not_yet(model.stage(0))
    assert not model.not_yet(model.stage(16))


def test_only_the_encoder_changes_while_it_learns(model, variables):
    """Both networks of the GAN are in inference mode: their statistics stay, and judge alike."""
    (phase,) = model.phases_in(model.stage(16))
    context = Context((8, 8), {}, jnp.int32(16), {}, {})
    trainable = {"e": variables["e"]["params"]}

    @jax.jit
    def step(batch):
        return jax.value_and_grad(phase.loss, has_aux=True)(
            trainable, variables, {"image": batch}, jax.random.key(1), context
        )

    (loss, aux), grads = step(images(8))
    assert set(aux.collections) == {"e"}
    assert set(grads) == {"e"}
    kappa = model.config.model.kappa
    expected = aux.metrics["pixel_error"] + kappa * aux.metrics["feature_error"]
    np.testing.assert_allclose(loss, expected, rtol=1e-5)
    assert aux.metrics["reconstruction_spread"] > 0
    alike = step(np.repeat(images(1), 8, axis=0))[0][1].metrics
    assert alike["reconstruction_spread"] < 1e-5


def test_before_the_encoder_learns_there_are_samples_and_no_numbers(model, variables, tmp_path):
    """An untrained encoder's grey images may be nearer than any reconstruction: no checkpoint."""
    config = config_schema.validate(tiny(**{"data.prepared_dir": str(tmp_path)}))
    listed = catalogue(config.data)
    whole = FAnoGan(config, listed.spec("train", config.data))
    snapshots = DetectorSnapshots(whole, listed, WorkDir(tmp_path / "run"))
    before, after = whole.stage(0), whole.stage(16)
    for stage, finite in ((before, False), (after, True)):
        measured = snapshots.evaluate(variables, stage)
        assert {one.value.is_finite for one in measured.values()} == {finite}
        assert list(measured) == ["reconstruction_error", "spread", "auroc"]
    sheets = [snapshots.draw(variables, stage) for stage in (before, before, after)]
    np.testing.assert_array_equal(sheets[0], sheets[1])
    assert sheets[0].shape == sheets[2].shape
    assert not np.array_equal(sheets[0], sheets[2])
    images = np.asarray(snapshots.validation[snapshots.drawn])
    np.testing.assert_array_equal(sheets[2][:8, :8], images[0])
    assert snapshots.abnormal[snapshots.drawn].tolist() == [False, False, True, True]


def test_spread_is_that_of_all_images_at_once():
    rng, spread = np.random.default_rng(0), Spread()
    images = rng.normal(3, 2, (50, 4, 4, 3))
    for part in (images[:20], images[20:20], images[20:]):
        spread.add(part)
    assert spread.deviation() == pytest.approx(np.sqrt(images.var(0).mean()))
    assert Spread().deviation() == 0


def test_an_image_is_judged_by_itself(model, variables):
    some = images(20)
    all_, few = (detector.detect(model, variables, each) for each in (some, some[:3]))
    np.testing.assert_allclose(all_.scores[:3], few.scores, rtol=1e-5)
    np.testing.assert_allclose(all_.maps[:3], few.maps, atol=1e-6)
    np.testing.assert_allclose(all_.maps, np.abs(some - all_.normal).mean(-1), atol=1e-6)
    as_bytes = np.round((some + 1) * 127.5).astype(np.uint8)
    np.testing.assert_allclose(
        detector.detect(model, variables, as_bytes).scores, all_.scores, rtol=0.02
    )


@pytest.mark.parametrize(
    ("fields", "side", "message"),
    [
        ({"model.networks": "unet"}, 8, "model.networks is 'unet'; expected one of resnet, conv"),
        ({}, 24, "a power of two from 8 on as side, not 24x24"),
        ({"model.networks": "conv"}, 8, "images of 8 pixels do not have"),
        ({"model.gan_kimg": 0.096}, 8, "training ends at 0.096 kimg: the encoder learns in what"),
    ],
)
def test_faults(fields, side, message):
    assert message in "\n".join(model_of(tiny(**fields), side).faults())


def test_a_damaged_sampler_is_named():
    with pytest.raises(UserError, match=r"model\.sampler is no description of a sampler"):
        model_of(tiny(**{"model.sampler": "{}"})).faults()


def test_convolutional_networks_learn_too():
    model = model_of(tiny(**{"model.networks": "conv"}), 16)
    assert not model.faults()
    variables = jax.jit(model.init)(jax.random.key(0))
    assert set(variables["d"]) == {"params", "batch_stats"}
    found = detector.detect(model, variables, images(2, 16))
    assert found.normal.shape == (2, 16, 16, 3)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"data.normal": ()}, "a detector learns from normal images only: name the normal classes"),
        ({"data.split": "all"}, "data.split is 'all'; a detector learns from 'train'"),
        (
            {"data.classes": ("nv", "bkl")},
            r"eval.metrics names auroc, and of \d+ validation images none is abnormal",
        ),
        ({"data.split_fractions": (0.9, 0.0, 0.1)}, "there are no normal validation images"),
    ],
)
def test_data_that_do_not_suit_a_detector(fields, message):
    config = config_schema.validate(tiny(**fields))
    with pytest.raises(UserError, match=message):
        build_model(config, catalogue(config.data))


def test_normal_images_alone_suffice_without_scores_of_detection():
    config = tiny(**{"data.classes": ("nv",), "data.normal": ()})
    config.eval.metrics = ("reconstruction_error", "spread")
    config = config_schema.validate(config)
    assert build_model(config, catalogue(config.data)).stage(0).phases == ("d", "g")


@pytest.fixture(scope="module")
def sampler(tmp_path_factory):
    """Work directory of a tiny DCGAN of normal phantoms, with averaged weights nowhere."""
    folder = tmp_path_factory.mktemp("sampler")
    config = tiny_configs.TINY["dcgan"]()
    config.data.update({"normal": ("nv",), "prepared_dir": str(folder / "prepared")})
    config.data.update({"num_images": 192})
    config.model.conditional = False
    config.train.total_kimg = 0.008
    assert loop.train(config_schema.validate(config), folder / "run") == loop.FINISHED
    return folder / "run"


def borrowed(sampler, **fields):
    config = tiny(**{"train.total_kimg": 0.016, **fields})
    borrow_sampler(config, str(sampler))
    config.data.prepared_dir = str(sampler.parent / "prepared")
    return config


def test_a_sampler_takes_the_place_of_the_gan(sampler, tmp_path, capsys):
    config = config_schema.validate(borrowed(sampler))
    assert config.data.normal == ("nv",)
    assert loop.train(config, tmp_path / "run") == loop.FINISHED
    assert "g: " in capsys.readouterr().out
    found, theirs = restore_detector(tmp_path / "run"), restore(sampler)
    for net in ("g", "d"):
        jax.tree.map(np.testing.assert_array_equal, found.variables[net], theirs.variables[net])
    some = images(3, 16)
    made = detector.detect(found.model, found.variables, some)
    np.testing.assert_allclose(
        made.scores, np.square(some - made.normal).mean((1, 2, 3)), rtol=1e-4
    )
    assert found.model.score_terms == "squared error of pixels"
    (ancestor,) = ancestry.ancestors(tmp_path / "run")
    assert ancestor.classes == ("nv",)
    assert not ancestry.beyond_own_images(tmp_path / "run")
    sampler_gone = borrowed_sampler.from_text(found.model.config.model.sampler)
    assert config_schema.differences(sampler_gone.config, theirs.model.config) == []


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"train.init_from": ""}, "set train.init_from to it"),
        ({"model.kappa": 1.0}, "but a dcgan gives no features: set it to 0"),
        ({"model.gan_kimg": 0.001}, "the dcgan is trained already"),
        ({"data.normal": ("bkl",)}, "the dcgan learned from nv, and normal is bkl"),
        ({"data.split_seed": 3}, "it may have seen images that are held out here"),
        ({"data.resolution": 8}, "bring both to one size"),
    ],
)
def test_samplers_that_do_not_suit(sampler, fields, message):
    config = borrowed(sampler)
    config.update_from_flattened_dict(fields)
    config = config_schema.validate(config)
    with pytest.raises(UserError) as error:
        build_model(config, catalogue(config.data))
    assert message in str(error.value)


def test_only_samplers_are_borrowed(sampler, tmp_path):
    assert is_run(str(sampler))
    assert not is_run(str(tmp_path / "nowhere"))
    assert not is_run("")
    text = borrowed_sampler.as_text(
        config_schema.validate(tiny()), restored_facts(sampler)["data_spec"]
    )
    with pytest.raises(UserError, match="describes a fanogan, which draws nothing from noise"):
        borrowed_sampler.from_text(text)


def restored_facts(workdir):
    return restored_state(workdir).facts


def test_configurations_take_a_run_in_place_of_a_variant(sampler):
    path = Path(__file__).parents[2] / "configs" / "anomaly_ham10000.py"
    spec = importlib.util.spec_from_file_location("anomaly", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    config = config_schema.validate(module.get_config(str(sampler)))
    assert config.data.dataset == "phantom"
    assert config.train.init_from == str(sampler)
    assert config.model.kappa == 0
