"""Reading and writing sets of images."""

import numpy as np
import pytest
from PIL import Image

from dermgan_jax.data.image_files import (
    grid,
    read_images,
    save_image,
    to_uint8,
    write_npz,
    write_pngs,
)
from dermgan_jax.errors import UserError


@pytest.fixture
def images():
    return np.random.default_rng(0).integers(0, 256, (5, 6, 8, 3), np.uint8)


def test_to_uint8_rounds_and_clips():
    values = np.array([-1.3, -1, -0.996, 0, 0.004, 1, 1.3], np.float32)
    np.testing.assert_array_equal(to_uint8(values), [0, 0, 1, 128, 128, 255, 255])


@pytest.mark.parametrize("channels", [1, 3])
def test_pngs_come_back_unchanged(tmp_path, images, channels):
    images = images[..., :channels]
    paths = write_pngs(images, tmp_path / "new" / "folder")
    assert [path.name for path in paths][:2] == ["000000.png", "000001.png"]
    np.testing.assert_array_equal(read_images(tmp_path, channels), images)


def test_pngs_of_classes_lie_in_subfolders(tmp_path, images):
    write_pngs(images, tmp_path, labels=[1, 0, 1, 0, 1], classes=("nevus", "melanoma"))
    assert [path.name for path in sorted((tmp_path / "nevus").iterdir())] == [
        "000001.png",
        "000003.png",
    ]
    np.testing.assert_array_equal(read_images(tmp_path / "melanoma"), images[::2])
    assert len(read_images(tmp_path)) == 5


def test_npz_keeps_floats_and_labels(tmp_path, images):
    floats = images.astype(np.float32) / 127.5 - 1
    write_npz(floats, tmp_path / "new" / "floats.npz", labels=np.arange(5))
    with np.load(tmp_path / "new" / "floats.npz") as stored:
        np.testing.assert_array_equal(stored["images"], floats)
        np.testing.assert_array_equal(stored["labels"], np.arange(5))
    np.testing.assert_array_equal(read_images(tmp_path / "new" / "floats.npz"), images)


def test_grey_npz_gives_three_channels(tmp_path, images):
    write_npz(images[..., :1], tmp_path / "grey.npz")
    found = read_images(tmp_path / "grey.npz", channels=3)
    np.testing.assert_array_equal(found, images[..., :1].repeat(3, axis=-1))


def test_limit_spreads_over_the_whole_set(tmp_path, images):
    write_pngs(images, tmp_path / "folder")
    write_npz(images, tmp_path / "set.npz")
    for source in (tmp_path / "folder", tmp_path / "set.npz"):
        np.testing.assert_array_equal(read_images(source, limit=2), images[[0, 2]])
        assert len(read_images(source, limit=99)) == 5


def test_grid_places_images_in_reading_order(images):
    sheet = grid(images, rows=2, columns=3)
    assert sheet.shape == (2 * 6 + 2, 3 * 8 + 4, 3)
    np.testing.assert_array_equal(sheet[:6, :8], images[0])
    np.testing.assert_array_equal(sheet[8:, 10:18], images[4])
    assert (sheet[6:8] == 255).all()
    assert (sheet[8:, 20:] == 255).all()


def test_a_failed_write_leaves_the_old_file(tmp_path, images):
    path = tmp_path / "image.png"
    save_image(images[0], path)
    with pytest.raises(TypeError):
        save_image(images[1].astype(np.complex64), path)
    np.testing.assert_array_equal(np.asarray(Image.open(path)), images[0])
    assert [each.name for each in tmp_path.iterdir()] == ["image.png"]


def test_folder_of_two_sizes(tmp_path, images):
    write_pngs(images, tmp_path)
    save_image(images[0, :4], tmp_path / "000009.png")
    with pytest.raises(UserError, match=r"000009\.png is 8x4 pixels but .*000000\.png is 8x6"):
        read_images(tmp_path)


def test_damaged_image(tmp_path, images):
    (path,) = write_pngs(images[:1], tmp_path)
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(UserError, match=r"000000\.png"):
        read_images(tmp_path)


def test_folder_without_images(tmp_path):
    (tmp_path / "notes.txt").write_text("none")
    with pytest.raises(UserError, match="holds no images"):
        read_images(tmp_path)


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"pictures": np.zeros((1, 4, 4, 3), np.uint8)}, "no key 'images'"),
        ({"images": np.zeros((4, 4, 3), np.uint8)}, r"\(4, 4, 3\); expected \(N, H, W, 3\)"),
        ({"images": np.zeros((0, 4, 4, 3), np.uint8)}, r"\(0, 4, 4, 3\)"),
        ({"images": np.zeros((1, 3, 4, 4), np.uint8)}, r"\(1, 3, 4, 4\)"),
        ({"images": np.zeros((1, 4, 4, 3), np.int64)}, "int64; expected uint8 or float32"),
        ({"images": np.full((1, 4, 4, 3), 200.0)}, r"not floats in \[-1, 1\]"),
        ({"images": np.full((1, 4, 4, 3), np.nan)}, r"not floats in \[-1, 1\]"),
    ],
)
def test_npz_of_another_kind(tmp_path, arrays, message):
    np.savez(tmp_path / "set.npz", **arrays)
    with pytest.raises(UserError, match=message):
        read_images(tmp_path / "set.npz")


@pytest.mark.parametrize("name", ["missing.npz", "broken.npz", "images.txt"])
def test_source_that_cannot_be_read(tmp_path, name):
    (tmp_path / "broken.npz").write_bytes(b"PK\x03\x04 broken")
    with pytest.raises(UserError, match=name):
        read_images(tmp_path / name)
