"""Images in, features out: batches, grey images, devices and sizes do not change the numbers."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dermgan_jax.errors import UserError
from dermgan_jax.features import extractor

VARIABLES = {"weight": np.random.default_rng(0).normal(size=(3, 5)).astype(np.float32)}
IMAGES = np.random.default_rng(1).integers(0, 256, (21, 6, 10, 3), dtype=np.uint8)


def preprocess(images):
    return images.astype(jnp.float32).mean(axis=(1, 2)) / 255


def network(variables, means):
    return {"pooled": means @ variables["weight"], "means": means}


def expected(images: np.ndarray) -> np.ndarray:
    return images.mean(axis=(1, 2)) / 255 @ VARIABLES["weight"]


@pytest.mark.parametrize("batch_size", [1, 8, 9, 64])
@pytest.mark.parametrize("n", [1, 8, 21])
def test_one_row_per_image_in_order_for_any_number_of_images(batch_size, n):
    extract = extractor.batched(preprocess, network, VARIABLES, batch_size)
    features = extract(IMAGES[:n])
    assert features["pooled"].dtype == np.float32
    np.testing.assert_allclose(features["pooled"], expected(IMAGES[:n]), rtol=1e-4, atol=1e-6)
    assert features["means"].shape == (n, 3)


def test_grey_images_are_three_equal_channels():
    extract = extractor.batched(preprocess, network, VARIABLES)
    grey = IMAGES[..., :1]
    found, same = extract(grey), extract(np.repeat(grey, 3, axis=-1))
    np.testing.assert_array_equal(found["pooled"], same["pooled"])


def test_one_device_and_eight_give_the_same():
    assert jax.local_device_count() == 8
    on_eight = extractor.batched(preprocess, network, VARIABLES, 16)(IMAGES)
    on_one = extractor.batched(preprocess, network, VARIABLES, 16, jax.local_devices()[:1])(IMAGES)
    np.testing.assert_allclose(on_eight["pooled"], on_one["pooled"], rtol=1e-4, atol=1e-6)


def test_the_network_is_compiled_once_whatever_the_size_of_images():
    traces = []

    def traced(variables, means):
        traces.append(means.shape)
        return network(variables, means)

    extract = extractor.batched(preprocess, traced, VARIABLES, 8)
    for images in (IMAGES, IMAGES[:3], IMAGES[:, :4], IMAGES[:, :, :5, :1]):
        extract(images)
    assert traces == [(8, 3)]


def test_batches_of_large_images_are_smaller(monkeypatch):
    monkeypatch.setattr(extractor, "PIXELS_AT_ONCE", 16 * 60)
    sizes = []

    def traced(images):
        sizes.append(len(images))
        return preprocess(images)

    extract = extractor.batched(traced, network, VARIABLES, 64)
    extract(IMAGES)
    extract(np.repeat(IMAGES, 100, axis=1))
    assert sizes == [16, 8]  # never below one image per device


@pytest.mark.parametrize(
    "images",
    [
        IMAGES.astype(np.float32),
        IMAGES[0],
        IMAGES[..., :2],
        np.zeros((0, 4, 4, 3), np.uint8),
    ],
)
def test_what_is_no_set_of_images_is_refused(images):
    with pytest.raises(UserError, match="images"):
        extractor.batched(preprocess, network, VARIABLES)(images)
