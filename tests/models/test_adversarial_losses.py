"""The losses that DCGAN and LAPGAN share, on critics whose gradients are known."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from ml_collections import ConfigDict

from dermgan_jax.data.records import DataSpec
from dermgan_jax.models import adversarial_losses

RNG = np.random.default_rng(0)
REAL, FAKE = RNG.uniform(-1, 1, (2, 4, 3, 3, 2)).astype(np.float32)
WEIGHT = RNG.normal(size=(3, 3, 2)).astype(np.float32)
DATA = DataSpec(8, 8, 3, (30, 0, 10), 40)


def fields(**changed):
    return ConfigDict({**adversarial_losses.default_fields(), **changed})


def linear(variables, images, rng):
    """Counts its calls; the gradient with respect to every image is the weight."""
    del rng
    return (images * variables["params"]).sum((1, 2, 3)), {"calls": variables["calls"] + 1}


def discriminator_loss(**changed):
    variables = {"params": WEIGHT, "calls": 0}
    loss, metrics, collections = adversarial_losses.discriminator_loss(
        fields(**changed), linear, variables, REAL, FAKE, jax.random.key(0)
    )
    return float(loss), metrics, collections


def scores(images):
    return (images * WEIGHT).sum((1, 2, 3))


def test_cross_entropy_of_reals_and_fakes_is_not_halved():
    loss, metrics, collections = discriminator_loss()
    probabilities = 1 / (1 + np.exp(-scores(np.stack([REAL, FAKE], 1).reshape(8, 3, 3, 2))))
    real, fake = probabilities.reshape(4, 2).T
    assert loss == pytest.approx(-np.log(real).mean() - np.log(1 - fake).mean(), rel=1e-5)
    assert metrics["score_real"] == pytest.approx(scores(REAL).mean(), rel=1e-5)
    assert metrics["score_fake"] == pytest.approx(scores(FAKE).mean(), rel=1e-5)
    assert collections == {"calls": 2}


def test_wasserstein_loss_and_gradient_penalty():
    loss, metrics, collections = discriminator_loss(loss="wgangp", gradient_penalty=3.0)
    norm = np.linalg.norm(WEIGHT)
    assert metrics["gradient_norm"] == pytest.approx(norm, rel=1e-5)
    assert metrics["gradient_penalty"] == pytest.approx(3 * (norm - 1) ** 2, rel=1e-5)
    distance = scores(REAL).mean() - scores(FAKE).mean()
    assert loss == pytest.approx(3 * (norm - 1) ** 2 - distance, rel=1e-5)
    assert collections == {"calls": 2}, "the penalty must not change collections"


def test_penalty_looks_between_reals_and_fakes():
    """With reals at 0 and fakes at 1 the norm of x² / 2's gradient tells where: at |x|."""

    def quadratic(variables, images, rng):
        return jnp.square(images).sum((1, 2, 3)) / 2, {}

    arguments = (np.zeros((64, 1, 1, 1)), np.ones((64, 1, 1, 1)), jax.random.key(1))
    model = fields(loss="wgangp")
    _, metrics, _ = adversarial_losses.discriminator_loss(model, quadratic, {}, *arguments)
    assert metrics["gradient_norm"] == pytest.approx(0.5, abs=0.1)
    # The mean of 10 (u - 1)² for uniform u.
    assert metrics["gradient_penalty"] == pytest.approx(10 / 3, abs=1.0)


@pytest.mark.parametrize(
    ("loss", "each"),
    [("vanilla", lambda s: np.log1p(np.exp(-s))), ("wgangp", lambda s: -s)],
)
def test_generator_wants_its_fakes_judged_real(loss, each):
    value, metrics = adversarial_losses.generator_loss(
        fields(loss=loss), linear, {"params": WEIGHT, "calls": 0}, FAKE, jax.random.key(0)
    )
    assert value == pytest.approx(each(scores(FAKE)).mean(), rel=1e-5)
    assert metrics["score_fake"] == pytest.approx(scores(FAKE).mean(), rel=1e-5)


def test_class_frequencies_only_where_the_model_is_conditional():
    model = fields(conditional=True)
    np.testing.assert_allclose(
        adversarial_losses.class_frequencies(model, DATA, 2), [[0.75, 0, 0.25]] * 2
    )
    assert adversarial_losses.class_frequencies(fields(), DATA, 2) is None


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"loss": "hinge"}, "model.loss is 'hinge'; expected one of lsgan, vanilla"),
        ({}, None),
    ],
)
def test_faults_name_the_field(changed, message):
    found = adversarial_losses.faults(fields(**changed))
    assert [message in fault for fault in found] == ([True] if message else [])
