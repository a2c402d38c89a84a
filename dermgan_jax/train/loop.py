"""The training loop: one for every GAN.

A call dispatches up to `train.steps_per_call` iterations of one stage. Everything else (logging,
sample sheets, evaluation, checkpoints) happens between calls, when the number of images seen has
crossed a multiple of its interval. While a call runs on the devices, the host prepares the next
one and then looks at the reports of the one before.
"""

import contextlib
import dataclasses
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jax
import numpy as np
from ml_collections import FrozenConfigDict

from dermgan_jax.data import pipeline
from dermgan_jax.data.catalogue import Catalogue
from dermgan_jax.data.check import cautions, checked_catalogue
from dermgan_jax.errors import UserError
from dermgan_jax.evaluation.evaluate import LOWER_BOUND, is_yardstick
from dermgan_jax.models.contract import Stage
from dermgan_jax.runs import provenance
from dermgan_jax.runs.checkpoint import Checkpoints
from dermgan_jax.runs.metrics_log import MetricsWriter
from dermgan_jax.runs.state import Clock, TrainState
from dermgan_jax.runs.workdir import WorkDir
from dermgan_jax.train import schedule, sharding
from dermgan_jax.train.preemption import Preemption
from dermgan_jax.train.progress import Progress
from dermgan_jax.train.start import (
    AnySnapshots,
    build_model,
    first_state,
    open_snapshots,
    require_divisible,
)
from dermgan_jax.train.step import (
    Recipe,
    StageInputs,
    compile_moment_reset,
    compile_steps,
    tensor_names,
)

FINISHED, PREEMPTED = "finished", "preempted"


def train(config: FrozenConfigDict, path: Path, devices: Sequence[jax.Device] | None = None) -> str:
    """Trains in a work directory until all images are shown, from wherever it stands.

    Args:
      config: validated.
      path: the work directory, new or of the same configuration.
      devices: what to train on; None takes all there are.

    Returns:
      "finished", or "preempted" if SIGTERM or Ctrl-C came; either way the state is saved.

    Raises:
      UserError: if the data, the configuration, the work directory or a checkpoint is at fault, or
        a loss or gradient is no longer finite.
    """
    data = checked_catalogue(config)
    model = build_model(config, data)
    mesh = sharding.data_mesh(devices)
    require_divisible(model, mesh.size)
    workdir = WorkDir(path)
    main_process = jax.process_index() == 0
    with contextlib.ExitStack() as stack:
        if main_process:
            stack.enter_context(workdir.locked())
            workdir.adopt(config)
        preemption = stack.enter_context(Preemption())
        checkpoints = stack.enter_context(Checkpoints(workdir.checkpoints, config))
        recipe = Recipe(model, mesh)
        state, resumed = first_state(recipe, checkpoints, data)
        clock = Clock(*map(int, jax.device_get(state.clock)))
        if main_process:
            provenance.write(workdir, data, state.variables)
        loop = Loop(
            recipe=recipe,
            data=data,
            feed=model.open_feed(data, mesh, state.variables),
            checkpoints=checkpoints,
            preemption=preemption,
            writer=stack.enter_context(
                MetricsWriter(path, resume_step=clock.step, active=main_process)
            ),
            progress=stack.enter_context(
                Progress(
                    total_images=schedule.total_images(model),
                    initial_images=clock.images_seen,
                    active=main_process,
                )
            ),
            snapshots=open_snapshots(model, data, workdir),
            state=state,
            clock=clock,
        )
        for note in (*cautions(data, config.data), provenance.parameter_counts(state.variables)):
            loop.progress.note(note)
        if resumed:
            loop.record("resumed")
        else:
            loop.begin()
        return loop.run()


