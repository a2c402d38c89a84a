"""A comparison of two models of one matrix each, from beginning to end."""

import csv
import dataclasses
import json

import pytest
import tiny_configs

from dermgan_jax.errors import UserError
from dermgan_jax.metrics.measurement import Measurement, MetricValue, by_key
from dermgan_jax.report import comparison as report
from dermgan_jax.report.run import build
from dermgan_jax.studies import comparison, comparison_result
from dermgan_jax.studies.comparison_config import comparison as configured
from dermgan_jax.studies.comparison_config import experiments
from dermgan_jax.studies.comparison_result import RESULT_FILE, ComparedModel, ComparisonResult
from dermgan_jax.studies.study_folder import TABLE_FILE
from dermgan_jax.train import loop


def study(cache_dir, **fields):
    slow, fast = tiny_configs.toy(), tiny_configs.toy()
    slow.optimizers.g.learning_rate = 1e-4
    slow.data.prepared_dir = str(cache_dir)
    config = configured("Two toys", {"slow": slow, "fast": fast}, total_kimg=0.128)
    config.num_images, config.metrics = 32, ("swd",)
    config.update(fields)
    return config


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    cache_dir = tmp_path_factory.mktemp("prepared")
    path = tmp_path_factory.mktemp("study") / "run"
    assert comparison.run(study(cache_dir), path, build) == loop.FINISHED
    return cache_dir, path


def test_models_share_data_seed_and_length(tmp_path):
    config = study(tmp_path, seed=5)
    config.data.resolution = 8
    found = experiments(config)
    assert {model.data.resolution for model in found.values()} == {8}
    assert {model.seed for model in found.values()} == {5}
    assert {model.train.total_kimg for model in found.values()} == {0.128}
    rates = [model.optimizers.g.learning_rate for model in found.values()]
    assert sorted(rates) == [1e-4, 0.01]


def test_every_fault_of_every_model_is_named(tmp_path):
    config = study(tmp_path, metrics=("swd", "fids"))
    config.models.slow.train.batch_size = 0
    config.models.fast.train.log_every_steps = 0
    with pytest.raises(UserError) as error:
        experiments(config)
    for part in (
        "models.slow: train.batch_size",
        "models.fast: train.log_every",
        "'fids'; did you",
    ):
        assert part in str(error.value)


def test_table_has_the_bound_first_and_then_the_best(finished):
    _, path = finished
    with (path / TABLE_FILE).open() as file:
        head, bound, *models = csv.reader(file)
    assert head[:2] == ["model", "swd"]
    assert bound[0] == "real against real"
    values = [float(row[1]) for row in models]
    assert float(bound[1]) < min(values)
    assert values == sorted(values)
    assert {row[0] for row in models} == {"slow", "fast"}
    models = comparison_result.read(path).models.values()
    assert values == pytest.approx(sorted(model.lead.value.value for model in models), rel=1e-5)


def test_second_run_trains_and_measures_nothing_again(finished, monkeypatch):
    cache_dir, path = finished
    before = (path / RESULT_FILE).read_text()

    def never(*_):
        raise AssertionError("again")

    monkeypatch.setattr(comparison, "train", never)
    assert comparison.run(study(cache_dir), path, build) == loop.FINISHED
    assert (path / RESULT_FILE).read_text() == before
    with pytest.raises(AssertionError, match="again"):
        comparison.run(study(cache_dir, num_images=24), path, build)


def test_another_study_is_refused(finished):
    cache_dir, path = finished
    with pytest.raises(UserError, match=r"another configuration:\n  seed: 0 -> 1"):
        comparison.run(study(cache_dir, seed=1), path, build)


def test_stopped_study_says_so_and_goes_on(finished, tmp_path, monkeypatch):
    cache_dir, _ = finished
    monkeypatch.setattr(comparison, "train", lambda *_: loop.PREEMPTED)
    assert comparison.run(study(cache_dir), tmp_path / "run", build) == loop.PREEMPTED
    assert not (tmp_path / "run" / RESULT_FILE).exists()


def test_report_names_the_nearest_model_and_shows_all(finished):
    _, path = finished
    html = report.build(path).read_text()
    models = comparison_result.read(path).models
    best = min(models, key=lambda name: models[name].values["swd"].value.value)
    assert f"{best} comes closest to the real images" in html
    for name in ("slow", "fast"):
        assert f"synthetic images of {name}" in html
        assert f"latent walk of {name}" in html
    assert "drawn phantoms, not real skin" in html
    assert "http" not in html.replace("http-equiv", "")


def test_result_of_an_early_version_is_read(finished, tmp_path):
    """Real against real was an entry of its own."""
    _, path = finished
    plain = json.loads((path / RESULT_FILE).read_text())
    for model in plain["models"].values():
        value = model["values"]["swd"]
        bound = value.pop("yardsticks")["real_against_real"]
        del value["direction"], value["split"]
        model["values"] = {"swd": value, "swd_lower_bound": bound}
    (tmp_path / RESULT_FILE).write_text(json.dumps(plain))
    assert comparison_result.read(tmp_path) == comparison_result.read(path)


def model(**values):
    """Of which only these metrics are known."""
    measured = [
        Measurement(MetricValue(name, number, "test", 32, {}, "lower"))
        for name, number in values.items()
    ]
    return ComparedModel("", by_key(*measured), [], [], [], 0.0, 32, 64)


def test_sentence_says_which_metrics_name_another_model():
    models = {"first": model(swd=1.0, kid=2.0), "second": model(swd=3.0, kid=1.0)}
    result = ComparisonResult("Two", {}, 0.128, models)
    assert report.sentence(result).endswith("By KID it is second.")
    models["second"] = model(swd=3.0, kid=4.0)
    assert "it is" not in report.sentence(dataclasses.replace(result, models=models))
