"""Masks beside images: values to classes, faults, and how they travel with their images."""

import jax
import numpy as np
import pytest
from image_trees import write_image, write_table
from PIL import Image

from dermgan_jax import config as config_schema
from dermgan_jax.data.catalogue import catalogue
from dermgan_jax.data.check import check, checked_catalogue
from dermgan_jax.data.faults import DataError
from dermgan_jax.data.masks import class_indices, decode_classes, num_classes, prepare_masks
from dermgan_jax.data.pipeline import open_feed
from dermgan_jax.data.prepare import decode_mask, prepare
from dermgan_jax.train.sharding import data_mesh

CACHES = ("none", "host", "device")


def write_mask(path, values, size=(20, 16), mode="L"):
    """Upright stripes of equal width, one for each value."""
    path.parent.mkdir(parents=True, exist_ok=True)
    stripes = np.repeat(np.array(values, np.uint8), -(-size[0] // len(values)))[: size[0]]
    image = Image.fromarray(np.broadcast_to(stripes, size[::-1]).copy())
    if mode == "P":
        image = image.convert("P")
        image.putpalette([0] * 768)
    image.save(path)
    return path


@pytest.fixture
def masked_dir(tmp_path):
    """Twelve images in a table, each with a mask: stripes of 0 and 255."""
    rows = []
    for i in range(12):
        write_image(tmp_path / "set" / f"{i:02}.png", seed=i)
        write_mask(tmp_path / "set" / "masks" / f"{i:02}.png", (0, 255))
        rows.append((f"{i:02}.png", ("mel", "nv")[i % 2], f"masks/{i:02}.png"))
    write_table(tmp_path / "set" / "data.csv", ("path", "label", "mask"), rows)
    return tmp_path / "set"


@pytest.fixture
def masked(make_config, masked_dir):
    return make_config("image_folder", masked_dir, csv="data.csv", masks=True)


def test_values_become_classes_and_strangers_are_named():
    np.testing.assert_array_equal(
        class_indices(np.array([[7, 0], [255, 7]]), (0, 255, 7)), [[2, 0], [1, 2]]
    )
    with pytest.raises(ValueError, match="3, 9"):
        class_indices(np.array([[0, 9, 3]]), (0, 1))


def test_two_classes_by_luminance(masked):
    listed = catalogue(masked.data)
    mask = decode_classes(listed, 0, masked.data)
    assert (mask.dtype, mask.shape) == (np.uint8, (8, 8, 1))
    np.testing.assert_array_equal(mask[..., 0], np.tile([0] * 4 + [1] * 4, (8, 1)))
    assert listed.spec("train", masked.data).mask_classes == num_classes(masked.data) == 2


@pytest.mark.parametrize("mode", ["L", "P"])
def test_several_classes_by_value_or_index_of_the_palette(masked, masked_dir, mode):
    values = (0, 3, 200)
    for path in (masked_dir / "masks").iterdir():
        write_mask(path, values, mode=mode)
    masked.data.mask_values = (
        values
        if mode == "L"
        else tuple(
            np.unique(np.asarray(Image.open(masked_dir / "masks" / "00.png")))[[0, 1, 2]].tolist()
        )
    )
    mask = decode_classes(catalogue(masked.data), 0, masked.data)[..., 0]
    assert set(np.unique(mask)) == {0, 1, 2}
    assert (np.diff(mask.astype(int), axis=1) >= 0).all()
    assert catalogue(masked.data).spec("train", masked.data).mask_classes == 3


def test_faults_name_the_file_and_what_to_do(masked, masked_dir):
    write_mask(masked_dir / "masks" / "00.png", (0, 255), size=(20, 15))
    write_mask(masked_dir / "masks" / "01.png", (0, 1))
    (masked_dir / "masks" / "02.png").write_bytes(b"no image")
    found = "\n".join(check(config_schema.validate(masked)))
    assert "00.png is 20x15 pixels and its image 00.png 20x16" in found
    assert "01.png marks nothing" in found
    assert "data.mask_values=(0,1)" in found
    assert "02.png is not an image" in found
    with pytest.raises(DataError, match="20x15"):
        checked_catalogue(config_schema.validate(masked))


def test_values_that_are_no_class_and_empty_masks(masked, masked_dir):
    masked.data.mask_values = (0, 255)
    write_mask(masked_dir / "masks" / "00.png", (0, 255, 4))
    write_mask(masked_dir / "masks" / "01.png", (0,))
    found = "\n".join(check(config_schema.validate(masked)))
    assert "00.png has pixels of value 4, which data.mask_values=0,255 does not name" in found
    assert "01.png marks nothing but background (0)" in found


def test_images_without_a_mask_are_listed(make_config, ham10000_dir):
    config = make_config("ham10000", ham10000_dir, masks=True)
    found = "\n".join(check(config_schema.validate(config)))
    assert "'ISIC_0000001' has no mask, and data.masks is set" in found
    assert "ISIC_0000000" not in found


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"masks": False, "mask_values": (0, 1)}, "data.mask_values needs masks"),
        ({"mask_values": (0, 0)}, "two or more different values"),
        ({"mask_values": (0, 256)}, "data.mask_values is (0, 256); 256 is not in [0, 255]"),
        ({"synthetic_masks": "x"}, "data.synthetic_masks needs images"),
        ({"synthetic": "x"}, "name the masks of data.synthetic"),
    ],
)
def test_fields_that_do_not_go_together(masked, fields, message):
    masked.data.update(fields)
    assert message in "\n".join(config_schema.faults(masked))


