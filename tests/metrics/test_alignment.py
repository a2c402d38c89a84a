"""The distance of two pictures after moving one onto the other."""

import numpy as np
import pytest
from PIL import Image

from dermgan_jax.errors import UserError
from dermgan_jax.metrics.alignment import aligned_distances

LARGE = np.random.default_rng(0).integers(0, 256, (6, 40, 40, 3), np.uint8)
LUMINANCE = np.array([0.299, 0.587, 0.114])


def window(down, across):
    return LARGE[:, 4 + down : 36 + down, 4 + across : 36 + across]


@pytest.mark.parametrize("shift", [(0, 0), (2, -2), (-1, 2)])
def test_shifted_pictures_are_at_zero(shift):
    brighter = (window(*shift) * 0.7 + 20).astype(np.uint8)
    assert aligned_distances(window(0, 0), window(*shift)).max() < 2e-3
    assert aligned_distances(window(0, 0), brighter).max() < 0.02


def smooth(images):
    """Luminance, each value the mean of 2×2."""
    grey = images.astype(np.float64) @ LUMINANCE
    return (grey[:, 1:, 1:] + grey[:, :-1, 1:] + grey[:, 1:, :-1] + grey[:, :-1, :-1]) / 4


def parabola(before, here, after):
    """Height of the vertex through three equally spaced values."""
    return np.polyval(fit := np.polyfit([-1, 0, 1], [before, here, after], 2), -fit[1] / 2 / fit[0])


def test_equals_brute_force():
    a, b = window(0, 0), window(1, 1) // 2 + window(1, 0) // 2
    expected = []
    for first, second in zip(smooth(a), smooth(b), strict=True):
        found = np.array(
            [
                [
                    np.corrcoef(first[2:29, 2:29].ravel(), second[y : y + 27, x : x + 27].ravel())
                    for x in range(5)
                ]
                for y in range(5)
            ]
        )[..., 0, 1]
        y, x = np.unravel_index(found.argmax(), found.shape)
        assert 0 < y < 4
        assert 0 < x < 4
        peak = found[y, x]
        rises = parabola(*found[y - 1 : y + 2, x]) + parabola(*found[y, x - 1 : x + 2]) - 2 * peak
        expected.append(np.sqrt(2 - 2 * (peak + rises)))
    np.testing.assert_allclose(aligned_distances(a, b), expected, rtol=1e-3)


def test_shifts_by_fractions_of_a_pixel_are_found():
    """Pictures of twice the size that they are compared at, moved by odd numbers of pixels."""
    coarse = Image.fromarray(LARGE[0, :20, :20])
    large = np.asarray(coarse.resize((160, 160), Image.Resampling.BICUBIC))[None]
    a, b, other = large[:, 8:136, 8:136], large[:, 11:139, 3:131], large[:, 136:8:-1, 8:136]
    assert aligned_distances(a, b) < 0.15
    assert aligned_distances(a, other) > 0.8


def test_grey_images_are_their_luminance():
    grey = window(0, 0)[..., :1]
    colour = np.repeat(grey, 3, axis=-1)
    np.testing.assert_allclose(
        aligned_distances(grey, grey[::-1]), aligned_distances(colour, colour[::-1]), rtol=1e-4
    )


def test_what_cannot_be_compared_is_refused():
    with pytest.raises(UserError, match="aligned distance: the sets are"):
        aligned_distances(LARGE, LARGE[:2])
    with pytest.raises(UserError, match="too small"):
        aligned_distances(LARGE[:, :7], LARGE[:, :7])
