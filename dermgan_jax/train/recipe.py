"""What a compiled step is made from, and which phases a call of it runs."""

import dataclasses
import functools
from typing import NamedTuple

import optax
from jax.sharding import Mesh

from dermgan_jax.models.contract import Model, Phase, Stage
from dermgan_jax.runs.state import optimizers


class Due(NamedTuple):
    """Which phases a call runs. Static.

    Attributes:
      phases: their names.
      by_step: whether each iteration asks its own number if the lazy ones among them run.
    """

    phases: tuple[str, ...]
    by_step: bool = False


@dataclasses.dataclass(frozen=True)
class Recipe:
    """What a compiled step is made from: constants of a run."""

    model: Model
    mesh: Mesh

    @functools.cached_property
    def phases(self) -> tuple[Phase, ...]:
        return self.model.phases()

    @functools.cached_property
    def optimizers(self) -> dict[str, optax.GradientTransformation]:
        return optimizers(self.model)

    @property
    def on_cpu(self) -> bool:
        """Whether XLA's code for CPUs runs, in which convolutions within loops are slow."""
        return self.mesh.devices.flat[0].platform == "cpu"

    def due(self, stage: Stage, step: int, length: int = 1) -> Due:
        """What a call of `length` iterations of one stage, the first numbered `step`, runs."""
        phases = self.model.phases_in(stage)
        if length > 1:
            return Due(tuple(phase.name for phase in phases), by_step=True)
        return Due(tuple(phase.name for phase in phases if step % phase.every == 0))