def test_masks_are_decoded_once_and_follow_their_files(masked, masked_dir):
    listed = catalogue(masked.data)
    first = np.asarray(prepare_masks(listed, masked.data))
    assert first.shape == (12, 8, 8, 1)
    write_mask(masked_dir / "masks" / "00.png", (255, 0))
    again = np.asarray(prepare_masks(listed, masked.data))
    np.testing.assert_array_equal(again[0], first[0][:, ::-1])
    np.testing.assert_array_equal(again[1:], first[1:])


@pytest.mark.parametrize("cache", CACHES)
def test_batches_carry_the_masks_of_their_images(masked, cache):
    """Every image is its mask in white: they must stay together."""
    listed = catalogue(masked.data)
    for record in listed.records:
        Image.open(record.mask).convert("RGB").save(record.image)
        flip = int(record.id[:2]) % 3 == 0
        if flip:
            for path in (record.mask, record.image):
                image = Image.open(path)
                image.transpose(Image.Transpose.FLIP_LEFT_RIGHT).save(path)
    masked.data.cache = cache
    frozen = config_schema.validate(masked)
    feed = open_feed(frozen, catalogue(frozen.data), data_mesh(jax.devices()[:1]))
    batch = feed.take(0, (2, 1, 4), (8, 8))
    resident = feed.resident((8, 8))
    found = {
        k: np.asarray(resident[k])[np.asarray(v)] if k in resident else np.asarray(v)
        for k, v in batch.items()
    }
    assert found["mask"].shape == (2, 1, 4, 8, 8, 1)
    assert found["mask"].dtype == np.uint8
    np.testing.assert_array_equal(found["image"][..., :1] >= 128, found["mask"] == 1)
    assert 0 < found["mask"][..., 0, 0].mean() < 1


def test_synthetic_images_bring_their_masks(masked, tmp_path):
    for folder in ("images", "drawn"):
        write_image(tmp_path / folder / "mel" / "0.png", size=(8, 8))
    masked.data.update(synthetic=str(tmp_path / "images"), synthetic_masks=str(tmp_path / "drawn"))
    write_mask(tmp_path / "drawn" / "mel" / "0.png", (255, 0), size=(8, 8))
    listed = catalogue(masked.data)
    mask = decode_classes(listed, len(listed.records) - 1, masked.data)[..., 0]
    np.testing.assert_array_equal(mask, np.tile([1] * 4 + [0] * 4, (8, 1)))
    (tmp_path / "drawn" / "mel" / "0.png").unlink()
    with pytest.raises(DataError, match=r"0.png has no mask"):
        catalogue(masked.data)


@pytest.mark.parametrize("several", [False, True])
def test_several_masks_of_an_image_are_merged(make_config, tmp_path, several):
    """Of two classes their union; of several what a later file marks lies over earlier ones."""
    values = ((0, 1, 1, 0), (0, 0, 2, 2)) if several else ((0, 255, 0, 0), (0, 0, 255, 0))
    for i, of_file in enumerate(values):
        write_mask(tmp_path / f"mask{i}.png", of_file)
    write_image(tmp_path / "a.png")
    write_table(tmp_path / "data.csv", ("path", "mask"), [("a.png", "mask0.png; mask1.png")])
    config = make_config("image_folder", tmp_path, csv="data.csv", masks=True)
    config.data.mask_values = (0, 1, 2) if several else ()
    listed = catalogue(config.data)
    found = decode_classes(listed, 0, config.data)[0, ::2, 0]
    np.testing.assert_array_equal(found, (0, 1, 2, 2) if several else (0, 1, 1, 0))
    write_mask(tmp_path / "mask1.png", values[1], size=(20, 15))
    with pytest.raises(DataError, match=r"mask1.png is 20x15 pixels"):
        decode_classes(listed, 0, config.data)
    (tmp_path / "mask1.png").unlink()
    with pytest.raises(DataError, match=r"mask of 'a.png' is listed but .*mask1.png is missing"):
        catalogue(config.data)


# Masks as pictures of their own


def test_masks_are_partners_of_their_images(make_config):
    images = make_config("phantom", num_images=40)
    pairs = make_config("phantom", num_images=40, domain_a=("mask",), domain_b=("image",))
    pairs.data.paired = True
    alone, both = catalogue(images.data), catalogue(pairs.data)
    split_of = dict(zip((r.id for r in alone.records), alone.splits, strict=True))
    assert all(
        split_of[r.pair] == split for r, split in zip(both.records, both.splits, strict=True)
    )
    pictures = prepare(both, pairs.data).images
    of_masks, of_images = both.pairs("train")
    assert len(of_masks) == len(of_images) == (both.splits == "train").sum() / 2 > 5
    for mask, image in zip(of_masks[:5], of_images[:5], strict=True):
        assert both.records[mask].id == f"{both.records[image].id}_mask"
        row = [r.id for r in alone.records].index(both.records[image].id)
        expected = decode_mask(alone, row, images.data)
        np.testing.assert_array_equal(pictures[mask][..., 0] >= 128, expected)
        np.testing.assert_array_equal(pictures[image], prepare(alone, images.data).images[row])


def test_images_without_a_mask_have_no_partner(make_config, ham10000_dir):
    config = make_config("ham10000", ham10000_dir, domain_a=("mask",), domain_b=("image",))
    assert catalogue(config.data).domain_counts("all") == (1, 24)
    config.data.paired = True
    with pytest.raises(DataError, match="23 images have no partner"):
        catalogue(config.data)
