"""What a run says of itself while it trains: rows of metrics.jsonl, and the display."""

import math
import time
from typing import Any

import jax
import numpy as np

from dermgan_jax.errors import UserError
from dermgan_jax.metrics.measurement import Measurements
from dermgan_jax.models.contract import Model, Stage
from dermgan_jax.runs.checkpoint import Checkpoints
from dermgan_jax.runs.metrics_log import MetricsLog
from dermgan_jax.runs.state import Clock
from dermgan_jax.train.progress import Progress
from dermgan_jax.train.stopwatch import Stopwatch

SHOW_EVERY = 2.0  # seconds between rows after which the display moves


class TrainingLog:
    """Collects the reports of iterations and writes their means.

    Args:
      metrics: where rows go.
      progress: the display.
      checkpoints: of the work directory, of which a message names the last good one.
      tensor_names: phase -> what each element of a report's `nonfinite` stands for.
      clock: where the run stands.
    """

    def __init__(
        self,
        metrics: MetricsLog,
        progress: Progress,
        checkpoints: Checkpoints,
        tensor_names: dict[str, list[str]],
        clock: Clock,
    ):
        self.metrics = metrics
        self.progress = progress
        self.checkpoints = checkpoints
        self.tensor_names = tensor_names
        self.stopwatch = Stopwatch()
        self.unwritten: list[dict[str, float]] = []
        self.written = (time.monotonic(), clock)  # when rows were last written
        self.shown = time.monotonic()

    def collect(self, reports: Any, k: int, clock: Clock, stage: Stage) -> None:
        """Takes iteration k of a call's reports, which began at `clock`.

        Raises:
          UserError: naming step, phase and tensor if anything in it is not finite.
        """
        for phase, report in reports.items():
            if report.nonfinite[k].any():
                tensor = self.tensor_names[phase][int(np.argmax(report.nonfinite[k]))]
                good = self.checkpoints.steps()
                self.event("stopped", clock, f"non-finite {tensor} in phase {phase}")
                raise UserError(
                    f"training stopped at step {clock.step} ({clock.images_seen / 1000:.1f} kimg, "
                    f"stage {stage}): the {tensor} of phase {phase!r} is not finite. The last good "
                    f"checkpoint is {f'step {good[-1]}' if good else 'none yet'}. Start another "
                    "work directory with a lower learning rate (config.optimizers) or in float32."
                )
        self.unwritten.append(
            {
                f"{phase}/{name}": float(value[k])
                for phase, report in reports.items()
                if report.ran[k]
                for name, value in report.metrics.items()
            }
        )

    def write(self, clock: Clock, stage: Stage) -> None:
        """Writes the means since the last time, if there is anything, and moves the display."""
        if not self.unwritten:
            return
        names = {name for row in self.unwritten for name in row}
        means = {
            name: float(np.mean([row[name] for row in self.unwritten if name in row]))
            for name in sorted(names)
        }
        now, (then, previous) = time.monotonic(), self.written
        rate = (clock.images_seen - previous.images_seen) / max(now - then, 1e-9)
        self.unwritten, self.written = [], (now, clock)
        self.metrics.write(
            {
                "kind": "train",
                "step": clock.step,
                "images": clock.images_seen,
                "stage": str(stage),
                "traced": dict(stage.traced),
                "images_per_second": rate,
                "spent": self.stopwatch.taken(),
                "metrics": means,
            }
        )
        self._show(clock, stage, means)

    def show(self, clock: Clock, stage: Stage) -> None:
        """Moves the display between two rows, which on a slow machine are minutes apart."""
        if time.monotonic() >= self.shown + SHOW_EVERY:
            self._show(clock, stage, {})

    def _show(self, clock: Clock, stage: Stage, means: dict[str, float]) -> None:
        self.shown = time.monotonic()
        self.progress.update(clock.images_seen, str(stage), stage.traced.get("alpha"), means)

    def evaluation(self, clock: Clock, seconds: float, measured: Measurements) -> None:
        """Writes what was measured, and shows it."""
        self.metrics.write(
            {
                "kind": "eval",
                "step": clock.step,
                "images": clock.images_seen,
                "seconds": seconds,
                "metrics": measured,
            }
        )
        shown, unknown = [], []
        for key, one in measured.items():
            if math.isnan(one.value.value):
                unknown.append(key)
                continue
            bound = one.real_against_real
            beside = f" (real against real {bound.value:.4g})" if bound is not None else ""
            shown.append(f"{key} {one.value.value:.4g}{beside}")
        if unknown:
            shown.append(f"{', '.join(unknown)} not measurable yet")
        self.progress.note(f"{', '.join(shown)} at {clock.images_seen / 1000:.1f} kimg")

    def sheet(self, clock: Clock, stage: Stage, sheet: np.ndarray) -> None:
        """Adds a sample sheet, uint8 (H, W, C), to TensorBoard, and says that it was drawn."""
        self.metrics.write_image("samples", clock.step, sheet)
        self.progress.note(f"samples at {clock.images_seen / 1000:.1f} kimg, {stage}")

    def event(self, event: str, clock: Clock, detail: str = "") -> None:
        """Notes a turn of events."""
        self.metrics.write(
            {
                "kind": "event",
                "step": clock.step,
                "images": clock.images_seen,
                "event": event,
                "detail": detail,
                "time": time.time(),
                "spent": self.stopwatch.taken(),
            }
        )
        self.progress.note(f"{event} at step {clock.step} {detail}".rstrip())


class Reports:
    """Reports of the latest call, which are read when the next one is under way.

    Args:
      log: what they are handed to.
      model: that trains.
    """

    def __init__(self, log: TrainingLog, model: Model):
        self.log = log
        self.model = model
        self.unread: tuple[Any, list[Stage], Clock] | None = None

    def add(self, reports: Any, stages: list[Stage], clock: Clock) -> None:
        """Keeps the reports of a call that began at `clock`, and reads those before."""
        before, self.unread = self.unread, (reports, stages, clock)
        if before is not None:
            self._read(*before)

    def catch_up(self) -> None:
        """Reads what is left, so that the state is known to be finite.

        Raises:
          UserError: if it is not.
        """
        if self.unread is not None:
            unread, self.unread = self.unread, None
            self._read(*unread)

    def _read(self, reports: Any, stages: list[Stage], clock: Clock) -> None:
        reports, fields = jax.device_get(reports), self.model.config.train
        for k, stage in enumerate(stages):
            self.log.collect(reports, k, clock, stage)
            images = self.model.iteration_images(stage)
            clock = clock.advance(images, fields.schedule_interval)
            if clock.step % fields.log_every_steps == 0:
                self.log.write(clock, stage)
        self.log.show(clock, stages[-1])
