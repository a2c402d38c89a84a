"""Every GAN's training step is one that GPUs and TPUs take, as far as XLA can tell without them."""

import jax
import numpy as np
import pytest
from engine_probe import first_call, recipe_of, tiny

from dermgan_jax import registry
from dermgan_jax.runs.state import init_state
from dermgan_jax.train.step import Recipe, compile_steps


@pytest.mark.parametrize("name", registry.names("model"))
def test_step_lowers(name, tmp_path, monkeypatch):
    monkeypatch.setattr(Recipe, "on_cpu", False)
    config = tiny(name, tmp_path)
    recipe = recipe_of(config, 1)
    batches, inputs, stage = first_call(recipe, config)
    state = jax.eval_shape(lambda: init_state(recipe.model))
    step = compile_steps(recipe).trace(
        *(state, batches, {}, inputs, np.ones(1, bool)),
        image_size=stage.image_size,
        due=recipe.due(0),
    )
    assert "stablehlo" in step.lower(lowering_platforms=("cuda", "tpu")).as_text()
