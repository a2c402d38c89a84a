"""Sets of images that are read a part at a time."""

import numpy as np
import pytest
from PIL import Image

from dermgan_jax.data.image_files import save_image, write_npz, write_pngs
from dermgan_jax.data.image_sets import (
    FolderImages,
    choose,
    digest,
    mirror_at_random,
    open_images,
    select,
    spool,
)
from dermgan_jax.data.pixel_range import to_uint8
from dermgan_jax.data.squares import to_square
from dermgan_jax.errors import UserError


@pytest.fixture
def images():
    return np.random.default_rng(0).integers(0, 256, (5, 6, 8, 3), np.uint8)


def test_grey_npz_gives_three_channels(tmp_path, images):
    write_npz(images[..., :1], tmp_path / "grey.npz")
    found = open_images(tmp_path / "grey.npz", channels=3)
    np.testing.assert_array_equal(found, images[..., :1].repeat(3, axis=-1))


def test_floats_without_a_negative_one_are_ambiguous_until_their_range_is_said(tmp_path, images):
    floats = np.float32(images) / 255
    np.savez(tmp_path / "from_0.npz", images=floats)
    np.savez(tmp_path / "told.npz", images=floats, range=(0, 1))
    np.savez(tmp_path / "signed.npz", images=floats * 2 - 1)
    with pytest.raises(UserError, match=r"from_0\.npz is below 0, .* say it with --range=0,1"):
        open_images(tmp_path / "from_0.npz")
    for found in (
        open_images(tmp_path / "from_0.npz", value_range=(0.0, 1.0)),
        open_images(tmp_path / "told.npz"),
        open_images(tmp_path / "signed.npz"),
    ):
        np.testing.assert_array_equal(found, images)
    brighter = open_images(tmp_path / "from_0.npz", value_range=(-1.0, 1.0))
    np.testing.assert_array_equal(brighter, to_uint8(floats))


def test_what_an_npz_says_of_its_range_has_to_hold(tmp_path, images):
    floats = np.float32(images) / 127.5 - 1
    np.savez(tmp_path / "false.npz", images=floats, range=(0, 1))
    np.savez(tmp_path / "bytes.npz", images=floats, range=(0, 255))
    with pytest.raises(UserError, match=r"false\.npz are not all in \[0, 1\]"):
        open_images(tmp_path / "false.npz")
    with pytest.raises(UserError, match=r"'range' in .*bytes\.npz is .*255"):
        open_images(tmp_path / "bytes.npz")


def test_a_negative_value_anywhere_tells_the_range(tmp_path, images):
    """Also one among the images that are not asked for, or in a later part of the file."""
    floats = np.full((300, 2, 2, 3), 0.5, np.float32)
    floats[299] = -0.5
    np.savez(tmp_path / "late.npz", images=floats)
    found = open_images(tmp_path / "late.npz", limit=2)
    np.testing.assert_array_equal(found, to_uint8(floats[[0, 150]]))


def test_our_own_floats_are_never_ambiguous(tmp_path):
    floats = np.full((2, 4, 4, 3), 0.25, np.float32)
    write_npz(floats, tmp_path / "bright.npz")
    np.testing.assert_array_equal(open_images(tmp_path / "bright.npz"), to_uint8(floats))


def test_resized_sets_are_alike_wherever_they_lie(tmp_path, images):
    write_pngs(images, tmp_path / "folder")
    save_image(images[0].repeat(2, 0).repeat(2, 1), tmp_path / "folder" / "000009.png")
    write_npz(images, tmp_path / "set.npz")
    of_files, of_arrays = (open_images(tmp_path / n, side=4) for n in ("folder", "set.npz"))
    assert of_files.shape == (6, 4, 4, 3)
    assert of_arrays.shape == (5, 4, 4, 3)
    expected = np.stack([to_square(image, 4) for image in images])
    np.testing.assert_array_equal(of_files[:5], expected)
    np.testing.assert_array_equal(of_arrays[:], expected)


def test_what_is_read_of_files_is_part_of_the_digest(tmp_path):
    Image.fromarray(np.array([[0, 4095], [9, 7]], np.uint16)).save(tmp_path / "a.png")
    sets = [FolderImages(tmp_path, 1, bit_depth=depth) for depth in (12, 13)]
    sets.append(FolderImages(tmp_path, 1, bit_depth=12, side=2))
    assert len({digest(each) for each in sets}) == 3


def test_limit_spreads_over_the_whole_set(tmp_path, images):
    write_pngs(images, tmp_path / "folder")
    write_npz(images, tmp_path / "set.npz")
    for source in (tmp_path / "folder", tmp_path / "set.npz"):
        np.testing.assert_array_equal(open_images(source, limit=2)[:], images[[0, 2]])
        assert len(open_images(source, limit=99)) == 5


def test_folder_of_two_sizes(tmp_path, images):
    write_pngs(images, tmp_path)
    save_image(images[0, :4], tmp_path / "000009.png")
    with pytest.raises(UserError, match=r"000009\.png is 8x4 pixels but .*000000\.png is 8x6"):
        open_images(tmp_path)


