"""The three ways to 299×299 against torch-fidelity, pytorch-fid, clean-fid and Pillow."""

from pathlib import Path

import jax
import numpy as np
import pytest
from PIL import Image

from dermgan_jax.features import resize as resize_module
from dermgan_jax.features.resize import middle_square, resize, resize_bytes, resize_matrix

GOLDEN = Path(__file__).parents[1] / "golden" / "inception"

# name in the vectors -> (method, their scale, their tolerance)
FULL = {
    "tf1": ("tf1", 1, 1e-2),
    "pytorch_fid": ("torch", 255, 4e-5),
    "legacy_pytorch": ("torch", 1, 1e-2),
    "clean": ("clean", 1, 2e-2),
}
SIZES = ("32x32", "64x48", "210x280", "299x299")
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


def assert_equals(found: np.ndarray, size: str, name: str, tolerance: float):
    """That an image (C, 299, 299) has the stored pixels, mean and deviation."""
    moments = found.mean(dtype=float), found.std(dtype=float)
    parts = {
        "stride7": found[:, ::7, ::7],
        "first_rows": found[:, :2],
        "last_rows": found[:, -3:],
        "last_cols": found[:, :, -3:],
        "mean_std": moments,
    }
    with np.load(GOLDEN / f"resize_{size}.npz") as vectors:
        for part, values in parts.items():
            expected = vectors[f"out:{size}/{name}:{part}"]
            np.testing.assert_allclose(values, expected, rtol=0, atol=tolerance, err_msg=part)


def stored_image(size: str) -> np.ndarray:
    """uint8 (C, H, W)."""
    with np.load(GOLDEN / f"resize_{size}.npz") as vectors:
        return vectors[f"in:{size}"]


@pytest.mark.parametrize("name", FULL)
@pytest.mark.parametrize("size", SIZES)
def test_to_299(name, size):
    method, scale, tolerance = FULL[name]
    found = resized(stored_image(size), (299, 299), method) / scale
    assert_equals(found, size, name, tolerance)


@pytest.mark.parametrize("size", SIZES)
def test_matrices_are_those_of_pillows_8_bit_bicubic(size):
    """Pillow takes weights as multiples of 2^-22 and rounds after each axis, the width first."""
    image = stored_image(size)
    rows, columns = (
        np.rint(resize_matrix("clean", side, 299) * 2.0**22).astype(np.int64)
        for side in image.shape[1:]
    )
    for axis, weights in ((2, columns), (1, rows)):
        sums = np.moveaxis(np.tensordot(image.astype(np.int64), weights, (axis, 1)), -1, axis)
        image = np.clip((sums + 2**21) >> 22, 0, 255)
    assert_equals(image, size, "PIL_uint8_bicubic", 1e-2)


@pytest.mark.parametrize("size", SIZES)
def test_with_a_triangle_for_a_kernel_it_is_pillows_bilinear(size, monkeypatch):
    monkeypatch.setattr(resize_module, "_keys", lambda x: np.maximum(1 - np.abs(x), 0))
    image = stored_image(size).astype(np.float32)
    rows, columns = (resize_module._pil_bicubic.__wrapped__(n, 299) for n in image.shape[1:])
    found = np.einsum("chw,uh,vw->cuv", image, rows, columns, optimize=True)
    assert_equals(found, size, "PIL_float_bilinear", 2e-2)


@pytest.mark.parametrize("method", SMALL)
@pytest.mark.parametrize("size", ["20x30", "45x33"])
@pytest.mark.parametrize("new_size", ["16x12", "40x50", "33x33", "7x64"])
def test_to_small_sizes(method, size, new_size):
    name, tolerance = SMALL[method]
    width, height = map(int, new_size.split("x"))
    with np.load(GOLDEN / "resize_small.npz") as vectors:
        found = resized(vectors[f"in:{size}"], (height, width), method)
        expected = vectors[f"out:{size}->{new_size}/{name}"]
    np.testing.assert_allclose(found, expected, rtol=0, atol=tolerance)


@pytest.mark.parametrize("method", SMALL)
@pytest.mark.parametrize("size", [1, 7, 299, 600])
def test_weights_of_each_output_pixel_add_up_to_one(method, size):
    np.testing.assert_allclose(resize_matrix(method, size, 299).sum(axis=1), 1, atol=1e-6)


@pytest.mark.parametrize("method", SMALL)
def test_images_of_the_right_size_stay_as_they_are(method):
    np.testing.assert_array_equal(resize_matrix(method, 299, 299), np.eye(299, dtype=np.float32))


@pytest.mark.parametrize("new", [(8, 8), (31, 64), (224, 224), (518, 700), (64, 48)])
@pytest.mark.parametrize("old", [(64, 48), (9, 300), (700, 1100), (224, 224)])
def test_8_bit_images_are_resized_as_pillow_resizes_them(old, new):
    """In two calls, as Pillow 13 chooses which axis comes first."""
    stream = np.random.default_rng(sum(old + new))
    image = np.where(
        stream.random((*old, 1)) < 0.2,  # edges overshoot and are clipped
        255 * stream.integers(0, 2, (*old, 3)),
        stream.integers(0, 256, (*old, 3)),
    ).astype(np.uint8)
    wide = Image.fromarray(image).resize((new[1], old[0]), Image.Resampling.BICUBIC)
    expected = np.asarray(wide.resize(new[::-1], Image.Resampling.BICUBIC))
    whole = np.asarray(jax.jit(resize_bytes, static_argnums=(1, 2))(image[None], new))[0]
    np.testing.assert_array_equal(whole, expected)
    part = np.asarray(resize_bytes(image[None], new, (7, 5)))[0]
    top, left = (new[0] - 7) // 2, (new[1] - 5) // 2
    np.testing.assert_array_equal(part, expected[top : top + 7, left : left + 5])


@pytest.mark.parametrize(("size", "corner"), [((5, 9), (0, 2)), ((8, 5), (1, 0)), ((4, 4), (0, 0))])
def test_the_middle_square_is_that_of_a_centre_crop(size, corner):
    images = np.arange(2 * size[0] * size[1]).reshape(2, *size, 1)
    side = min(size)
    expected = images[:, corner[0] : corner[0] + side, corner[1] : corner[1] + side]
    np.testing.assert_array_equal(middle_square(images), expected)
