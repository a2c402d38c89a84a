"""A work directory that version 0.1 made: it is sampled, reported and continued.

golden/workdirs/pgan_0_1.zip is of tests/tiny_configs.py:pgan, stopped after 32 images, with the
samples that version 0.1 drew from it.
"""

import json
import zipfile
from pathlib import Path

import numpy as np
import pytest
from command_line import call

from dermgan_jax.metrics.measurement import MetricValue
from dermgan_jax.runs.metrics_log import read_rows

ARCHIVE = Path(__file__).parents[1] / "golden" / "workdirs" / "pgan_0_1.zip"


@pytest.fixture
def workdir(tmp_path):
    with zipfile.ZipFile(ARCHIVE) as archive:
        archive.extractall(tmp_path / "run")
    return tmp_path / "run"


def test_stored_configuration_is_of_before_the_renaming(workdir):
    """Or else these tests prove nothing."""
    assert "gan" in json.loads((workdir / "config.json").read_text())
    assert "swd_lower_bound" in (workdir / "metrics.jsonl").read_text()


def test_samples_are_those_of_before(workdir, tmp_path):
    out = tmp_path / "samples.npz"
    assert call("generate", f"--workdir={workdir}", f"--out={out}", "--num=8") == 0
    with np.load(out) as now, np.load(workdir / "samples.npz") as before:
        np.testing.assert_allclose(now["images"], before["images"], atol=1e-5)


def test_measurements_are_read(workdir):
    (last,) = [row for row in read_rows(workdir / "metrics.jsonl") if row["kind"] == "eval"][-1:]
    swd = last["metrics"]["swd"]
    assert isinstance(swd.value, MetricValue)
    assert swd.real_against_real.value < swd.value.value


def test_report_is_made(workdir):
    assert call("report", f"--workdir={workdir}") == 0
    assert "real vs real" in (workdir / "report.html").read_text()


def test_training_goes_on(workdir, tmp_path):
    config = Path(__file__).parents[1] / "tiny_configs.py"
    prepared = f"--config.data.prepared_dir={tmp_path / 'prepared'}"
    longer = ["--config.train.total_kimg=0.048", "--config.checkpoint.keep_last=1"]
    assert call("train", f"--config={config}:pgan", f"--workdir={workdir}", prepared, *longer) == 0
    rows = read_rows(workdir / "metrics.jsonl")
    assert [row["event"] for row in rows if row["kind"] == "event"][-2:] == ["resumed", "finished"]
    assert max(row["images"] for row in rows) == 48
    assert "model" in json.loads((workdir / "config.json").read_text())
