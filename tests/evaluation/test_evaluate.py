"""Evaluation of one side against another, and that it is the same wherever the images come from."""

import json

import numpy as np
import pytest
from command_line import call
from PIL import Image

from dermgan_jax import config as config_schema
from dermgan_jax import registry
from dermgan_jax.data.catalogue import catalogue
from dermgan_jax.data.image_files import write_npz, write_pngs
from dermgan_jax.data.prepare import prepare
from dermgan_jax.errors import UserError
from dermgan_jax.evaluation import image_sources
from dermgan_jax.evaluation.evaluate import evaluate, evaluate_arrays, table

REAL = np.random.default_rng(0).integers(0, 256, (24, 16, 16, 3), np.uint8)
FAKE = np.random.default_rng(1).integers(0, 128, (12, 16, 16, 3), np.uint8)


@pytest.fixture
def config(monkeypatch, tmp_path):
    monkeypatch.setitem(registry.REGISTRY["model"], "toy", "toy_model:ToyModel")
    config = config_schema.experiment("toy")
    config.train.total_kimg = 1.0
    config.data.update(num_images=40, resolution=16, mirror=True)
    config.data.prepared_dir = str(tmp_path / "prepared")
    return config_schema.validate(config)


def test_folder_and_npz_give_one_number(tmp_path):
    write_pngs(REAL, tmp_path / "real")
    write_npz(REAL, tmp_path / "real.npz")
    write_pngs(FAKE, tmp_path / "fake")
    write_npz(FAKE.astype(np.float32) / 127.5 - 1, tmp_path / "fake.npz")
    folders, files = (
        evaluate(
            str(tmp_path / f"real{suffix}"),
            str(tmp_path / f"fake{suffix}"),
            ["swd"],
            num=100,
            seed=3,
        )
        for suffix in ("", ".npz")
    )
    assert folders.result["metrics"] == files.result["metrics"]
    assert folders.result["metrics"] == evaluate_arrays(REAL, FAKE, ["swd"], seed=3, mirror=False)


def test_command_writes_the_values_it_prints_and_a_figure(tmp_path, capsys):
    write_npz(REAL, tmp_path / "real.npz")
    write_npz(FAKE, tmp_path / "fake.npz")
    out = tmp_path / "new" / "result.json"
    which = (f"--real={tmp_path}/real.npz", f"--fake={tmp_path}/fake.npz")
    assert call("--mode=evaluate", *which, "--metrics=swd", "--num=8", f"--out={out}") == 0
    value = json.loads(out.read_text())["metrics"]["swd"]
    assert value["n"] == 8
    assert value["better"] == "lower"
    assert 0 < value["std"] < value["value"]
    printed = capsys.readouterr().out
    assert f"{value['value']:.4g}" in printed
    assert value["protocol"] in printed
    assert "real vs real" in printed
    with Image.open(out.with_suffix(".png")) as figure:
        assert min(figure.size) > 300


def test_lower_bound_stands_beside_the_value_and_can_be_kept():
    values = evaluate_arrays(REAL, FAKE, ["swd"], seed=0, mirror=False)
    bound = values["swd_lower_bound"]
    assert bound["n"] == values["swd"]["n"] == 12
    assert bound["value"] < values["swd"]["value"]
    kept = {"swd_lower_bound": {**bound, "value": 1.0}}
    again = evaluate_arrays(REAL, FAKE, ["swd"], seed=0, mirror=False, yardsticks=kept)
    assert again["swd"] == values["swd"]
    assert again["swd_lower_bound"]["value"] == 1.0


def test_table_says_when_the_lower_bound_has_fewer_images():
    values = evaluate_arrays(REAL, np.repeat(FAKE, 2, axis=0), ["swd"], seed=0, mirror=False)
    assert "24 (12)" in table(values)


