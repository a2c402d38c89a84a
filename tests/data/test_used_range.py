"""Pictures that use little of black to white are warned of; a set's depth is found from all."""

import numpy as np
import pytest
from PIL import Image

from dermgan_jax.config import with_values
from dermgan_jax.data.catalogue import catalogue
from dermgan_jax.data.check import cautions, check
from dermgan_jax.data.prepare import fingerprint, found_bit_depth, prepare
from dermgan_jax.data.used_range import median_range

NOISE = np.random.default_rng(0).integers(0, 256, (9, 16, 16), np.uint16)


@pytest.fixture
def deep(tmp_path, make_config):
    """deep(values, **fields of config.data): a configuration of 16-bit images (N, 16, 16)."""

    def make(values, **fields):
        for i, image in enumerate(values):
            path = tmp_path / "deep" / f"{i}.png"
            path.parent.mkdir(exist_ok=True)
            Image.fromarray(image).save(path)
        return make_config("image_folder", tmp_path / "deep", channels=1, **fields)

    return make


def prepared(config):
    return np.array(prepare(catalogue(config.data), config.data).images)


@pytest.mark.parametrize(("scale", "warned"), [(1, False), (4, True)])
def test_pictures_of_a_quarter_of_the_range_are_warned_of(deep, scale, warned):
    config = deep(NOISE * 256 // scale)
    assert check(config) == []
    found = [
        line for line in cautions(catalogue(config.data), config.data) if "grey levels" in line
    ]
    assert bool(found) == warned
    assert all("data.bit_depth" in line for line in found)


def test_one_flat_picture_does_not_make_a_set_dark():
    images = np.uint8(NOISE)[..., None]
    images[0] = 7
    assert median_range(images) > 200


def test_the_depth_is_found_from_the_set_and_said(deep, capsys):
    """Twelve bits, unless a single file uses more."""
    values = NOISE * 16
    images = prepared(deep(values))
    assert "are read as using 12 bits" in capsys.readouterr().err
    assert images.max() > 200
    np.testing.assert_array_equal(images, prepared(deep(values, bit_depth=12)))
    values[0] *= 8
    images = prepared(deep(values))
    assert "are read as using 16 bits" in capsys.readouterr().err
    assert images[1:].max() < 16 < images[0].max()
    np.testing.assert_array_equal(images, prepared(deep(values, bit_depth=16)))


def test_a_depth_that_was_found_is_kept_with_the_images(deep):
    config = deep(NOISE * 16)
    prepare(catalogue(config.data), config.data)
    again = catalogue(config.data)
    assert again.dataset.found_bit_depth() == 0
    assert found_bit_depth(again, config.data) == 12
    told = with_values(config, {"data.bit_depth": 12})
    assert fingerprint(again, told.data) == fingerprint(again, config.data)
    assert fingerprint(again, with_values(config, {"data.bit_depth": 13}).data) != fingerprint(
        again, config.data
    )


def test_eight_bit_images_raise_no_question(deep):
    config = deep(NOISE.astype(np.uint8))
    prepare(catalogue(config.data), config.data)
    assert found_bit_depth(catalogue(config.data), config.data) == 0


def test_prepared_images_of_another_depth_are_others(deep):
    both = [deep(NOISE * 16, bit_depth=depth) for depth in (12, 13)]
    images = [prepare(catalogue(config.data), config.data).images for config in both]
    halved = np.asarray(images[0], float) / 2
    np.testing.assert_allclose(halved, images[1], atol=2)  # of rounding, before and after resizing
