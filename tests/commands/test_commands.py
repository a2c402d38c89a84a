"""The commands, from end to end on the tiny PGAN."""

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
from command_line import call
from PIL import Image

from dermgan_jax.commands import doctor
from dermgan_jax.data.pixel_range import to_uint8
from dermgan_jax.errors import GateError, UserError
from dermgan_jax.models import sampling
from dermgan_jax.synthesis.trained_sampler import TrainedSampler
from dermgan_jax.train.preemption import Preemption

TINY_PGAN = f"--config={Path(__file__).parents[1] / 'tiny_configs.py'}:pgan"
NUM_EVALUATED = 16  # eval.num_images of the tiny configurations


@pytest.fixture(scope="module")
def experiment(tmp_path_factory):
    """Arguments that say what is trained: an evaluation at every other checkpoint."""
    return [
        TINY_PGAN,
        f"--config.data.prepared_dir={tmp_path_factory.mktemp('prepared')}",
        "--config.checkpoint.every_kimg=0.032",
        "--config.checkpoint.keep_last=4",
        "--config.eval.every_kimg=0.064",
        "--config.eval.budget_fraction=1.0",
    ]


@pytest.fixture(scope="module")
def workdir(experiment, tmp_path_factory):
    """A finished run."""
    folder = tmp_path_factory.mktemp("runs") / "pgan"
    assert call(*experiment, f"--workdir={folder}") == 0
    return folder


@pytest.fixture(scope="module")
def conditional(experiment, tmp_path_factory):
    """A conditional run of a few steps."""
    folder = tmp_path_factory.mktemp("runs") / "conditional"
    fields = ["--config.model.conditional=True", "--config.train.total_kimg=0.032"]
    assert call(*experiment, *fields, f"--workdir={folder}") == 0
    return folder


def rows(workdir, kind):
    lines = (workdir / "metrics.jsonl").read_text().splitlines()
    return [row for row in map(json.loads, lines) if row["kind"] == kind]


def checkpoint_steps(workdir):
    return sorted(int(path.name) for path in (workdir / "checkpoints").glob("[0-9]*"))


def generate(workdir, out, *arguments):
    return call("generate", f"--workdir={workdir}", f"--out={out}", *arguments)


def generated(workdir, tmp_path, *arguments):
    """The arrays of a generated .npz."""
    out = tmp_path / "generated.npz"
    assert generate(workdir, out, *arguments) == 0
    with np.load(out) as arrays:
        return dict(arrays)


def evaluate(tmp_path, real, fake, *arguments):
    """What evaluate has written."""
    out = tmp_path / "result.json"
    sides = [f"--real={real}", f"--fake={fake}", f"--out={out}"]
    assert call("evaluate", *sides, *arguments) == 0
    return json.loads(out.read_text())


def test_train_ends_with_a_report(workdir):
    assert "<html" in (workdir / "report.html").read_text()
    assert [row["event"] for row in rows(workdir, "event")] == ["started", "finished"]


def test_npz_is_float32_and_unquantised(workdir, tmp_path):
    images = generated(workdir, tmp_path, "--num=5")["images"]
    assert images.shape == (5, 8, 8, 3)
    assert images.dtype == np.float32
    levels = images * 127.5 + 127.5
    assert np.abs(levels - np.rint(levels)).max() > 0.1


def test_seed_decides_what_is_generated(workdir, tmp_path):
    first = generated(workdir, tmp_path, "--num=5", "--seed=3")["images"]
    again = generated(workdir, tmp_path, "--num=5", "--seed=3")["images"]
    other = generated(workdir, tmp_path, "--num=5", "--seed=4")["images"]
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


def test_png_files_are_the_npz_quantised(workdir, tmp_path):
    assert generate(workdir, tmp_path / "png", "--num=5") == 0
    files = sorted((tmp_path / "png").glob("*.png"))
    assert [file.name for file in files] == [f"{i:06d}.png" for i in range(5)]
    assert (tmp_path / "png" / "made_by.json").is_file()
    pixels = np.stack([np.asarray(Image.open(file)) for file in files])
    np.testing.assert_array_equal(
        pixels, to_uint8(generated(workdir, tmp_path, "--num=5")["images"])
    )


