"""Writing images."""

import numpy as np
import pytest
from PIL import Image

from dermgan_jax.data.image_files import grid, large_enough, save_image, write_npz, write_pngs
from dermgan_jax.data.image_sets import open_images


@pytest.fixture
def images():
    return np.random.default_rng(0).integers(0, 256, (5, 6, 8, 3), np.uint8)


@pytest.mark.parametrize("channels", [1, 3])
def test_pngs_come_back_unchanged(tmp_path, images, channels):
    images = images[..., :channels]
    paths = write_pngs(images, tmp_path / "new" / "folder")
    assert [path.name for path in paths][:2] == ["000000.png", "000001.png"]
    np.testing.assert_array_equal(open_images(tmp_path, channels)[:], images)


def test_png_carries_a_text_beside_its_pixels(tmp_path, images):
    save_image(images[0], tmp_path / "a.png", {"Comment": "synthetic – ja"})
    save_image(images[0], tmp_path / "a.bmp", {"Comment": "has no place here"})
    with Image.open(tmp_path / "a.png") as image:
        assert image.text == {"Comment": "synthetic – ja"}
    np.testing.assert_array_equal(Image.open(tmp_path / "a.png"), Image.open(tmp_path / "a.bmp"))


def test_pngs_of_classes_lie_in_subfolders(tmp_path, images):
    write_pngs(images, tmp_path, labels=[1, 0, 1, 0, 1], classes=("nevus", "melanoma"))
    assert [path.name for path in sorted((tmp_path / "nevus").iterdir())] == [
        "000001.png",
        "000003.png",
    ]
    np.testing.assert_array_equal(open_images(tmp_path / "melanoma")[:], images[::2])
    assert len(open_images(tmp_path)) == 5


def test_npz_keeps_floats_and_labels(tmp_path, images):
    floats = images.astype(np.float32) / 127.5 - 1
    write_npz(floats, tmp_path / "new" / "floats.npz", labels=np.arange(5))
    with np.load(tmp_path / "new" / "floats.npz") as stored:
        np.testing.assert_array_equal(stored["images"], floats)
        np.testing.assert_array_equal(stored["labels"], np.arange(5))
    np.testing.assert_array_equal(open_images(tmp_path / "new" / "floats.npz")[:], images)


@pytest.mark.parametrize(("side", "times"), [(32, 4), (64, 2), (100, 2), (128, 1), (200, 1)])
def test_small_images_are_enlarged_to_be_looked_at(side, times):
    images = np.random.default_rng(0).integers(0, 256, (2, side // 2, side, 1), np.uint8)
    shown = large_enough(images)
    assert shown.shape == (2, times * (side // 2), times * side, 1)
    for row, column in ((0, 0), (times - 1, times - 1)):
        np.testing.assert_array_equal(shown[:, row::times, column::times], images)


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


def test_class_that_is_no_name_of_a_folder_stays_inside(tmp_path, images):
    classes = ("../x", "SCC/AK", "nv")
    paths = write_pngs(images[:3], tmp_path / "out", labels=[0, 1, 2], classes=classes)
    assert [path.parent.parent for path in paths] == [tmp_path / "out"] * 3
    found, labels = open_images(tmp_path / "out").classes()
    assert {found[label] for label in labels} == set(classes)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out"]
