"""SPADE as a family: what it minimises, what it paints, and what does not go together."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import tiny_configs
from spade_vectors import Case, found

from dermgan_jax import config as config_schema
from dermgan_jax.data.records import DataSpec
from dermgan_jax.models.painter import paint
from dermgan_jax.models.perceptual import Perceptual, from_torch
from dermgan_jax.models.spade import TAP_WEIGHTS, TAPS, Spade
from dermgan_jax.nets.xavier import with_xavier_kernels

LABELS = (10, 20, 30)


def make(side=32, classes=LABELS, **fields):
    config = tiny_configs.spade()
    config.data.resolution = side
    config.model.update(fields)
    data = DataSpec(side, side, 3, classes, 96, mask_classes=2)
    return Spade(config_schema.validate(config), data)


def squares(n, side=32):
    """Masks with a square each, uint8 (n, side, side)."""
    masks = np.zeros((n, side, side), np.uint8)
    for i, mask in enumerate(masks):
        mask[8 : 12 + 2 * i, 8:24] = 1
    return masks


@pytest.fixture(scope="module")
def painted():
    """(model, variables) after no training; enough to see what an image depends on."""
    model = make()
    variables = jax.jit(model.init)(jax.random.key(1))
    # Kernels of deviation 0.02 leave hardly anything of their inputs.
    variables["g"]["params"] = jax.tree.map(lambda x: 20 * x, variables["g"]["params"])
    return model, variables


def test_an_image_depends_on_its_mask_its_class_its_seed_and_its_number_only(painted):
    model, variables = painted
    masks, labels = squares(3), np.array([0, 1, 2], np.int32)
    images = paint(model, variables, masks, labels, seed=3)
    assert images.shape == (3, 32, 32, 3)
    assert np.abs(images).max() <= 1
    alone = paint(model, variables, masks[1:2], labels[1:2], seed=3, first=1)
    np.testing.assert_allclose(alone[0], images[1], atol=1e-5)
    for other in (
        paint(model, variables, masks[::-1], labels, seed=3),
        paint(model, variables, masks, labels[::-1], seed=3),
        paint(model, variables, masks, labels, seed=4),
    ):
        assert np.abs(other[0] - images[0]).max() > 1e-3


def test_without_a_vae_and_classes_nothing_but_the_mask_counts():
    model = make(vae=False, conditional=False)
    variables = jax.jit(model.init)(jax.random.key(1))
    assert model.latents(jax.random.key(0), 2).shape == (2, 0)
    masks, labels = squares(2), np.array([0, 1], np.int32)
    np.testing.assert_array_equal(
        paint(model, variables, masks, labels, seed=0),
        paint(model, variables, masks, labels[::-1], seed=1),
    )


@pytest.mark.parametrize(
    ("fields", "side", "message"),
    [
        ({"upsampling": "most"}, 32, "multiples of 128"),
        ({"upsampling": "many"}, 32, "expected one of normal, more, most"),
        ({"conditional": True, "classes": ()}, 32, "the data have no classes"),
        ({"conditional": True, "classes": (1, 2)}, 32, "training images have no class"),
        ({"scales": 3}, 32, "images of 32 pixels allow 1 to 2"),
        ({"encoder_side": 24}, 32, "model.encoder_side is 24"),
        ({"perceptual": 1.0, "perceptual_network": "vgg11"}, 32, "vgg16, vgg19"),
    ],
)
def test_faults(fields, side, message):
    classes = fields.pop("classes", LABELS)
    assert message in "\n".join(make(side, classes, **fields).faults())


def test_published_sizes_have_no_fault():
    config = config_schema.experiment("spade")
    config.data.resolution = 256
    data = DataSpec(256, 256, 3, LABELS, 96, mask_classes=2)
    config.train.total_kimg = 1.0
    assert Spade(config_schema.validate(config), data).faults() == []


@pytest.mark.parametrize("name", found("vgg_loss_narrow"))
def test_perceptual_loss_is_the_originals(name):
    case = Case(name)
    loss = Perceptual("vgg19", TAPS, TAP_WEIGHTS, divisor=case.options["width_div"], imagenet=False)
    variables = from_torch(loss.module, case.tensors())
    value, gradient = jax.jit(
        jax.value_and_grad(lambda x: loss.distance(variables, x, case["in:y"]).mean())
    )(case["in:x"])
    case.check("out:loss", value)
    case.check("out:grad_x", gradient)


def test_kernels_are_drawn_with_xaviers_deviation_and_nothing_else_changes():
    params = {
        "a": {"kernel": jnp.zeros((3, 3, 40, 60)), "bias": jnp.ones(60)},
        "b": {"kernel": jnp.zeros((300, 500))},
    }
    drawn = with_xavier_kernels(jax.random.key(0), {"params": params, "spectral": 1}, 0.5)
    assert drawn["spectral"] == 1
    np.testing.assert_array_equal(drawn["params"]["a"]["bias"], 1)
    for name, expected in (("a", 0.5 * np.sqrt(2 / 900)), ("b", 0.5 * np.sqrt(2 / 800))):
        assert np.std(drawn["params"][name]["kernel"]) == pytest.approx(expected, rel=0.02)
