"""PSNR and SSIM of the luma as the field publishes them, and consistency with the input."""

import numpy as np
import pytest
from superres_vectors import Case

from dermgan_jax.data import matlab_resize
from dermgan_jax.errors import UserError
from dermgan_jax.metrics import consistency, luma, psnr, ssim


@pytest.fixture
def case():
    return Case("psnr_ssim")


@pytest.mark.parametrize("pair", ["noise", "bicubic4"])
@pytest.mark.parametrize("border", [0, 2, 4])
def test_equal_the_published_program(case, pair, border):
    a, b = (case.arrays[f"in:{pair}_{side}_u8_rgb_hwc"][None] for side in "ab")
    case.facts.update(rtol=2e-6, atol=2e-6)  # float32 here
    key = f"out:{pair}:{{}}:crop{border}:y"
    case.check(key.format("psnr"), luma.paired_psnr(a, b, border).mean)
    case.check(key.format("ssim"), luma.paired_ssim(a, b, border).mean)
    if border == 0:
        case.check(f"out:{pair}:psnr:crop0:rgb", psnr.paired(a, b).mean)
        case.check(f"out:{pair}:ssim:crop0:rgb", ssim.paired(a, b).mean)


def test_grey_images_are_their_own_luma():
    grey = np.random.default_rng(0).integers(0, 256, (2, 20, 20, 1), np.uint8)
    other = np.random.default_rng(1).integers(0, 256, (2, 20, 20, 1), np.uint8)
    found = luma.paired_psnr(grey, other, 0).values
    np.testing.assert_allclose(found, psnr.paired(grey, other).values, rtol=1e-6)


def test_what_is_left_of_a_border_has_to_be_something():
    images = np.zeros((1, 8, 8, 3), np.uint8)
    with pytest.raises(UserError, match="9x9"):
        luma.paired_psnr(images, images, 4)


def test_consistency_is_zero_of_what_shrinks_to_the_input():
    large = np.random.default_rng(0).uniform(-1, 1, (3, 24, 32, 3)).astype(np.float32)
    small = np.asarray(matlab_resize.shrink(large, 4))
    np.testing.assert_allclose(consistency.paired(large, small).values, 0, atol=1e-6)
    shifted = consistency.paired(large, small + 0.1)
    np.testing.assert_allclose(shifted.values, 0.05, rtol=1e-4)


def test_consistency_needs_a_whole_scale():
    with pytest.raises(UserError, match="no whole multiple"):
        consistency.paired(np.zeros((1, 9, 9, 3)), np.zeros((1, 4, 4, 3)))
