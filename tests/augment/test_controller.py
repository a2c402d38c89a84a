"""The controller holds the mean sign of the scores at its target."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dermgan_jax.augment import controller

STEP = {"target": 0.6, "images": 100, "ada_kimg": 10.0}  # 0.01 per adjustment


@pytest.mark.parametrize(
    ("scores", "expected"), [([1.0, 2.0], 0.51), ([1.0, -3.0], 0.49), ([0.0, 9.0], 0.49)]
)
def test_p_follows_the_mean_sign(scores, expected):
    state = controller.adjust(controller.observe(controller.init(0.5), jnp.array(scores)), **STEP)
    assert float(state.p) == pytest.approx(expected)
    assert (float(state.sign_sum), float(state.count)) == (0, 0)


def test_observations_add_up():
    scores = jax.random.normal(jax.random.key(0), (3, 8, 1)) + 0.5
    state = controller.init()
    for batch in scores:
        state = controller.observe(state, batch.astype(jnp.bfloat16))
    assert state.count == 24
    assert float(state.sign_sum) == np.sign(scores).sum()


def test_without_observations_p_stays():
    assert float(controller.adjust(controller.init(0.3), **STEP).p) == np.float32(0.3)


@pytest.mark.parametrize(("start", "score", "bound"), [(0.005, -1.0, 0.0), (0.845, 1.0, 0.85)])
def test_p_is_bounded(start, score, bound):
    state = controller.observe(controller.init(start), jnp.full(4, score))
    assert float(controller.adjust(state, **STEP, max_p=0.85).p) == np.float32(bound)


def test_reaches_its_target_in_a_simulated_training():
    def iteration(state, rng):
        overfitting = 2.0 - 3.0 * state.p
        scores = overfitting + jax.random.normal(rng, (64,))
        state = controller.adjust(controller.observe(state, scores), **STEP)
        return state, (state.p, jnp.sign(scores).mean())

    keys = jax.random.split(jax.random.key(0), 400)
    _, (p, signs) = jax.jit(lambda: jax.lax.scan(iteration, controller.init(), keys))()
    # The mean sign of N(m, 1) is 0.6 at m = 0.8416, that is at p = 0.386.
    np.testing.assert_allclose(p[-200:].mean(), 0.386, atol=0.02)
    np.testing.assert_allclose(signs[-200:].mean(), 0.6, atol=0.03)


def test_no_gradient_flows_into_the_scores():
    gradient = jax.grad(lambda scores: controller.observe(controller.init(), scores).sign_sum)
    np.testing.assert_array_equal(gradient(jnp.ones(3)), 0)
