"""The training loop: one for every model.

The devices are given a call at a time: up to `train.steps_per_call` iterations of one stage.
Between two calls the host logs, draws sheets, evaluates and saves. Each of these has an interval,
in images; it is due when the number of images seen has passed a multiple of it. While a call runs
on the devices, the host prepares the next one and reads the reports of the one before.
"""

import contextlib
import dataclasses
import time
from collections.abc import Mapping, Sequence

import jax
from ml_collections import FrozenConfigDict

from dermgan_jax import config as config_schema
from dermgan_jax import hosts
from dermgan_jax.data.catalogue import Catalogue
from dermgan_jax.data.check import cautions, checked_catalogue
from dermgan_jax.data.pipeline import Feed
from dermgan_jax.data.prepare import found_bit_depth
from dermgan_jax.files import Path
from dermgan_jax.models.contract import Model, Stage
from dermgan_jax.runs import known_leaks, provenance, sessions
from dermgan_jax.runs.checkpoint import Checkpoints
from dermgan_jax.runs.lock import RequireHeld, locked
from dermgan_jax.runs.metrics_log import FINISHED, PREEMPTED, MetricsLog
from dermgan_jax.runs.state import Clock, TrainState
from dermgan_jax.runs.workdir import WorkDir
from dermgan_jax.train import schedule, sharding, warm_start
from dermgan_jax.train.calls import Calls
from dermgan_jax.train.evaluator import Evaluator, observed
from dermgan_jax.train.finiteness import require_finite
from dermgan_jax.train.log import Reports, TrainingLog
from dermgan_jax.train.preemption import Preemption
from dermgan_jax.train.profile import Profile, Steps, require_within
from dermgan_jax.train.programs import StoppedWaitingError
from dermgan_jax.train.progress import Progress
from dermgan_jax.train.recipe import Recipe
from dermgan_jax.train.snapshots import best_metric, snapshots_of
from dermgan_jax.train.start import (
    build_model,
    first_state,
    require_divisible,
    require_memory,
    require_weights,
)
from dermgan_jax.train.step import tensor_names
from dermgan_jax.train.stopwatch import EVALUATION, INPUT, SAVING


def train(
    config: FrozenConfigDict,
    path: Path,
    devices: Sequence[jax.Device] | None = None,
    profile_steps: Steps | None = None,
) -> str:
    """Trains in a work directory until all images are shown, from wherever it stands.

    Args:
      config: validated.
      path: the work directory, new or of the same configuration.
      devices: what to train on; None takes all there are.
      profile_steps: of which a trace is written into the work directory.

    Returns:
      "finished", or "preempted" if SIGTERM or Ctrl-C came; either way the state is saved.

    Raises:
      UserError: if the data, the configuration, the work directory or a checkpoint is at fault, or
        a loss or gradient is no longer finite.
    """
    workdir, first = WorkDir(path), hosts.is_first()
    mesh = sharding.data_mesh(devices)
    data, model = hosts.together(lambda: _matched(config, mesh.size, new=not workdir.exists))
    config = model.config
    require_within(profile_steps, model)
    with contextlib.ExitStack() as stack:
        require_held = hosts.together(lambda: _taken(workdir, config, stack) if first else None)
        session = hosts.together(lambda: _session(workdir, stack))
        preemption = stack.enter_context(Preemption())
        checkpoints = stack.enter_context(Checkpoints(workdir, config, best_metric(model, data)))
        recipe = Recipe(model, mesh)
        state, resumed, taken, notes = first_state(recipe, checkpoints, data)
        clock = Clock(*map(int, jax.device_get(state.clock)))
        metrics = hosts.together(lambda: _opened_log(workdir, data, state, clock))
        progress = Progress(
            *(schedule.total_images(model), clock.images_seen),
            active=first,
            work=schedule.work(model),
        )
        log = TrainingLog(
            stack.enter_context(metrics),
            stack.enter_context(progress),
            checkpoints,
            tensor_names(recipe, state.variables),
            clock,
        )
        profile = stack.enter_context(
            Profile(profile_steps, path, clock, first, progress.note, log.stopwatch)
        )
        for note in (*notes, *_beginnings(workdir, config, data, state, taken)):
            progress.note(note)
        with log.stopwatch.during(INPUT):
            feed = model.open_feed(data, mesh, state.variables)
        with log.stopwatch.during(EVALUATION):
            snapshots = snapshots_of(model)(model, data, workdir)
        loop = Loop(
            recipe=recipe,
            data=data,
            feed=feed,
            checkpoints=checkpoints,
            evaluator=Evaluator(snapshots, checkpoints, log, config),
            log=log,
            profile=profile,
            reports=Reports(log, model),
            preemption=preemption,
            require_held=require_held,
            state=state,
            clock=clock,
        )
        session.outcome = loop.run(resumed)
        return session.outcome


