"""What a run does between its calls, and at its end, with the toy model."""

import math
import sys

import jax
import numpy as np
import pytest
from engine_probe import last_state, tiny
from PIL import Image
from toy_model import ToyModel

from dermgan_jax import files, registry
from dermgan_jax.data.catalogue import catalogue
from dermgan_jax.errors import UserError
from dermgan_jax.features import weights
from dermgan_jax.metrics.measurement import MetricValue
from dermgan_jax.metrics.named_metrics import Metric
from dermgan_jax.runs.metrics_log import FINISHED, evaluated, read_rows
from dermgan_jax.runs.restore import restore
from dermgan_jax.runs.workdir import WorkDir
from dermgan_jax.train import loop, start
from dermgan_jax.train.preemption import Preemption
from dermgan_jax.train.snapshots import best_metric

STEPS = 4  # of 16 images


@pytest.fixture
def toy(cache_dir):
    """toy(**fields) -> a run that is measured and saved after every second step."""

    def toy(**fields):
        every = {"eval.every_kimg": 0.032, "checkpoint.every_kimg": 0.032}
        length = {"train.total_kimg": 0.016 * STEPS, "eval.budget_fraction": 1.0}
        return tiny("toy", cache_dir, **{**every, **length, **fields})

    return toy


@pytest.fixture
def moody(toy, monkeypatch):
    """moody(*values) -> a run by a metric with these values, of which less is better."""

    def moody(*values):
        coming = iter(values)

        def compute(real, fake, **_):
            return (MetricValue("moody", next(coming), "p", 8, {}, "lower"),)

        metric = Metric(("moody",), compute, yardstick=False)
        monkeypatch.setitem(registry.REGISTRY["metric"], "moody", f"{__name__}:MOODY")
        monkeypatch.setattr(sys.modules[__name__], "MOODY", metric, raising=False)
        return toy(**{"eval.metrics": ("moody",)})

    return moody


def measured(workdir, name="swd"):
    """Step -> value."""
    found = evaluated(read_rows(WorkDir(workdir).metrics))
    return {step: values[name].value.value for step, values in found.items()}


def test_the_depth_that_was_found_is_the_run_s(toy, tmp_path):
    """So that images given to it later are read alike; the same configuration continues it."""
    noise = np.random.default_rng(0).integers(0, 4096, (24, 16, 16), np.uint16)
    (tmp_path / "deep").mkdir()
    for i, image in enumerate(noise):
        Image.fromarray(image).save(tmp_path / "deep" / f"{i:02d}.png")
    config = toy(
        **{
            "data.dataset": "image_folder",
            "data.dir": str(tmp_path / "deep"),
            "data.num_images": 0,
            "data.channels": 1,
            "data.classes": (),
            "data.prepared_dir": str(tmp_path / "prepared"),
        }
    )
    run = tmp_path / "run"
    assert loop.train(config, run) == FINISHED
    assert WorkDir(run).read_config().data.bit_depth == 12
    for again in (config, WorkDir(run).read_config()):
        assert loop.train(again, run) == FINISHED
    assert len(list((tmp_path / "prepared").glob("*/images.npy"))) == 1


