"""Programs compiled in threads can be waited for; what is not due sits out of the only one."""

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

from dermgan_jax.runs.metrics_log import PREEMPTED, read_rows
from dermgan_jax.runs.workdir import WorkDir
from dermgan_jax.train import loop, programs
from dermgan_jax.train.calls import Calls
from dermgan_jax.train.preemption import Preemption
from dermgan_jax.train.programs import Programs, StoppedWaitingError
from dermgan_jax.train.step import compile_steps

ROOT = pathlib.Path(__file__).parents[2]


def trace():
    return jax.jit(lambda x: x + 1).trace(jax.ShapeDtypeStruct((), np.float32))


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


def test_a_lazy_phase_runs_in_every_so_many_iterations(cache_dir):
    """And changes nothing in the others, where it reports zeros."""
    config = tiny("toy", cache_dir)
    recipe = recipe_of(config, 1)
    batches, inputs, stage = first_call(recipe, config)
    run, state = compile_steps(recipe), first_state(recipe)
    every = {phase.name: phase.every for phase in recipe.phases}["penalty"]
    states, ran = [], []
    for _ in range(2 * every):
        arguments = (batches, {}, inputs, np.ones(1, bool))
        phases = recipe.phases_in(stage)
        without = run(
            *(jax.tree.map(np.copy, state), *arguments),
            image_size=stage.image_size,
            phases=tuple(name for name in phases if name != "penalty"),
        )[0]
        state, reports = run(state, *arguments, image_size=stage.image_size, phases=phases)
        ran.append(bool(reports["penalty"].ran[0]))
        assert ran[-1] == (reports["penalty"].metrics["loss"][0] != 0)
        pairs = zip(*map(jax.tree.leaves, (state.variables, without.variables)), strict=True)
        states.append(all(np.array_equal(a, b) for a, b in pairs))
    assert ran == [step % every == 0 for step in range(2 * every)]
    assert states == [not each for each in ran]


def test_a_program_is_compiled_once():
    traced = []

    def counted():
        traced.append(1)
        return trace()

    several = Programs()
    assert not several.has("one")
    for _ in range(2):
        assert several.get("one", "a step", counted)(np.float32(1)) == 2
        assert several.has("one")
    assert len(traced) == 1


def test_waiting_is_told_and_given_up(held):
    said = []
    several = Programs(stopping=lambda: len(said) == 3, tell=said.append)
    with pytest.raises(StoppedWaitingError):
        several.get("one", "a step", trace)
    assert {each.program for each in said} == {"a step"}
    assert programs.still_compiling()
    held.set()
    said += [None]
    assert several.get("one", "a step", trace)(np.float32(1)) == 2
    assert said[-1] is None


def test_what_cannot_be_traced_says_so():
    def fail():
        raise TypeError("no such loss")

    several = Programs()
    for _ in range(2):
        with pytest.raises(TypeError, match="no such loss"):
            several.get("one", "a step", fail)


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