def test_given_latents_replace_the_seed(workdir, tmp_path):
    latents = sampling.draw_latents(TrainedSampler(workdir).model, 9, 6)
    np.savez(tmp_path / "z.npz", z=latents[::-1])
    from_latents = generated(workdir, tmp_path, f"--latents={tmp_path / 'z.npz'}")["images"]
    from_seed = generated(workdir, tmp_path, "--seed=9", "--num=6")["images"]
    np.testing.assert_allclose(from_latents, from_seed[::-1], atol=1e-5)


@pytest.mark.parametrize(
    ("arrays", "named"),
    [({"z": np.zeros((2, 5), np.float32)}, "(num, 8)"), ({"x": np.zeros((2, 8))}, "'z'")],
)
def test_unfit_latents_are_refused(workdir, tmp_path, capsys, arrays, named):
    np.savez(tmp_path / "z.npz", **arrays)
    assert generate(workdir, tmp_path / "o.npz", f"--latents={tmp_path / 'z.npz'}") == 2
    assert named in capsys.readouterr().err


def test_checkpoint_is_chosen_by_step_or_by_its_evaluation(workdir, tmp_path):
    steps = checkpoint_steps(workdir)
    swd = {row["step"]: row["metrics"]["swd"]["value"] for row in rows(workdir, "eval")}
    best = min((step for step in steps if step in swd), key=swd.get)
    images = {
        name: generated(workdir, tmp_path, "--num=2", f"--checkpoint={name}")["images"]
        for name in ("latest", "best", *steps)
    }
    np.testing.assert_array_equal(images["latest"], images[steps[-1]])
    np.testing.assert_array_equal(images["best"], images[best])
    assert not np.array_equal(images[steps[0]], images[steps[-1]])


def test_unknown_checkpoint_names_the_known(workdir, tmp_path, capsys):
    assert generate(workdir, tmp_path / "o.npz", "--checkpoint=7777") == 2
    error = capsys.readouterr().err
    assert "7777" in error
    assert all(str(step) in error for step in checkpoint_steps(workdir))


def test_label_names_the_class(conditional, tmp_path):
    classes = TrainedSampler(conditional).classes
    melanoma = generated(conditional, tmp_path, "--num=3", f"--label={classes[0]}")
    assert melanoma["labels"].tolist() == [0, 0, 0]
    other = generated(conditional, tmp_path, "--num=3", f"--label={classes[1]}")
    assert not np.array_equal(melanoma["images"], other["images"])
    assert generate(conditional, tmp_path / "png", "--num=3", f"--label={classes[1]}") == 0
    folders = [path.name for path in (tmp_path / "png").iterdir() if path.is_dir()]
    assert folders == [classes[1]]


def test_unknown_label_is_answered_with_the_nearest(conditional, tmp_path, capsys):
    assert generate(conditional, tmp_path / "o.npz", "--label=mell") == 2
    assert "did you mean 'mel'" in capsys.readouterr().err


def test_labels_are_as_frequent_as_in_training(conditional, tmp_path):
    labels = generated(conditional, tmp_path, "--num=400")["labels"]
    card = json.loads((conditional / "data_card.json").read_text())
    counts = np.array([splits["train"] for splits in card["classes"].values()])
    frequencies = np.bincount(labels, minlength=len(counts)) / len(labels)
    assert np.ptp(counts / counts.sum()) > 0.2  # else equal frequencies would pass too
    np.testing.assert_allclose(frequencies, counts / counts.sum(), atol=0.05)


def test_evaluation_afterwards_equals_that_in_training(workdir, tmp_path):
    in_training = rows(workdir, "eval")[-1]["metrics"]
    arguments = (tmp_path, "phantom:train", workdir, f"--num={NUM_EVALUATED}")
    assert evaluate(*arguments, "--seed=0")["metrics"] == in_training
    assert evaluate(*arguments, "--seed=1")["metrics"] != in_training


