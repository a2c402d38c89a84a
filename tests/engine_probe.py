"""Looks into the engine for the contract tests: gradients of a phase, a run's last state.

As a program, one of several processes: engine_probe.py NAME CACHE_DIR OUT.npz writes the gradients
of every phase of a tiny model, summed up over the hosts that the environment names.
"""

import functools
import sys

import jax
import numpy as np
import tiny_configs

from dermgan_jax import config as config_schema
from dermgan_jax import hosts
from dermgan_jax.data import pipeline
from dermgan_jax.data.catalogue import catalogue
from dermgan_jax.models.contract import Context
from dermgan_jax.runs.checkpoint import Checkpoints, abstract
from dermgan_jax.runs.state import init_state
from dermgan_jax.runs.workdir import WorkDir
from dermgan_jax.train import sharding, start
from dermgan_jax.train.calls import stack
from dermgan_jax.train.load_batches import load_batches
from dermgan_jax.train.recipe import Recipe
from dermgan_jax.train.snapshots import best_metric
from dermgan_jax.train.step import StageInputs, phase_gradients

# In the middle of a fade for models that have one.
IMAGES_SEEN = 100


def tiny(name, cache_dir, **fields):
    config = tiny_configs.TINY[name]()
    config.data.prepared_dir = str(cache_dir)
    with config.unlocked():
        config.update_from_flattened_dict(fields)
    return config_schema.validate(config)


def recipe_of(config, num_devices):
    mesh = sharding.data_mesh(jax.devices()[:num_devices])
    return Recipe(start.build_model(config, catalogue(config.data)), mesh)


def first_state(recipe):
    """The initial state on the recipe's devices, by the program that training uses."""
    everywhere = sharding.replicated(recipe.mesh)
    init = jax.jit(functools.partial(init_state, recipe.model), out_shardings=everywhere)
    return init(np.uint32(recipe.model.config.seed))


def last_state(config, workdir):
    recipe = recipe_of(config, 8)
    best = best_metric(recipe.model, catalogue(config.data))
    with Checkpoints(WorkDir(workdir), config, best, read_only=True) as checkpoints:
        like = abstract(
            jax.eval_shape(lambda: init_state(recipe.model)), sharding.replicated(recipe.mesh)
        )
        return jax.device_get(checkpoints.restore(like, checkpoints.steps()[-1]))


def first_call(recipe, config, images_seen=0):
    """(batches on the devices, stage inputs, stage) of one iteration."""
    data = catalogue(config.data)
    host = {**config.to_dict(), "data": {**config.data.to_dict(), "cache": "host"}}
    host = config_schema.validate(config_schema.ConfigDict(host))
    stage = recipe.model.stage(images_seen)
    feed = pipeline.open_feed(host, data, recipe.mesh)
    repeats = recipe.model.iteration_images(stage) // stage.batch_size
    batches = feed.take(images_seen, (1, repeats, stage.batch_size), stage.image_size)
    seed = np.full(1, recipe.model.config.seed, np.uint32)
    inputs = StageInputs(stack([stage.learning_rates]), stack([stage.traced]), seed)
    return batches, inputs, stage


def gradients(recipe, phase, state, images_seen=0, seeds=None):
    """(gradients, loss) of a phase on the batch at `images_seen`, as NumPy arrays.

    Phases before it are run for what they hand on; none updates anything. With `seeds` of what is
    random in those, both have a leading axis, an entry for each of them.
    """
    config = recipe.model.config
    batches, inputs, stage = first_call(recipe, config, images_seen)
    state = jax.device_put(state, sharding.replicated(recipe.mesh))

    @jax.jit
    def compute(state, batches, inputs, seed):
        rng = jax.random.key(7)
        only = jax.tree.map(lambda x: x[0], batches)
        batch = load_batches(recipe, only, {}, rng, stage.image_size)
        batch = jax.tree.map(lambda x: x[0], batch)
        traced = jax.tree.map(lambda x: x[0], inputs.traced)
        context = Context(stage.image_size, traced, state.clock.images_seen, {}, state.extra)
        for each in recipe.phases:
            last = each.name == phase.name
            each_rng = rng if last else jax.random.key(seed)
            (loss, aux), grads = phase_gradients(each, state, batch, context, each_rng)
            if last:
                return grads, loss
            context = context._replace(handoff={**context.handoff, **aux.handoff})

    found = [compute(state, batches, inputs, seed) for seed in (seeds or (7,))]
    found = jax.device_get(found)
    return found[0] if seeds is None else jax.tree.map(lambda *x: np.stack(x), *found)


def relative_difference(left, right):
    """Norm of the difference of two trees over the norm of the first."""
    pairs = zip(jax.tree.leaves(left), jax.tree.leaves(right), strict=True)
    difference = sum(np.sum((a - b) ** 2) for a, b in pairs)
    norm = sum(np.sum(a**2) for a in jax.tree.leaves(left))
    assert norm > 0
    return np.sqrt(difference / norm)


def all_gradients(config, num_devices):
    """Gradients under "phase/number" and losses under "phase/loss", phase by phase."""
    recipe = recipe_of(config, num_devices)
    arrays = {}
    for phase in recipe.phases:
        grads, loss = gradients(recipe, phase, first_state(recipe), IMAGES_SEEN)
        arrays[f"{phase.name}/loss"] = loss
        arrays |= {f"{phase.name}/{i}": g for i, g in enumerate(jax.tree.leaves(grads))}
    return arrays


if __name__ == "__main__":
    hosts.join()
    name, folder, out = sys.argv[1:]
    arrays = all_gradients(tiny(name, folder), jax.device_count())
    if jax.process_index() == 0:
        np.savez(out, **arrays)
