"""Checkpoints: Orbax, asynchronous and atomic, carrying the configuration and the split they fit.

A checkpoint is a folder `checkpoints/<step>` that appears only once it is complete; what a killed
process leaves behind is a temporary folder that the next run removes. Which one is best follows
from the evaluations in metrics.jsonl, so that it may be asked by another value than before.
"""

import dataclasses
import math
import re
import time
from collections.abc import Mapping, Sequence
from typing import Any

import jax
import numpy as np
import orbax.checkpoint as ocp
from ml_collections import FrozenConfigDict
from orbax.checkpoint.checkpoint_managers import AnyPreservationPolicy, LatestN

from dermgan_jax import files, hosts, listings
from dermgan_jax.errors import UserError
from dermgan_jax.files import Path
from dermgan_jax.metrics.measurement import Measurement
from dermgan_jax.runs import checksums, provenance
from dermgan_jax.runs.metrics_log import read_rows
from dermgan_jax.runs.state import TrainState
from dermgan_jax.runs.workdir import WorkDir

DAMAGED = "damaged"  # in a work directory: checkpoints that could not be read

# How TensorStore's own errors begin, which are ValueErrors: the status, such as NOT_FOUND.
_STATUS = re.compile(
    r"(^|[\s:\[])(NOT_FOUND|RESOURCE_EXHAUSTED|DATA_LOSS|FAILED_PRECONDITION|"
    r"PERMISSION_DENIED|UNAVAILABLE|OUT_OF_RANGE|INVALID_ARGUMENT|ABORTED|"
    r"DEADLINE_EXCEEDED|INTERNAL|UNKNOWN|CANCELLED): "
)


@dataclasses.dataclass
class BestEvaluated:
    """An Orbax policy that keeps the checkpoints whose evaluation was best.

    Attributes:
      scores: step -> value, less being better; not finite where there is none.
      num: how many are kept.
    """

    scores: Mapping[int, float]
    num: int

    def should_preserve(self, checkpoints: Sequence[Any], *, context: Any) -> Sequence[bool]:
        """Of each checkpoint, whether it is one of the best."""
        del context
        steps = [info.step for info in checkpoints]
        best = set(self.best(steps)[: self.num])
        return [step in best for step in steps]

    def best(self, steps: Sequence[int]) -> list[int]:
        """Those that were evaluated, best first; of equal ones the later first."""
        known = [step for step in steps if math.isfinite(self.scores.get(step, math.inf))]
        return sorted(known, key=lambda step: (self.scores[step], -step))


