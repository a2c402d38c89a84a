"""Individual typology angles: of known colours, of drawn skin, and of what is not skin."""

import math

import numpy as np
import pytest

from dermgan_jax.data.datasets import phantom, phantom_lesion
from dermgan_jax.metrics import skin_tone


@pytest.mark.parametrize(
    ("srgb", "expected"),
    [
        ((255, 255, 255), (100, 0, 0)),
        ((0, 0, 0), (0, 0, 0)),
        ((255, 0, 0), (53.24, 80.09, 67.20)),
        ((0, 0, 255), (32.30, 79.19, -107.86)),
        ((119, 119, 119), (50.03, 0, 0)),
    ],
)
def test_lab_of_known_colours(srgb, expected):
    found = skin_tone.lab(np.array(srgb) / 255)
    np.testing.assert_allclose(found, expected, rtol=0, atol=0.01)


def painted(ita: float, size: int = 60) -> np.ndarray:
    """Skin of a given angle, uint8 (size, size, 3)."""
    colour = phantom_lesion.skin_colour(ita, np.random.default_rng(0))
    return np.full((size, size, 3), np.round(255 * np.array(colour)), np.uint8)


@pytest.mark.parametrize("ita", [-45.0, -10.0, 20.0, 35.0, 48.0, 60.0])
def test_angle_of_painted_skin(ita):
    found = skin_tone.ita(painted(ita)[None])
    np.testing.assert_allclose(found, ita, rtol=0, atol=1)
    assert skin_tone.tone(found)[0] == phantom_lesion.skin_tone_name(ita)


def test_lesion_hair_and_rim_are_left_out():
    image, mask = painted(35.0), np.zeros((60, 60), bool)
    image[20:40, 20:40], mask[20:40, 20:40] = (90, 50, 40), True
    image[18:20], image[:, 45:47] = (110, 80, 60), (60, 40, 30)  # the lesion's edge; a hair
    image[:6], image[:, -6:] = 5, 5  # the rim
    clean, masked, border = (
        skin_tone.ita(*arguments)[0]
        for arguments in ((painted(35.0)[None],), (image[None], mask[None]), (image[None],))
    )
    assert masked == pytest.approx(clean, abs=1e-9)
    assert border == pytest.approx(clean, abs=1e-9)


def test_a_large_lesion_needs_its_mask():
    """It covers the border of the image; the mask leaves a patch of skin in the middle."""
    image, mask = np.full((60, 60, 3), (90, 50, 40), np.uint8), np.ones((60, 60), bool)
    image[20:40, 20:40], mask[20:40, 20:40] = painted(48.0)[20:40, 20:40], False
    found = skin_tone.ita(np.stack([image, image]), np.stack([mask, np.zeros_like(mask)]))
    assert skin_tone.tone(found).tolist() == ["light", "dark"]


def test_no_skin_is_unknown():
    """All rim, all lesion, and light so blue that nothing has skin's colour."""
    black, everything = np.zeros((1, 60, 60, 3), np.uint8), np.ones((1, 60, 60), bool)
    bluish = np.full((1, 60, 60, 3), (180, 170, 190), np.uint8)
    found = [
        skin_tone.ita(black),
        skin_tone.ita(painted(35.0)[None], everything),
        skin_tone.ita(bluish),
    ]
    assert skin_tone.tone(np.concatenate(found)).tolist() == ["unknown"] * 3


def test_bins_hold_their_upper_bounds():
    angles = [-31, -30, 10, 10.1, 28, 41, 55, 55.1]
    assert skin_tone.tone(np.array(angles)).tolist() == [
        *("dark", "dark", "brown", "tan", "tan", "intermediate", "light", "very light")
    ]
    assert [skin_tone.tone(np.array([a]))[0] for a in (-44.0, 60.0)] == [
        phantom_lesion.skin_tone_name(a) for a in (-44.0, 60.0)
    ]


def test_angle_of_right_triangle():
    assert skin_tone.typology_angle(np.array(60.0), np.array(10.0)) == pytest.approx(45)
    expected = math.degrees(math.atan(-2))
    assert skin_tone.typology_angle(np.array(30.0), np.array(10.0)) == pytest.approx(expected)


@pytest.mark.parametrize("with_masks", [True, False])
def test_drawn_lesions_under_changing_light(with_masks):
    """The phantom's lamps tint the picture, so the angle is the true one plus an error."""
    indices = range(0, 120, 2)
    drawn = [phantom.draw(phantom.DRAWING_SEED, index, 48) for index in indices]
    truth = [
        phantom_lesion.draw_identity(phantom.DRAWING_SEED, phantom_lesion.lesion_number(i)).ita
        for i in indices
    ]
    masks = np.stack([one.mask for one in drawn]) if with_masks else None
    found = skin_tone.ita(np.stack([one.image for one in drawn]), masks)
    known = ~np.isnan(found)
    assert known.mean() > 0.9
    assert np.corrcoef(found[known], np.array(truth)[known])[0, 1] > 0.9