def _beginnings(
    workdir: WorkDir,
    config: FrozenConfigDict,
    data: Catalogue,
    state: TrainState,
    taken: Mapping[str, warm_start.Taken],
) -> tuple[str, ...]:
    """Notes on what a run begins with. Writes down what it took of another one."""
    source = config.train.init_from
    ancestors = warm_start.lineage(source) if taken else ()
    if taken and hosts.is_first():
        warm_start.write(workdir, source, ancestors, taken)
    return (
        *cautions(data, config.data),
        *known_leaks.notes(workdir.path, data, config.data, keep=hosts.is_first()),
        provenance.parameter_counts(state.variables),
        *warm_start.notes(source, taken),
        *warm_start.cautions(ancestors, data.split_hash),
    )


def _matched(config: FrozenConfigDict, num_devices: int, new: bool) -> tuple[Catalogue, Model]:
    """Data that all decode, and a model that fits them and the devices."""
    data = checked_catalogue(config)
    if depth := found_bit_depth(data, config.data):
        config = config_schema.with_values(config, {"data.bit_depth": depth})
    model = build_model(config, data)
    require_divisible(model, num_devices)
    require_memory(model, num_devices)
    if new:
        require_weights(model)
        warm_start.require_source(model)
    return data, model


def _taken(workdir: WorkDir, config: FrozenConfigDict, stack: contextlib.ExitStack) -> RequireHeld:
    """Locks the work directory, until the stack is left, and makes it that of the configuration."""
    require_held = stack.enter_context(locked(workdir.path))
    workdir.adopt(config)
    return require_held


def _session(workdir: WorkDir, stack: contextlib.ExitStack) -> sessions.Session:
    """What is written down of this training, until the stack is left, by the first process."""
    if hosts.is_first():
        return stack.enter_context(sessions.recorded(workdir))
    return sessions.Session()


def _opened_log(workdir: WorkDir, data: Catalogue, state: TrainState, clock: Clock) -> MetricsLog:
    if hosts.is_first():
        provenance.write(workdir, data, state.variables)
    config = workdir.read_config()
    told = config_schema.flatten(config)
    first = hosts.is_first()
    return MetricsLog(workdir, clock.step, first, config.train.trackers, told)


