"""Whose time it is in a trace of a CPU."""

import jax
import jax.numpy as jnp
import pytest

from dermgan_jax.errors import UserError
from dermgan_jax.runs import traces
from dermgan_jax.runs.traces import Event, operations
from dermgan_jax.runs.workdir import WorkDir


def operation(name, start, end):
    return Event(start, end, "operation", ("jit_f", name))


def at(moment, kind, number):
    return Event(moment, moment, kind, number)


def seconds(*threads):
    return {each.name: (each.count, round(each.seconds * 1e9)) for each in operations(threads)}


def test_operation_within_another_is_counted_once():
    """A loop and its body."""
    thread = [operation("while", 0, 100), operation("add", 10, 30), operation("add", 40, 50)]
    assert seconds(thread) == {"while": (1, 70), "add": (2, 30)}
    assert [each.share for each in operations([thread])] == [0.7, 0.3]


def test_work_that_was_handed_over_belongs_to_the_operation():
    """Directly, and by what was handed over itself."""
    main = [operation("conv", 0, 10), at(5, "Record", 1), operation("add", 20, 25)]
    pool = [
        *(at(30, "StartRegion", 1), at(40, "Record", 2), at(130, "StopRegion", 1)),
        *(at(200, "StartRegion", 2), at(250, "StopRegion", 2)),
    ]
    assert seconds(main, pool) == {"conv": (1, 10 + 100 + 50), "add": (1, 5)}


def test_operation_that_a_region_runs_is_its_own():
    main = [operation("conv", 0, 10), at(5, "Record", 1)]
    pool = [at(30, "StartRegion", 1), operation("add", 40, 70), at(80, "StopRegion", 1)]
    assert seconds(main, pool) == {"conv": (1, 10 + 20), "add": (1, 30)}


def test_regions_of_no_operation_are_left_out():
    """Such as the wait for the end of a program, and numbers that go round."""
    main = [at(0, "Record", 1), operation("add", 5, 10)]
    pool = [
        *(at(20, "StartRegion", 1), at(50, "StopRegion", 1)),
        *(at(60, "StartRegion", 2), at(65, "Record", 2), at(70, "StopRegion", 2)),
    ]
    assert seconds(main, pool) == {"add": (1, 5)}


def test_real_trace_names_steps_and_the_dearest_operation(tmp_path):
    """A convolution, which XLA may call by another name."""

    @jax.jit
    def run(x, kernel):
        y = jax.lax.conv_general_dilated(
            x, kernel, (1, 1), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC")
        )
        return jnp.tanh(y[:, :2, :2])

    arguments = jnp.ones((8, 64, 64, 32)), jnp.ones((3, 3, 32, 32))
    jax.block_until_ready(run(*arguments))
    with jax.profiler.trace(str(tmp_path / traces.FOLDER)):
        for step in (3, 4):
            with jax.profiler.StepTraceAnnotation(traces.ANNOTATION, step_num=step):
                jax.block_until_ready(run(*arguments))
    trace = traces.latest(WorkDir(tmp_path))
    assert (trace.begin, trace.end, trace.device) == (3, 5, "CPU")
    assert trace.operations[0].count == 2
    assert "tanh" not in trace.operations[0].name
    assert trace.operations[0].program == "jit_run"
    assert trace.operations[0].share > 0.8


def test_run_without_a_trace_has_none(tmp_path):
    assert traces.latest(WorkDir(tmp_path)) is None


def test_damaged_trace_is_named(tmp_path):
    file = tmp_path / "profile/plugins/profile/now/host.xplane.pb"
    file.parent.mkdir(parents=True)
    file.write_bytes(b"\xff" * 40)
    with pytest.raises(UserError, match=r"host\.xplane\.pb cannot be read as a trace"):
        traces.latest(WorkDir(tmp_path))