def test_dataset_split_against_a_work_directory(tmp_path, config, monkeypatch):
    asked = []

    def sample_workdir(workdir, num, seed):
        asked.append((workdir, num, seed))
        return np.random.default_rng(seed).integers(0, 256, (num, 16, 16, 3), np.uint8)

    monkeypatch.setattr("dermgan_jax.synthesis.generate.sample_workdir", sample_workdir)
    run = tmp_path / "run"
    run.mkdir()
    (run / "config.json").write_text(config_schema.to_json(config))
    result = evaluate("phantom:all", str(run), ["swd"], num=10, seed=4).result
    assert asked == [(run, 10, 5)]
    assert result["metrics"]["swd"]["n"] == 10
    assert result["metrics"]["swd"]["protocol"].endswith(":mirror")


def test_one_class_of_a_split(tmp_path, config, monkeypatch):
    listed = catalogue(config.data)
    name = listed.classes[listed.labels[0]]
    write_npz(FAKE, tmp_path / "fake.npz")
    found = evaluate(
        f"phantom:all:{name}", str(tmp_path / "fake.npz"), ["swd"], num=9, seed=0, config=config
    )
    expected = prepare(listed, config.data).images[listed.labels == listed.labels[0]]
    np.testing.assert_array_equal(found.real.compared[:], expected)
    assert found.result["metrics"]["swd"]["n"] == min(9, len(expected))
    with pytest.raises(UserError, match=f"did you mean '{name}'"):
        evaluate(f"phantom:all:{name}x", "", ["swd"], num=9, seed=0, config=config)


def test_class_folders_are_classes(tmp_path):
    labels = np.arange(24) % 2
    write_pngs(REAL, tmp_path / "real", labels=labels, classes=("mel", "nv"))
    labelling = image_sources.read_real(str(tmp_path / "real"), 8, 0, None).labelling
    assert labelling.classes == ("mel", "nv")
    np.testing.assert_array_equal(labelling.labels, np.sort(labels))


def test_dataset_needs_a_matching_configuration(tmp_path, config):
    write_npz(FAKE, tmp_path / "fake.npz")
    fake = str(tmp_path / "fake.npz")
    with pytest.raises(UserError, match="phantom:train needs --config"):
        evaluate("phantom:train", fake, ["swd"], num=8, seed=0)
    with pytest.raises(UserError, match=r"ham10000:test is asked for .* describes phantom"):
        evaluate("ham10000:test", fake, ["swd"], num=8, seed=0, config=config)


@pytest.mark.parametrize(
    ("side", "message"),
    [
        ("nowhere", "'nowhere' is no folder"),
        ("file.txt", "'file.txt' is no folder"),
        ("phantom:trian", "'phantom:trian' is not DATASET:SPLIT"),
        ("phantom:train:a:b", "is not DATASET:SPLIT"),
    ],
)
def test_side_that_is_nothing(side, message):
    with pytest.raises(UserError, match=message):
        evaluate(side, side, ["swd"], num=8, seed=0)


def test_sides_of_two_sizes(tmp_path):
    write_npz(REAL, tmp_path / "real.npz")
    write_npz(FAKE[:, :8], tmp_path / "fake.npz")
    with pytest.raises(UserError, match=r"real\.npz are 16x16x3, those of .*fake\.npz 8x16x3"):
        evaluate(str(tmp_path / "real.npz"), str(tmp_path / "fake.npz"), ["swd"], num=8, seed=0)


def test_grey_against_coloured_is_said(tmp_path):
    write_npz(REAL, tmp_path / "colour.npz")
    write_npz(REAL[..., :1], tmp_path / "grey.npz")
    names = [str(tmp_path / name) for name in ("colour.npz", "grey.npz")]
    for pair in (names, names[::-1]):
        (warning,) = evaluate(*pair, ["swd"], num=8, seed=0).result["warnings"]
        assert warning.endswith("grey.npz are grey, those of " + names[0] + " coloured")
    assert evaluate(names[0], names[0], ["swd"], num=8, seed=0).result["warnings"] == []


def test_unknown_metric_is_refused_before_anything_is_read():
    with pytest.raises(UserError, match="unknown metric 'sdw'; did you mean 'swd'"):
        evaluate("nowhere", "nowhere", ["sdw"], num=8, seed=0)
