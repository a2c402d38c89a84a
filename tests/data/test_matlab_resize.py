"""MATLAB's bicubic resizing, border included."""

import numpy as np
import pytest
from superres_vectors import Case

from dermgan_jax.data import matlab_resize


@pytest.fixture
def case():
    return Case("matlab_imresize")


@pytest.fixture
def image(case):
    return case.arrays["in:img_u8_hwc"][None] / np.float32(255)


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_shrinks_as_matlab(case, image, scale):
    small = matlab_resize.shrink(image, scale)[0]
    case.check(f"out:matlab_down{scale}", small)
    stored = matlab_resize.to_steps_of_bytes(2 * small - 1)
    stored = np.asarray((stored + 1) * 127.5)
    np.testing.assert_allclose(stored, case.arrays[f"out:matlab_down{scale}_u8"], atol=1e-4)


def test_sides_that_do_not_divide(case, image):
    small = matlab_resize.shrink(image[:, :-1, :-1], 4)[0]
    case.check("out:matlab_down4_of_cropped_minus1", small)


@pytest.mark.parametrize("scale", [2, 4])
def test_enlarges_as_matlab(case, image, scale):
    small = matlab_resize.shrink(image, 4)
    case.check(f"out:matlab_up{scale}_of_down4", matlab_resize.enlarge(small, scale)[0])


def test_other_programs_differ_at_the_border_only(case):
    """What this module exists for."""
    apart = np.abs(case["out:matlab_down4"] - case["out:torch_aa_down4"]).max(-1)
    assert apart.max() > 0.01
    assert apart[3:-3, 3:-3].max() < 1e-5


def test_a_plain_image_stays_plain():
    plain = np.full((1, 7, 5, 1), 0.3, np.float32)
    for resized in (matlab_resize.shrink(plain, 3), matlab_resize.enlarge(plain, 2)):
        np.testing.assert_allclose(resized, 0.3, rtol=1e-6)
