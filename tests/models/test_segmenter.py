"""The U-Net segmenter: what it minimises, what it says of images, and what it refuses."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import tiny_configs

from dermgan_jax import config as config_schema
from dermgan_jax.data.catalogue import catalogue
from dermgan_jax.data.pixel_range import to_signed
from dermgan_jax.data.records import DataSpec
from dermgan_jax.errors import UserError
from dermgan_jax.models.segmenter import segment
from dermgan_jax.models.unet_segmenter import UnetSegmenter, soft_dice
from dermgan_jax.train.start import build_model


def make(size=(16, 16), **fields):
    config = tiny_configs.segmenter()
    config.model.update(fields)
    data = DataSpec(*size, 3, (), 96, mask_classes=3)
    return UnetSegmenter(config_schema.validate(config), data)


def test_soft_dice_of_decisions_is_dice():
    true = np.array([[[0, 1], [1, 2]]])
    found = np.array([[[0, 1], [0, 2]]])
    value = soft_dice(jax.nn.one_hot(found, 3), jax.nn.one_hot(true, 3))
    # (2 · both + 1) / (sizes + 1), of classes 1 and 2.
    assert value == pytest.approx(((2 * 1 + 1) / (3 + 1) + (2 * 1 + 1) / (2 + 1)) / 2)
    assert soft_dice(jax.nn.one_hot(true, 3), jax.nn.one_hot(true, 3)) == pytest.approx(1)


def test_segments_by_the_likeliest_class_whatever_the_number_of_images():
    model = make()
    variables = jax.jit(model.init)(jax.random.key(0))
    images = np.random.default_rng(0).integers(0, 256, (37, 16, 16, 3), np.uint8)
    found = segment(model, variables, images)
    assert (found.dtype, found.shape) == (np.uint8, (37, 16, 16))
    said = jax.jit(model.probabilities)(variables, to_signed(jnp.asarray(images)))
    np.testing.assert_allclose(said.sum(-1), 1, atol=1e-5)
    np.testing.assert_array_equal(found, np.argmax(said, -1))
    assert len(np.unique(found)) > 1


def test_learning_rate_falls_along_a_cosine_and_depends_on_no_length():
    model = make(decay_kimg=0.08)
    rates = [model.stage(images).learning_rates["s"] for images in (0, 40, 80, 1000)]
    np.testing.assert_allclose(rates, [1e-3, 5e-4, 0, 0], atol=1e-12)
    assert make(decay_kimg=0.0).stage(1000).learning_rates["s"] == 1e-3


@pytest.mark.parametrize(
    ("size", "fields", "message"),
    [
        ((18, 18), {}, "images of 18x18 do not suit model.levels=2: sides have to be multiples"),
        ((16, 24), {}, "set model.turn=False"),
        ((16, 24), {"turn": False}, ""),
    ],
)
def test_faults(size, fields, message):
    found = make(size, **fields).faults()
    assert message in "\n".join(found)
    assert bool(found) == bool(message)


def test_masks_that_nobody_looks_at_are_refused():
    config = tiny_configs.dcgan()
    config.data.masks = True
    config = config_schema.validate(config)
    with pytest.raises(UserError, match="a dcgan makes no use of masks"):
        build_model(config, catalogue(config.data))
