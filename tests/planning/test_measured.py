"""What runs reach of a plan: read from their rows, kept, shown in the report."""

import json

import pytest
from command_line import call
from engine_probe import tiny

from dermgan_jax.errors import UserError
from dermgan_jax.planning import measured, plan, plan_table
from dermgan_jax.planning.accelerators import Chip, parse
from dermgan_jax.report import run
from dermgan_jax.runs.workdir import WorkDir
from dermgan_jax.train import loop

MACHINE = Chip("cpu", "cpu", {"float32": 1e11, "bfloat16": 1e11}, 1e10, 1e10, 1e10, 1e-6)


def row(images, stage="8x8", rate=5.0, **spent):
    found = {"kind": "train", "images": images, "stage": stage, "images_per_second": rate}
    return found | ({"spent": spent} if spent else {})


def test_speed_is_that_of_steps_and_input_without_the_first_row_of_a_stage():
    rows = [
        row(100, step=50.0),
        row(200, step=8.0, input=2.0, compilation=30.0),
        {"kind": "event", "images": 200},
        row(300, step=4.0, input=1.0, evaluation=99.0),
        row(400, step=10.0),
        row(500, "16x16", step=5.0),
        row(600, "16x16", step=20.0),
    ]
    assert measured.trained_speeds(rows) == {"8x8": 10.0, "16x16": 5.0}


def test_rows_of_early_versions_give_their_fastest_tenth():
    rows = [row(100 * i, rate=float(i)) for i in range(1, 22)]
    assert measured.trained_speeds(rows) == {"8x8": 20.0}


@pytest.mark.parametrize(
    ("devices", "expected"),
    [
        ("8 × NVIDIA H100 80GB HBM3", "h100:8"),
        ("1 × NVIDIA L4", "l4"),
        ("4 × TPU v5 lite", "v5e:2x2"),
        ("8 × TPU v4", "v4:2x2x1"),
        ("1 × TPU v6 lite", "v6e:1x1"),
    ],
)
def test_devices_of_a_run(tmp_path, devices, expected):
    workdir = WorkDir(tmp_path)
    workdir.environment.write_text(json.dumps({"devices": devices}))
    assert str(measured.trained_on(workdir)) == expected


@pytest.mark.parametrize("told", ['{"devices": "2 × Quantum"}', "{}", "[", '{"devices": 3}'])
def test_devices_that_are_not_known_are_one_message(tmp_path, told):
    WorkDir(tmp_path).environment.write_text(told)
    with pytest.raises(UserError, match=r"none of v4|does not say on which devices"):
        measured.trained_on(WorkDir(tmp_path))


def test_a_run_is_measured_kept_and_reported(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("DERMGAN_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(measured, "this_machine", lambda: MACHINE)
    config = tiny("toy", tmp_path / "prepared")
    loop.train(config, tmp_path / "run")
    assert call("plan", f"--measured={tmp_path}/run") == 0
    assert "16x16" in capsys.readouterr().out
    (stage,) = json.loads((tmp_path / "run" / "planned.json").read_text())["stages"]
    assert stage["reached"] == pytest.approx(stage["measured"] / stage["planned"])
    assert "Speed beside the plan" in run.build(tmp_path / "run").read_text()
    shares = measured.reached(parse("cpu", MACHINE), "toy")
    assert shares == (stage["reached"],)
    found = plan.make_plan(config, parse("cpu", MACHINE))
    assert "1 measured runs of the family reached" in plan_table.text(found, None, shares)
    (tmp_path / "run" / "planned.json").write_text('{"stages": [1]}')
    assert "planned.json is damaged" in run.build(tmp_path / "run").read_text()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--measured=nowhere",), "nowhere is not a work directory"),
        (("--measured=x", "--accelerator=h100"), "--measured goes without --accelerator"),
        (("--measured=x", "--traced"), "--measured goes without --traced"),
        (("--config=dcgan:phantom",), "needs --accelerator, or --measured"),
    ],
)
def test_bad_input_is_one_sentence(words, message, capsys):
    assert call("plan", *words) == 2
    assert message in capsys.readouterr().err


def test_a_run_without_training_has_nothing_to_measure(tmp_path):
    workdir = WorkDir(tmp_path / "run")
    workdir.adopt(tiny("toy", tmp_path))
    with pytest.raises(UserError, match="has no rows of training"):
        measured.measure(workdir.path)
