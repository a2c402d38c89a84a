"""Images as squares."""

import numpy as np
import pytest
from PIL import Image

from dermgan_jax.data.squares import stretch_to_square, to_square


def test_to_square_takes_the_centre():
    image = np.zeros((4, 8, 3), np.uint8)
    image[:, 2:6] = 200
    np.testing.assert_array_equal(to_square(image, 4), np.full((4, 4, 3), 200))
    np.testing.assert_array_equal(to_square(image, 2), np.full((2, 2, 3), 200))
    assert to_square(image[..., :1].swapaxes(0, 1), 2).shape == (2, 2, 1)


@pytest.mark.parametrize("channels", [1, 3])
def test_stretching_is_pillows_bicubic_interpolation_of_the_whole(channels):
    pixels = np.random.default_rng(0).integers(0, 256, (10, 30, channels), np.uint8)
    expected = Image.fromarray(pixels.squeeze()).resize((7, 7), Image.Resampling.BICUBIC)
    found = stretch_to_square(pixels, 7)
    assert found.shape == (7, 7, channels)
    np.testing.assert_array_equal(found.squeeze(), expected)
    np.testing.assert_array_equal(stretch_to_square(found, 7), found)
