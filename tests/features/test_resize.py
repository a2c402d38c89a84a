"""The three ways to 299×299 against torch-fidelity, pytorch-fid and clean-fid themselves."""

from pathlib import Path

import jax
import numpy as np
import pytest

from dermgan_jax.features.resize import resize, resize_matrix

GOLDEN = Path(__file__).parents[1] / "golden" / "inception"

# method -> (its name in the vectors, their scale, their tolerance)
FULL = {"tf1": ("tf1", 1, 1e-2), "torch": ("pytorch_fid", 255, 4e-5), "clean": ("clean", 1, 2e-2)}
SMALL = {
    "tf1": ("tf1", 1e-3),
    "torch": ("torch_bilinear", 1e-3),
    "clean": ("clean_bicubic_float", 2e-2),
}

resize = jax.jit(resize, static_argnums=(1, 2))


def resized(image: np.ndarray, size: tuple[int, int], method: str) -> np.ndarray:
    """One image (C, H, W) uint8 -> (C, *size)."""
    output = np.asarray(resize(image.transpose(1, 2, 0)[None], size, method))[0]
    return (output.clip(0, 255) if method == "clean" else output).transpose(2, 0, 1)


@pytest.mark.parametrize("method", FULL)
@pytest.mark.parametrize("size", ["32x32", "64x48", "210x280", "299x299"])
def test_to_299(method, size):
    name, scale, tolerance = FULL[method]
    with np.load(GOLDEN / f"resize_{size}.npz") as vectors:
        found = resized(vectors[f"in:{size}"], (299, 299), method) / scale

        def expected(part: str) -> np.ndarray:
            return vectors[f"out:{size}/{name}:{part}"]

        np.testing.assert_allclose(found[:, ::7, ::7], expected("stride7"), atol=tolerance)
        np.testing.assert_allclose(found[:, :2], expected("first_rows"), atol=tolerance)
        np.testing.assert_allclose(found[:, -3:], expected("last_rows"), atol=tolerance)
        np.testing.assert_allclose(found[:, :, -3:], expected("last_cols"), atol=tolerance)
        moments = found.mean(dtype=float), found.std(dtype=float)
        np.testing.assert_allclose(moments, expected("mean_std"), atol=tolerance)


@pytest.mark.parametrize("method", SMALL)
@pytest.mark.parametrize("size", ["20x30", "45x33"])
@pytest.mark.parametrize("new_size", ["16x12", "40x50", "33x33", "7x64"])
def test_to_small_sizes(method, size, new_size):
    name, tolerance = SMALL[method]
    width, height = map(int, new_size.split("x"))
    with np.load(GOLDEN / "resize_small.npz") as vectors:
        found = resized(vectors[f"in:{size}"], (height, width), method)
        expected = vectors[f"out:{size}->{new_size}/{name}"]
    np.testing.assert_allclose(found, expected, atol=tolerance)


@pytest.mark.parametrize("method", FULL)
@pytest.mark.parametrize("size", [1, 7, 299, 600])
def test_weights_of_each_output_pixel_add_up_to_one(method, size):
    np.testing.assert_allclose(resize_matrix(method, size, 299).sum(axis=1), 1, atol=1e-6)


@pytest.mark.parametrize("method", FULL)
def test_images_of_the_right_size_stay_as_they_are(method):
    np.testing.assert_array_equal(resize_matrix(method, 299, 299), np.eye(299, dtype=np.float32))
