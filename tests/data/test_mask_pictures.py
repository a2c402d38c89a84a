import numpy as np

from dermgan_jax.data.mask_pictures import COLOURS, mask_picture, outlined


def test_classes_have_colours_of_their_own_and_background_stays_white():
    classes = np.arange(len(COLOURS) + 1)[None]
    picture = mask_picture(classes)
    assert picture.shape == (1, len(COLOURS) + 1, 3)
    np.testing.assert_array_equal(picture[0, :-1], COLOURS)
    np.testing.assert_array_equal(picture[0, -1], COLOURS[1])
    grey = mask_picture(classes, 1)
    assert grey.shape == (1, len(COLOURS) + 1, 1)
    assert (grey[0, 0, 0], grey[0, 1, 0]) == (255, 0)


def test_outline_is_the_inner_border_and_does_not_follow_the_frame():
    classes = np.zeros((1, 6, 6), int)
    classes[0, :4, 1:5] = 1
    shown = outlined(np.zeros((1, 6, 6, 1), np.uint8), classes)
    marked = shown[0, ..., 0] > 0
    expected = np.zeros((6, 6), bool)
    expected[:4, [1, 4]] = True
    expected[3, 1:5] = True
    np.testing.assert_array_equal(marked, expected)
