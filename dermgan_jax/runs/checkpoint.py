"""Checkpoints: Orbax, asynchronous and atomic, carrying the configuration and the split they fit.

A checkpoint is a folder `checkpoints/<step>` that appears only once it is complete; what a killed
process leaves behind is a temporary folder that the next run removes.
"""

import operator
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jax
import orbax.checkpoint as ocp
from ml_collections import FrozenConfigDict
from orbax.checkpoint.checkpoint_managers import AnyPreservationPolicy, BestN, LatestN

from dermgan_jax.errors import UserError
from dermgan_jax.runs.state import TrainState

# What Orbax and TensorStore raise for files that cannot be read or written.
STORAGE_ERRORS = (OSError, ValueError, KeyError, RuntimeError, TypeError)


class Checkpoints:
    """The checkpoints of one work directory. A context manager: leaving it waits for the last save.

    Args:
      folder: `checkpoints/` of the work directory.
      config: the run's configuration; its "checkpoint" group says what is kept.
      read_only: never writes or deletes.
    """

    def __init__(self, folder: Path, config: FrozenConfigDict, read_only: bool = False):
        self.folder = folder.absolute()
        value = operator.itemgetter(config.checkpoint.best_metric)
        latest = LatestN(config.checkpoint.keep_last)
        best = BestN(
            get_metric_fn=value,
            reverse=True,  # smaller is better
            n=config.checkpoint.keep_best,
            keep_checkpoints_without_metrics=False,
        )
        self.manager = ocp.CheckpointManager(
            self.folder,
            options=ocp.CheckpointManagerOptions(
                preservation_policy=AnyPreservationPolicy([latest, best]),
                best_fn=value,  # without it Orbax would not write metrics down
                best_mode="min",
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
        except STORAGE_ERRORS as error:
            if exception_type is None:
                raise self._not_saved(error) from error

    def steps(self) -> list[int]:
        """Steps of the complete checkpoints, in order."""
        return sorted(self.manager.all_steps())

    def best_step(self) -> int | None:
        """The step whose evaluation was best, or None if none was evaluated."""
        return self.manager.best_step()

    def save(
        self, state: TrainState, step: int, facts: Mapping[str, Any], metrics: Mapping[str, float]
    ) -> None:
        """Starts to save; the state may be donated once this returns.

        Args:
          state: what to save.
          step: iterations done.
          facts: JSON values: the configuration, the split hash.
          metrics: evaluation of this very state, or empty.

        Raises:
          UserError: if this or the previous save could not be written.
        """
        if step in self.manager.all_steps():
            return
        items = ocp.args.Composite(
            state=ocp.args.StandardSave(state), facts=ocp.args.JsonSave(dict(facts))
        )
        try:
            self.manager.save(step, args=items, metrics=dict(metrics) or None, force=True)
        except STORAGE_ERRORS as error:
            raise self._not_saved(error) from error

    def wait(self) -> None:
        """Blocks until the last save is complete.

        Raises:
          UserError: if it could not be written.
        """
        try:
            self.manager.wait_until_finished()
        except STORAGE_ERRORS as error:
            raise self._not_saved(error) from error

    def restore(self, like: TrainState, step: int) -> TrainState:
        """The state saved at `step`, with the shapes and placement of `like` (abstract arrays).

        Raises:
          UserError: if the checkpoint is damaged or fits another model.
        """
        args = ocp.args.Composite(state=ocp.args.StandardRestore(like))
        try:
            return self.manager.restore(step, args=args)["state"]
        except STORAGE_ERRORS as error:
            others = [s for s in self.steps() if s != step]
            remedy = (
                f"Delete that folder to continue from step {max(others)}."
                if others
                else "There is no other checkpoint: delete the folder to start over."
            )
            raise UserError(
                f"checkpoint {self.folder / str(step)} cannot be read (cut short, or of another "
                f"model): {_first_line(error)}\n{remedy}"
            ) from error

    def facts(self, step: int) -> dict[str, Any]:
        """What was saved beside the state.

        Raises:
          UserError: if it cannot be read.
        """
        try:
            return self.manager.restore(
                step, args=ocp.args.Composite(facts=ocp.args.JsonRestore())
            )["facts"]
        except STORAGE_ERRORS as error:
            raise UserError(
                f"checkpoint {self.folder / str(step)} cannot be read: {_first_line(error)}\n"
                "Delete that folder to continue from an earlier one."
            ) from error

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


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return lines[0][:300] if lines else type(error).__name__
