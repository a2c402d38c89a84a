"""Adversarial losses against their formulas."""

import pathlib

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import superres_vectors

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


CYCLEGAN = pathlib.Path(__file__).parent / "golden" / "cyclegan"


@pytest.mark.parametrize("mode", losses.ADVERSARIAL)
@pytest.mark.parametrize("judgement", ["real", "fake"])
def test_adversarial_losses_of_the_originals(mode, judgement):
    golden = np.load(CYCLEGAN / "ganloss.npz")

    toward = {"real": losses.toward_real, "fake": losses.toward_fake}[judgement]

    def loss(scores):
        return toward(mode, scores)

    scores = jnp.asarray(golden["in:logits"])
    expected = golden[f"out:{mode}_{judgement}"]
    per_image = mode == "nonsaturating"
    np.testing.assert_allclose(
        loss(scores) if per_image else loss(scores).mean(), expected, rtol=1e-5
    )
    # The vectors hold gradients of the sum of what the original returns.
    gradient = jax.grad(lambda x: loss(x).sum() if per_image else loss(x).mean())(scores)
    np.testing.assert_allclose(
        gradient, golden[f"out:grad_{mode}_{judgement}"], rtol=1e-5, atol=1e-8
    )


@pytest.mark.parametrize("case", ["perimage", "allneg"])
def test_contrastive_loss_of_the_original(case):
    golden = np.load(CYCLEGAN / f"patchnce_{case}.npz")
    queries, keys = (golden[f"in:feat_{name}"].reshape(2, 24, 32) for name in "qk")

    def loss(queries, keys):
        return losses.patch_nce(queries, keys, all_negatives=case == "allneg")

    each = loss(queries, keys).reshape(-1)
    np.testing.assert_allclose(each, golden["out:loss_per_patch"], rtol=1e-5, atol=1e-6)
    gradients = jax.grad(lambda *x: loss(*x).mean(), argnums=(0, 1))(queries, keys)
    np.testing.assert_allclose(
        gradients[0].reshape(48, 32), golden["out:grad_q"], rtol=1e-4, atol=1e-7
    )
    np.testing.assert_array_equal(gradients[1], 0)


def test_absolute_penalty_may_aim_at_zero():
    norms = jnp.array([0.0, 0.5, 3.0])
    np.testing.assert_allclose(losses.absolute_gradient_penalty(norms, 0.0), [0, 0.25, 9])
    np.testing.assert_allclose(losses.absolute_gradient_penalty(norms), [1, 0.25, 4])


@pytest.mark.parametrize("mode", ["vanilla", "lsgan"])
@pytest.mark.parametrize("shape", ["vec", "map"])
def test_relativistic_losses_equal_esrgans(mode, shape):
    if not (cases := superres_vectors.found("gan_losses")):
        pytest.skip("vectors are not here")
    case = superres_vectors.Case(*cases)
    real, fake = case[f"in:{shape}_real"], case[f"in:{shape}_fake"]
    key = f"out:{shape}:{mode}:ragan"

    def generator(fake, real):
        return losses.relativistic_generator(mode, fake, real).mean()

    def discriminator(real, fake):
        return losses.relativistic_discriminator(mode, real, fake).mean()

    weight = case.options["loss_weight_generator"]
    value, (of_fake, of_real) = jax.value_and_grad(generator, argnums=(0, 1))(fake, real)
    case.check(f"{key}_g", weight * value)
    case.check(f"{key}_g_grad_fake", weight * of_fake)
    assert not np.any(of_real)
    value, (of_real, of_fake) = jax.value_and_grad(discriminator, argnums=(0, 1))(real, fake)
    parts = (case.arrays[f"{key}_d_{side}"] for side in ("real", "fake"))
    np.testing.assert_allclose(value, sum(parts), rtol=1e-5)
    case.check(f"{key}_d_grad_real", of_real)
    case.check(f"{key}_d_grad_fake", of_fake)


def test_absolute_error_is_basicsrs_l1():
    if not (cases := superres_vectors.found("pixel_losses")):
        pytest.skip("vectors are not here")
    case = superres_vectors.Case(*cases)
    error = losses.absolute_error(case["in:a"], case["in:b"]).mean()
    case.check("out:l1", case.options["l1_weight"] * error)