def test_folder_is_evaluated_against_npz(workdir, tmp_path, capsys):
    real, fake = tmp_path / "real", tmp_path / "fake.npz"
    assert generate(workdir, real, "--num=20") == 0
    assert generate(workdir, fake, "--num=12", "--seed=1") == 0
    result = evaluate(tmp_path, real, fake)
    assert (result["real"], result["fake"]) == (str(real), str(fake))
    assert result["metrics"]["swd"]["n"] == 12
    assert np.isfinite(result["metrics"]["swd"]["value"])
    assert f"{result['metrics']['swd']['value']:.4g}" in capsys.readouterr().out


def test_unknown_metric_is_answered_with_the_nearest(workdir, capsys):
    assert call("--mode=evaluate", "--real=a", "--fake=b", "--metrics=swdd") == 2
    assert "did you mean 'swd'" in capsys.readouterr().err


def test_check_prints_what_the_data_hold(experiment, capsys):
    assert call("check", *experiment) == 0
    printed = capsys.readouterr().out
    assert "phantom: 96 images" in printed
    assert "no faults found" in printed


@pytest.mark.parametrize("config", ["augmentation_study:phantom", "study_p1:phantom"])
def test_check_looks_at_every_part_of_a_study(config, tmp_path, capsys):
    """A missing pretrained network is found, whichever part needs it."""
    short = (f"--config={config}", "--config.data.num_images=60", "--config.data.resolution=16")
    short += (f"--config.data.prepared_dir={tmp_path}",)
    code = call("check", *short)
    printed = capsys.readouterr()
    assert (code, "no faults found" in printed.out) == (0, True), printed.err
    if config.startswith("augmentation"):
        network = ("--config.classifier.model.network=resnet50",)
        assert call("check", *short, *network, "--config.classifier.model.pretrained=True") == 2
        assert "classifier: training starts from published weights" in capsys.readouterr().err


def test_prepare_leaves_the_images(tmp_path, capsys):
    prepared = tmp_path / "prepared"
    assert call("--mode=prepare", TINY_PGAN, f"--config.data.prepared_dir={prepared}") == 0
    assert "96 images" in capsys.readouterr().out
    assert any(prepared.iterdir())


def test_doctor_prints_devices(capsys):
    assert call("--mode=doctor") == 0
    printed = capsys.readouterr().out
    assert "device 7: cpu" in printed
    assert "one compiled step: finite" in printed


def test_report_is_rebuilt(workdir, capsys):
    (workdir / "report.html").unlink()
    assert call("--mode=report", f"--workdir={workdir}") == 0
    assert str(workdir / "report.html") in capsys.readouterr().out
    assert (workdir / "report.html").exists()


def test_training_a_finished_run_again_changes_nothing(workdir, experiment, tmp_path):
    images = generated(workdir, tmp_path)["images"]
    training, evaluation = rows(workdir, "train"), rows(workdir, "eval")[-1]["metrics"]
    steps = checkpoint_steps(workdir)
    assert call(*experiment, f"--workdir={workdir}") == 0
    assert checkpoint_steps(workdir) == steps
    assert rows(workdir, "train") == training
    assert rows(workdir, "eval")[-1]["metrics"] == evaluation
    np.testing.assert_array_equal(generated(workdir, tmp_path)["images"], images)


@pytest.mark.parametrize(("arguments", "code"), [([], 0), (["--exit_code_if_stopped=75"], 75)])
def test_stopped_run_goes_on_without_config(
    workdir, experiment, tmp_path, capsys, monkeypatch, arguments, code
):
    run = f"--workdir={tmp_path / 'run'}"
    with monkeypatch.context() as patch:
        patch.setattr(Preemption, "requested", lambda self, step: step >= 10)
        assert call(*experiment, run, *arguments) == code
    assert "stopped and saved" in capsys.readouterr().out
    assert not (tmp_path / "run" / "report.html").exists()
    assert call(run) == 0
    assert rows(tmp_path / "run", "event")[-1]["event"] == "finished"
    np.testing.assert_array_equal(
        generated(tmp_path / "run", tmp_path)["images"], generated(workdir, tmp_path)["images"]
    )


