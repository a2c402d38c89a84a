"""Calls of the compiled step: up to `train.steps_per_call` iterations of one stage each."""

import contextlib
from collections.abc import Callable, Sequence
from typing import Any

import jax
import numpy as np

from dermgan_jax.data import pipeline
from dermgan_jax.models.contract import Stage
from dermgan_jax.runs.state import Clock, TrainState
from dermgan_jax.train import sharding
from dermgan_jax.train.programs import Programs, Waiting, abstract
from dermgan_jax.train.recipe import Recipe
from dermgan_jax.train.step import StageInputs, compile_moment_reset, compile_steps
from dermgan_jax.train.stopwatch import COMPILATION, INPUT, Stopwatch


class Calls:
    """Hands iterations to the devices.

    Args:
      recipe: what is compiled.
      feed: of batches.
      stopwatch: told what the host waits for.
      stopping: whether to give up waiting for programs.
      tell: is told which program is waited for, see `programs.Programs`.
    """

    def __init__(
        self,
        recipe: Recipe,
        feed: pipeline.Feed,
        stopwatch: Stopwatch | None = None,
        stopping: Callable[[], bool] = lambda: False,
        tell: Callable[[Waiting | None], None] = lambda waiting: None,
    ):
        self.recipe = recipe
        self.feed = feed
        self.stopwatch = stopwatch or Stopwatch()
        self.config = recipe.model.config
        self.programs = Programs(stopping, tell)
        self.run_steps = compile_steps(recipe)
        self.reset_moments = compile_moment_reset(recipe)
        self.resident: tuple[Any, dict[str, jax.Array]] = (None, {})  # of the latest stage

    def dispatch(
        self, state: TrainState, clock: Clock, stages: Sequence[Stage]
    ) -> tuple[TrainState, Any]:
        """Starts a call; returns at once with the state and the reports that will be.

        Args:
          state: donated.
          clock: where the run stands.
          stages: of each iteration, alike in what is compiled.

        Raises:
          StoppedWaitingError: the state is as it was.
        """
        stage = stages[0]
        length = self.config.train.steps_per_call
        with self.stopwatch.during(INPUT):
            arguments = self._arguments(clock, stages, length)
        program = self._program(stage, (state, *arguments))
        return program(state, *arguments)

    def _program(self, stage: Stage, arguments: tuple[Any, ...]) -> Callable[..., Any]:
        """The compiled call of a stage."""

        def trace() -> "jax.stages.Traced":
            shapes = jax.tree.map(abstract, arguments)
            phases = self.recipe.phases_in(stage)
            return self.run_steps.trace(*shapes, image_size=stage.image_size, phases=phases)

        known = self.programs.has(stage.static)
        with contextlib.nullcontext() if known else self.stopwatch.during(COMPILATION):
            return self.programs.get(stage.static, f"a step of {stage}", trace)

    def _arguments(self, clock: Clock, stages: Sequence[Stage], length: int) -> tuple[Any, ...]:
        """Batches, resident arrays, inputs of the stages and which are active, on the devices."""
        stage = stages[0]
        if self.resident[0] != stage.static:
            self.resident = (stage.static, self.feed.resident(stage.image_size))
        padded = [*stages, *[stages[-1]] * (length - len(stages))]
        repeats = self.recipe.model.iteration_images(stage) // stage.batch_size
        shape = (length, repeats, stage.batch_size)
        batches = self.feed.take(clock.images_seen, shape, stage.image_size)
        inputs = StageInputs(
            stack([s.learning_rates for s in padded]),
            stack([s.traced for s in padded]),
            np.full(length, self.config.seed, np.uint32),
        )
        active = np.arange(length) < len(stages)
        everywhere = sharding.replicated(self.recipe.mesh)
        inputs, active = pipeline.to_devices((inputs, active), everywhere)
        return batches, self.resident[1], inputs, active


def stack(rows: Sequence[Any]) -> dict[str, np.ndarray]:
    """[{name: float}, …] -> {name: float32 (len(rows),)}."""
    return {name: np.array([row[name] for row in rows], np.float32) for name in rows[0]}
