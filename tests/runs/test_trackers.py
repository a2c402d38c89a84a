"""Services that keep numbers of runs. Each is tried where it is installed."""

import sqlite3
import sys

import numpy as np
import pytest
import tiny_configs

from dermgan_jax import config as config_schema
from dermgan_jax.errors import UserError
from dermgan_jax.runs.trackers import open_tracker
from dermgan_jax.runs.workdir import WorkDir

PARTS = {"mlflow": ("mlflow", "sqlalchemy"), "wandb": ("wandb",)}


@pytest.fixture
def workdir(tmp_path):
    return WorkDir(tmp_path / "run")


@pytest.fixture(params=PARTS)
def tracker(request, workdir, monkeypatch):
    for part in PARTS[request.param]:
        pytest.importorskip(part)
    for variable in ("MLFLOW_TRACKING_URI", "WANDB_MODE"):
        monkeypatch.delenv(variable, raising=False)
    workdir.path.mkdir()
    return request.param


def test_numbers_stay_in_the_work_directory_and_a_run_goes_on(tracker, workdir):
    for step in (1, 2):
        opened = open_tracker(tracker, workdir, {"seed": 0})
        opened.write_scalars(step, {"eval/fid:tf": 2.0 * step})
        opened.write_image("samples", step, np.zeros((4, 6, 3), np.uint8))
        opened.close()
    if tracker == "mlflow":
        with sqlite3.connect(workdir.path / "mlflow.db") as database:
            rows = database.execute("select key, value, step from metrics order by step").fetchall()
        assert rows == [("eval/fid:tf", 2.0, 1), ("eval/fid:tf", 4.0, 2)]
    else:
        names = {path.name.rpartition("-")[2] for path in workdir.path.glob("wandb/offline-run-*")}
        assert len(names) == 1


@pytest.mark.parametrize("name", PARTS)
def test_one_that_is_not_installed_is_named_with_the_remedy(name, workdir, monkeypatch):
    monkeypatch.setitem(sys.modules, PARTS[name][-1], None)
    with pytest.raises(UserError, match=rf"names {name}, which is not installed .*\[{name}\]"):
        open_tracker(name, workdir, {})


def test_unknown_ones_are_refused_by_the_configuration():
    config = tiny_configs.toy()
    config.train.trackers = ("mlfow",)
    with pytest.raises(UserError, match="unknown tracker 'mlfow'; did you mean 'mlflow'"):
        config_schema.validate(config)
