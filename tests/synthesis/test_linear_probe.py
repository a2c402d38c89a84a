"""The probe of `--rule=confidence` against calculus and where the answer is known."""

import numpy as np
import pytest
from scipy.optimize import check_grad

from dermgan_jax.synthesis import linear_probe

RANDOM = np.random.default_rng(0)


def blobs(counts, apart=2.0):
    """Features (N, 5) of classes whose means lie on different axes, and labels."""
    labels = np.repeat(np.arange(len(counts)), counts)
    return RANDOM.normal(size=(len(labels), 5)) + apart * np.eye(5)[labels], labels


def test_gradient_is_that_of_the_loss():
    features, labels = blobs((7, 4, 2))
    importance = linear_probe._importance(labels)
    arguments = (features, labels, importance, 0.3)
    weights = RANDOM.normal(size=18)

    def loss(flat):
        return linear_probe._objective(flat, *arguments)[0]

    def slope(flat):
        return linear_probe._objective(flat, *arguments)[1]

    assert check_grad(loss, slope, weights) < 1e-5


def test_rare_classes_count_as_much_as_frequent_ones():
    importance = linear_probe._importance(np.array([0, 0, 0, 2]))
    np.testing.assert_allclose(importance, [1 / 6, 1 / 6, 1 / 6, 1 / 2])
    train, val, fresh = (blobs((400, 20)) for _ in range(3))
    shares = linear_probe.fit(train, val, 2).probabilities(fresh[0])
    np.testing.assert_allclose(shares.sum(axis=1), 1)
    right = shares.argmax(axis=1) == fresh[1]
    assert min(right[fresh[1] == 0].mean(), right[fresh[1] == 1].mean()) > 0.8


def test_penalty_is_the_one_of_least_validation_loss():
    """Where features are noise, only the strongest penalty does no harm."""
    noise = [(RANDOM.normal(size=(40, 30)), np.arange(40) % 2) for _ in range(2)]
    assert linear_probe.fit(*noise, 2).penalty == 1.0
    clear = [blobs((60, 60), apart=8.0) for _ in range(2)]
    probe = linear_probe.fit(*clear, 2)
    assert probe.penalty < 0.1
    again = linear_probe.fit(*clear, 2, penalties=(probe.penalty,))
    assert again.loss == pytest.approx(probe.loss, rel=0.05)


def test_features_of_any_scale_and_constant_ones():
    (features, labels), val = blobs((30, 30)), blobs((30, 30))
    scaled = [
        np.hstack([of * [1, 1e4, 1e-4, 1, 1] + 7, np.ones((60, 1))]) for of in (features, val[0])
    ]
    probes = [
        linear_probe.fit((features, labels), val, 2, (0.1,)),
        linear_probe.fit((scaled[0], labels), (scaled[1], val[1]), 2, (0.1,)),
    ]
    np.testing.assert_allclose(
        probes[0].probabilities(val[0]), probes[1].probabilities(scaled[1]), atol=1e-3
    )
