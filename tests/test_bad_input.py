"""What a user gets for bad input: one message that names the thing and the remedy, exit code 2.

Data faults that need no run are tested beside their readers in tests/data; here they go through
the command line. Nothing here may cost an existing checkpoint.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import tiny_configs
from command_line import call
from engine_probe import tiny
from PIL import Image

from dermgan_jax.errors import UserError
from dermgan_jax.models.pgan import ProgressiveGan
from dermgan_jax.runs import findings, metrics_log
from dermgan_jax.runs.restore import restore
from dermgan_jax.runs.workdir import WorkDir
from dermgan_jax.train import loop

EIGHT = {"JAX_NUM_CPU_DEVICES": "8"}


@pytest.fixture(scope="module")
def cache_dir(tmp_path_factory):
    return tmp_path_factory.mktemp("prepared")


@pytest.fixture
def run(capsys, cache_dir):
    """Runs the command line; returns (exit code, what it printed as error)."""

    def run(*arguments, config="tests/tiny_configs.py:pgan"):
        of_config = (f"--config={config}", f"--config.data.prepared_dir={cache_dir}")
        code = call(*arguments, *(of_config if config else ()))
        return code, capsys.readouterr().err

    return run


@pytest.fixture(scope="module")
def trained(cache_dir, tmp_path_factory):
    """A finished work directory of the tiny PGAN."""
    workdir = tmp_path_factory.mktemp("trained") / "run"
    config = tiny("pgan", cache_dir, **{"train.total_kimg": 0.064})
    loop.train(config, workdir)
    return workdir


def picture(path, size=(24, 24), mode="RGB"):
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(len(str(path))).integers(0, 256, (*size[::-1], 3), np.uint8)
    image = Image.fromarray(pixels).convert(mode)
    if mode == "RGBA":
        image.putalpha(128)
    image.save(path)


def folder_arguments(folder):
    return ["--mode=check", "--config.data.dataset=image_folder", f"--config.data.dir={folder}"]


def test_unknown_key_is_named_with_the_nearest(run, tmp_path):
    code, error = run("--config.data.resolutoin=32", f"--workdir={tmp_path}/run")
    assert code == 2
    assert "resolutoin" in error
    assert "resolution" in error.replace("resolutoin", "")
    assert not (tmp_path / "run").exists()


def test_wrong_type_is_named(run, tmp_path):
    code, error = run("--config.data.resolution=big", f"--workdir={tmp_path}/run")
    assert code == 2
    assert "resolution" in error


def test_unknown_configuration_file(run):
    code, error = run(config="configs/pgann.py")
    assert code == 2
    assert "pgann" in error


def test_unknown_variant_lists_the_known(run):
    code, error = run(config="configs/pgan.py:fantom")
    assert code == 2
    assert "phantom" in error


def test_missing_data_directory(run, tmp_path):
    code, error = run(*folder_arguments(tmp_path / "nowhere"))
    assert code == 2
    assert "nowhere" in error


def test_empty_data_directory(run, tmp_path):
    (tmp_path / "empty").mkdir()
    code, error = run(*folder_arguments(tmp_path / "empty"))
    assert code == 2
    assert "empty" in error


def test_every_bad_image_is_listed_at_once(run, tmp_path):
    for number in range(8):
        picture(tmp_path / "data" / "nv" / f"good{number}.png")
    picture(tmp_path / "data" / "nv" / "inks.jpg", mode="CMYK")
    picture(tmp_path / "data" / "nv" / "glass.png", mode="RGBA")
    picture(tmp_path / "data" / "nv" / "speck.png", size=(3, 3))
    (tmp_path / "data" / "nv" / "noise.jpg").write_bytes(b"not an image")
    whole = (tmp_path / "data" / "nv" / "good0.png").read_bytes()
    (tmp_path / "data" / "nv" / "half.png").write_bytes(whole[: len(whole) // 2])
    code, error = run(*folder_arguments(tmp_path / "data"))
    assert code == 2
    for name in ("inks.jpg", "glass.png", "speck.png", "noise.jpg", "half.png"):
        assert name in error
    assert "good" not in error


def csv_arguments(folder):
    return [*folder_arguments(folder), "--config.data.csv=table.csv"]


def test_csv_without_a_needed_column(run, tmp_path):
    picture(tmp_path / "a.png")
    (tmp_path / "table.csv").write_text("picture_of,label\na.png,nv\n")
    code, error = run(*csv_arguments(tmp_path))
    assert code == 2
    assert "path" in error
    assert "picture_of" in error


def test_label_without_images(run, tmp_path):
    picture(tmp_path / "a.png")
    (tmp_path / "table.csv").write_text("path,label\na.png,nv\nb.png,mel\n")
    code, error = run(*csv_arguments(tmp_path))
    assert code == 2
    assert "mel" in error


def test_duplicate_ids(run, tmp_path):
    picture(tmp_path / "a.png")
    (tmp_path / "table.csv").write_text("path,label\na.png,nv\na.png,nv\n")
    code, error = run(*csv_arguments(tmp_path))
    assert code == 2
    assert "a.png" in error
    assert "listed 2 times" in error


def test_work_directory_of_another_configuration(run, trained):
    before = sorted(trained.rglob("*"))
    code, error = run("--config.seed=5", f"--workdir={trained}")
    assert code == 2
    assert "seed: 0 -> 5" in error
    assert sorted(trained.rglob("*")) == before


def test_run_goes_on_with_another_title_and_other_metrics(run, trained, tmp_path):
    workdir = shutil.copytree(trained, tmp_path / "run")
    named = restore(workdir).run
    changed = ("--config.title=Other", "--config.eval.metrics=('swd','diversity')")
    code, error = run(f"--workdir={workdir}", *changed, "--config.train.total_kimg=0.096")
    assert code == 0, error
    assert restore(workdir).run == named
    assert "Other" in (workdir / "report.html").read_text()
    measured = metrics_log.evaluated(metrics_log.read_rows(workdir / "metrics.jsonl"))
    assert any("diversity" in key for key in measured[max(measured)])


def test_place_of_an_unknown_kind(run):
    code, error = run("--workdir=ftp://host/run")
    assert code == 2
    assert "ftp:// are not supported" in error


def test_mode_without_what_it_needs(run):
    code, error = run("--mode=generate", config=None)
    assert code == 2
    assert "--workdir" in error


def test_folder_that_is_no_work_directory(run, tmp_path):
    code, error = run("generate", f"--workdir={tmp_path}", f"--out={tmp_path}/out", config=None)
    assert code == 2
    assert "not a work directory" in error


def test_label_for_an_unconditional_model(run, trained, tmp_path):
    places = (f"--workdir={trained}", f"--out={tmp_path}/out")
    code, error = run("generate", *places, "--label=mel", config=None)
    assert code == 2
    assert "without labels" in error


def test_audit_against_other_images_than_those_of_the_run(capsys, trained, tmp_path):
    copied = tmp_path / "run"
    shutil.copytree(trained, copied)
    side = WorkDir(copied).read_config().data.resolution
    for number in range(12):
        picture(tmp_path / "others" / f"{'a' * (number + 1)}.png", size=(side, side))
    for train, known in ((tmp_path / "others", False), (copied, True)):
        which = (f"--train={train}", f"--fake={copied}", "--num=8", "--features=pixels")
        call("audit", *which, f"--out={tmp_path / 'audit'}")
        warned = f"{train} is not known to be what" in capsys.readouterr().out
        assert warned != known
        assert findings.read(copied)[-1].result["against_own_images"] == known


def test_batch_that_devices_cannot_share(run, tmp_path):
    code, error = run("--config.model.batch_sizes=((4,12),(8,12))", f"--workdir={tmp_path}/run")
    assert code == 2
    assert "12 at 4x4" in error


def complete_checkpoints(workdir):
    names = [path.name for path in (workdir / "checkpoints").iterdir()]
    return sorted(int(name) for name in names if name.isdigit())


def test_checkpoint_cut_short(run, trained, tmp_path):
    workdir = tmp_path / "run"
    shutil.copytree(trained, workdir)
    steps = complete_checkpoints(workdir)
    latest = workdir / "checkpoints" / str(steps[-1])
    for file in latest.rglob("d/*"):  # OCDBT's data files
        with open(file, "r+b") as opened:
            opened.truncate(file.stat().st_size // 2)
    command = [sys.executable, "-m", "dermgan_jax.main", "generate", f"--workdir={workdir}"]
    result = subprocess.run(
        [*command, f"--out={tmp_path / 'samples'}"],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert result.returncode == 0
    assert "Traceback" not in result.stdout
    assert f"checkpoint {latest} cannot be read" in result.stdout
    assert f"that of step {steps[-2]} is read instead" in result.stdout
    code, error = run(f"--workdir={workdir}", "--config.train.total_kimg=0.096")
    assert code == 0, error
    kept = [path.name for path in (workdir / "damaged").iterdir()]
    assert [name.partition("-")[0] for name in kept] == [str(steps[-1])]


def test_full_disk_while_saving_costs_no_checkpoint(run, trained, cache_dir, tmp_path):
    workdir = tmp_path / "run"
    shutil.copytree(trained, workdir)
    before = complete_checkpoints(workdir)
    arguments = [f"--workdir={workdir}", "--config.train.total_kimg=0.128"]
    tests = Path(__file__).parent
    full = subprocess.run(
        [
            sys.executable, tests / "full_disk_run.py", "--config=tests/tiny_configs.py:pgan",
            f"--config.data.prepared_dir={cache_dir}", *arguments,
        ],
        env={**os.environ, "PYTHONPATH": f"{tests.parent}{os.pathsep}{tests}", **EIGHT},
        cwd=tests.parent, capture_output=True, text=True,
    )  # fmt: skip
    assert full.returncode == 2, full.stderr
    assert "could not be written" in full.stderr
    assert "run the same command to continue" in full.stderr
    assert complete_checkpoints(workdir) == before
    code, error = run(*arguments)
    assert code == 0, error


def test_continuing_on_other_data_is_refused(cache_dir, tmp_path):
    real, made, workdir = tmp_path / "real", tmp_path / "made", tmp_path / "run"
    for i in range(24):
        picture(real / ("mel", "nv")[i % 2] / f"{i}.png")
    for i in range(4):
        picture(made / "mel" / f"{i}.png", size=(8, 8))

    def train(total_kimg):
        fields = {
            **{"data.dataset": "image_folder", "data.dir": str(real), "data.num_images": 0},
            **{"data.resolution": 8, "data.synthetic": str(made), "eval.num_images": 4},
            "train.total_kimg": total_kimg,
        }
        return loop.train(tiny("toy", cache_dir, **fields), workdir)

    train(0.032)
    train(0.064)
    Image.new("RGB", (8, 8)).save(made / "mel" / "0.png")
    with pytest.raises(UserError, match="trained with other synthetic images"):
        train(0.096)
    picture(real / "mel" / "more.png")
    with pytest.raises(UserError, match=r"trained on split \w+, but the data now give split"):
        train(0.096)


def test_nan_loss_stops_the_run_and_names_everything(cache_dir, tmp_path, monkeypatch):
    config = tiny("pgan", cache_dir)
    generator_loss = ProgressiveGan.generator_loss

    def poisoned(self, variables, latents, labels, context):
        loss, aux = generator_loss(self, variables, latents, labels, context)
        return jnp.where(context.images_seen >= 120, jnp.nan, loss), aux

    monkeypatch.setattr(ProgressiveGan, "generator_loss", poisoned)
    with pytest.raises(UserError) as raised:
        loop.train(config, tmp_path / "run")
    message = str(raised.value)
    assert "step 15 (0.1 kimg, stage 8x8)" in message
    assert "loss of phase 'g'" in message
    assert "last good checkpoint is step 12" in message
    assert complete_checkpoints(tmp_path / "run")[-1] == 12


def test_poisoned_gradient_is_named_by_its_tensor(cache_dir, tmp_path, monkeypatch):
    config = tiny("toy", cache_dir)
    from toy_model import ToyModel

    g_loss = ToyModel.g_loss

    @jax.custom_jvp
    def fragile(x):
        return x

    fragile.defjvp(lambda primals, tangents: (primals[0], tangents[0] * jnp.nan))

    def poisoned(self, trainable, *others):
        return g_loss(self, {"g": {"w": fragile(trainable["g"]["w"])}}, *others)

    monkeypatch.setattr(ToyModel, "g_loss", poisoned)
    with pytest.raises(UserError, match="gradient of g/w of phase 'g'"):
        loop.train(config, tmp_path / "run")


def test_tiny_configs_are_valid():
    for name in tiny_configs.TINY:
        assert tiny_configs.get_config(name) is not None