def test_damaged_image(tmp_path, images):
    (path,) = write_pngs(images[:1], tmp_path)
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(UserError, match=r"000000\.png"):
        open_images(tmp_path)


def test_folder_without_images(tmp_path):
    (tmp_path / "notes.txt").write_text("none")
    with pytest.raises(UserError, match="holds no images"):
        open_images(tmp_path)


def test_hidden_images_are_left_out(tmp_path, images):
    write_pngs(images, tmp_path)
    (tmp_path / "._000000.png").write_bytes(b"what macOS leaves")
    save_image(images[0, :4], tmp_path / ".thumbnails" / "000000.png")
    np.testing.assert_array_equal(open_images(tmp_path)[:], images)


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"pictures": np.zeros((1, 4, 4, 3), np.uint8)}, "no key 'images', but pictures"),
        ({"images": np.zeros((2, 3, 4, 4), np.uint8)}, r"transpose\(0, 2, 3, 1\)"),
        ({"images": np.zeros((4, 4, 3), np.uint8)}, r"\(4, 4, 3\); expected \(N, H, W, 3\)"),
        ({"images": np.zeros((0, 4, 4, 3), np.uint8)}, r"\(0, 4, 4, 3\)"),
        ({"images": np.zeros((1, 3, 4, 4), np.uint8)}, r"\(1, 3, 4, 4\)"),
        ({"images": np.zeros((1, 4, 4, 3), np.int64)}, "int64; expected uint8 or float32"),
        ({"images": np.full((1, 4, 4, 3), 200.0)}, r"not floats in \[-1, 1\]"),
        ({"images": np.full((1, 4, 4, 3), np.nan)}, "has NaN or infinite values"),
    ],
)
def test_npz_of_another_kind(tmp_path, arrays, message):
    np.savez(tmp_path / "set.npz", **arrays)
    with pytest.raises(UserError, match=message):
        open_images(tmp_path / "set.npz")


@pytest.mark.parametrize("name", ["missing.npz", "broken.npz", "images.txt"])
def test_source_that_cannot_be_read(tmp_path, name):
    (tmp_path / "broken.npz").write_bytes(b"PK\x03\x04 broken")
    with pytest.raises(UserError, match=name):
        open_images(tmp_path / name)


def test_any_part_of_any_set_can_be_read(tmp_path, images):
    write_pngs(images, tmp_path / "folder")
    write_npz(images, tmp_path / "set.npz")
    view = select(select(images, np.array([4, 3, 2, 1, 0])), np.array([4, 3, 2, 1, 0]))
    sets = [open_images(tmp_path / "folder"), open_images(tmp_path / "set.npz"), view, images]
    for each in sets:
        assert each.shape == images.shape
        assert each.dtype == np.uint8
        for rows in (slice(1, 4), slice(3, 99), np.array([4, 0, 0])):
            np.testing.assert_array_equal(each[rows], images[rows])


def test_header_of_a_turned_photograph_is_not_taken_for_another_size(tmp_path, images):
    write_pngs(images, tmp_path)
    turned = Image.fromarray(images[0].swapaxes(0, 1))
    exif = Image.Exif()
    exif[0x0112] = 6  # turn it by 90 degrees to the right
    turned.save(tmp_path / "turned.tiff", exif=exif)
    assert open_images(tmp_path)[:].shape == (6, 6, 8, 3)


def test_flips_of_flips(images):
    mirrored = mirror_at_random(images, seed=1)
    assert 0 < mirrored.flipped.sum() < 5
    back = select(mirrored, np.arange(5), mirrored.flipped)
    np.testing.assert_array_equal(back[:], images)
    which = mirrored.flipped
    np.testing.assert_array_equal(mirrored[:][which], images[which][:, :, ::-1])
    np.testing.assert_array_equal(mirrored[:][~which], images[~which])


def test_choose_is_a_part_in_order(images):
    chosen = choose(images, 3, seed=0)
    assert len(chosen) == 3
    assert (np.diff(chosen.rows) > 0).all()
    assert choose(images, 5, seed=0) is images


def test_spool_keeps_what_it_was_given(images):
    spooled = spool(iter([images[:2], images[2:]]))
    np.testing.assert_array_equal(spooled, images)
    with pytest.raises(ValueError, match="read-only"):
        spooled[0] = 0


def test_digest_follows_every_pixel_and_file(tmp_path, images):
    write_pngs(images, tmp_path)
    folder = open_images(tmp_path)
    changed = images.copy()
    changed[4, 5, 7, 2] ^= 1
    digests = [digest(images), digest(changed), digest(images[:4]), digest(folder)]
    digests.append(digest(select(folder, np.array([1, 0, 2, 3, 4]))))
    save_image(changed[4], tmp_path / "000004.png")
    digests.append(digest(open_images(tmp_path)))
    assert len(set(digests)) == len(digests)
    assert digest(select(images, np.arange(5))) == digest(images)


def test_classes_of_a_folder(tmp_path, images):
    write_pngs(images, tmp_path, labels=[1, 0, 1, 0, 1], classes=("nevus", "melanoma"))
    names, labels = open_images(tmp_path).classes()
    assert names == ("melanoma", "nevus")
    np.testing.assert_array_equal(labels, [0, 0, 0, 1, 1])