@dataclasses.dataclass
class Loop:
    """A run in progress."""

    recipe: Recipe
    data: Catalogue
    feed: pipeline.Feed
    checkpoints: Checkpoints
    preemption: Preemption
    writer: MetricsWriter
    progress: Progress
    snapshots: AnySnapshots
    state: TrainState
    clock: Clock

    def __post_init__(self) -> None:
        self.config = self.recipe.model.config
        self.end = schedule.total_images(self.recipe.model)
        self.run_steps = compile_steps(self.recipe)
        self.reset_moments = compile_moment_reset(self.recipe)
        self.tensor_names = tensor_names(self.recipe, self.state.variables)
        self.resident: tuple[Any, dict[str, jax.Array]] = (None, {})
        self.unread: tuple[Any, ...] | None = None
        self.unlogged: list[dict[str, float]] = []
        self.last_log = (time.monotonic(), self.clock)
        self.last_sheet = self.clock.step
        self.seconds = {"train": 0.0, "eval": 0.0}
        self.done = self.recipe.model.done(self.state.extra)
        self.evaluation_due = False
        self.last_values: tuple[int, dict[str, float]] = (-1, {})

    def begin(self) -> None:
        """Draws and measures the untrained generator, which later values are held against."""
        stage = self.recipe.model.stage(0)
        self.record("started")
        self.draw_sheet(stage)
        self.evaluate(stage)

    def run(self) -> str:
        """Trains to the end or until asked to stop. Returns "finished" or "preempted"."""
        model = self.recipe.model
        while not self.done:
            stages, after = schedule.plan_call(model, self.clock, self.recipe.repeats)
            if not stages:
                break
            before, began = self.clock, time.monotonic()
            with jax.transfer_guard("disallow"):
                self.call(stages, after)
            upcoming = model.stage(self.clock.scheduled_at)
            if upcoming.moments != stages[-1].moments:
                self.state = self.reset_moments(self.state)
            self.seconds["train"] += time.monotonic() - began
            shown = (before.images_seen, self.clock.images_seen)
            self.evaluation_due = schedule.crossed(model, *shown, "eval")
            if self.clock.images_seen < self.end:
                self.between_calls(before, stages[-1], upcoming)
            if self.preemption.requested(self.clock.step):
                return self.finish(PREEMPTED, stages[-1])
        return self.finish(FINISHED, model.stage(self.clock.scheduled_at))

    def call(self, stages: list[Stage], after: Clock) -> None:
        """Dispatches the iterations of one call, then reads the reports of the one before."""
        static, stage = stages[0].static, stages[0]
        if self.resident[0] != static:
            self.resident = (static, self.feed.resident(stage.image_size))
        length = self.config.train.steps_per_call
        padded = stages + [stages[-1]] * (length - len(stages))
        batches = self.feed.take(
            self.clock.images_seen,
            (length, self.recipe.repeats, stage.batch_size),
            stage.image_size,
        )
        inputs = StageInputs(
            stack([s.learning_rates for s in padded]),
            stack([s.traced for s in padded]),
            np.full(length, self.config.seed, np.uint32),
        )
        active = np.arange(length) < len(stages)
        inputs, active = pipeline.to_devices(
            (inputs, active), sharding.replicated(self.recipe.mesh)
        )
        self.state, reports = self.run_steps(
            *(self.state, batches, self.resident[1], inputs, active),
            image_size=stage.image_size,
            due=self.recipe.due(self.clock.step, length),
        )
        unread, self.unread = self.unread, (reports, stages, self.clock)
        self.clock = after
        if unread is not None:
            self.read(*unread)

    def read(self, reports: Any, stages: list[Stage], clock: Clock) -> None:
        """Waits for a call's reports, checks that all is finite, and logs when it is time."""
        reports = jax.device_get(reports)
        train = self.config.train
        for k, stage in enumerate(stages):
            self.require_finite(reports, k, clock, stage)
            self.unlogged.append(
                {
                    f"{phase}/{name}": float(value[k])
                    for phase, report in reports.items()
                    if report.ran[k]
                    for name, value in report.metrics.items()
                }
            )
            clock = clock.advance(stage.batch_size * self.recipe.repeats, train.schedule_interval)
            if clock.step % train.log_every_steps == 0:
                self.log(clock, stage)

    def require_finite(self, reports: Any, k: int, clock: Clock, stage: Stage) -> None:
        """Raises UserError naming step, phase and tensor if anything in iteration k is not."""
        for phase, report in reports.items():
            if not report.nonfinite[k].any():
                continue
            tensor = self.tensor_names[phase][int(np.argmax(report.nonfinite[k]))]
            good = self.checkpoints.steps()
            self.record("stopped", f"non-finite {tensor} in phase {phase}")
            raise UserError(
                f"training stopped at step {clock.step} ({clock.images_seen / 1000:.1f} kimg, "
                f"stage {stage}): the {tensor} of phase {phase!r} is not finite. The last good "
                f"checkpoint is {f'step {good[-1]}' if good else 'none yet'}. Start another work "
                "directory with a lower learning rate (config.optimizers) or in float32."
            )

    def log(self, clock: Clock, stage: Stage) -> None:
        """Writes the means since the last log and moves the progress display."""
        names = {name for row in self.unlogged for name in row}
        metrics = {
            name: float(np.mean([row[name] for row in self.unlogged if name in row]))
            for name in sorted(names)
        }
        now, (then, previous) = time.monotonic(), self.last_log
        rate = (clock.images_seen - previous.images_seen) / max(now - then, 1e-9)
        self.unlogged, self.last_log = [], (now, clock)
        self.writer.write(
            {
                "kind": "train",
                "step": clock.step,
                "images": clock.images_seen,
                "stage": str(stage),
                "traced": dict(stage.traced),
                "images_per_second": rate,
                "metrics": metrics,
            }
        )
        self.progress.update(clock.images_seen, str(stage), stage.traced.get("alpha"), metrics)

    def catch_up(self) -> None:
        """Reads the reports of the last call, so that the state is known to be finite."""
        if self.unread is not None:
            unread, self.unread = self.unread, None
            self.read(*unread)

    def between_calls(self, before: Clock, stage: Stage, upcoming: Stage) -> None:
        """Whatever is due after the calls up to now: sheet, evaluation, checkpoint."""
        model, images = self.recipe.model, (before.images_seen, self.clock.images_seen)
        evaluation = self.config.eval
        evaluate = self.evaluation_due and self.within_budget()
        checkpoint = schedule.crossed(model, *images, "checkpoint")
        own_pace = evaluation.snapshot_kimg or evaluation.snapshot_epochs
        sheet = schedule.crossed(model, *images, "eval", "snapshot" if own_pace else "every")
        since_sheet = self.clock.step - self.last_sheet
        stage_ends = stage.static != upcoming.static
        if sheet or (stage_ends and since_sheet > self.config.train.schedule_interval):
            self.catch_up()
            self.draw_sheet(stage)
        if evaluate or checkpoint:
            # At the upcoming stage, which is where a generator restored from here stands.
            self.save(stage, self.evaluate(upcoming) if evaluate else {})

    def within_budget(self) -> bool:
        """Whether evaluation has so far taken at most its share of the time."""
        total = self.seconds["train"] + self.seconds["eval"]
        return self.seconds["eval"] <= self.config.eval.budget_fraction * total

    def draw_sheet(self, stage: Stage) -> None:
        """Writes the sample sheet of this moment."""
        self.last_sheet = self.clock.step
        sheet = self.snapshots.sheet(self.state.averaged, stage, self.clock.images_seen)
        self.writer.write_image("samples", self.clock.step, sheet)
        self.progress.note(f"samples at {self.clock.images_seen / 1000:.1f} kimg, {stage}")

    def evaluate(self, stage: Stage) -> dict[str, float]:
        """Writes the configured metrics of this moment; returns them so that smaller is better.

        The GAN sees them if they are due: what the state becomes must not depend on where a run was
        interrupted, nor therefore on the evaluations at its ends.
        """
        step, values = self.last_values
        if step == self.clock.step:
            return values
        self.catch_up()
        began = time.monotonic()
        rows = self.snapshots.evaluate(self.state.averaged, stage)
        seconds = time.monotonic() - began
        self.seconds["eval"] += seconds
        self.writer.write(
            {
                "kind": "eval",
                "step": self.clock.step,
                "images": self.clock.images_seen,
                "seconds": seconds,
                "metrics": rows,
            }
        )
        values = {n: row for n, row in rows.items() if row["value"] is not None}
        shown = ", ".join(
            f"{name} {row['value']:.4g}"
            for name, row in values.items()
            if not is_yardstick(name) or name.endswith(LOWER_BOUND)
        )
        self.progress.note(f"{shown} at {self.clock.images_seen / 1000:.1f} kimg")
        measured = {name: row for name, row in values.items() if not is_yardstick(name)}
        if self.evaluation_due:
            self.evaluation_due = False
            self.observe({name: row["value"] for name, row in measured.items()})
        lower_is_better = {
            name: row["value"] if row["better"] == "lower" else -row["value"]
            for name, row in measured.items()
        }
        self.last_values = (self.clock.step, lower_is_better)
        return lower_is_better

    def observe(self, values: dict[str, float]) -> None:
        """Lets the GAN change its own state after an evaluation, and end training."""
        model, before = self.recipe.model, self.state.extra
        after = model.observe(before, values)
        if after is not before:
            everywhere = sharding.replicated(self.recipe.mesh)
            self.state = self.state.replace(extra=jax.device_put(after, everywhere))
            self.done = model.done(after)

    def save(self, stage: Stage, metrics: dict[str, float]) -> None:
        """Starts to write a checkpoint of a state that is known to be finite.

        Logs first, so that a run continued from here logs the same means as this one.
        """
        self.catch_up()
        if self.unlogged:
            self.log(self.clock, stage)
        facts = provenance.checkpoint_facts(self.recipe.model, self.data)
        self.checkpoints.save(self.state, self.clock.step, facts, metrics)

    def finish(self, outcome: str, stage: Stage) -> str:
        """Saves the end of the run, evaluated if it is complete."""
        self.catch_up()
        metrics = {}
        if outcome == FINISHED:
            self.draw_sheet(stage)
            metrics = self.evaluate(stage)
        self.save(stage, metrics)
        self.checkpoints.wait()
        self.record(outcome)
        return outcome

    def record(self, event: str, detail: str = "") -> None:
        """Notes a turn of events in metrics.jsonl and on the display."""
        self.writer.write(
            {
                "kind": "event",
                "step": self.clock.step,
                "images": self.clock.images_seen,
                "event": event,
                "detail": detail,
                "time": time.time(),
            }
        )
        self.progress.note(f"{event} at step {self.clock.step} {detail}".rstrip())


def stack(rows: list[Any]) -> dict[str, np.ndarray]:
    """[{name: float}, …] -> {name: float32 (len(rows),)}."""
    return {name: np.array([row[name] for row in rows], np.float32) for name in rows[0]}
