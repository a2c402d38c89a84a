"""Bytes 0 to 255 and numbers in [-1, 1], and back."""

from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import dermgan_jax
from dermgan_jax.data.pixel_range import to_signed, to_uint8, with_channels
from dermgan_jax.errors import UserError

BYTES = np.arange(256, dtype=np.uint8)


def test_to_uint8_rounds_and_clips():
    values = np.array([-1.3, -1, -0.996, 0, 0.004, 1, 1.3, 1e30], np.float32)
    np.testing.assert_array_equal(to_uint8(values), [0, 0, 1, 128, 128, 255, 255, 255])


def test_every_byte_comes_back():
    signed = to_signed(BYTES)
    assert signed.dtype == np.float32
    assert (signed[0], signed[-1]) == (-1, 1)
    np.testing.assert_array_equal(to_uint8(signed), BYTES)


def test_devices_compute_what_the_host_does():
    np.testing.assert_allclose(jax.jit(to_signed)(jnp.asarray(BYTES)), to_signed(BYTES), atol=1e-7)


@pytest.mark.parametrize("pixel", [np.nan, np.inf, -np.inf])
def test_pixels_that_are_not_finite_are_refused(pixel):
    with pytest.raises(UserError, match=r"not finite .* has diverged; choose an earlier"):
        to_uint8(np.array([0.5, pixel]))


def test_bytes_become_signed_numbers_in_one_place_only():
    """Networks of others scale what they have resized, which is no longer bytes."""
    package = Path(dermgan_jax.__file__).parent
    scaling = {
        path.relative_to(package).as_posix()
        for path in package.rglob("*.py")
        if "/ 127.5 - 1" in path.read_text() or "2 / 255" in path.read_text()
    }
    networks = ("inception", "lite0_extractor", "patch_extractor")
    resized = {f"features/{name}.py" for name in networks}
    assert scaling - resized == {"data/pixel_range.py"}


def test_other_numbers_of_channels():
    image = np.array([[[1.0, 0.0, -1.0], [0.5, 0.5, 0.5]]], np.float32)
    grey = with_channels(image, 1)
    np.testing.assert_allclose(grey[..., 0], [[0.299 - 0.114, 0.5]], atol=1e-6)
    np.testing.assert_array_equal(with_channels(grey, 3), np.concatenate([grey] * 3, -1))
    assert with_channels(image, 3) is image
