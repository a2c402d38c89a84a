"""SSIM, MS-SSIM and PSNR against scikit-image and the original of progressive GAN."""

from pathlib import Path

import numpy as np
import pytest
from image_pairs import noisy_ramps

from dermgan_jax.errors import UserError
from dermgan_jax.metrics import psnr, ssim

GOLDEN = Path(__file__).parents[1] / "golden" / "swd" / "ms_ssim.npz"
METRICS = [ssim.paired, ssim.paired_multiscale, psnr.paired]

# scikit-image 0.26.0: structural_similarity(gaussian_weights=True, sigma=1.5,
# use_sample_covariance=False, data_range=255, channel_axis=-1); peak_signal_noise_ratio.
SKIMAGE_SSIM = [0.45962492474211286, 0.511112929967397]
SKIMAGE_PSNR = [23.7809817872632, 23.810843236195577]


def test_values_equal_scikit_image():
    a, b = noisy_ramps()
    np.testing.assert_allclose(ssim.paired(a, b).values, SKIMAGE_SSIM, rtol=1e-5)
    np.testing.assert_allclose(psnr.paired(a, b).values, SKIMAGE_PSNR, rtol=1e-5)


def test_scales_equal_the_original():
    golden = np.load(GOLDEN)
    a, b = golden["in:a"], golden["in:b"]
    first, contrast_structure = ssim.similarity(a.astype(np.float32), b.astype(np.float32))
    np.testing.assert_allclose(first, golden["out:ssim_first_scale"], rtol=1e-5)
    np.testing.assert_allclose(contrast_structure, golden["out:cs_first_scale"], rtol=1e-5)
    found = ssim.paired_multiscale(a, b)
    np.testing.assert_allclose(found.values, golden["out:msssim_each"], rtol=1e-5)
    assert found.mean == pytest.approx(golden["out:msssim_batch_mean"], rel=1e-5)


@pytest.mark.parametrize("metric", METRICS)
def test_float_images_are_worth_the_same_as_bytes(metric):
    a, b = noisy_ramps()
    as_floats = metric(np.float32(a / 127.5 - 1), np.float32(b / 127.5 - 1))
    np.testing.assert_allclose(as_floats.values, metric(a, b).values, rtol=1e-5)


@pytest.mark.parametrize("metric", METRICS)
def test_sides_may_be_swapped_and_channels_joined(metric):
    a, b = noisy_ramps()
    np.testing.assert_allclose(metric(a, b).values, metric(b, a).values, rtol=1e-6)
    gray = metric(a[..., :1], b[..., :1]).values
    tiled = metric(a[..., :1].repeat(3, -1), b[..., :1].repeat(3, -1)).values
    np.testing.assert_allclose(gray, tiled, rtol=1e-6)


def test_equal_images():
    a, _ = noisy_ramps()
    assert ssim.paired(a, a).values == pytest.approx(1, abs=1e-6)
    assert ssim.paired_multiscale(a, a).values == pytest.approx(1, abs=1e-6)
    assert np.isinf(psnr.paired(a, a).values).all()


def test_multiscale_of_odd_sides_drops_the_last_row():
    a, b = (images.repeat(2, 1)[:, :33] for images in noisy_ramps())
    assert np.isfinite(ssim.paired_multiscale(a, b).values).all()
    assert ssim.halve(np.float32(a)).shape == (2, 16, 15, 3)


def test_images_smaller_than_the_window_are_refused():
    a, b = (images[:, :10] for images in noisy_ramps())
    with pytest.raises(UserError, match="SSIM: images of 10x31 are too small; it needs 11x11"):
        ssim.paired(a, b)
    with pytest.raises(UserError, match="MS-SSIM: images of 10x31 are too small; it needs 16x16"):
        ssim.paired_multiscale(a, b)
