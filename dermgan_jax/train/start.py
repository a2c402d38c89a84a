"""What a run starts from: the model and the data that fit it, and its first state."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
from ml_collections import FrozenConfigDict

from dermgan_jax import registry
from dermgan_jax.data.catalogue import Catalogue
from dermgan_jax.errors import UserError
from dermgan_jax.features import weights
from dermgan_jax.models.contract import Model
from dermgan_jax.runs import provenance
from dermgan_jax.runs.checkpoint import Checkpoints, abstract
from dermgan_jax.runs.state import TrainState, init_state
from dermgan_jax.train import schedule, sharding
from dermgan_jax.train.snapshots import snapshots_of
from dermgan_jax.train.step import Recipe


def build_model(config: FrozenConfigDict, data: Catalogue) -> Model:
    """The configured model for a data set.

    Raises:
      UserError: naming every reason why the two do not go together.
    """
    family = registry.load("model", config.model.name)
    model = family(config, data.spec(config.data.split, config.data))
    found = model.faults() + snapshots_of(model).faults(model, data)
    if found:
        raise UserError("the model and the data do not fit:\n" + "\n".join(f"  {f}" for f in found))
    return model


def require_weights(model: Model) -> None:
    """Checks that a new run finds the published weights that it starts from.

    Raises:
      UserError: naming those that are missing.
    """
    missing = [name for name in model.published_weights if not weights.available(name)]
    if missing:
        raise UserError(
            f"training starts from published weights that are missing: dermgan weights "
            f"--fetch={','.join(missing)}"
        )


def require_divisible(model: Model, num_devices: int) -> None:
    """Checks that every stage's batch can be split evenly.

    Raises:
      UserError: naming the stages at fault.
    """
    uneven = [s for s in schedule.all_stages(model) if s.batch_size % num_devices]
    if uneven:
        sizes = ", ".join(f"{stage.batch_size} at {stage}" for stage in uneven)
        raise UserError(
            f"{num_devices} devices cannot share these batch sizes evenly: {sizes}. "
            "Choose multiples, or use fewer devices."
        )


def first_state(
    recipe: Recipe, checkpoints: Checkpoints, data: Catalogue
) -> tuple[TrainState, bool]:
    """The latest checkpoint's state, or the initial one; and whether it was a checkpoint's.

    Raises:
      UserError: if the checkpoint is damaged or was trained on other data, or published weights
        that training starts from are not there.
    """
    everywhere = sharding.replicated(recipe.mesh)
    seed = np.uint32(recipe.model.config.seed)
    init = jax.jit(functools.partial(init_state, recipe.model), out_shardings=everywhere)
    steps = checkpoints.steps()
    if not steps:
        state = init(seed)
        variables = recipe.model.pretrained(state.variables)
        if variables is not state.variables:
            variables = jax.device_put(variables, everywhere)
            ema = {net: jax.tree.map(jnp.copy, variables[net]) for net in recipe.model.averaged}
            state = state.replace(variables=variables, ema=ema)
        return state, False
    facts = checkpoints.facts(steps[-1])
    if facts["split_hash"] == provenance.IMPORTED:
        raise UserError(
            "these networks were imported and their training data are not known: they translate, "
            "but training needs a work directory of its own"
        )
    provenance.require_same_data(facts, data, checkpoints.folder.parent)
    return checkpoints.restore(abstract(jax.eval_shape(init, seed), everywhere), steps[-1]), True