@pytest.mark.parametrize(
    ("model", "metrics", "best", "known"),
    [
        ("cyclegan", ("swd",), "swd", ("AtoB/train/swd", "AtoB/test/swd", "BtoA/test/cycle_error")),
        ("toy", ("swd", "precision_recall"), "precision_recall", ("swd, precision, recall",)),
        ("classifier", ("loss", "auc"), "accuracy", ("loss, auc",)),
    ],
)
def test_best_metric_that_will_not_be_measured_is_refused(
    model, metrics, best, known, cache_dir, tmp_path
):
    """Before the first step, with the names of what will be."""
    fields = {"eval.metrics": metrics, "checkpoint.best_metric": best}
    with pytest.raises(UserError) as raised:
        loop.train(tiny(model, cache_dir, **fields), tmp_path / "run")
    message = str(raised.value)
    assert f"checkpoint.best_metric is {best!r}, which this run will not measure" in message
    for each in known:
        assert each in message.partition("it will measure ")[2]
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("model", "fields", "missing"),
    [
        ("toy", {"eval.metrics": ("kid", "swd", "fid")}, "kid, fid, for which weights are missing"),
        ("cyclegan", {"eval.metrics": ("lpips_diversity",)}, "--fetch=lpips_alex"),
        ("classifier", {"model.network": "resnet50", "model.pretrained": True}, "--fetch=resnet50"),
    ],
)
def test_missing_weights_are_named_before_anything_is_written(
    model, fields, missing, cache_dir, tmp_path, monkeypatch
):
    monkeypatch.setattr(weights, "available", lambda name, folder=None: False)
    with pytest.raises(UserError, match=missing):
        loop.train(tiny(model, cache_dir, **fields), tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_evaluation_that_is_left_out_is_told(toy, tmp_path, capsys):
    loop.train(toy(**{"eval.budget_fraction": 0.0}), tmp_path / "run")
    assert "left out: evaluations took" in capsys.readouterr().out


@pytest.mark.parametrize(("name", "best"), [("toy", "swd"), ("cyclegan", "AtoB/test/swd")])
def test_without_a_choice_the_first_metric_of_unseen_images_says_which_is_best(
    name, best, cache_dir
):
    config = tiny(name, cache_dir, **{"checkpoint.best_metric": ""})
    data = catalogue(config.data)
    assert best_metric(start.build_model(config, data), data) == best


def test_value_that_is_no_number_ends_nothing(moody, tmp_path):
    """The checkpoint of its step is kept, and another one is the best."""
    assert loop.train(moody(5.0, 3.0, math.nan), tmp_path / "run") == loop.FINISHED
    assert math.isnan(measured(tmp_path / "run", "moody")[STEPS])
    assert restore(tmp_path / "run").step == STEPS
    assert restore(tmp_path / "run", "best").step == 2


def test_run_of_nothing_but_such_values_has_no_best(moody, tmp_path):
    assert loop.train(moody(math.nan, math.nan, math.nan), tmp_path / "run") == loop.FINISHED
    with pytest.raises(UserError, match="was evaluated: use latest"):
        restore(tmp_path / "run", "best")


def stopped_at(step, monkeypatch):
    monkeypatch.setattr(Preemption, "requested", lambda self, now: now == step)


def test_run_stopped_at_its_last_step_is_measured_there(moody, tmp_path, monkeypatch):
    """And that it was best is known of its checkpoint."""
    stopped_at(STEPS, monkeypatch)
    loop.train(moody(5.0, 3.0, 1.0), tmp_path / "run")
    assert measured(tmp_path / "run", "moody") == {0: 5.0, 2: 3.0, STEPS: 1.0}
    assert restore(tmp_path / "run", "best").step == STEPS


@pytest.mark.parametrize("step", [1, 2, STEPS])
def test_state_that_follows_evaluations_is_that_of_a_whole_run(step, toy, tmp_path, monkeypatch):
    """Wherever it is stopped: after a step without an evaluation, after one with, or at the end."""

    def observe(self, extra, values):
        return {"updates": extra["updates"] + 1000}

    monkeypatch.setattr(ToyModel, "observe", observe)
    config = toy()
    assert loop.train(config, tmp_path / "whole") == loop.FINISHED
    with monkeypatch.context() as patch:
        stopped_at(step, patch)
        loop.train(config, tmp_path / "run")
    assert loop.train(config, tmp_path / "run") == loop.FINISHED
    whole, run = (last_state(config, tmp_path / name) for name in ("whole", "run"))
    assert whole.extra["updates"] == 2000 + 2 * STEPS
    jax.tree.map(np.testing.assert_array_equal, whole, run)


def test_fault_in_an_evaluation_is_told_as_it_is(toy, tmp_path, monkeypatch):
    """Not as one of the disk."""

    def broken(self, variables, stage):
        raise KeyError("no such class")

    monkeypatch.setattr("dermgan_jax.train.sampler_snapshots.SamplerSnapshots.evaluate", broken)
    with pytest.raises(KeyError, match="no such class"):
        loop.train(toy(), tmp_path / "run")


def test_bucket_where_no_checkpoint_can_be_written_is_refused_first(toy, tmp_path, monkeypatch):
    """Before the data are prepared."""
    monkeypatch.setattr(files, "_require_installed", lambda *_: None)
    config = toy(**{"data.prepared_dir": str(tmp_path / "prepared")})
    with pytest.raises(UserError, match="lies on this machine or in gs://"):
        loop.train(config, files.to_path("s3://bucket/run"))
    assert not (tmp_path / "prepared").exists()
