"""The programs of one iteration, compiled apart and in the background.

A program per phase is compiled once, whichever phases are due together, where one program for each
set of them would compile each many times. They are compiled in threads, those that are needed
first before the others, while the host says which it waits for and hears when it is to stop.
"""

import itertools
import os
import queue
import threading
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from dermgan_jax.models.contract import Stage
from dermgan_jax.runs.state import TrainState
from dermgan_jax.train.recipe import Recipe
from dermgan_jax.train.sharding import replicated, split_by_batch
from dermgan_jax.train.step import Begun, PhaseReport, begin, end, run_phase

POLL = 0.1  # seconds between two looks at whether to stop
BEGIN, END = "loading", "averaging"  # beside the names of phases


class StoppedWaitingError(Exception):
    """The run was asked to stop before its next iteration was compiled."""


class Waiting(NamedTuple):
    """For what a run waits.

    Attributes:
      program: its name.
      stage: in words.
      seconds: since waiting began.
    """

    program: str
    stage: str
    seconds: float


class Programs:
    """Runs iterations, one at a time, of programs that threads compile.

    Args:
      recipe: what is compiled.
      stopping: whether to give up waiting.
      tell: is told from time to time what is waited for, and once with None that it is over.
    """

    def __init__(
        self,
        recipe: Recipe,
        stopping: Callable[[], bool] = lambda: False,
        tell: Callable[[Waiting | None], None] = lambda waiting: None,
    ):
        self.recipe = recipe
        self.stopping = stopping
        self.tell = tell
        self.stages: dict[Any, dict[str, _Program]] = {}

    def run(
        self, stage: Stage, state: TrainState, arguments: Sequence[Any], due: Sequence[str]
    ) -> tuple[TrainState, dict[str, PhaseReport]]:
        """One iteration; returns at once with what will be there.

        Args:
          stage: what is compiled for.
          state: donated, unless waiting ends.
          arguments: batches, resident and inputs of `step.run_steps`, of one iteration.
          due: names of the phases that run.

        Raises:
          StoppedWaitingError: the state is as it was.
        """
        if stage.static not in self.stages:
            self.stages[stage.static] = self._start(stage, state, arguments, due)
        programs = self.stages[stage.static]
        chosen = [programs[self._name(phase.name, due)] for phase in self.recipe.phases]
        self._wait(stage, [programs[BEGIN], *chosen, programs[END]])
        begun = programs[BEGIN](state, *arguments)
        handoff: dict[str, Any] = {}
        reports = {}
        for phase, program in zip(self.recipe.phases, chosen, strict=True):
            if phase.name in due:
                state, reports[phase.name], handed_on = program(state, begun, handoff)
            else:
                reports[phase.name], handed_on = program()
            handoff = {**handoff, **handed_on}
        return programs[END](state, begun), reports

    def _name(self, phase: str, due: Sequence[str]) -> str:
        return phase if phase in due else f"{phase}, not due"

    def is_compiled(self, stage: Stage, due: Sequence[str]) -> bool:
        """Whether an iteration would wait for nothing."""
        programs = self.stages.get(stage.static, {})
        names = (BEGIN, *(self._name(phase.name, due) for phase in self.recipe.phases), END)
        return all(name in programs and programs[name].done for name in names)

    def _wait(self, stage: Stage, programs: Sequence["_Program"]) -> None:
        began, told = time.monotonic(), False
        for program in programs:
            while not program.done:
                if self.stopping():
                    raise StoppedWaitingError
                told = True
                self.tell(Waiting(program.name, str(stage), time.monotonic() - began))
                program.finished.wait(POLL)
        if told:
            self.tell(None)

    def _start(
        self, stage: Stage, state: TrainState, arguments: Sequence[Any], due: Sequence[str]
    ) -> dict[str, "_Program"]:
        """Has all programs of a stage compiled, those needed now first."""
        state, *arguments = jax.tree.map(_abstract, (state, *arguments))
        phases = [phase.name for phase in self.recipe.phases]
        idle = {name: self._name(name, ()) for name in phases}
        found = {name: _Program(name) for name in (BEGIN, *phases, *idle.values(), END)}
        used = {BEGIN, END, *(phase.name for phase in self.recipe.model.phases_in(stage))}

        def describe(compile_soon: Callable[[_Program], None]) -> None:
            for name, traced in traced_programs(self.recipe, stage, state, arguments):
                found[name].traced = traced
                if name in idle:
                    found[idle[name]].run_as(_idle(self.recipe, stage, traced.out_info[1:]))
                if name in used:
                    compile_soon(found[name])

        _compile(describe, found, {BEGIN, END, *due})
        return found


def traced_programs(
    recipe: Recipe, stage: Stage, state: Any, arguments: Sequence[Any]
) -> Iterator[tuple[str, "jax.stages.Traced"]]:
    """Name and program of each part of an iteration, traced with what those before it give out.

    Args:
      recipe: the run's constants.
      stage: what is compiled for.
      state: shapes in their places, as all arguments.
      arguments: batches, resident and inputs of `step.run_steps`, of one iteration.
    """
    everywhere = replicated(recipe.mesh)
    begin_of = named(BEGIN, _begin, recipe, stage.image_size)
    traced = jax.jit(begin_of).trace(state, *arguments)
    begun = _placed(traced.out_info, _begun_places(recipe))
    yield BEGIN, traced
    handoff: dict[str, Any] = {}
    for index, phase in enumerate(recipe.phases):
        phase_of = named(phase.name, _phase, recipe, index, stage)
        places = (everywhere, everywhere, None)
        program = jax.jit(phase_of, donate_argnums=0, out_shardings=places)
        traced = program.trace(state, begun, handoff)
        handed_on = traced.out_info[2]
        handoff = {**handoff, **_placed(handed_on, _handoff_places(recipe, stage, handed_on))}
        yield phase.name, traced
    last = jax.jit(named(END, end, recipe), donate_argnums=0, out_shardings=everywhere)
    yield END, last.trace(state, begun)


