"""A trained GAN as its checkpoint holds it; the data it learned from are not needed."""

import dataclasses
from pathlib import Path
from typing import Any

import jax
from ml_collections import FrozenConfigDict

from dermgan_jax import registry
from dermgan_jax.data.records import DataSpec
from dermgan_jax.errors import UserError
from dermgan_jax.models.contract import Model, Stage, Variables
from dermgan_jax.runs.checkpoint import Checkpoints, abstract
from dermgan_jax.runs.state import init_state
from dermgan_jax.runs.workdir import WorkDir


@dataclasses.dataclass(frozen=True)
class Restored:
    """A GAN and what it learned.

    Attributes:
      model: configured as it was trained.
      variables: of all nets, the averaged ones where there are any.
      stage: where its curriculum stood.
      classes: names of the classes it learned from.
      untrained: nets that an import left at their initial values.
    """

    model: Model
    variables: Variables
    stage: Stage
    classes: tuple[str, ...]
    untrained: tuple[str, ...] = ()


def restore(workdir: Path, checkpoint: str = "latest") -> Restored:
    """Reads a checkpoint.

    Args:
      workdir: a work directory with at least one checkpoint.
      checkpoint: "latest", "best" (by `checkpoint.best_metric`) or a step.

    Raises:
      UserError: if there is no such checkpoint, or it cannot be read.
    """
    config = WorkDir(workdir).read_config()
    with _opened(workdir, config) as checkpoints:
        step = _choose(checkpoints, checkpoint)
        facts = checkpoints.facts(step)
        model = registry.load("model", config.model.name)(config, _spec(facts["data_spec"]))
        here = jax.sharding.SingleDeviceSharding(jax.local_devices()[0])
        like = abstract(jax.eval_shape(lambda: init_state(model)), here)
        state = checkpoints.restore(like, step)
    stage = model.stage(int(state.clock.scheduled_at))
    classes, untrained = tuple(facts["classes"]), tuple(facts.get("untrained", ()))
    return Restored(model, state.averaged, stage, classes, untrained)


def latest_facts(workdir: Path) -> tuple[int, dict[str, Any]]:
    """The latest checkpoint's step, and what was saved beside its state.

    Raises:
      UserError: if there is no checkpoint, or it cannot be read.
    """
    with _opened(workdir, WorkDir(workdir).read_config()) as checkpoints:
        step = _choose(checkpoints, "latest")
        return step, checkpoints.facts(step)


def _opened(workdir: Path, config: FrozenConfigDict) -> Checkpoints:
    folder = WorkDir(workdir).checkpoints
    if not folder.is_dir():
        raise UserError(f"{workdir} has no checkpoint yet: train it first")
    return Checkpoints(folder, config, read_only=True)


def _spec(fields: dict[str, Any]) -> DataSpec:
    """Lists, which JSON makes of tuples, become tuples again: a GAN is hashable."""
    return DataSpec(**{k: tuple(v) if isinstance(v, list) else v for k, v in fields.items()})


def _choose(checkpoints: Checkpoints, name: str) -> int:
    steps = checkpoints.steps()
    if not steps:
        raise UserError(f"no checkpoint in {checkpoints.folder} yet: train it first")
    if name == "latest":
        return steps[-1]
    if name == "best":
        best = checkpoints.best_step()
        if best is None:
            raise UserError(f"no checkpoint in {checkpoints.folder} was evaluated: use latest")
        return best
    if name.isdigit() and int(name) in steps:
        return int(name)
    known = ", ".join(map(str, steps))
    raise UserError(f"no checkpoint {name!r}; there are latest, best, {known}")
