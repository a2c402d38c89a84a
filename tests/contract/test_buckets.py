"""A work directory in a bucket: everything that is done on a disk, with the same result."""

import json
import signal
import sys
import time

import buckets
import numpy as np
import pytest
from engine_probe import last_state, tiny
from PIL import Image
from test_processes import assert_refused, command, start
from test_promises import assert_same, cache_dir, train_rows, whole_run

pytestmark = pytest.mark.slow
__all__ = ["cache_dir", "whole_run"]  # fixtures

RUN = f"gs://{buckets.BUCKET}/runs/pgan"


@pytest.fixture(scope="module")
def bucket():
    with buckets.bucket() as environment:
        yield environment


def dermgan(environment, *arguments):
    """The output of a command, which has to succeed."""
    process = start([sys.executable, "-m", "dermgan_jax.main", *map(str, arguments)], **environment)
    output, _ = process.communicate(timeout=300)
    assert process.returncode == 0, output
    return output


def wait_for_checkpoint(environment, process, folder, seconds=180):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        there = buckets.names(environment, f"{folder}/checkpoints/")
        if any("_CHECKPOINT_METADATA" in name for name in there) or process.poll() is not None:
            return
        time.sleep(0.1)
    raise AssertionError(f"no checkpoint within {seconds} s")


@pytest.mark.parametrize("whole_run", ["pgan"], indirect=True)
def test_bucket_holds_a_run_from_its_start_to_its_report(whole_run, bucket, tmp_path):
    """Trained, killed, continued, sampled, measured and reported, bit for bit as on a disk."""
    config, whole = whole_run
    training = command(config, RUN)
    process = start(training, **bucket)
    wait_for_checkpoint(bucket, process, "runs/pgan")
    process.send_signal(signal.SIGKILL)
    process.wait()
    dermgan(bucket, *training[3:])

    drawing = ["generate", f"--workdir={RUN}", f"--out={RUN}/drawn"]
    dermgan(bucket, *drawing, "--num=9")
    dermgan(bucket, *drawing, "--num=8", "--overwrite")
    dermgan(bucket, *drawing, "--num=8")
    dermgan(bucket, "generate", f"--workdir={whole}", f"--out={tmp_path / 'drawn'}", "--num=8")
    measured = ["evaluate", "--real=phantom:train", "--num=16", "--metrics=swd"]
    dermgan(bucket, *measured, f"--fake={RUN}")
    dermgan(bucket, *measured, f"--fake={whole}", f"--out={tmp_path / 'evaluation.json'}")
    dermgan(bucket, "report", f"--workdir={RUN}")
    data = ["--config.data.dataset=image_folder", f"--config.data.dir={RUN}/drawn"]
    checked = dermgan(bucket, "check", *training[3:4], *data, "--config.data.num_images=0")
    assert "image_folder: 8 images" in checked

    copy = tmp_path / "copy"
    buckets.download(bucket, "runs/pgan", copy)
    assert_same(last_state(config, whole), last_state(config, copy))
    assert train_rows(copy) == train_rows(whole)
    drawn = sorted((tmp_path / "drawn").glob("*.png"))
    assert len(drawn) == 8
    for file in drawn:
        np.testing.assert_array_equal(pixels(file), pixels(copy / "drawn" / file.name))
    assert metrics(copy / "evaluation.json") == metrics(tmp_path / "evaluation.json")
    assert (copy / "evaluation.png").stat().st_size > 1000
    assert "<html" in (copy / "report.html").read_text()
    for sheet in (whole / "samples").glob("*.png"):
        np.testing.assert_array_equal(pixels(sheet), pixels(copy / "samples" / sheet.name))
    assert list((copy / "tensorboard").iterdir())
    assert not (copy / ".lock").exists()


SPOIL = """
import sys
from dermgan_jax import files
file = files.to_path(sys.argv[1])
content = bytearray(file.read_bytes())
content[len(content) // 2] ^= 1
file.write_bytes(content)
"""


def test_a_damaged_checkpoint_in_a_bucket_is_set_aside(bucket, cache_dir, tmp_path):
    config = tiny("pgan", cache_dir)
    run = f"gs://{buckets.BUCKET}/runs/damaged"
    training = [*command(config, run)[3:], "--config.train.total_kimg=0.064"]
    dermgan(bucket, *training)
    found = buckets.names(bucket, "runs/damaged/checkpoints/")
    step = max(int(name.split("/")[3]) for name in found if name.split("/")[3].isdecimal())
    arrays = [name for name in found if f"/{step}/state/" in name and "/d/" in name]
    for name in arrays:
        command_line = [sys.executable, "-c", SPOIL, f"gs://{buckets.BUCKET}/{name}"]
        process = start(command_line, **bucket)
        assert process.wait() == 0, process.stdout.read()
    assert "training goes on from step" in dermgan(bucket, *training)
    copy = tmp_path / "copy"
    buckets.download(bucket, "runs/damaged", copy)
    assert [each.name.partition("-")[0] for each in (copy / "damaged").iterdir()] == [str(step)]
    assert (copy / "checkpoints" / str(step)).is_dir()


def test_second_run_in_the_same_bucket_folder_is_refused(bucket, cache_dir):
    config = tiny("pgan", cache_dir)
    workdir = f"gs://{buckets.BUCKET}/runs/twice"
    first = start([*command(config, workdir), "--config.train.total_kimg=100"], **bucket)
    wait_for_checkpoint(bucket, first, "runs/twice")
    assert_refused(command(config, workdir), **bucket)
    first.kill()
    first.wait()


def pixels(file):
    with Image.open(file) as image:
        return np.asarray(image)


def metrics(file):
    return json.loads(file.read_text())["metrics"]
