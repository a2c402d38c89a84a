"""The perceptual loss against BasicSR's on a narrow VGG19."""

import jax
import pytest
from superres_vectors import Case, found

from dermgan_jax.features.vgg_features import VggFeatures, normalized
from dermgan_jax.models.perceptual import Perceptual, from_torch

ESRGAN = {"conv5_4": 1.0}
REAL_ESRGAN = {"conv1_2": 0.1, "conv2_2": 0.1, "conv3_4": 1.0, "conv4_4": 1.0, "conv5_4": 1.0}


def perceptual(weights, network="vgg19"):
    return Perceptual(network, tuple(weights), tuple(weights.values()), divisor=16)


@pytest.mark.parametrize("name", found("vgg_perceptual_narrow"))
def test_equals_the_original(name):
    case = Case(name)
    tensors = case.tensors()
    for key, weights in (("esrgan_conv5_4", ESRGAN), ("realesrgan_5", REAL_ESRGAN)):
        loss = perceptual(weights)
        variables = from_torch(loss.module, tensors)
        value, gradient = jax.jit(
            jax.value_and_grad(
                lambda x, loss=loss, v=variables: loss.distance(v, x, case["in:y"]).mean()
            )
        )(case["in:x"])
        case.check(f"out:{key}", value)
        case.check(f"out:{key}:grad_x", gradient)
    taps = (*REAL_ESRGAN, "relu5_4")
    module = VggFeatures("vgg19", taps, 16)
    features = jax.jit(module.apply)(variables, normalized(case["in:x"]))
    case.facts["atol"] = 1e-5  # where large terms cancel, of float32
    for tap in taps:
        case.check(f"out:feat:{tap}", features[tap])


@pytest.mark.parametrize(
    ("weights", "network", "side", "named"),
    [
        (ESRGAN, "vgg16", 64, "vgg16 has conv1_1"),
        (ESRGAN, "vgg11", 64, "vgg16 or vgg19"),
        ({}, "vgg19", 64, "at least one tap"),
        (ESRGAN, "vgg19", 15, "earlier blocks"),
    ],
)
def test_what_cannot_be_computed_is_said(weights, network, side, named):
    assert named in " ".join(perceptual(weights, network).faults(side))


def test_published_taps_suit_small_images():
    assert perceptual(ESRGAN).faults(16) == []
