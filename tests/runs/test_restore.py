"""Checkpoints of a run that may be training while they are read."""

import shutil

import pytest
import tiny_configs
from test_checkpoint import facts_of, save_all

from dermgan_jax import config as config_schema
from dermgan_jax.errors import UserError
from dermgan_jax.runs import restore
from dermgan_jax.runs.checkpoint import Checkpoints
from dermgan_jax.runs.restore import checkpoint_facts
from dermgan_jax.runs.workdir import WorkDir


@pytest.fixture
def workdir(tmp_path):
    """With checkpoints 20, of which the evaluation was best, 50 and 60."""
    save_all(tmp_path, {20: 1.0, 50: 3.0, 60: 2.0})
    WorkDir(tmp_path).write_config(config_schema.validate(tiny_configs.toy()))
    return tmp_path


@pytest.fixture
def removed(workdir, monkeypatch):
    """removed(step, other): once `step` is read, `other` is there in its place."""
    read = Checkpoints.facts

    def replace(step, other):
        folder = workdir / "checkpoints"

        def facts(self, asked):
            if asked == step and (folder / str(step)).exists():
                if other is not None:
                    shutil.copytree(folder / str(step), folder / str(other))
                shutil.rmtree(folder / str(step))
            return read(self, asked)

        monkeypatch.setattr(Checkpoints, "facts", facts)

    monkeypatch.setattr(restore, "_PAUSE", 0.01)
    return replace


def test_newest_makes_room_for_a_newer_one(workdir, removed):
    removed(60, 70)
    assert checkpoint_facts(workdir) == (70, facts_of(60))


def test_best_makes_room_for_a_better_one(workdir, removed):
    removed(20, None)
    assert checkpoint_facts(workdir, "best") == (60, facts_of(60))


def test_step_that_was_asked_for_is_not_replaced_by_another(workdir, removed):
    removed(50, 70)
    with pytest.raises(UserError, match="no checkpoint '50'; there are latest, best, 20, 60, 70"):
        checkpoint_facts(workdir, "50")


def test_folder_that_is_empty_for_a_moment_is_looked_at_again(workdir, monkeypatch):
    moved = workdir / "checkpoints" / "60"
    for step in (20, 50):
        shutil.rmtree(workdir / "checkpoints" / str(step))
    moved.rename(workdir / "60")
    monkeypatch.setattr(restore.time, "sleep", lambda _: (workdir / "60").rename(moved))
    assert checkpoint_facts(workdir) == (60, facts_of(60))


def test_damaged_checkpoint_is_not_to_be_deleted(workdir, monkeypatch):
    monkeypatch.setattr(restore, "_PAUSE", 0.01)
    shutil.rmtree(workdir / "checkpoints" / "60" / "facts")
    with pytest.raises(UserError, match="60 cannot be read") as raised:
        checkpoint_facts(workdir, "60")
    assert "--checkpoint=STEP reads 20, 50" in str(raised.value)
    assert "elete" not in str(raised.value)
    assert checkpoint_facts(workdir) == (50, facts_of(50))
