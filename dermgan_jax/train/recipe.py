"""What a compiled step is made from."""

import dataclasses
import functools

import optax
from jax.sharding import Mesh

from dermgan_jax.models.contract import Model, Phase, Stage
from dermgan_jax.runs.state import optimizers


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

    def phases_in(self, stage: Stage) -> tuple[str, ...]:
        """Names of the phases that ever run in a stage."""
        return tuple(phase.name for phase in self.model.phases_in(stage))
