"""A trained model as its checkpoint holds it; the data it learned from are not needed."""

import dataclasses
import hashlib
import json
import time
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, TypeVar

import jax
from ml_collections import FrozenConfigDict

from dermgan_jax import config as config_schema
from dermgan_jax import registry
from dermgan_jax.data.records import DataSpec
from dermgan_jax.errors import UserError
from dermgan_jax.files import Path
from dermgan_jax.models.contract import Model, Stage, Variables
from dermgan_jax.runs import decline
from dermgan_jax.runs.checkpoint import Checkpoints, abstract
from dermgan_jax.runs.metrics_log import read_rows
from dermgan_jax.runs.state import TrainState, init_state
from dermgan_jax.runs.workdir import WorkDir

LATEST, BEST = "latest", "best"
T = TypeVar("T")

# A run that trains removes checkpoints, perhaps the one that is being read.
_TRIES = 10
_PAUSE = 0.5  # seconds that removing one takes at most


@dataclasses.dataclass(frozen=True)
class Restored:
    """A model and what it learned.

    Attributes:
      model: configured as it was trained.
      variables: of all nets, the averaged ones where there are any.
      stage: where its curriculum stood.
      step: of the checkpoint.
      run: identifies the run that it is a checkpoint of, wherever its folder lies.
      classes: names of the classes it learned from.
      untrained: nets that an import left at their initial values.
      warnings: sentences about the run, such as that another checkpoint is better.
    """

    model: Model
    variables: Variables
    stage: Stage
    step: int
    run: str
    classes: tuple[str, ...]
    untrained: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


class Saved(NamedTuple):
    """A checkpoint as it was written.

    Attributes:
      model: configured as it was trained.
      state: everything, on one device.
      step: of the checkpoint.
      facts: what was saved beside the state.
      notes: sentences about newer checkpoints that cannot be read.
    """

    model: Model
    state: TrainState
    step: int
    facts: Mapping[str, Any]
    notes: tuple[str, ...] = ()


def restored_state(workdir: Path, checkpoint: str = LATEST) -> Saved:
    """Reads a checkpoint whole. Arguments and errors as of `restore`."""
    config = WorkDir(workdir).read_config()

    def read(checkpoints: Checkpoints, step: int) -> Saved:
        facts = checkpoints.facts(step)
        model = registry.load("model", config.model.name)(config, _spec(facts["data_spec"]))
        here = jax.sharding.SingleDeviceSharding(jax.local_devices()[0])
        like = abstract(jax.eval_shape(lambda: init_state(model)), here)
        return Saved(model, checkpoints.restore(like, step), step, facts)

    saved, notes = _reading(workdir, config, checkpoint, read)
    return saved._replace(notes=notes)


def restore(workdir: Path, checkpoint: str = LATEST) -> Restored:
    """Reads a checkpoint.

    Args:
      workdir: a work directory with at least one checkpoint.
      checkpoint: "latest", "best" (by `checkpoint.best_metric`) or a step.

    Raises:
      UserError: if there is no such checkpoint, or it cannot be read.
    """
    model, state, step, facts, notes = restored_state(workdir, checkpoint)
    return Restored(
        model=model,
        variables=state.averaged,
        stage=model.stage(int(state.clock.scheduled_at)),
        step=step,
        run=run_id(WorkDir(workdir).read_naming_config(), facts),
        classes=tuple(facts["classes"]),
        untrained=tuple(facts.get("untrained", ())),
        warnings=(
            *notes,
            *decline.warnings(
                model.config.checkpoint.best_metric, read_rows(WorkDir(workdir).metrics)
            ),
        ),
    )


def require_checkpoint(workdir: Path, checkpoint: str) -> None:
    """Checks that there is such a checkpoint; its content is not looked at.

    Raises:
      UserError: as `restore`.
    """
    with _opened(workdir, WorkDir(workdir).read_config()) as checkpoints:
        _choose(checkpoints, checkpoint)


def run_id(config: FrozenConfigDict, facts: Mapping[str, Any]) -> str:
    """Twelve digits that runs of equal configuration and split share, and no others.

    Args:
      config: that the run began with.
      facts: of any checkpoint of it.
    """
    told = json.dumps([config_schema.computed_fields(config), facts["split_hash"]], sort_keys=True)
    return hashlib.sha256(told.encode()).hexdigest()[:12]


def checkpoint_facts(workdir: Path, checkpoint: str = LATEST) -> tuple[int, dict[str, Any]]:
    """A checkpoint's step, and what was saved beside its state.

    Raises:
      UserError: if there is no such checkpoint, or it cannot be read.
    """
    return _reading(
        workdir,
        WorkDir(workdir).read_config(),
        checkpoint,
        lambda checkpoints, step: (step, checkpoints.facts(step)),
    )[0]


def _reading(
    workdir: Path,
    config: FrozenConfigDict,
    checkpoint: str,
    read: Callable[[Checkpoints, int], T],
) -> tuple[T, tuple[str, ...]]:
    """Reads a checkpoint, or the one that took its place if it is removed meanwhile.

    In place of a latest one that is damaged the one before it is read, which a sentence says.
    """
    failed: set[int | None] = set()
    for left in reversed(range(_TRIES)):
        step = None
        with _opened(workdir, config) as checkpoints:
            try:
                step = _choose(checkpoints, checkpoint)
                return read(checkpoints, step), ()
            except UserError as error:
                is_no_choice = step is None and checkpoints.steps()
                if not left or step in failed or is_no_choice:
                    if checkpoint != LATEST or step is None:
                        raise
                    return _read_earlier(checkpoints, step, read, error)
        failed.add(step)
        time.sleep(_PAUSE)
    raise AssertionError("the last try returns or raises")


def _read_earlier(
    checkpoints: Checkpoints, damaged: int, read: Callable[[Checkpoints, int], T], error: UserError
) -> tuple[T, tuple[str, ...]]:
    for step in reversed([step for step in checkpoints.steps() if step < damaged]):
        try:
            found = read(checkpoints, step)
        except UserError:
            continue
        why = str(error).splitlines()[0]
        return found, (f"{why}; that of step {step} is read instead",)
    raise error


def _opened(workdir: Path, config: FrozenConfigDict) -> Checkpoints:
    folder = WorkDir(workdir)
    if not folder.checkpoints.is_dir():
        raise UserError(f"{workdir} has no checkpoint yet: train it first")
    best_metric = decline.best_key(config.checkpoint.best_metric, read_rows(folder.metrics))
    for left in reversed(range(_TRIES)):
        try:
            return Checkpoints(folder, config, best_metric, read_only=True)
        except FileNotFoundError:  # removed between being listed and being looked at
            if not left:
                raise
    raise AssertionError("the last try returns or raises")


def _spec(fields: dict[str, Any]) -> DataSpec:
    """Lists, which JSON makes of tuples, become tuples again: a model is hashable."""
    return DataSpec(**{k: tuple(v) if isinstance(v, list) else v for k, v in fields.items()})


def _choose(checkpoints: Checkpoints, name: str) -> int:
    steps = checkpoints.steps()
    if not steps:
        raise UserError(f"no checkpoint in {checkpoints.folder} yet: train it first")
    if name == LATEST:
        return steps[-1]
    if name == BEST:
        best = checkpoints.best_step()
        if best is None:
            raise UserError(f"no checkpoint in {checkpoints.folder} was evaluated: use {LATEST}")
        return best
    if name.isdigit() and int(name) in steps:
        return int(name)
    known = ", ".join(map(str, steps))
    raise UserError(f"no checkpoint {name!r}; there are {LATEST}, {BEST}, {known}")
