import resource

import numpy as np
import pytest
from image_trees import write_image, write_table

from dermgan_jax.data import prepare as preparation
from dermgan_jax.data.catalogue import catalogue
from dermgan_jax.data.faults import DataError
from dermgan_jax.data.prepare import decode_mask, decode_record, fingerprint, is_prepared, prepare
from dermgan_jax.data.squares import stretch_to_square, to_square
from dermgan_jax.errors import UserError


@pytest.fixture
def data(make_config, class_folders):
    return make_config("image_folder", class_folders).data


def mark(data):
    return fingerprint(catalogue(data), data)


def array_file(data):
    return preparation.prepared_dir(data) / mark(data) / "images.npy"


# Catalogue


def test_catalogue_of_ham10000(make_config, ham10000_dir):
    data = make_config("ham10000", ham10000_dir).data
    listed = catalogue(data)
    assert listed.classes == ("bcc", "mel", "nv")
    assert listed.labels.dtype == np.int32
    rows = [listed.indices(split) for split in ("train", "val", "test")]
    np.testing.assert_array_equal(np.sort(np.concatenate(rows)), listed.indices("all"))
    spec = listed.spec("train", data)
    assert (spec.height, spec.width, spec.channels) == (8, 8, 3)
    assert sum(spec.class_counts) == spec.num_examples == len(rows[0])


def test_classes_are_kept_in_the_order_asked_for(make_config, ham10000_dir):
    data = make_config("ham10000", ham10000_dir).data
    whole = catalogue(data)
    data.classes = ("nv", "bcc")
    part = catalogue(data)
    assert part.classes == ("nv", "bcc")
    assert [part.classes[i] for i in part.labels] == [
        part.dataset.classes[record.label] for record in part.records
    ]
    split_of = dict(zip([r.id for r in whole.records], whole.splits, strict=True))
    assert [split_of[r.id] for r in part.records] == part.splits.tolist()
    assert part.split_hash == whole.split_hash


def test_unknown_class_is_named(data):
    data.classes = ("melanom",)
    with pytest.raises(DataError, match="'melanom', which is no class; did you mean 'melanoma'"):
        catalogue(data)


def test_num_images_is_a_nested_choice(data):
    kept = {}
    for data.num_images in (3, 7, 12, 100):
        kept[data.num_images] = {record.id for record in catalogue(data).records}
    assert [len(ids) for ids in kept.values()] == [3, 7, 12, 12]
    assert kept[3] < kept[7] < kept[12]


def test_published_splits_are_kept(make_config, class_folders):
    rows = [(f"nevus/{i:02}.png", ("train", "test", "val")[i % 3]) for i in range(1, 12, 2)]
    write_table(class_folders / "table.csv", ("path", "split"), rows)
    listed = catalogue(make_config("image_folder", class_folders, csv="table.csv").data)
    assert listed.splits.tolist() == [split for _, split in rows]
    assert listed.spec("val", make_config("image_folder").data).class_counts == ()


# Fingerprint


def test_fingerprint_follows_the_bytes_of_every_file(data, class_folders):
    before = mark(data)
    assert mark(data) == before
    path = class_folders / "nevus" / "01.png"
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    assert mark(data) != before


def test_fingerprint_follows_resolution_and_channels_but_not_splits(data):
    before = mark(data)
    data.split_seed = 5
    assert mark(data) == before
    data.channels = 1
    grey = mark(data)
    data.resolution = 4
    small = mark(data)
    data.fit = "stretch"
    assert len({before, grey, small, mark(data)}) == 4
    data.load_resolution, data.resolution, data.channels, data.fit = 8, 4, 3, "crop"
    assert mark(data) == before


# Preparation


@pytest.mark.parametrize("channels", [1, 3])
def test_prepared_images_are_the_decoded_ones(data, class_folders, channels):
    data.channels = channels
    if channels == 1:
        for i, path in enumerate(sorted(class_folders.rglob("*.png"))):
            write_image(path, seed=i, mode="L")
    listed = catalogue(data)
    prepared = prepare(listed, data)
    expected = np.stack([decode_record(listed, i, data) for i in range(12)])
    np.testing.assert_array_equal(prepared.images, expected)
    assert prepared.images.dtype == np.uint8
    assert prepared.images.shape == (12, 8, 8, channels)
    assert isinstance(prepared.images, np.memmap)
    assert not prepared.images.flags.writeable


