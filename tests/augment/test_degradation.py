"""The second-order degradation, and its parts against other programs."""

import io

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image
from scipy import ndimage
from superres_vectors import Case, found

from dermgan_jax.augment import blur_kernels, degradation, jpeg

AREA, BILINEAR, BICUBIC = range(3)


def smooth_image(height, width, channels):
    """Detail in brightness, and colours that change slowly, as in photographs."""
    rng = np.random.default_rng(0)
    detail = ndimage.gaussian_filter(rng.uniform(size=(height, width, 1)), (2, 2, 0))
    colour = ndimage.gaussian_filter(rng.uniform(size=(height, width, channels)), (10, 10, 0))
    image = detail / np.ptp(detail) + 0.5 * colour / np.ptp(colour)
    return np.rint(255 * (image - image.min()) / np.ptp(image)).astype(np.uint8)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("quality", [20, 50, 90])
def test_jpeg_is_pillows(channels, quality):
    image = smooth_image(48, 64, channels)
    file = io.BytesIO()
    picture = Image.fromarray(image[..., 0] if channels == 1 else image)
    picture.save(file, "JPEG", quality=quality, subsampling=2)
    theirs = np.asarray(Image.open(file)).reshape(image.shape).astype(float)
    ours = 255 * np.asarray(jpeg.compress(image / np.float32(255), jnp.float32(quality)))
    weights = np.array([0.299, 0.587, 0.114]) if channels == 3 else np.ones(1)
    # Pillow rounds to 8 bits, and enlarges the chroma of coloured images more smoothly.
    lost, apart = np.abs((image - theirs) @ weights).mean(), np.abs((ours - theirs) @ weights)
    assert apart.mean() < 0.2 * lost + 0.4
    pooled = (ours - theirs).reshape(24, 2, 32, 2, channels).mean((1, 3))
    assert np.abs(pooled).mean() < 1


@pytest.mark.parametrize("name", found("matlab_imresize"))
@pytest.mark.parametrize("scale", [2, 3, 4])
def test_bicubic_is_opencvs(name, scale):
    case = Case(name)
    image = case.arrays["in:img_u8_hwc"] / np.float32(255)
    size, new = image.shape[:2], tuple(side // scale for side in image.shape[:2])
    small = degradation.resized(image, size, new, (32, 32), BICUBIC)
    expected = case.arrays[f"out:cv2_cubic_down{scale}"]
    np.testing.assert_allclose(small[: new[0], : new[1]], expected, atol=2e-5)
    assert not np.any(small[new[0] :])


def test_area_is_the_mean_of_what_a_pixel_covers():
    image = np.random.default_rng(0).uniform(size=(12, 20, 3)).astype(np.float32)
    # Only the upper left 8x12 of the canvas is the image.
    small = degradation.resized(image, (8, 12), (4, 4), (4, 16), AREA)[:, :4]
    expected = image[:8, :12].reshape(4, 2, 4, 3, 3).mean((1, 3))
    np.testing.assert_allclose(small, expected, atol=1e-6)


def test_bilinear_keeps_a_ramp():
    ramp = np.linspace(0, 1, 16, dtype=np.float32)
    image = np.broadcast_to(ramp[:, None, None], (16, 16, 1))
    large = degradation.resized(image, (16, 16), (32, 32), (32, 32), BILINEAR)
    np.testing.assert_allclose(np.diff(large[1:-1, 5, 0]), np.diff(ramp)[0] / 2, atol=1e-6)


def test_blur_mirrors_at_the_image_and_not_at_the_canvas():
    image = np.random.default_rng(0).uniform(size=(30, 26, 3)).astype(np.float32)
    kernel = np.asarray(blur_kernels.blur(jax.random.key(3), 3.0, 0.0))
    canvas = np.full((48, 48, 3), 9.0, np.float32)
    canvas[:30, :26] = image
    ours = degradation.convolved(canvas, kernel, (30, 26))[:30, :26]
    theirs = np.stack(
        [ndimage.convolve(image[..., c], kernel, mode="mirror") for c in range(3)], -1
    )
    np.testing.assert_allclose(ours, theirs, atol=1e-5)


def test_kernels_add_up_to_one_and_differ():
    keys = jax.random.split(jax.random.key(0), 200)
    kernels = np.asarray(jax.vmap(lambda key: blur_kernels.blur(key, 3.0, 0.1))(keys))
    rings = np.asarray(jax.vmap(blur_kernels.sinc)(keys))
    for some in (kernels, rings):
        np.testing.assert_allclose(some.sum((1, 2)), 1, rtol=1e-4)
        np.testing.assert_allclose(some, some[:, ::-1, ::-1], atol=1e-6)
    extents = {int((np.abs(kernel).sum(0) > 0).sum()) for kernel in rings}
    assert extents == set(range(7, 22, 2))
    share = (kernels < -1e-6).any((1, 2)).mean()  # only sinc filters ring
    assert 0.03 < share < 0.2


@pytest.fixture(scope="module")
def degrade():
    return jax.jit(degradation.second_order, static_argnames="scale")


def test_second_order_depends_on_the_key_and_the_image_only(degrade):
    images = np.stack([smooth_image(32, 32, 3), smooth_image(32, 32, 3)]) / np.float32(255)
    key = jax.random.key(0)
    small = np.asarray(degrade(images, key, scale=4))
    assert small.shape == (2, 8, 8, 3)
    assert small.min() >= 0
    assert small.max() <= 1
    assert np.abs(small[0] - small[1]).mean() > 1e-3
    np.testing.assert_array_equal(small, degrade(images, key, scale=4))
    other = np.asarray(degrade(images[::-1], key, scale=4))
    np.testing.assert_array_equal(small, other)  # the two images are equal
    assert np.abs(small - np.asarray(degrade(images, jax.random.key(1), scale=4))).mean() > 1e-3
    # What is left is the image: its mean colour, roughly.
    many = [np.asarray(degrade(images, jax.random.key(i), scale=4)) for i in range(20)]
    np.testing.assert_allclose(np.mean(many, (0, 1, 2, 3)), images.mean((0, 1, 2)), atol=0.05)
