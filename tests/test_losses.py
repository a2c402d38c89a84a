"""Adversarial losses against their formulas."""

import jax
import jax.numpy as jnp
import numpy as np

from dermgan_jax import losses


def test_gradient_norms_of_a_known_function():
    images = jnp.array(np.random.default_rng(0).normal(size=(3, 2, 2, 1)), jnp.float32)
    norms = losses.gradient_norms(lambda x: 0.5 * jnp.square(x).sum((1, 2, 3)), images)
    np.testing.assert_allclose(norms, jnp.sqrt(jnp.square(images).sum((1, 2, 3))), rtol=1e-6)


def test_a_flat_critic_has_finite_penalty_gradients():
    images = jnp.ones((2, 2, 2, 1))

    def penalty(slope):
        norms = losses.gradient_norms(lambda x: slope * x.sum((1, 2, 3)), images)
        return losses.gradient_penalty(norms).mean()

    assert penalty(0.0) == 1.0
    assert jnp.isfinite(jax.grad(penalty)(0.0))
    np.testing.assert_allclose(jax.grad(penalty)(1.0), 2 * (2 - 1) * 2, rtol=1e-6)


def test_penalty_is_relative_to_its_target():
    norms = jnp.array([0.0, 750.0, 1500.0])
    np.testing.assert_allclose(losses.gradient_penalty(norms, 750.0), [1, 0, 1])


def test_interpolates_run_from_reals_to_fakes():
    reals, fakes = jnp.zeros((3, 2, 2, 1)), jnp.full((3, 2, 2, 1), 4.0)
    mixed = losses.interpolates(reals, fakes, jnp.array([0.0, 0.25, 1.0]))
    np.testing.assert_array_equal(mixed[:, 0, 0, 0], [0, 1, 4])


def test_wasserstein_losses():
    real, fake = jnp.array([1.0, 2.0]), jnp.array([-1.0, 5.0])
    np.testing.assert_array_equal(losses.wasserstein_critic(real, fake), [-2, 3])
    np.testing.assert_array_equal(losses.wasserstein_generator(fake), [1, -5])
    np.testing.assert_array_equal(losses.drift(real), [1, 4])