@pytest.mark.parametrize("fit", ["crop", "stretch"])
def test_images_are_prepared_at_the_size_they_are_cropped_from(data, fit):
    data.load_resolution, data.fit = 12, fit
    listed = catalogue(data)
    pixels = listed.dataset.read(listed.records[0])
    expected = {"crop": to_square, "stretch": stretch_to_square}[fit](pixels, 12)
    np.testing.assert_array_equal(prepare(listed, data).images[0], expected)
    spec = listed.spec("train", data)
    assert (spec.height, spec.width) == (8, 8)


def test_masks_are_cut_and_resized_like_their_images(make_config, ham10000_dir):
    data = make_config("ham10000", ham10000_dir).data
    listed = catalogue(data)
    # Of 20 x 16 pixels the left half is lesion; the central square begins at the third column.
    cut = decode_mask(listed, 0, data)
    np.testing.assert_array_equal(cut, np.arange(8)[None] < [[4]] * 8)
    data.fit, data.load_resolution = "stretch", 10
    np.testing.assert_array_equal(decode_mask(listed, 0, data), np.arange(10)[None] < [[5]] * 10)
    assert decode_mask(listed, 1, data) is None


def test_images_too_small_to_be_cropped_from(data):
    data.load_resolution = 17
    with pytest.raises(DataError, match=r"20x16.*load_resolution=17.*load_resolution to at m"):
        prepare(catalogue(data), data)


def test_order_is_kept_across_chunks(data, monkeypatch):
    listed = catalogue(data)
    expected = np.stack([decode_record(listed, i, data) for i in range(12)])
    monkeypatch.setattr(preparation, "CHUNK", 5)
    np.testing.assert_array_equal(prepare(listed, data).images, expected)


def test_images_are_decoded_once(data, monkeypatch):
    first = prepare(catalogue(data), data)

    def decode_again(*_):
        raise AssertionError("decoded a second time")

    monkeypatch.setattr(preparation, "decode_record", decode_again)
    np.testing.assert_array_equal(prepare(catalogue(data), data).images, first.images)


def test_unfinished_array_is_not_used(data):
    whole = np.array(prepare(catalogue(data), data).images)
    path = array_file(data)
    path.write_bytes(path.read_bytes()[:-1])
    assert not is_prepared(catalogue(data), data)
    np.testing.assert_array_equal(prepare(catalogue(data), data).images, whole)


def nothing_is_left(data):
    """Whether the folder of prepared images holds at most digests of files."""
    return {path.name for path in preparation.prepared_dir(data).iterdir()} <= {"digests"}


def test_interrupted_preparation_leaves_nothing_to_use(data, monkeypatch):
    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(preparation, "decode_record", interrupt)
    with pytest.raises(KeyboardInterrupt):
        prepare(catalogue(data), data)
    assert not is_prepared(catalogue(data), data)
    assert nothing_is_left(data)


def test_all_bad_images_are_named_and_nothing_is_kept(data, class_folders):
    write_image(class_folders / "nevus" / "tiny.png", size=(7, 9))
    write_image(class_folders / "nevus" / "ink.jpg", mode="CMYK")
    with pytest.raises(DataError) as error:
        prepare(catalogue(data), data)
    assert {fault.kind for fault in error.value.faults} == {"tiny images", "CMYK images"}
    assert nothing_is_left(data)


def test_full_disk(data):
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, limits[1]))
    try:
        with pytest.raises(UserError, match=r"cannot keep prepared images in .*prepared") as error:
            prepare(catalogue(data), data)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert "data.prepared_dir" in str(error.value)
    assert nothing_is_left(data)


def test_phantom_is_prepared_like_any_other(make_config):
    data = make_config("phantom", num_images=5).data
    assert prepare(catalogue(data), data).images.shape == (5, 8, 8, 3)


def test_damaged_images_are_prepared_anew_with_a_word(data, capsys):
    whole = np.array(prepare(catalogue(data), data).images)
    path = array_file(data)
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    capsys.readouterr()
    assert not is_prepared(catalogue(data), data)
    np.testing.assert_array_equal(prepare(catalogue(data), data).images, whole)
    assert f"note: {path} is damaged" in capsys.readouterr().err
    assert is_prepared(catalogue(data), data)


def test_images_prepared_without_checksums_are_used_and_given_them(data, monkeypatch):
    prepare(catalogue(data), data)
    kept = array_file(data).with_name("images.npy.crc32")
    kept.unlink()
    preparation.array_checksums._checked.clear()
    assert is_prepared(catalogue(data), data)
    assert kept.is_file()