class Checkpoints:
    """The checkpoints of one work directory. A context manager: leaving it waits for the last save.

    Args:
      workdir: the work directory.
      config: the run's configuration; its "checkpoint" group says what is kept.
      best_metric: key of the measurement that says which checkpoint is best.
      read_only: never writes or deletes.
    """

    def __init__(
        self, workdir: WorkDir, config: FrozenConfigDict, best_metric: str, read_only: bool = False
    ):
        if not read_only:
            workdir.require_readable_path()
        self.folder = files.absolute(workdir.checkpoints)
        self.best_metric = best_metric
        self.scores: dict[int, float] = {}
        self.images: dict[int, int] = {}  # shown, by the step of an evaluation
        for row in read_rows(workdir.metrics):
            if row["kind"] == "eval":
                self.observe(row["step"], row["images"], row["metrics"])
        self.policy = BestEvaluated(self.scores, config.checkpoint.keep_best)
        latest = LatestN(config.checkpoint.keep_last)
        self.manager = ocp.CheckpointManager(
            self.folder,
            options=ocp.CheckpointManagerOptions(
                preservation_policy=AnyPreservationPolicy([latest, self.policy]),
                cleanup_tmp_directories=not read_only,
                create=not read_only,
                read_only=read_only,
            ),
            item_names=("state", "facts"),
        )

    def __enter__(self) -> "Checkpoints":
        return self

    def __exit__(self, exception_type: Any, *_: Any) -> None:
        try:
            self.manager.close()
        except (OSError, ValueError) as error:
            _require_storage_fault(error)
            if exception_type is None:
                raise self._not_saved(error) from error

    def steps(self) -> list[int]:
        """Steps of the complete checkpoints, in order."""
        return sorted(self.manager.all_steps())

    def best_step(self) -> int | None:
        """The step whose evaluation was best, or None if none was evaluated."""
        return next(iter(self.policy.best(self.steps())), None)

    @property
    def stale_images(self) -> int:
        """Images shown between the best evaluation and the latest one; 0 without any."""
        best = next(iter(self.policy.best(list(self.scores))), None)
        return 0 if best is None else self.images[max(self.scores)] - self.images[best]

    def observe(self, step: int, images: int, measured: Mapping[str, Measurement]) -> None:
        """Takes note of an evaluation, before or after the checkpoint of its step is saved."""
        if self.best_metric in measured:
            self.images[step] = images
            self.scores[step] = measured[self.best_metric].value.lower_is_better

    def save(self, state: TrainState, step: int, facts: Mapping[str, Any]) -> None:
        """Starts to save; the state may be donated once this returns.

        The first checkpoint of a run is waited for and read back.

        Args:
          state: what to save.
          step: iterations done; a checkpoint that is there already stays.
          facts: JSON values: the configuration, the split hash.

        Raises:
          UserError: if this or the previous save could not be written, or the first not read.
        """
        before = self.manager.all_steps()
        if step in before:
            return
        items = ocp.args.Composite(
            state=ocp.args.StandardSave(state),
            facts=ocp.args.JsonSave(checksums.with_checksums(facts, state)),
        )
        try:
            self.manager.save(step, args=items, force=True)
        except (OSError, ValueError) as error:
            _require_storage_fault(error)
            raise self._not_saved(error) from error
        if not before:
            self.wait()
            self._require_readable(state, step)

    def _require_readable(self, state: TrainState, step: int) -> None:
        """Reads a checkpoint into host memory, and forgets it."""
        like = jax.tree.map(lambda x: np.empty(x.shape, x.dtype), state)
        try:
            self.restore(like, step)
        except UserError as error:
            raise UserError(
                f"the first checkpoint was written but cannot be read back, so that training would "
                f"be lost: {error}\nUse a --workdir on another disk"
            ) from error

    def wait(self) -> None:
        """Blocks until the last save is complete.

        Raises:
          UserError: if it could not be written.
        """
        try:
            self.manager.wait_until_finished()
        except (OSError, ValueError) as error:
            _require_storage_fault(error)
            raise self._not_saved(error) from error

    def restore(self, like: TrainState, step: int) -> TrainState:
        """The state saved at `step`, with the shapes and placement of `like` (abstract arrays).

        Raises:
          UserError: if the checkpoint is damaged or fits another model.
        """
        read = self._read(step, state=ocp.args.StandardRestore(like), facts=ocp.args.JsonRestore())
        self._require_whole(step, checksums.facts_fault(read["facts"]))
        self._require_whole(step, checksums.state_fault(read["facts"], read["state"]))
        return read["state"]

    def facts(self, step: int) -> dict[str, Any]:
        """What was saved beside the state.

        Raises:
          UserError: if it cannot be read, or is not what was saved.
        """
        facts = self._read(step, facts=ocp.args.JsonRestore())["facts"]
        self._require_whole(step, checksums.facts_fault(facts))
        self._require_whole(step, provenance.facts_fault(facts))
        return {key: value for key, value in facts.items() if key != checksums.KEY}

    def set_aside(self, step: int) -> Path:
        """Moves a checkpoint that cannot be read out of the way, to `damaged/`; returns where.

        Of several processes each calls this, and the first one moves.
        """
        place = self.folder.parent / DAMAGED / f"{step}-{time.strftime('%Y%m%d-%H%M%S')}"
        if hosts.is_first():
            listings.move_folder(self.folder / str(step), place)
        return place

    def look_again(self) -> None:
        """Forgets which checkpoints there were, after some were set aside."""
        self.manager.reload()

    def _require_whole(self, step: int, fault: str) -> None:
        if fault:
            raise UserError(
                f"checkpoint {self.folder / str(step)} is damaged: {fault}\n{self._remedy(step)}"
            )

    def _read(self, step: int, **items: Any) -> Any:
        """Items of a checkpoint; Orbax raises errors of any kind at what it cannot read."""
        try:
            return self.manager.restore(step, args=ocp.args.Composite(**items))
        except (MemoryError, jax.errors.JaxRuntimeError):
            raise
        except Exception as error:
            raise UserError(
                f"checkpoint {self.folder / str(step)} cannot be read (cut short, or of another "
                f"model): {_first_line(error)}\n{self._remedy(step)}"
            ) from error

    def _remedy(self, step: int) -> str:
        """What to do where a checkpoint cannot be read. Never to delete one: it may be in use."""
        others = [other for other in self.steps() if other != step]
        if not others:
            return "There is no other checkpoint: look at the disk, or begin in another --workdir."
        return f"Others are there: --checkpoint=STEP reads {', '.join(map(str, others))}."

    def _not_saved(self, error: Exception) -> UserError:
        complete = self.steps()
        last = f"step {complete[-1]}" if complete else "none yet"
        return UserError(
            f"a checkpoint could not be written under {self.folder}: {_first_line(error)}\n"
            f"Earlier checkpoints are untouched (latest: {last}). Free disk space or fix the "
            "permissions, then run the same command to continue."
        )


def abstract(state: TrainState, sharding: jax.sharding.Sharding) -> TrainState:
    """Shapes and types of a state, placed as `sharding` says, for `Checkpoints.restore`."""
    return jax.tree.map(lambda x: jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=sharding), state)


def _require_storage_fault(error: Exception) -> None:
    """Raises the error as it is unless it is the storage's: then advice about disks would lie."""
    if isinstance(error, OSError) or _STATUS.search(str(error)):
        return
    raise error


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return lines[0][:300] if lines else type(error).__name__
