"""Evaluation of one side against another, and that it is the same wherever the images come from."""

import dataclasses
import json
import zipfile
from pathlib import Path

import numpy as np
import pytest
from command_line import call
from PIL import Image

from dermgan_jax import config as config_schema
from dermgan_jax import files, registry
from dermgan_jax.data.catalogue import catalogue
from dermgan_jax.data.image_files import write_npz, write_pngs
from dermgan_jax.data.prepare import prepare
from dermgan_jax.errors import UserError
from dermgan_jax.evaluation import image_sources
from dermgan_jax.evaluation.image_sources import Opening
from dermgan_jax.evaluation.question import Question, evaluate
from dermgan_jax.evaluation.several import evaluate_several
from dermgan_jax.metrics.measure import Request, measure
from dermgan_jax.metrics.measurement_table import table
from dermgan_jax.synthesis.drawing import Drawing
from dermgan_jax.synthesis.made_by import MadeBy

GOLDEN_RUN = Path(__file__).parents[1] / "golden" / "workdirs" / "pgan_0_1.zip"
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


def compare(real, fake, config=None, **fields):
    """What `evaluate` finds by SWD."""
    return evaluate(Question(str(real), str(fake), ("swd",), **{"num": 9, **fields}), config)


def test_folder_and_npz_give_one_number(tmp_path):
    write_pngs(REAL, tmp_path / "real")
    write_npz(REAL, tmp_path / "real.npz")
    write_pngs(FAKE, tmp_path / "fake")
    write_npz(FAKE.astype(np.float32) / 127.5 - 1, tmp_path / "fake.npz")
    folders, arrays = (
        compare(tmp_path / f"real{suffix}", tmp_path / f"fake{suffix}", num=100, seed=3)
        for suffix in ("", ".npz")
    )
    assert folders.measured == arrays.measured == measure(REAL, FAKE, Request(("swd",), seed=3))


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


def test_real_against_real_stands_beside_the_value_and_can_be_kept():
    request = Request(("swd",))
    values = measure(REAL, FAKE, request)
    bound = values["swd"].real_against_real
    assert bound.n == values["swd"].value.n == 12
    assert bound.value < values["swd"].value.value
    other = dataclasses.replace(bound, value=1.0)
    known = {"swd": dataclasses.replace(values["swd"], real_against_real=other)}
    again = measure(REAL, FAKE, request, known=known)
    assert again["swd"].value == values["swd"].value
    assert again["swd"].real_against_real.value == 1.0


@pytest.mark.parametrize(("num", "warned"), [(8, True), (29, True), (30, False)])
def test_values_of_a_handful_of_images_are_warned_of(tmp_path, num, warned):
    images = np.random.default_rng(0).integers(0, 256, (60, 16, 16, 3), np.uint8)
    write_npz(images, tmp_path / "real.npz")
    write_npz(images[:num], tmp_path / "fake.npz")
    found = compare(tmp_path / "real.npz", tmp_path / "fake.npz", num=num)
    assert (f"warning: {num} images are too few" in found.text()) == warned


def test_table_says_when_real_against_real_has_fewer_images():
    values = measure(REAL, np.repeat(FAKE, 2, axis=0), Request(("swd",)))
    assert "24 (12)" in table(values.values())


@pytest.fixture
def run(tmp_path, config):
    """A folder that passes for a work directory."""
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "config.json").write_text(config_schema.to_json(config))
    return tmp_path / "run"


def test_several_sides_share_the_real_images_of_one_configuration(run, config, monkeypatch, capsys):
    """A split is prepared once: for folders too, and for runs that learned from other images."""
    own = json.loads((run / "config.json").read_text())
    other = run.parent / "other"
    other.mkdir()
    (other / "config.json").write_text(
        json.dumps({**own, "data": {**own["data"], "fit": "stretch"}})
    )

    def sample_for_evaluation(workdir, num, drawing):
        images = np.random.default_rng(drawing.seed).integers(0, 256, (num, 16, 16, 3), np.uint8)
        return images, MadeBy(str(workdir), "its id", "toy", 3, drawing)

    monkeypatch.setattr(image_sources, "sample_for_evaluation", sample_for_evaluation)
    write_pngs(FAKE, run.parent / "folder")
    sides = [str(run), str(other), str(run.parent / "folder")]
    question = Question("phantom:all", "", ("kd:pixels",), num=9)
    found = evaluate_several(question, sides)
    reals = [np.asarray(each.real.compared[:]) for each in found.evaluations.values()]
    assert all((each == reals[0]).all() for each in reals)
    assert f"{other} learned from images that were prepared otherwise: data.fit" in (
        capsys.readouterr().err
    )
    with pytest.raises(UserError, match="'nosuch' is no folder of images"):
        evaluate_several(question, [sides[2], "nosuch"])
    assert "==" not in capsys.readouterr().err


