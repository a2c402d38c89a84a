"""Every model's training step is one that GPUs and TPUs take, as far as XLA can tell without them.

And one that is compiled once, whatever the seed.
"""

import functools
import re

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
            phases=recipe.phases_in(stage),
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


# XLA sums up scatters on GPUs in no fixed order. Where they are from:
SCATTERS = {
    "cyclegan": "pictures that enter the pools",
    "cut": "gradients at the places of patches drawn by chance",
    "fastgan": "gradients of crops and of augmentation at places drawn by chance",
    "projected": "gradients of augmentation at places drawn by chance",
    "stylegan2": "gradients of ADA, and of the styles that each layer takes",
}


@pytest.mark.parametrize("name", MODELS)
def test_nothing_in_a_step_is_known_to_be_slow_on_gpus(name, lowered):
    """No 64-bit floats, nothing that calls the host, no scatters but those that are told of."""
    text = lowered(name, 0)
    assert not re.search(r"tensor<(\d+x)*(f64|c\d+<f64>)>", text)
    assert "callback" not in text
    assert ("stablehlo.scatter" in text) == (name in SCATTERS)
