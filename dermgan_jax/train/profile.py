"""`--profile_steps`: a trace of some steps, for TensorBoard, XProf and the report."""

import contextlib
import pathlib
import tempfile
import time
from collections.abc import Callable
from typing import Any, NamedTuple

import jax

from dermgan_jax import files, listings
from dermgan_jax.errors import UserError
from dermgan_jax.files import Path
from dermgan_jax.models.contract import Model
from dermgan_jax.runs.state import Clock
from dermgan_jax.runs.traces import ANNOTATION, FOLDER
from dermgan_jax.train import schedule
from dermgan_jax.train.stopwatch import TRACING, Stopwatch


class Steps(NamedTuple):
    """The steps that take the clock from `begin` to `end`."""

    begin: int
    end: int

    def __str__(self) -> str:
        return f"{self.begin}:{self.end}"


def require_within(steps: Steps | None, model: Model) -> None:
    """Checks that training reaches the end of the steps.

    Raises:
      UserError: if it does not.
    """
    clock = Clock(0, 0, 0)
    while steps is not None and clock.step < steps.end:
        stages, after = schedule.plan_call(model, clock)
        if not stages:
            raise UserError(
                f"--profile_steps={steps} reaches beyond the end of training, which has "
                f"{clock.step:,} steps"
            )
        clock = after


class Profile:
    """Traces the calls that overlap the given steps. A context manager.

    Calls are traced as wholes, without those before and after. What is traced is the same
    computation.

    Args:
      steps: to be traced; None: none, and every method does nothing.
      workdir: of the run; the trace goes into its folder "profile".
      clock: where the run stands.
      active: whether this process traces.
      say: shows a line.
      stopwatch: told of the time that beginning and writing a trace takes.

    Raises:
      UserError: if the first of the steps is done already.
    """

    def __init__(
        self,
        steps: Steps | None,
        workdir: Path,
        clock: Clock,
        active: bool,
        say: Callable[[str], None],
        stopwatch: Stopwatch,
    ):
        if steps is not None and clock.step > steps.begin:
            raise UserError(
                f"--profile_steps={steps} begins at step {steps.begin}, but the run in {workdir} "
                f"has {clock.step:,} steps behind it: name later ones"
            )
        self._steps = steps if active else None
        self._folder = workdir / FOLDER
        self._say = say
        self._stopwatch = stopwatch
        self._began: int | None = None
        self._reached = clock.step
        self._local: pathlib.Path | None = None
        self._cleanup = contextlib.ExitStack()
        if steps is not None and jax.process_count() > 1:
            say(f"note: the first of {jax.process_count()} processes is traced, the others are not")

    def __enter__(self) -> "Profile":
        return self

    def __exit__(self, *exception: object) -> None:
        if self._began is not None:
            self._stop()
        elif self._steps is not None:
            self._say(
                f"note: nothing was traced: the run ended at step {self._reached}, before "
                f"--profile_steps={self._steps}"
            )

    def call(self, before: Clock, after: Clock, state: Any) -> contextlib.AbstractContextManager:
        """Marks a call in the trace, which begins with it if the call is the first to be traced.

        Args:
          before, after: the clock on both sides of the call.
          state: before the call; waited for, so that nothing else is in the trace.
        """
        if self._steps is None or after.step <= self._steps.begin:
            return contextlib.nullcontext()
        if self._began is None:
            jax.block_until_ready(state)
            self._start(before.step)
        return jax.profiler.StepTraceAnnotation(
            ANNOTATION, step_num=before.step, iterations=after.step - before.step
        )

    def called(self, clock: Clock, state: Any) -> None:
        """Ends the trace if the steps are done.

        Args:
          clock: after the call.
          state: the same; waited for, so that the whole call is in the trace.
        """
        self._reached = clock.step
        if self._steps is not None and clock.step >= self._steps.end:
            jax.block_until_ready(state)
            self._stop()

    def _start(self, step: int) -> None:
        if files.is_local(self._folder):
            self._local = self._folder
        else:
            temporary = self._cleanup.enter_context(tempfile.TemporaryDirectory())
            self._local = pathlib.Path(temporary)
        options = jax.profiler.ProfileOptions()
        options.python_tracer_level = 0  # every call of Python would slow down what is measured
        with self._stopwatch.during(TRACING):
            jax.profiler.start_trace(str(self._local), profiler_options=options)
        self._began = step

    def _await_own_name(self) -> None:
        """JAX names a trace by the second, in which another may have ended."""
        named = self._folder / "plugins" / "profile"
        while (named / time.strftime("%Y_%m_%d_%H_%M_%S")).exists():
            time.sleep(0.05)

    def _stop(self) -> None:
        with self._stopwatch.during(TRACING):
            self._await_own_name()
            jax.profiler.stop_trace()
            if self._local != self._folder:
                for file in listings.everything_in(self._local):
                    target = self._folder.joinpath(*file.relative_to(self._local).parts)
                    files.make_folder(target.parent)
                    files.copy(file, target)
            self._cleanup.close()
        traced = Steps(self._began, self._reached)
        self._say(f"profile of steps {traced} written to {self._folder}")
        if traced.begin < self._steps.begin or traced.end > self._steps.end:
            self._say(
                f"note: these are more than --profile_steps={self._steps}: a call of several steps "
                "(train.steps_per_call) is traced as a whole"
            )
        if traced.end < self._steps.end:
            self._say(
                f"note: these are fewer than --profile_steps={self._steps}: the run ended there"
            )
        self._began, self._steps = None, None