def test_dataset_split_against_a_work_directory(run, monkeypatch):
    asked = []

    def sample_for_evaluation(workdir, num, drawing):
        asked.append((workdir, num, drawing))
        images = np.random.default_rng(drawing.seed).integers(0, 256, (num, 16, 16, 3), np.uint8)
        return images, MadeBy(str(workdir), "its id", "toy", 3, drawing)

    monkeypatch.setattr(image_sources, "sample_for_evaluation", sample_for_evaluation)
    found = compare("phantom:all", run, num=10, seed=4, checkpoint="best")
    assert asked == [(run, 10, Drawing(seed=4, checkpoint="best"))]
    value = found.measured["swd"].value
    assert value.n == 10
    assert value.protocol.endswith(":mirror")
    assert found.to_json()["made_by"]["fake"]["checkpoint"] == 3


def test_checkpoint_without_a_work_directory_is_refused():
    with pytest.raises(UserError, match="--checkpoint=best chooses among those of a work directo"):
        compare("phantom:train", "phantom:test", checkpoint="best")


def test_bucket_of_images_is_no_work_directory(monkeypatch):
    monkeypatch.setattr(files, "_require_installed", lambda *_: None)
    assert not image_sources.is_workdir("s3://bucket/images")


def test_one_class_of_a_split(tmp_path, config, monkeypatch):
    listed = catalogue(config.data)
    name = listed.classes[listed.labels[0]]
    write_npz(FAKE, tmp_path / "fake.npz")
    found = compare(f"phantom:all:{name}", tmp_path / "fake.npz", config)
    expected = prepare(listed, config.data).images[listed.labels == listed.labels[0]]
    np.testing.assert_array_equal(found.real.compared[:], expected)
    assert found.measured["swd"].value.n == min(9, len(expected))
    with pytest.raises(UserError, match=f"did you mean '{name}'"):
        compare(f"phantom:all:{name}x", "", config)


def test_class_folders_are_classes(tmp_path):
    labels = np.arange(24) % 2
    write_pngs(REAL, tmp_path / "real", labels=labels, classes=("mel", "nv"))
    labelling = image_sources.open_real(str(tmp_path / "real"), Opening(8, Drawing())).labelling
    assert labelling.classes == ("mel", "nv")
    np.testing.assert_array_equal(labelling.labels, np.sort(labels))


def test_dataset_needs_a_matching_configuration(tmp_path, config):
    write_npz(FAKE, tmp_path / "fake.npz")
    fake = tmp_path / "fake.npz"
    with pytest.raises(UserError, match="phantom:train needs --config"):
        compare("phantom:train", fake)
    with pytest.raises(UserError, match=r"ham10000:test is asked for .* describes phantom"):
        compare("ham10000:test", fake, config)


def test_dataset_is_prepared_as_in_the_run_that_made_the_other_side(tmp_path, capsys):
    with zipfile.ZipFile(GOLDEN_RUN) as archive:
        archive.extractall(tmp_path / "run")
    samples = tmp_path / "samples"
    assert call("generate", f"--workdir={tmp_path / 'run'}", f"--out={samples}", "--num=4") == 0
    found = compare("phantom:train", samples)
    assert found.measured["swd"].value.n == 4
    said = capsys.readouterr().out
    assert f"note: phantom:train is prepared as in {tmp_path / 'run'}, which made {samples}" in said
    (tmp_path / "run").rename(tmp_path / "elsewhere")
    with pytest.raises(UserError, match="phantom:train needs --config"):
        compare("phantom:train", samples)


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
        compare(side, side)


def test_sides_of_two_sizes(tmp_path):
    write_npz(REAL, tmp_path / "real.npz")
    write_npz(FAKE[:, :8], tmp_path / "fake.npz")
    with pytest.raises(UserError, match=r"real\.npz are 16x16x3, those of .*fake\.npz 8x16x3"):
        compare(tmp_path / "real.npz", tmp_path / "fake.npz")


def test_grey_against_coloured_is_said(tmp_path):
    write_npz(REAL, tmp_path / "colour.npz")
    write_npz(REAL[..., :1], tmp_path / "grey.npz")
    names = [str(tmp_path / name) for name in ("colour.npz", "grey.npz")]
    for pair in (names, names[::-1]):
        warning, too_few = compare(*pair).warnings
        assert "too few" in too_few
        assert warning.endswith("grey.npz are grey, those of " + names[0] + " coloured")
    assert compare(names[0], names[0]).warnings == (too_few,)


def test_unknown_metric_is_refused_before_anything_is_read():
    with pytest.raises(UserError, match="unknown metric 'sdw'; did you mean 'swd'"):
        evaluate(Question("nowhere", "nowhere", ("sdw",)))


