"""What a trained classifier says, of images and of the splits of its data."""

import shutil

import jax
import numpy as np
import pytest
import tiny_configs
from engine_probe import last_state
from ml_collections import ConfigDict

from dermgan_jax import config as config_schema
from dermgan_jax.data.image_files import write_npz
from dermgan_jax.errors import UserError
from dermgan_jax.evaluation.predict import predict, predict_split, restore_classifier
from dermgan_jax.evaluation.question import Question, evaluate
from dermgan_jax.runs import classifier_features
from dermgan_jax.runs.metrics_log import evaluated, read_rows
from dermgan_jax.runs.restore import restore
from dermgan_jax.runs.workdir import WorkDir
from dermgan_jax.train import loop


@pytest.fixture(scope="module", params=[0, 2], ids=["images", "views"])
def trained(request, tmp_path_factory):
    """(config, work directory) of a classifier, trained on images or on kept activations."""
    folder = tmp_path_factory.mktemp("classifier")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DERMGAN_CACHE", str(folder / "cache"))
        config = tiny_configs.classifier()
        config.model.views = request.param
        config.checkpoint.keep_last = 9
        config.data.prepared_dir = str(folder / "prepared")
        config = config_schema.validate(config)
        assert loop.train(config, folder / "run") == loop.FINISHED
        yield config, folder / "run"


def test_predictions_are_the_networks(trained):
    config, workdir = trained
    model, state = restore(workdir).model, last_state(config, workdir)
    images = np.random.default_rng(0).integers(0, 256, (5, 16, 16, 3), np.uint8)
    activations = model.trunk.apply(state.variables["trunk"], images.astype(np.float32) / 127.5 - 1)
    if model.views:
        activations = np.asarray(activations).astype(np.float16).astype(np.float32)
    expected = jax.nn.softmax(model.tail.apply(state.variables["tail"], activations))
    found = predict(workdir, images)
    assert (found.dtype, found.shape) == (np.float32, (5, 7))
    np.testing.assert_allclose(found, expected, atol=2e-4 if model.views else 1e-5)
    np.testing.assert_allclose(found.sum(1), 1, atol=1e-5)


def test_predictions_do_not_depend_on_the_batch(trained):
    _, workdir = trained
    images = np.random.default_rng(1).integers(0, 256, (70, 16, 16, 3), np.uint8)
    found = predict(workdir, images)
    np.testing.assert_allclose(predict(workdir, images[::-1])[::-1], found, atol=1e-5)
    np.testing.assert_allclose(predict(workdir, images[:1]), found[:1], atol=1e-5)


def test_splits_come_with_their_rows(trained):
    _, workdir = trained
    classifier = restore_classifier(workdir)
    rows, found = predict_split(workdir, classifier, "test")
    assert len(rows.labels) == len(rows.ids) == len(found) > 0
    np.testing.assert_array_equal(found, predict(workdir, rows.images))
    others, _ = predict_split(workdir, classifier, "val")
    assert not set(rows.groups) & set(others.groups)


def test_the_best_checkpoint_is_that_of_the_best_evaluation(trained):
    _, workdir = trained
    rows, found = predict_split(workdir, restore_classifier(workdir, "best"), "val")
    right = found.argmax(1) == rows.labels
    recall = np.mean([right[rows.labels == label].mean() for label in np.unique(rows.labels)])
    assert recall == pytest.approx(max(values(workdir, "balanced_accuracy").values()))


def test_the_best_checkpoint_follows_the_value_it_is_asked_by(trained, tmp_path):
    """Which may be changed on a run that exists."""
    config, workdir = trained
    copy = shutil.copytree(workdir, tmp_path / "run")
    for metric, better in (("loss", min), ("balanced_accuracy", max)):
        changed = ConfigDict(config.to_dict())
        changed.checkpoint.best_metric = metric
        WorkDir(copy).adopt(config_schema.validate(changed))
        found = values(copy, metric)
        best = better(found.values())
        assert restore(copy, "best").step == max(s for s, value in found.items() if value == best)


def values(workdir, name):
    """Step -> value, of the steps that have a checkpoint."""
    found = evaluated(read_rows(WorkDir(workdir).metrics))
    return {step: measured[name].value.value for step, measured in found.items() if step > 0}


def test_images_of_other_channels_are_refused(trained):
    _, workdir = trained
    with pytest.raises(UserError, match="3 channels, these have 1"):
        predict(workdir, np.zeros((2, 16, 16, 1), np.uint8))


def test_untrained_work_directory_is_refused(tmp_path):
    (tmp_path / "config.json").write_text(
        config_schema.to_json(config_schema.validate(tiny_configs.classifier()))
    )
    with pytest.raises(UserError, match="has no checkpoint yet"):
        predict(tmp_path, np.zeros((2, 16, 16, 3), np.uint8))


def test_distances_in_the_features_of_a_classifier(trained, tmp_path, capsys):
    """0 between equal images, and taken of what the logits are made from."""
    config, workdir = trained
    rng = np.random.default_rng(0)
    real = rng.integers(0, 256, (24, 16, 16, 3), np.uint8)
    write_npz(real, tmp_path / "real.npz")
    write_npz(real // 3, tmp_path / "dark.npz")

    def measured(fake):
        names = str(tmp_path / "real.npz"), str(tmp_path / fake)
        question = Question(*names, ("swd",), classifier=workdir)
        return evaluate(question).measured

    alike, apart = measured("real.npz"), measured("dark.npz")
    assert list(alike) == ["swd", "fd_classifier", "kd_classifier"]
    assert alike["fd_classifier"].value.value == pytest.approx(0, abs=1e-3)
    assert apart["fd_classifier"].value.value > 10 * alike["fd_classifier"].value.value
    assert apart["kd_classifier"].real_against_real is not None
    restored = restore(workdir, "best")
    assert f"classifier:{restored.run}:{restored.step}/" in apart["fd_classifier"].value.protocol
    extractor = classifier_features.metrics(workdir)["fd_classifier"].load_extractor(None)
    features = extractor.extract(real)[classifier_features.LAYER]
    assert features.shape == (24, extractor.dim) == (24, config.model.hidden[-1])
    as_space = evaluate(
        Question(
            str(tmp_path / "real.npz"),
            str(tmp_path / "dark.npz"),
            (f"fd:workdir:{workdir}", f"prdc:workdir:{workdir}:best"),
        )
    ).measured
    name = workdir.name
    assert list(as_space) == [
        f"fd:workdir:{name}",
        *(f"{value}:workdir:{name}:best" for value in ("precision", "recall", "density")),
        f"coverage:workdir:{name}:best",
    ]
    in_space, named = as_space[f"fd:workdir:{name}"].value, apart["fd_classifier"].value
    assert (in_space.value, in_space.protocol) == (named.value, named.protocol)
    last = restored.variables["tail"]["params"]["logits"]
    said = jax.nn.softmax(features @ last["kernel"] + last["bias"])
    np.testing.assert_allclose(said, predict(workdir, real, "best"), atol=1e-3)


def test_features_are_asked_of_classifiers_that_learned_something(tmp_path):
    config = tiny_configs.toy()
    config.data.prepared_dir = str(tmp_path / "prepared")
    assert loop.train(config_schema.validate(config), tmp_path / "run") == loop.FINISHED
    with pytest.raises(UserError, match="holds a toy, which makes images"):
        classifier_features.metrics(tmp_path / "run")
