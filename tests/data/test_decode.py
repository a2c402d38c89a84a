import numpy as np
import pytest
from PIL import Image

from dermgan_jax.data.decode import (
    find_images,
    read_image,
    read_mask,
    require_grey,
    require_usable,
)
from dermgan_jax.data.faults import DataError

RED = (255, 0, 0)


def saved(tmp_path, image, name="image.png", **options):
    image.save(tmp_path / name, **options)
    return tmp_path / name


@pytest.mark.parametrize("mode", ["RGB", "P", "RGBA", "CMYK"])
def test_colour_modes_become_rgb(tmp_path, mode):
    image = Image.new("RGB", (5, 4), RED).convert(mode)
    path = saved(tmp_path, image, "image.tif")
    pixels = read_image(path, 3)
    assert pixels.shape == (4, 5, 3)
    assert pixels.dtype == np.uint8
    np.testing.assert_array_equal(pixels[0, 0], RED)


@pytest.mark.parametrize("mode", ["L", "1", "LA", "I;16"])
def test_grey_modes_give_one_or_three_channels(tmp_path, mode):
    value = {"1": 255, "L": 255, "LA": (255, 255), "I;16": 65535}[mode]
    path = saved(tmp_path, Image.new(mode, (5, 4), value))
    np.testing.assert_array_equal(read_image(path, 1), np.full((4, 5, 1), 255))
    np.testing.assert_array_equal(read_image(path, 3), np.full((4, 5, 3), 255))


def test_high_byte_of_16_bit_values_is_kept(tmp_path):
    path = saved(tmp_path, Image.fromarray(np.array([[0, 255, 256, 0x8000]], np.uint16)))
    np.testing.assert_array_equal(read_image(path, 1)[0, :, 0], [0, 0, 1, 128])


def test_twelve_bits_in_sixteen_are_a_fault_until_they_are_said(tmp_path):
    values = np.array([[0, 1024, 2048, 4095]], np.uint16)
    path = saved(tmp_path, Image.fromarray(values))
    with pytest.raises(DataError, match=r"the largest is 4095: .* set data\.bit_depth=12"):
        read_image(path, 1)
    np.testing.assert_array_equal(read_image(path, 1, 12)[0, :, 0], [0, 64, 128, 255])
    np.testing.assert_array_equal(read_image(path, 1, 16)[0, :, 0], [0, 4, 8, 15])


def test_more_bits_than_said_are_a_fault(tmp_path):
    path = saved(tmp_path, Image.fromarray(np.full((4, 4), 4096, np.uint16)))
    with pytest.raises(DataError, match=r"samples up to 4096.* set data\.bit_depth to 13"):
        read_image(path, 1, 12)


@pytest.fixture
def film(tmp_path):
    """A file of a red image, a green and a blue one, the last of half the size."""
    frames = [Image.new("RGB", (4, 4), colour) for colour in ("red", "lime", "blue")]
    frames[2] = frames[2].resize((2, 2))
    return saved(tmp_path, frames[0], "film.tif", save_all=True, append_images=frames[1:])


def test_film_is_a_fault(film):
    with pytest.raises(DataError, match=r"holds 3 images: name one with data\.frame \(first, "):
        read_image(film, 3)


@pytest.mark.parametrize(
    ("frame", "expected"),
    [("first", 0), ("middle", 1), ("last", 2), ("1", 0), ("2", 1), ("3", 2)],
)
def test_one_image_of_a_film_is_read(film, frame, expected):
    assert read_image(film, 3, frame=frame)[0, 0].argmax() == expected
    require_usable(film, 2, frame=frame)


def test_the_size_of_a_frame_counts(film):
    require_usable(film, 4, frame="first")
    with pytest.raises(DataError, match="is 2x2 pixels"):
        require_usable(film, 4, frame="last")


def test_a_frame_that_is_not_there_is_a_fault(film):
    with pytest.raises(DataError, match=r"film\.tif holds 3 images, and data\.frame=4"):
        read_image(film, 3, frame="4")


def test_a_frame_of_an_only_image_is_that_image(tmp_path):
    path = saved(tmp_path, Image.new("RGB", (4, 4), "red"))
    assert (read_image(path, 3, frame="7") == read_image(path, 3)).all()


def test_photograph_of_a_telephone_is_no_film(tmp_path):
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "blue")]
    path = saved(tmp_path, frames[0], "photo.mpo", save_all=True, append_images=frames[1:])
    path = path.rename(tmp_path / "photo.jpg")
    with Image.open(path) as opened:
        assert (opened.format, opened.n_frames) == ("MPO", 2)
    assert (read_image(path, 3)[..., 0] > 200).all()


def test_images_of_other_formats_are_told(tmp_path, capsys):
    for name in ("a.png", "b.heic", "c.GIF", "notes.txt"):
        saved(tmp_path, Image.new("RGB", (4, 4)), "a.png")
        (tmp_path / name).touch()
    assert find_images(tmp_path) == [tmp_path / "a.png"]
    said = capsys.readouterr().err
    assert "2 files below" in said
    assert ".gif, .heic is not read" in said