class _Program:
    """A program that is being compiled."""

    def __init__(self, name: str):
        self.name = name
        self.finished = threading.Event()
        self.traced: Any = None
        self.function: Any = None
        self.error: BaseException | None = None

    @property
    def done(self) -> bool:
        return self.finished.is_set()

    def compile(self) -> None:
        self.run_as(self.traced.lower().compile())
        self.traced = None

    def run_as(self, function: Callable) -> None:
        self.function = function
        self.finished.set()

    def fail(self, error: BaseException) -> None:
        """Whoever calls it gets the error."""
        self.error = error
        self.finished.set()

    def __call__(self, *arguments: Any) -> Any:
        if self.error is not None:
            raise self.error
        return self.function(*arguments)


_compiling: set[threading.Thread] = set()


def still_compiling() -> bool:
    """Whether a thread compiles, which nothing but the end of the process can stop."""
    return any(thread.is_alive() for thread in _compiling)


def _compile(
    describe: Callable[[Callable[[_Program], None]], None],
    programs: Mapping[str, _Program],
    urgent: Collection[str],
) -> None:
    """Compiles what `describe` asks for, the urgent first, as many at a time as there are cores.

    With several processes here and now, as their compilers wait for each other.
    """
    waiting: queue.PriorityQueue[tuple[int, int, _Program | None]] = queue.PriorityQueue()
    places = itertools.count()

    def compile_soon(program: _Program) -> None:
        waiting.put((program.name not in urgent, next(places), program))

    def trace() -> None:
        try:
            describe(compile_soon)
        except BaseException as error:
            for program in programs.values():
                if not program.done:
                    program.fail(error)
        for _ in range(workers):
            waiting.put((2, next(places), None))

    def work() -> None:
        while (program := waiting.get()[-1]) is not None:
            try:
                program.compile()
            except BaseException as error:
                program.fail(error)

    if jax.process_count() > 1:
        workers = 1
        trace()
        work()
        return
    workers = os.cpu_count() or 1
    for target in (trace, *[work] * workers):
        thread = threading.Thread(target=target, daemon=True)
        thread.start()
        _compiling.add(thread)


def _begin(recipe: Recipe, image_size: Any, state: Any, batches: Any, resident: Any, inputs: Any):
    batches, inputs = jax.tree.map(lambda x: x[0], (batches, inputs))
    begun = begin(recipe, state, batches, resident, inputs, image_size)
    return jax.lax.with_sharding_constraint(begun, _spread(begun, _begun_places(recipe)))


def _begun_places(recipe: Recipe) -> Begun:
    return Begun(split_by_batch(recipe.mesh, axis=1), replicated(recipe.mesh))


def _spread(tree: Any, places: Any) -> Any:
    """`places`, a prefix of the tree, for every leaf of it."""
    return jax.tree.map(lambda place, part: jax.tree.map(lambda _: place, part), places, tree)


def _placed(tree: Any, places: Any) -> Any:
    """Shapes in their places; `places` may be a prefix of the tree."""
    return jax.tree.map(
        lambda place, part: jax.tree.map(
            lambda x: jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=place), part
        ),
        places,
        tree,
    )


def _phase(recipe: Recipe, index: int, stage: Stage, state: Any, begun: Begun, handoff: Any):
    state, (report, handed_on) = run_phase(recipe, index, begun, handoff, stage.image_size, state)
    places = _handoff_places(recipe, stage, handed_on)
    handed_on = jax.lax.with_sharding_constraint(handed_on, places)
    return state, jax.tree.map(lambda x: x[None], report), handed_on


def _handoff_places(recipe: Recipe, stage: Stage, handed_on: Any) -> Any:
    """What has an entry for each image is split like the batch, anything else is everywhere."""

    def place(x: Any) -> jax.sharding.NamedSharding:
        whole = x.ndim and x.shape[0] == stage.batch_size
        return split_by_batch(recipe.mesh) if whole else replicated(recipe.mesh)

    return jax.tree.map(place, handed_on)


def _idle(recipe: Recipe, stage: Stage, outputs: Any) -> Callable[[], Any]:
    """What a phase that is not due says and hands on: zeros, in the places of `outputs`."""
    places = (replicated(recipe.mesh), _handoff_places(recipe, stage, outputs[1]))
    return jax.jit(named("idle", _zeros, outputs), out_shardings=places)


def named(name: str, function: Callable, *constants: Any) -> Callable:
    """The function of its further arguments, under a name that profiles and dumps show."""

    def program(*arguments: Any) -> Any:
        return function(*constants, *arguments)

    program.__name__ = name
    return program


def _zeros(like: Any) -> Any:
    def of(x: jax.ShapeDtypeStruct) -> jax.Array:
        if jnp.issubdtype(x.dtype, jax.dtypes.prng_key):
            return jnp.broadcast_to(jax.random.key(0), x.shape)
        return jnp.zeros(x.shape, x.dtype)

    return jax.tree.map(of, like)


def _abstract(array: jax.Array) -> jax.ShapeDtypeStruct:
    # Arrays of the host have no place; the guard of the loop refuses them where they are used.
    place = getattr(array, "sharding", None)
    return jax.ShapeDtypeStruct(array.shape, array.dtype, sharding=place)
