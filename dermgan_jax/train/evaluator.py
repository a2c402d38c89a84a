"""When a run is measured, within which share of its time, and what came of it."""

import json
import time
from collections.abc import Mapping
from typing import Any

import jax
import numpy as np
from ml_collections import FrozenConfigDict

from dermgan_jax import hosts
from dermgan_jax.data import image_marks
from dermgan_jax.data.image_files import save_image
from dermgan_jax.metrics.measurement import Measurements
from dermgan_jax.models.contract import Model, Stage
from dermgan_jax.runs.checkpoint import Checkpoints
from dermgan_jax.runs.restore import run_id
from dermgan_jax.runs.state import Clock, TrainState
from dermgan_jax.runs.workdir import NEAREST, REALS, sample_sheet_name
from dermgan_jax.train.log import TrainingLog
from dermgan_jax.train.snapshots import Snapshots
from dermgan_jax.train.stopwatch import DRAWING, EVALUATION

REAL_IMAGES = "training images, not synthetic ones"
BESIDE_REAL = "synthetic images, each with the training image nearest to it"


class Budget:
    """The time that evaluations may take, as a share of all.

    Args:
      share: `eval.budget_fraction`.
    """

    def __init__(self, share: float):
        self.share = share
        self.training = self.evaluating = 0.0  # seconds

    def allows(self) -> bool:
        """Whether evaluations have so far taken at most their share; the same on every process."""
        total = self.training + self.evaluating
        return hosts.decide(self.evaluating <= self.share * total)

    def refusal(self, images_seen: int) -> str:
        """What to say of an evaluation that is left out."""
        share = self.evaluating / max(self.training + self.evaluating, 1e-9)
        return (
            f"evaluation at {images_seen / 1000:.1f} kimg left out: evaluations took {share:.0%} "
            f"of the time, eval.budget_fraction is {self.share:g}"
        )


class Evaluator:
    """Measures and draws a run.

    Args:
      snapshots: of the model's kind.
      checkpoints: which learn what is measured of them.
      log: where values are written.
      config: of the run.
    """

    def __init__(
        self,
        snapshots: Snapshots,
        checkpoints: Checkpoints,
        log: TrainingLog,
        config: FrozenConfigDict,
    ):
        self.snapshots = snapshots
        self.checkpoints = checkpoints
        self.log = log
        self.budget = Budget(config.eval.budget_fraction)
        self.latest: tuple[int, Measurements] = (-1, {})  # step, and what was measured then
        self.drawn_at = -1  # step of the last sheet

    def draw(self, state: TrainState, clock: Clock, stage: Stage) -> None:
        """Writes the sample sheet of this moment."""
        self.drawn_at = clock.step

        def write() -> None:
            if hosts.is_first():
                name = sample_sheet_name(clock.images_seen, str(stage))
                samples = self.snapshots.workdir.samples
                save_image(sheet, samples / name, self._sheet_texts(sheet, clock))
                if reals is not None:
                    save_image(reals, samples / REALS, {"Comment": REAL_IMAGES})
            self.log.sheet(clock, stage, sheet)

        with self.log.stopwatch.during(DRAWING):
            sheet = self.snapshots.draw(state.averaged, stage)
            is_there = (self.snapshots.workdir.samples / REALS).exists()
            reals = None if is_there or not hosts.is_first() else self.snapshots.reals()
            hosts.together(write)

    def _sheet_texts(self, sheet: np.ndarray, clock: Clock) -> Mapping[str, str]:
        """What the file of a sheet says of itself."""
        snapshots = self.snapshots
        texts = {"Comment": snapshots.sheet_comment}
        if snapshots.sheet_is_made:
            naming = snapshots.workdir.read_naming_config()
            facts = {
                "synthetic": True,
                "run": run_id(naming, {"split_hash": snapshots.data.split_hash}),
                "model": naming.model.name,
                "checkpoint": clock.step,
            }
            texts[image_marks.KEY] = json.dumps(image_marks.with_digest(facts, sheet))
        return texts

    def draw_neighbours(self, state: TrainState, clock: Clock, stage: Stage) -> None:
        """Writes the sheet of samples beside their nearest training images, if there is one."""

        def write() -> None:
            if hosts.is_first() and sheet is not None:
                path = self.snapshots.workdir.samples / NEAREST
                texts = {**self._sheet_texts(sheet, clock), "Comment": BESIDE_REAL}
                save_image(sheet, path, texts)

        with self.log.stopwatch.during(DRAWING):
            sheet = self.snapshots.neighbours(state.averaged, stage)
            hosts.together(write)

    def measure(self, state: TrainState, clock: Clock, stage: Stage) -> Measurements:
        """Measures this moment, once, and writes it down."""
        if self.latest[0] == clock.step:
            return self.latest[1]
        began = time.monotonic()
        with self.log.stopwatch.during(EVALUATION):
            measured = self.snapshots.evaluate(state.averaged, stage)
            seconds = time.monotonic() - began
            hosts.together(lambda: self.log.evaluation(clock, seconds, measured))
        self.budget.evaluating += time.monotonic() - began
        self.checkpoints.observe(clock.step, clock.images_seen, measured)
        self.latest = (clock.step, measured)
        return measured


def observed(
    model: Model, extra: Any, measured: Measurements, everywhere: jax.sharding.Sharding
) -> Any:
    """The model's own state after an evaluation, on the devices; the very same if unchanged."""
    finite = {key: one.value.value for key, one in measured.items() if one.value.is_finite}
    after = model.observe(extra, finite)
    return extra if after is extra else jax.device_put(after, everywhere)