def test_32_bit_values_are_a_fault(tmp_path):
    path = saved(tmp_path, Image.new("F", (5, 4)), "deep.tif")
    with pytest.raises(DataError, match=r"deep\.tif has 32-bit samples"):
        read_image(path, 1)


def test_transparent_pixels_become_white(tmp_path):
    path = saved(tmp_path, Image.new("RGBA", (5, 4), (*RED, 0)))
    np.testing.assert_array_equal(read_image(path, 3), np.full((4, 5, 3), 255))


def test_exif_orientation_is_applied(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6  # to be shown turned by a quarter
    path = saved(tmp_path, Image.new("RGB", (5, 4)), "turned.jpg", exif=exif)
    assert read_image(path, 3).shape == (5, 4, 3)


def test_palette_mask_is_read_by_its_colours(tmp_path):
    mask = Image.new("P", (2, 1))
    mask.putpalette([255, 255, 255, 0, 0, 0])  # index 0 is white, index 1 is black
    mask.putdata([0, 1])
    np.testing.assert_array_equal(read_mask(saved(tmp_path, mask)), [[True, False]])


@pytest.mark.parametrize("name", ["cut.jpg", "cut.png"])
def test_truncated_file_is_named(tmp_path, name):
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    path = saved(tmp_path, Image.fromarray(noise), name)
    path.write_bytes(path.read_bytes()[:2000])
    with pytest.raises(DataError, match=rf"{name} is truncated.*replace or remove") as error:
        read_image(path, 3)
    assert error.value.faults[0].kind == "truncated images"


@pytest.mark.parametrize("content", [b"", b"no image"])
def test_unreadable_file_is_named(tmp_path, content):
    path = tmp_path / "text.jpg"
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"text\.jpg is not an image"):
        read_image(path, 3)


@pytest.mark.parametrize(
    ("mode", "name", "message"),
    [
        ("CMYK", "ink.jpg", "ink.jpg is in CMYK: convert it to RGB"),
        ("RGBA", "clear.png", "clear.png has an alpha channel"),
        ("LA", "clear.png", "clear.png has an alpha channel"),
    ],
)
def test_modes_unfit_for_training(tmp_path, mode, name, message):
    path = saved(tmp_path, Image.new(mode, (20, 16)), name)
    with pytest.raises(DataError, match=message):
        require_usable(path, 8)


def test_image_smaller_than_the_resolution_is_unfit(tmp_path):
    path = saved(tmp_path, Image.new("RGB", (20, 16)))
    require_usable(path, 16)
    with pytest.raises(DataError, match=r"20x16 pixels.*resolution=17.*at most 16"):
        require_usable(path, 17)


@pytest.mark.parametrize("mode", ["L", "I;16", "1", "RGB", "P"])
def test_grey_content_passes_as_grey_however_it_is_stored(tmp_path, mode):
    ramp = np.arange(256, dtype=np.uint8).reshape(16, 16)
    content = Image.fromarray(ramp.astype(np.uint16)) if mode == "I;16" else Image.fromarray(ramp)
    require_grey(saved(tmp_path, content if mode == "I;16" else content.convert(mode)))


def test_grey_stored_as_rgb_jpeg_with_a_coloured_mark_passes_as_grey(tmp_path):
    noise = np.random.default_rng(0).integers(0, 256, (256, 256), np.uint8)
    pixels = np.repeat(noise[..., None], 3, axis=-1)
    pixels[:3, :3] = RED
    require_grey(saved(tmp_path, Image.fromarray(pixels), "scan.jpg", quality=60))


@pytest.mark.parametrize("name", ["colour.png", "colour.jpg"])
def test_colour_does_not_pass_as_grey(tmp_path, name):
    path = saved(tmp_path, Image.new("RGB", (20, 16), (210, 170, 150)), name)
    with pytest.raises(DataError, match=rf"{name} is coloured but .*: set data\.channels=3"):
        require_grey(path)


def test_an_alpha_channel_that_hides_nothing_is_no_fault(tmp_path):
    opaque = saved(tmp_path, Image.new("RGBA", (8, 8), (*RED, 255)), "opaque.png")
    require_usable(opaque, 8)
    np.testing.assert_array_equal(read_image(opaque, 3)[0, 0], RED)
    see_through = Image.new("RGBA", (8, 8), (*RED, 255))
    see_through.putpixel((3, 3), (*RED, 254))
    with pytest.raises(DataError, match="has an alpha channel"):
        require_usable(saved(tmp_path, see_through, "clear.png"), 8)


@pytest.mark.parametrize("name", ["a.jfif", "a.JPE"])
def test_other_suffixes_of_jpeg_are_images(tmp_path, name):
    path = saved(tmp_path, Image.new("RGB", (4, 4), "red"), name)
    assert find_images(tmp_path) == [path]
    assert read_image(path, 3)[0, 0].tolist() == [254, 0, 0]
