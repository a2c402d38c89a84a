"""A training that is killed at any moment, and while it saves, ends as if nothing had happened."""

import json
import os
import pathlib
import subprocess
import sys

import pytest
from engine_probe import last_state, tiny

from dermgan_jax.runs.metrics_log import read_rows
from dermgan_jax.runs.workdir import WorkDir
from dermgan_jax.train import loop

ROOT = pathlib.Path(__file__).parents[2]


@pytest.mark.parametrize("num", [3, pytest.param(100, marks=pytest.mark.slow)])
def test_every_kill_costs_nothing(num, tmp_path):
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(map(str, (ROOT, ROOT / "tests"))),
        "DERMGAN_CACHE": str(tmp_path / "cache"),
        "JAX_NUM_CPU_DEVICES": "8",
        "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
    }
    result = subprocess.run(
        [sys.executable, "tests/faults/kills.py", str(tmp_path), str(num), "0"],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
    )
    assert result.returncode == 0, result.stderr[-3000:]
    told = json.loads(result.stdout.splitlines()[-1])
    print(told["kills"], len(told["finished"]), "runs finished")
    assert sum(told["kills"].values()) == num
    config = tiny("toy", tmp_path / "cache", **{"checkpoint.every_kimg": 0.016})
    loop.train(config, tmp_path / "whole")
    expected, rows = last_state(config, tmp_path / "whole"), trained(tmp_path / "whole")
    for run in map(pathlib.Path, told["finished"]):
        for mine, theirs in zip(*map(leaves, (last_state(config, run), expected)), strict=True):
            assert mine.tobytes() == theirs.tobytes()
        assert trained(run) == rows
        assert not list((run / "checkpoints").glob("*tmp*"))
    assert "Traceback" not in "".join(log.read_text() for log in tmp_path.glob("*.log"))


def leaves(state):
    import jax

    return [leaf for leaf in jax.tree.leaves(state) if hasattr(leaf, "tobytes")]


def trained(workdir):
    """Rows of training, without what depends on time."""
    timed = ("time", "images_per_second", "spent")
    rows = read_rows(WorkDir(workdir).metrics)
    return [
        {key: value for key, value in row.items() if key not in timed}
        for row in rows
        if row["kind"] == "train"
    ]