@pytest.mark.parametrize(
    ("error", "code", "printed"),
    [
        (UserError("move the file"), 2, "error: move the file"),
        (GateError("3 copies found"), 3, "no: 3 copies found"),
    ],
)
def test_exit_code_tells_the_kind_of_error(monkeypatch, capsys, error, code, printed):
    def fail(args):
        raise error

    failing = dataclasses.replace(doctor.COMMAND, run=fail)
    monkeypatch.setattr(doctor, "COMMAND", failing)
    assert call("doctor") == code
    assert capsys.readouterr().err == f"{printed}\n"


def test_evaluation_measures_the_checkpoint_that_was_asked_for(workdir, tmp_path):
    measured = {
        step: evaluate(
            *(tmp_path, "phantom:train", workdir, f"--num={NUM_EVALUATED}", f"--checkpoint={step}")
        )
        for step in checkpoint_steps(workdir)
    }
    in_training = {row["step"]: row["metrics"]["swd"] for row in rows(workdir, "eval")}
    known = [step for step in measured if step in in_training]
    assert len(known) > 1
    for step in known:
        assert measured[step]["metrics"]["swd"]["value"] == in_training[step]["value"]
        assert measured[step]["made_by"]["fake"]["checkpoint"] == step


def test_checkpoint_of_no_run_is_refused(workdir, tmp_path, capsys):
    assert generate(workdir, tmp_path / "a", "--num=4") == 0
    sides = [f"--real={tmp_path / 'a'}", f"--fake={tmp_path / 'a'}"]
    assert call("evaluate", *sides, "--checkpoint=best") == 2
    assert "--checkpoint=best chooses among those of a work directory" in capsys.readouterr().err


def test_dry_run_tells_the_plan_and_writes_nothing(experiment, tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("DERMGAN_CACHE", str(tmp_path / "cache"))
    arguments = [TINY_PGAN, "--config.seed=7", f"--workdir={tmp_path / 'run'}", "--dry_run"]
    assert call("train", *arguments) == 0
    printed = capsys.readouterr().out
    assert '"seed": 7' in printed
    assert "phantom: 96 images" in printed
    assert "g has 2,838 parameters" in printed
    assert "stage 8x8" in printed
    assert list(tmp_path.iterdir()) == []
    missing = tmp_path / "nothing"
    assert call("train", *arguments, f"--config.train.init_from={missing}") == 2
    assert f"{missing} is no work directory" in capsys.readouterr().err


def test_images_are_verified_against_their_run(workdir, conditional, tmp_path, capsys):
    assert call("generate", f"--workdir={workdir}", f"--out={tmp_path / 'out'}", "--num=3") == 0
    capsys.readouterr()
    for known, state in ((workdir, "unaltered"), (conditional, "unknown_run")):
        words = ("verify", f"--input={tmp_path / 'out'}", f"--workdir={known}", "--json")
        assert call(*words) == 0
        assert json.loads(capsys.readouterr().out)["counts"][state] == 3


def test_sheets_of_a_run_are_verified_too(workdir, capsys):
    capsys.readouterr()
    words = (f"--input={workdir / 'samples'}", f"--workdir={workdir}", "--json")
    assert call("verify", *words) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["counts"]["unaltered"] == len(told["images"]) - 1 > 1
    (real,) = (each for each in told["images"] if each["state"] == "unmarked")
    assert real["file"] == "reals.png"
    steps = {one["checkpoint"] for one in told["images"]}
    assert 0 in steps
    assert steps & set(checkpoint_steps(workdir))


def test_a_run_tells_of_its_sessions(workdir):
    lines = (workdir / "sessions.jsonl").read_text().splitlines()
    began, ended = map(json.loads, lines[:2])
    assert began["session"] == ended["session"]
    assert ended["outcome"] == "finished"
    assert {"command", "host", "git", "jax"} <= set(began)
