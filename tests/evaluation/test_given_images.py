"""Arrays and batches that a caller of the library gives."""

import numpy as np
import pytest
from PIL import Image

from dermgan_jax import evaluation
from dermgan_jax.errors import UserError

RANDOM = np.random.default_rng(0)
GREY = RANDOM.integers(0, 256, (40, 16, 16), np.uint8)


@pytest.fixture(autouse=True)
def cache(monkeypatch, tmp_path):
    monkeypatch.setenv("DERMGAN_CACHE", str(tmp_path / "cache"))


def test_grey_arrays_are_what_grey_files_are(tmp_path):
    (tmp_path / "real").mkdir()
    for i, image in enumerate(GREY):
        Image.fromarray(image).save(tmp_path / "real" / f"{i:02d}.png")
    fake = GREY[::-1] // 2
    values = [
        evaluation.evaluate(real, given, "swd")["swd"].value
        for real, given in (
            (tmp_path / "real", fake),
            (GREY, fake[..., None]),
            (np.repeat(GREY[..., None], 3, axis=-1), iter([fake[:9], fake[9:]])),
        )
    ]
    assert values[0] == values[1] == values[2]


def test_batches_of_several_sizes_are_refused():
    batches = [GREY[:20], GREY[20:, :8]]
    with pytest.raises(UserError, match=r"fake: batches of 16x16x3 and 8x16x3 images"):
        evaluation.evaluate(GREY, iter(batches), "swd")


def test_no_batches_are_no_images():
    with pytest.raises(UserError, match="fake: there are no images"):
        evaluation.evaluate(GREY, iter([]), "swd")


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_a_list_of_images_is_no_list_of_batches(channels):
    """Of three axes an image could pass for grey images, as many as it has rows."""
    images = [np.repeat(image[..., None], channels, axis=-1) for image in GREY]
    for given in (images, images[0], lambda num: images[:num]):
        with pytest.raises(UserError, match=r"is a single image: give numpy\.stack\(images\)"):
            evaluation.evaluate(GREY, given, "swd")
    pictures = [Image.fromarray(image).convert("RGB") for image in GREY]
    with pytest.raises(UserError, match="is a single image"):
        evaluation.evaluate(GREY, pictures, "swd")