def ssim(real, fake, **fields):
    return evaluate(Question(str(real), str(fake), ("ssim",), **fields))


def test_pairs_are_files_of_one_name(tmp_path):
    """One renamed file of many puts sorted lists out of step; names do not mind."""
    write_pngs(REAL, tmp_path / "real")
    write_pngs(REAL, tmp_path / "fake" / "images")
    (tmp_path / "fake" / "images" / "000000.png").rename(tmp_path / "fake" / "zzz.png")
    (tmp_path / "fake" / "images" / "000001.png").rename(tmp_path / "fake" / "000001.jpeg")
    found = ssim(tmp_path / "real", tmp_path / "fake")
    assert found.measured["ssim"].value.value == pytest.approx(1)
    assert found.measured["ssim"].value.n == len(REAL) - 1
    alone = [line for line in found.warnings if "no partner" in line]
    assert ["'000000'" in alone[0], "'zzz'" in alone[1]] == [True, True]


@pytest.mark.parametrize("prefixed", ["fake", "both", "neither"])
def test_translations_are_partners_of_what_they_are_called_after(tmp_path, prefixed):
    """Folders of before translations had names of their own still pair."""
    for name in ("real", "fake"):
        write_pngs(REAL[:6], tmp_path / name / "case")
        if prefixed == "both" or name == prefixed:
            for path in list((tmp_path / name / "case").iterdir()):
                path.rename(path.with_name(f"synthetic_{path.name}"))
    found = ssim(tmp_path / "real", tmp_path / "fake")
    assert found.measured["ssim"].value.value == pytest.approx(1)
    assert found.measured["ssim"].value.n == 6
    assert not any("no partner" in line for line in found.warnings)


def test_equal_names_in_folders_of_classes_are_told_apart(tmp_path):
    for label, images in (("a", REAL[:3]), ("b", REAL[3:6])):
        write_pngs(images, tmp_path / "real" / label)
        write_pngs(images, tmp_path / "fake" / label)
        write_pngs(images, tmp_path / "flat" / f"{label}x")
    assert ssim(tmp_path / "real", tmp_path / "fake").measured["ssim"].value.n == 6
    with pytest.raises(UserError, match="several images named '000000'"):
        ssim(tmp_path / "real", tmp_path / "flat")


def test_pairs_without_a_common_name_are_refused(tmp_path):
    write_pngs(REAL[:4], tmp_path / "real")
    write_pngs(REAL[:4], tmp_path / "fake", first=10)
    with pytest.raises(UserError, match=r"no image of .*real has a partner .* such as '000000'"):
        ssim(tmp_path / "real", tmp_path / "fake")


def test_pairs_without_names_are_taken_by_position_and_that_is_said(tmp_path):
    write_npz(REAL, tmp_path / "real.npz")
    write_npz(REAL[:5], tmp_path / "few.npz")
    found = ssim(tmp_path / "real.npz", tmp_path / "real.npz")
    assert found.measured["ssim"].value.value == pytest.approx(1)
    assert any("by position" in line for line in found.warnings)
    with pytest.raises(UserError, match=r"has 24 images and .* 5: give as many of each"):
        ssim(tmp_path / "real.npz", tmp_path / "few.npz")


def test_metrics_of_sets_see_all_images_beside_those_of_pairs(tmp_path):
    write_pngs(REAL, tmp_path / "real")
    write_pngs(FAKE, tmp_path / "fake")
    both = evaluate(Question(str(tmp_path / "real"), str(tmp_path / "fake"), ("swd", "ssim")))
    assert both.measured["swd"] == measure(REAL, FAKE, Request(("swd",)))["swd"]
    assert both.measured["ssim"].value.n == len(FAKE)


def test_sides_of_other_sizes_are_brought_to_one_on_request(tmp_path, capsys):
    write_pngs(REAL.repeat(2, 1).repeat(2, 2), tmp_path / "real")
    np.savez(tmp_path / "fake.npz", images=np.float32(FAKE) / 255)
    sides = (f"--real={tmp_path}/real", f"--fake={tmp_path}/fake.npz", "--metrics=swd")
    assert call("evaluate", *sides) == 2
    assert "--range=0,1" in capsys.readouterr().err
    assert call("evaluate", *sides, "--range=0,1") == 2
    assert "--resize=SIDE" in capsys.readouterr().err
    assert call("evaluate", *sides, "--range=0,1", "--resize=16") == 0
    assert "brought to 16x16 pixels" in capsys.readouterr().out
    assert call("evaluate", *sides, "--range=0,255") == 2
    assert "neither 0,1 nor -1,1" in capsys.readouterr().err
