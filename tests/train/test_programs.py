"""Programs compiled apart: they do what the single program does, and can be waited for."""

import os
import pathlib
import signal
import subprocess
import sys
import threading

import jax
import numpy as np
import pytest
from engine_probe import first_call, first_state, recipe_of, tiny
from jax.sharding import NamedSharding, PartitionSpec

from dermgan_jax.runs.metrics_log import PREEMPTED, read_rows
from dermgan_jax.runs.workdir import WorkDir
from dermgan_jax.train import loop, programs, sharding
from dermgan_jax.train.calls import Calls
from dermgan_jax.train.preemption import Preemption
from dermgan_jax.train.programs import Programs, StoppedWaitingError
from dermgan_jax.train.step import compile_steps

ROOT = pathlib.Path(__file__).parents[2]


@pytest.fixture
def toy(cache_dir):
    """(recipe, arguments of an iteration, stage) of the toy."""
    config = tiny("toy", cache_dir)
    recipe = recipe_of(config, 1)
    batches, inputs, stage = first_call(recipe, config)
    arguments = jax.device_put((batches, {}, inputs), sharding.replicated(recipe.mesh))
    return recipe, arguments, stage


@pytest.fixture
def held(monkeypatch):
    """An event without which no program is compiled."""
    go, compile = threading.Event(), programs._Program.compile

    def wait(self):
        go.wait()
        compile(self)

    monkeypatch.setattr(programs._Program, "compile", wait)
    yield go
    go.set()


def test_an_iteration_is_that_of_the_single_program(toy):
    """With every phase, and without the one that is not due."""
    recipe, arguments, stage = toy
    apart, single = Programs(recipe), compile_steps(recipe)
    one = two = None
    for step in range(3):
        due = recipe.due(stage, step)
        one, reports = apart.run(stage, one or first_state(recipe), arguments, due.phases)
        two, expected = single(
            *(two or first_state(recipe), *arguments, np.ones(1, bool)),
            image_size=stage.image_size,
            due=due,
        )
        for mine, theirs in ((one, two), (reports, expected)):
            jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, atol=1e-6), mine, theirs)
        assert bool(reports["penalty"].ran[0]) == (step == 0)


def test_what_a_phase_that_is_not_due_hands_on_is_zero_on_all_devices(cache_dir):
    config = tiny("toy", cache_dir)
    recipe = recipe_of(config, 2)
    batches, inputs, stage = first_call(recipe, config)
    batches = jax.device_put(batches, NamedSharding(recipe.mesh, PartitionSpec(None, None, "data")))
    inputs = jax.device_put(inputs, sharding.replicated(recipe.mesh))
    _, reports = Programs(recipe).run(stage, first_state(recipe), (batches, {}, inputs), ("g",))
    assert reports["g"].metrics["mean"] == 0
    assert [bool(reports[name].ran[0]) for name in ("d", "penalty", "g")] == [False, False, True]


def test_the_state_is_donated(toy):
    recipe, arguments, stage = toy
    state = first_state(recipe)
    Programs(recipe).run(stage, state, arguments, ("d", "penalty", "g"))
    assert all(leaf.is_deleted() for leaf in jax.tree.leaves(state.opt_state))


def test_waiting_is_told_and_given_up(toy, held):
    recipe, arguments, stage = toy
    said = []
    apart = Programs(recipe, stopping=lambda: len(said) == 3, tell=said.append)
    state = first_state(recipe)
    with pytest.raises(StoppedWaitingError):
        apart.run(stage, state, arguments, ("d", "g"))
    assert {(each.program, each.stage) for each in said} == {("loading", "16x16")}
    assert not any(leaf.is_deleted() for leaf in jax.tree.leaves(state))
    assert programs.still_compiling()
    held.set()
    said += [None]
    apart.run(stage, state, arguments, ("d", "g"))
    assert apart.is_compiled(stage, ("d", "g"))
    assert said[-1] is None


def test_a_program_that_cannot_be_compiled_says_so_where_it_is_run(toy, monkeypatch):
    def fail(self):
        raise ValueError(f"no {self.name}")

    monkeypatch.setattr(programs._Program, "compile", fail)
    recipe, arguments, stage = toy
    with pytest.raises(ValueError, match="no loading"):
        Programs(recipe).run(stage, first_state(recipe), arguments, ("d", "g"))


def test_a_phase_that_cannot_be_traced_says_so(toy, monkeypatch):
    recipe, arguments, stage = toy

    def fail(*_):
        raise TypeError("no such loss")

    monkeypatch.setattr(type(recipe.model), "g_loss", fail)
    recipe.__dict__.pop("phases", None)
    with pytest.raises(TypeError, match="no such loss"):
        Programs(recipe).run(stage, first_state(recipe), arguments, ("d", "g"))


def test_a_run_that_is_stopped_while_it_waits_is_saved(cache_dir, tmp_path, held, monkeypatch):
    dispatch = Calls.dispatch

    def stop(self, state, clock, stages):
        self.programs.stopping = lambda: True
        return dispatch(self, state, clock, stages)

    monkeypatch.setattr(Calls, "dispatch", stop)
    config = tiny("toy", cache_dir)
    assert loop.train(config, tmp_path / "run") == PREEMPTED
    assert read_rows(WorkDir(tmp_path / "run").metrics)[-1]["event"] == PREEMPTED
    held.set()
    monkeypatch.undo()
    assert loop.train(config, tmp_path / "run") == loop.FINISHED


def test_stopping_is_what_a_signal_asks_for(cache_dir, tmp_path, monkeypatch):
    asked = []

    def dispatch(self, state, clock, stages):
        asked.append(self.programs.stopping())
        raise StoppedWaitingError

    monkeypatch.setattr(Calls, "dispatch", dispatch)
    for noted in (False, True):
        monkeypatch.setattr(Preemption, "noted", noted, raising=False)
        monkeypatch.setattr(Preemption, "__init__", lambda self: self.__dict__.update(previous={}))
        monkeypatch.setattr(Preemption, "__enter__", lambda self: self)
        loop.train(tiny("toy", cache_dir), tmp_path / f"run{noted}")
    assert asked == [False, True]


@pytest.mark.slow
def test_ctrl_c_while_compiling_saves_and_ends_within_seconds(tmp_path):
    command = [sys.executable, "-m", "dermgan_jax.main", "train", f"--workdir={tmp_path}/run"]
    command += ["--config=stylegan2_melanoma:phantom"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "JAX_ENABLE_COMPILATION_CACHE": "false"}
    environment["DERMGAN_CACHE"] = str(tmp_path / "cache")
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        for line in process.stdout:
            if line.startswith("compiling "):
                break
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=20) == 0
        assert "stopped and saved" in process.stdout.read()