@dataclasses.dataclass
class Loop:
    """A run in progress.

    Attributes:
      recipe: what is compiled.
      data: the catalogue that the model learns from.
      feed: of batches.
      checkpoints: of the work directory.
      evaluator: measures and draws.
      log: rows and display.
      profile: a trace of some steps, if one is wanted.
      reports: those of the latest call.
      preemption: whether to stop.
      require_held: raises if the work directory was lost to another process; None on others than
        the first.
      state: after the latest call.
      clock: the same on the host.
      detail: why it ends early, if it does.
    """

    recipe: Recipe
    data: Catalogue
    feed: Feed
    checkpoints: Checkpoints
    evaluator: Evaluator
    log: TrainingLog
    profile: Profile
    reports: Reports
    preemption: Preemption
    require_held: RequireHeld | None
    state: TrainState
    clock: Clock
    detail: str = ""

    def run(self, resumed: bool) -> str:
        """Trains to the end or until asked to stop. Returns "finished" or "preempted".

        Args:
          resumed: whether the run goes on from a checkpoint.
        """
        model, progress = self.recipe.model, self.log.progress
        calls = Calls(
            *(self.recipe, self.feed, self.log.stopwatch),
            stopping=lambda: self.preemption.noted,
            tell=progress.wait,
        )
        self.evaluator.drawn_at = self.clock.step
        if resumed:
            self._event("resumed")
        else:
            self._begin()
        progress.begin()
        end, due = schedule.total_images(model), False
        while not (model.done(self.state.extra) or self._stale()):
            stages, after = schedule.plan_call(model, self.clock)
            if not stages:
                break
            before, began = self.clock, time.monotonic()
            call = self.profile.call(before, after, self.state)
            try:
                with call, jax.transfer_guard("disallow"):
                    self.state, reports = calls.dispatch(self.state, self.clock, stages)
                    self.clock = after
                    self.reports.add(reports, stages, before)
            except StoppedWaitingError:
                return self._finish(PREEMPTED, stages[-1])
            self.profile.called(self.clock, self.state)
            upcoming = model.stage(self.clock.scheduled_at)
            if upcoming.moments != stages[-1].moments:
                self.state = calls.reset_moments(self.state)
            self.evaluator.budget.training += time.monotonic() - began
            due = schedule.crossed(model, before.images_seen, self.clock.images_seen, "eval")
            if self.clock.images_seen < end:
                self._between_calls(before, stages[-1], upcoming, due)
                if self.preemption.requested(self.clock.step):
                    return self._finish(PREEMPTED, stages[-1])
        return self._finish(FINISHED, model.stage(self.clock.scheduled_at), due)

    def _stale(self) -> bool:
        """Whether the evaluations have not improved for `train.patience_kimg`."""
        patience = self.recipe.model.config.train.patience_kimg
        if not patience or self.checkpoints.stale_images < patience * 1000:
            return False
        self.detail = (
            f"early: {self.checkpoints.best_metric} has not improved for "
            f"{self.checkpoints.stale_images / 1000:g} kimg (train.patience_kimg is {patience:g})"
        )
        return True

    def _begin(self) -> None:
        """Draws and measures the untrained model, which later values are held against."""
        stage = self.recipe.model.stage(0)
        self._event("started")
        self.evaluator.draw(self.state, self.clock, stage)
        self.evaluator.measure(self.state, self.clock, stage)

    def _between_calls(self, before: Clock, stage: Stage, upcoming: Stage, due: bool) -> None:
        """Whatever is due after the calls up to now: sheet, evaluation, checkpoint."""
        model, evaluation = self.recipe.model, self.recipe.model.config.eval
        images = (before.images_seen, self.clock.images_seen)
        evaluate = due and self.evaluator.budget.allows()
        if due and not evaluate:
            self.log.progress.note(self.evaluator.budget.refusal(self.clock.images_seen))
        own_pace = evaluation.snapshot_kimg or evaluation.snapshot_epochs
        sheet = schedule.crossed(model, *images, "eval", "snapshot" if own_pace else "every")
        since_sheet = self.clock.step - self.evaluator.drawn_at
        stage_ends = stage.static != upcoming.static
        if sheet or (stage_ends and since_sheet > model.config.train.schedule_interval):
            self.reports.catch_up()
            self.evaluator.draw(self.state, self.clock, stage)
        if evaluate:
            # At the upcoming stage, which is where a model restored from here stands.
            self._evaluate(upcoming, due)
        if evaluate or schedule.crossed(model, *images, "checkpoint"):
            self._save(stage)

    def _evaluate(self, stage: Stage, due: bool) -> None:
        """Measures this moment, and lets the model change its own state if that was due.

        A run may be interrupted anywhere and must end with the same state. Evaluations at the ends
        of a run, which an interruption adds, therefore never change the state.
        """
        self.reports.catch_up()
        known = self.evaluator.latest[0] == self.clock.step
        measured = self.evaluator.measure(self.state, self.clock, stage)
        if due and not known:
            everywhere = sharding.replicated(self.recipe.mesh)
            extra = observed(self.recipe.model, self.state.extra, measured, everywhere)
            self.state = self.state.replace(extra=extra)

    def _save(self, stage: Stage) -> None:
        """Starts to write a checkpoint of a state that is known to be finite.

        Writes rows first, so that a run continued from here writes the same means as this one.
        """
        self.reports.catch_up()
        facts = provenance.checkpoint_facts(self.recipe.model, self.data)

        def write_rows() -> None:
            if self.require_held is not None:
                self.require_held()
            self.log.write(self.clock, stage)
            self.log.metrics.flush()

        with self.log.stopwatch.during(SAVING):
            require_finite(self.state)
            hosts.together(write_rows)
            self.checkpoints.save(self.state, self.clock.step, facts)

    def _finish(self, outcome: str, stage: Stage, due: bool = False) -> str:
        """Saves the end of the run, evaluated if it is complete."""
        self.reports.catch_up()
        if outcome == FINISHED:
            self.evaluator.draw(self.state, self.clock, stage)
            self.evaluator.draw_neighbours(self.state, self.clock, stage)
            self._evaluate(stage, due)
        self._save(stage)
        with self.log.stopwatch.during(SAVING):
            self.checkpoints.wait()
        self._event(outcome, self.detail if outcome == FINISHED else "")
        return outcome

    def _event(self, event: str, detail: str = "") -> None:
        hosts.together(lambda: self.log.event(event, self.clock, detail))
