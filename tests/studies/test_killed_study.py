"""kill -9 in the middle of an arm costs a study nothing."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]


@pytest.mark.slow
def test_killed_study_ends_with_the_same_table(tmp_path):
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    environment = {
        **os.environ,
        "PYTHONPATH": str(REPOSITORY / "tests"),
        "DERMGAN_CACHE": str(tmp_path / "cache"),
        "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0.2",
    }

    def start(workdir):
        config = f"--config={REPOSITORY / 'tests' / 'tiny_study.py'}"
        command = [sys.executable, "-m", "dermgan_jax.main", config, f"--workdir={workdir}"]
        command += ["--config.arms=('real', 'filtered')"]
        return subprocess.Popen(command, cwd=REPOSITORY, env=environment)

    assert start(whole).wait(timeout=900) == 0
    for begun in ("generator", "real/seed1", "filtered/seed0"):
        process, deadline = start(killed), time.monotonic() + 600
        while not (killed / begun / "config.json").is_file():
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.02)
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert not (killed / "table.csv").is_file()
    assert start(killed).wait(timeout=900) == 0
    assert (killed / "table.csv").read_text() == (whole / "table.csv").read_text()
