"""Every model's training step is one that GPUs and TPUs take, as far as XLA can tell without them.

And one that is compiled once, whatever the seed.
"""

import functools

import jax
import numpy as np
import pytest
from engine_probe import first_call, recipe_of, tiny

from dermgan_jax import registry
from dermgan_jax.runs.state import init_state
from dermgan_jax.train.recipe import Recipe
from dermgan_jax.train.step import compile_steps

MODELS = registry.names("model")


@pytest.fixture(scope="module")
def lowered(tmp_path_factory):
    """(name of a model, seed) -> its step as StableHLO, for GPUs and TPUs."""
    folder = tmp_path_factory.mktemp("prepared")

    @functools.cache
    def lowered(name, seed):
        config = tiny(name, folder, seed=seed)
        recipe = recipe_of(config, 1)
        batches, inputs, stage = first_call(recipe, config)
        state = jax.eval_shape(lambda: init_state(recipe.model))
        step = compile_steps(recipe).trace(
            *(state, batches, {}, inputs, np.ones(1, bool)),
            image_size=stage.image_size,
            due=recipe.due(stage, 0),
        )
        return step.lower(lowering_platforms=("cuda", "tpu")).as_text()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Recipe, "on_cpu", False)
        yield lowered


@pytest.mark.parametrize("name", MODELS)
def test_step_lowers(name, lowered):
    assert "stablehlo" in lowered(name, 0)


@pytest.mark.parametrize("name", MODELS)
def test_one_program_serves_every_seed(name, lowered):
    assert lowered(name, 0) == lowered(name, 1)
