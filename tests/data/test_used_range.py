"""Pictures that use little of black to white are warned of, and 12-bit ones refused together."""

import numpy as np
import pytest
from PIL import Image

from dermgan_jax.data.catalogue import catalogue
from dermgan_jax.data.check import cautions, check
from dermgan_jax.data.prepare import prepare
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


def test_twelve_bit_images_are_one_fault_of_the_set(deep):
    """With its largest value; a few brighter files do not hide the others."""
    values = NOISE * 16
    values[0] *= 8
    (found,) = check(deep(values))
    assert found.startswith("8 images, such as ")
    assert f"the largest is {values[1:].max()}" in found
    assert "data.bit_depth=12" in found
    assert check(deep(NOISE * 16, bit_depth=12)) == []
    assert check(deep(values, bit_depth=16)) == []


def test_prepared_images_of_another_depth_are_others(deep):
    both = [deep(NOISE * 16, bit_depth=depth) for depth in (12, 13)]
    images = [prepare(catalogue(config.data), config.data).images for config in both]
    halved = np.asarray(images[0], float) / 2
    np.testing.assert_allclose(halved, images[1], atol=2)  # of rounding, before and after resizing
