"""A training step without a machine: its arguments are shapes, its program is lowered only."""

import dataclasses
from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from dermgan_jax.models.contract import Model, Stage
from dermgan_jax.runs.state import init_state
from dermgan_jax.train import sharding
from dermgan_jax.train.recipe import Recipe
from dermgan_jax.train.step import StageInputs, compile_steps


class Arguments(NamedTuple):
    """Of `train.step.run_steps`, as shapes with their place in the mesh."""

    state: Any
    batches: dict[str, jax.ShapeDtypeStruct]
    resident: dict[str, jax.ShapeDtypeStruct]
    inputs: StageInputs
    active: jax.ShapeDtypeStruct


def trace(
    model: Model, stage: Stage, devices: Sequence[jax.Device], phases: Sequence[str] | None = None
) -> "jax.stages.Traced":
    """One iteration of a stage, traced for devices that need not be here.

    Args:
      model: its configuration says what is resident.
      stage: of the model.
      devices: of one data-parallel mesh.
      phases: that run; None: all of the stage, as in training.
    """
    recipe = Recipe(model, sharding.data_mesh(devices))
    names = recipe.phases_in(stage) if phases is None else tuple(phases)
    return compile_steps(recipe).trace(
        *arguments(model, stage, recipe.mesh), image_size=stage.image_size, phases=names
    )


def arguments(model: Model, stage: Stage, mesh: Mesh) -> Arguments:
    """Shapes of a call of one iteration, as `train.calls.Calls` makes it."""
    everywhere = sharding.replicated(mesh)

    def placed(shape: tuple[int, ...], dtype: Any, place: NamedSharding) -> jax.ShapeDtypeStruct:
        return jax.ShapeDtypeStruct(shape, dtype, sharding=place)

    def row(names: Any) -> dict[str, jax.ShapeDtypeStruct]:
        return {name: placed((1,), np.float32, everywhere) for name in names}

    state = jax.tree.map(
        lambda leaf: placed(leaf.shape, leaf.dtype, everywhere),
        jax.eval_shape(lambda: init_state(model)),
    )
    fed = model.fed(stage)
    lead = (1, model.iteration_images(stage) // stage.batch_size, stage.batch_size)
    by_batch = NamedSharding(mesh, PartitionSpec(None, None, "data"))
    on_device = model.config.data.cache == "device"
    batches = {
        name: placed(lead, np.int32, by_batch)
        if on_device
        else placed((*lead, *one.shape), one.dtype, by_batch)
        for name, one in fed.items()
    }
    num = model.data.num_examples
    resident = {name: placed((num, *one.shape), one.dtype, everywhere) for name, one in fed.items()}
    inputs = StageInputs(
        row(stage.learning_rates), row(stage.traced), placed((1,), np.uint32, everywhere)
    )
    active = placed((1,), bool, everywhere)
    return Arguments(state, batches, resident if on_device else {}, inputs, active)


def with_batch(stage: Stage, batch_size: int) -> Stage:
    """The stage with another batch."""
    return dataclasses.replace(stage, batch_size=batch_size)
