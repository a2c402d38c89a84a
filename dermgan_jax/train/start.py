"""What a run starts from: the model and the data that fit it, and its first state."""

import functools
import math
import os
from collections.abc import Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from ml_collections import FrozenConfigDict

from dermgan_jax import hosts, registry
from dermgan_jax.data.catalogue import Catalogue
from dermgan_jax.errors import UserError
from dermgan_jax.features import weights
from dermgan_jax.models.contract import Model
from dermgan_jax.runs import provenance
from dermgan_jax.runs.checkpoint import Checkpoints, abstract
from dermgan_jax.runs.state import TrainState, init_state
from dermgan_jax.train import freezing, schedule, sharding, warm_start
from dermgan_jax.train.recipe import Recipe
from dermgan_jax.train.snapshots import snapshots_of

GIB = 1 << 30


def build_model(config: FrozenConfigDict, data: Catalogue) -> Model:
    """The configured model for a data set.

    Raises:
      UserError: naming every reason why the two do not go together.
    """
    family = registry.load("model", config.model.name)
    model = family(config, data.spec(config.data.split, config.data))
    found = model.faults() + snapshots_of(model).faults(model, data)
    if config.data.masks and not model.uses_masks:
        found.append(
            f"data.masks is set, but a {config.model.name} makes no use of masks: unset it"
        )
    found = found or freezing.faults(model)
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


def require_memory(model: Model, num_devices: int) -> None:
    """Checks that the first state, and the images of a call, have room before any is taken.

    Raises:
      UserError: naming what they take and what there is.
    """
    state = _bytes(jax.eval_shape(lambda: init_state(model)))
    images = max(
        model.iteration_images(stage) * _bytes(model.fed(stage))
        for stage in schedule.all_stages(model)
    )
    images *= model.config.train.steps_per_call
    device = jax.local_devices()[0]
    on_host = device.platform == "cpu"
    here = float(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))
    room = here if on_host else (device.memory_stats() or {}).get("bytes_limit", math.inf)
    of_state = state * (num_devices if on_host else 1)
    if of_state > room or images > here:
        raise UserError(
            f"networks, averages and optimisers take {of_state / GIB:.3g} GiB and the images of a "
            f"call {images / GIB:.3g} GiB, but there are {room / GIB:.3g} GiB for the former and "
            f"{here / GIB:.3g} GiB for the latter: choose narrower networks (config.model), or a "
            "smaller train.batch_size or train.steps_per_call"
        )


def _bytes(tree: Any) -> int:
    return sum(math.prod(x.shape) * x.dtype.itemsize for x in jax.tree.leaves(tree))


class Start(NamedTuple):
    """Where training begins.

    Attributes:
      state: the latest checkpoint's, or the initial one.
      resumed: whether it was a checkpoint's.
      taken: what a new run took of the run that `train.init_from` names.
      notes: sentences about checkpoints that could not be read.
    """

    state: TrainState
    resumed: bool
    taken: dict[str, warm_start.Taken]
    notes: tuple[str, ...] = ()


def first_state(recipe: Recipe, checkpoints: Checkpoints, data: Catalogue) -> Start:
    """Where training begins.

    Raises:
      UserError: if the checkpoint is damaged or was trained on other data, or what training starts
        from is not there, or the processes split the data differently.
    """
    hosts.require_same(
        data.split_hash,
        "the hosts split the data differently: give all of them the same files and versions of "
        "the program",
    )
    everywhere = sharding.replicated(recipe.mesh)
    seed = np.uint32(recipe.model.config.seed)
    init = jax.jit(functools.partial(init_state, recipe.model), out_shardings=everywhere)
    steps = checkpoints.steps()
    if not steps:
        state, taken = _new_state(recipe.model, init(seed), everywhere)
        return Start(state, False, taken)
    like = abstract(jax.eval_shape(init, seed), everywhere)
    state, notes = _latest(checkpoints, like, data)
    return Start(state, True, {}, notes)


def _latest(
    checkpoints: Checkpoints, like: TrainState, data: Catalogue
) -> tuple[TrainState, tuple[str, ...]]:
    """The newest checkpoint that can be read; newer ones are set aside, as the sentences say.

    Raises:
      UserError: of the newest, if none can be read; then all stay where they are.
    """
    damaged: dict[int, UserError] = {}
    for step in reversed(checkpoints.steps()):
        try:
            facts = checkpoints.facts(step)
            state = checkpoints.restore(like, step)
        except UserError as error:
            damaged[step] = error
            continue
        _require_own_data(facts, data, checkpoints)
        places = hosts.together(lambda: [checkpoints.set_aside(each) for each in damaged])
        checkpoints.look_again()
        return state, tuple(
            f"warning: {str(error).splitlines()[0]}; it is kept in {place}, and training goes on "
            f"from step {step}"
            for place, error in zip(places, damaged.values(), strict=True)
        )
    raise next(iter(damaged.values()))


def _require_own_data(facts: Mapping[str, Any], data: Catalogue, checkpoints: Checkpoints) -> None:
    if facts["split_hash"] == provenance.IMPORTED:
        raise UserError(
            "these networks were imported and their training data are not known: to train them on "
            "data of yours, start a run with --config.train.init_from=THIS_FOLDER in another "
            "work directory"
        )
    provenance.require_same_data(facts, data, checkpoints.folder.parent)


def _new_state(
    model: Model, state: TrainState, everywhere: jax.sharding.Sharding
) -> tuple[TrainState, dict[str, warm_start.Taken]]:
    """The initial state with published weights, and with those of another run, in their places."""
    variables = model.pretrained(state.variables)
    if variables is not state.variables:
        variables = jax.device_put(variables, everywhere)
        ema = {net: jax.tree.map(jnp.copy, variables[net]) for net in model.averaged}
        state = state.replace(variables=variables, ema=ema)
    if not model.config.train.init_from:
        return state, {}
    state, taken = warm_start.warm_start(model, state)
    # Copies: the averages must not share memory with what is trained.
    return jax.tree.map(jnp.copy, jax.device_put(state, everywhere)), taken
