import os
from pathlib import Path

import numpy as np
import pytest
from image_trees import write_image, write_table
from PIL import Image

from dermgan_jax.data import near_copies
from dermgan_jax.data import prepare as preparation
from dermgan_jax.data.catalogue import catalogue
from dermgan_jax.data.check import cautions, check, checked_catalogue, summary
from dermgan_jax.data.faults import DataError
from dermgan_jax.data.prepare import is_prepared, prepare


def test_sound_data_has_no_faults_and_no_image_is_written(make_config, ham10000_dir):
    config = make_config("ham10000", ham10000_dir)
    assert check(config) == []
    assert not list(preparation.prepared_dir(config.data).rglob("*.npy"))


def test_faults_of_listing_and_images_are_reported_together(make_config, ham10000_dir):
    images = ham10000_dir / "HAM10000_images_part_1"
    (images / "ISIC_0000000.jpg").unlink()
    (images / "ISIC_0000002.jpg").write_bytes(b"")
    cut = images / "ISIC_0000004.jpg"
    write_image(cut, size=(200, 200))
    cut.write_bytes(cut.read_bytes()[:5000])
    write_image(images / "ISIC_0000006.jpg", mode="CMYK")
    write_image(images / "ISIC_0000008.jpg", size=(9, 7))
    found = "\n".join(check(make_config("ham10000", ham10000_dir)))
    for message in (
        "image of 'ISIC_0000000' is listed but its file is missing",
        "ISIC_0000002.jpg is not an image",
        "ISIC_0000004.jpg is truncated",
        "ISIC_0000006.jpg is in CMYK",
        "ISIC_0000008.jpg is 9x7 pixels",
    ):
        assert message in found
    assert len(found.splitlines()) == 5


def test_missing_directory_is_the_only_fault(make_config, tmp_path):
    found = check(make_config("ham10000", tmp_path / "absent"))
    assert len(found) == 1
    assert "absent is not a folder" in found[0]


def test_unknown_class(make_config, class_folders):
    found = check(make_config("image_folder", class_folders, classes=("nevi",)))
    assert found == ["data.classes names 'nevi', which is no class; did you mean 'nevus'?"]


def test_group_in_two_published_splits(make_config, class_folders):
    rows = [("nevus/01.png", "p1", "train"), ("nevus/03.png", "p1", "test")]
    write_table(class_folders / "table.csv", ("path", "group", "split"), rows)
    found = check(make_config("image_folder", class_folders, csv="table.csv"))
    assert found == ["group 'p1' is in the splits test, train: keep it in one"]


def test_class_and_split_without_training_images(make_config, class_folders):
    rows = [("nevus/01.png", "a", "train"), ("nevus/03.png", "b", "test")]
    write_table(class_folders / "table.csv", ("path", "label", "split"), rows)
    config = make_config("image_folder", class_folders, csv="table.csv")
    assert [line[:46] for line in check(config)] == [
        "class 'b' has no images in split 'train' (data"
    ]
    config.data.split = "val"
    assert check(config)[0] == "split 'val' (data.split) is empty: choose another"


def test_prepared_images_are_not_decoded_again(make_config, class_folders, monkeypatch):
    config = make_config("image_folder", class_folders)
    prepare(catalogue(config.data), config.data)

    def decode_again(*_):
        raise AssertionError("decoded a second time")

    monkeypatch.setattr(preparation, "decode_record", decode_again)
    assert check(config) == []
    assert len(checked_catalogue(config).records) == 12


def test_prepared_images_that_were_changed_are_checked_again(make_config, class_folders):
    config = make_config("image_folder", class_folders)
    prepare(catalogue(config.data), config.data)
    write_image(class_folders / "nevus" / "01.png", size=(7, 7))
    assert len(check(config)) == 1


@pytest.mark.parametrize(("cache", "written"), [("none", False), ("host", True), ("device", True)])
def test_checked_catalogue_prepares_what_will_be_read(make_config, class_folders, cache, written):
    config = make_config("image_folder", class_folders, cache=cache)
    assert is_prepared(checked_catalogue(config), config.data) == written


@pytest.mark.parametrize("cache", ["none", "device"])
def test_checked_catalogue_names_faults_of_listing_and_images(make_config, class_folders, cache):
    (class_folders / "keratosis").mkdir()
    Image.new("LA", (20, 16), (90, 10)).save(class_folders / "nevus" / "01.png")
    with pytest.raises(DataError) as error:
        checked_catalogue(make_config("image_folder", class_folders, cache=cache))
    kinds = {fault.kind for fault in error.value.faults}
    assert {"classes without images", "images with alpha"} <= kinds


def test_summary(make_config, ham10000_dir):
    text = summary(catalogue(make_config("ham10000", ham10000_dir).data))
    assert "ham10000: 24 images in 12 lesions" in text
    assert "CC BY-NC 4.0" in text
    assert text.splitlines()[-1].split()[0] == "all"
    assert sum(map(int, text.splitlines()[-1].split()[1:])) == 24


def test_few_images_and_copies_are_warned_of(make_config, class_folders):
    first, second, *_ = sorted(class_folders.rglob("*.png"))
    second.write_bytes(first.read_bytes())
    config = make_config("image_folder", class_folders, split_fractions=(1.0, 0.0, 0.0))
    groups, few, copies = cautions(catalogue(config.data), config.data)
    assert groups.startswith("warning: grouping unknown: no groups are known")
    assert few.startswith("warning: a model of 12 training images repeats them")
    assert copies.startswith("warning: 1 of 12 training images are copies of others")
    assert repr(second.relative_to(class_folders).as_posix()) in copies
    assert check(config) == []


def test_one_picture_again_and_again_is_a_fault(make_config, class_folders):
    first, *others = sorted(class_folders.rglob("*.png"))
    for path in others:
        path.write_bytes(first.read_bytes())
    config = make_config("image_folder", class_folders, split_fractions=(1.0, 0.0, 0.0))
    assert check(config) == [
        "all 12 training images are the same picture: there is nothing to learn"
    ]


def test_drawn_images_are_no_copies(make_config):
    config = make_config("phantom", "", num_images=200)
    assert cautions(catalogue(config.data), config.data) == []


@pytest.fixture
def published_splits(make_config, tmp_path):
    """Two splits of three smooth pictures each, and their configuration."""
    for i in range(6):
        small = np.random.default_rng(i).integers(0, 256, (4, 4, 3), np.uint8)
        picture = Image.fromarray(small).resize((64, 64), Image.Resampling.BICUBIC)
        path = tmp_path / "parts" / ("train", "test")[i % 2] / "nevus" / f"{i}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        picture.save(path)
    return make_config("image_folder", tmp_path / "parts")


def test_pictures_saved_again_in_another_split_are_warned_of(published_splits):
    data = published_splits.data
    assert not any("same picture" in each for each in cautions(catalogue(data), data))
    folder = Path(data.dir)
    with Image.open(folder / "train" / "nevus" / "2.png") as picture:
        picture.resize((40, 40)).save(folder / "test" / "nevus" / "again.jpg", quality=60)
    (warning,) = [each for each in cautions(catalogue(data), data) if "same picture" in each]
    assert warning.startswith(
        "warning: 1 images show the same picture as one of another split, such as "
        "'test/nevus/again.jpg' (test) and 'train/nevus/2.png' (train)"
    )
    data.cache = "none"
    assert any("are not looked for" in each for each in cautions(catalogue(data), data))


def test_that_a_part_of_large_splits_is_compared_is_told(published_splits, monkeypatch):
    data = published_splits.data
    assert not any("is looked for among" in each for each in cautions(catalogue(data), data))
    monkeypatch.setattr(near_copies, "COMPARED", 2)
    assert (
        "note: the same picture in several splits is looked for among 2 of 3 validation and test "
        "images, evenly spaced"
    ) in cautions(catalogue(data), data)


def test_copies_of_one_group_are_no_leak(published_splits):
    data = published_splits.data
    for split in ("train", "test"):
        for i in range(2):
            Image.linear_gradient("L").save(Path(data.dir) / split / "nevus" / f"p1_{i}.png")
    assert any("same picture" in each for each in cautions(catalogue(data), data))
    data.group_pattern = r"([^/_.]+)[^/]*$"
    assert not any("same picture" in each for each in cautions(catalogue(data), data))


def test_files_that_are_no_images_are_counted(published_splits):
    data = published_splits.data
    for name in ("labels.csv", "a.txt", "b.TXT", "scan", ".hidden", "train/nevus/c.gif"):
        (Path(data.dir) / name).write_text("")
    (note,) = [each for each in cautions(catalogue(data), data) if "not read as images" in each]
    assert note.endswith(
        ": .txt 2, .csv 1, no suffix 1; if such as scan are images, give them a suffix"
    )


def test_images_without_a_class_are_counted(make_config, class_folders):
    rows = [("nevus/01.png", "nevus"), ("nevus/03.png", "NaN"), ("nevus/05.png", "")]
    write_table(class_folders / "table.csv", ("path", "label"), rows)
    config = make_config("image_folder", class_folders, csv="table.csv")
    found = "\n".join(cautions(catalogue(config.data), config.data))
    assert "note: 2 of 3 images are of no class; data.classes=('nevus',) leaves them out" in found
    config.data.classes = ("nevus",)
    assert len(catalogue(config.data).records) == 1


def test_names_of_any_bytes_are_read_and_shown_without_their_controls(make_config, tmp_path):
    """Names of files need not be UTF-8, and may move a terminal's cursor."""
    folder = os.fsencode(tmp_path / "data")
    for name in (b"n\xe9v/a\xff.png", b"n\xe9v/b\x1b[2J.png", b"x\x1b[31m/c\nerror: d.png"):
        path = Path(os.fsdecode(os.path.join(folder, name)))
        write_image(path, seed=len(name))
    config = make_config("image_folder", tmp_path / "data")
    listed = catalogue(config.data)
    assert len(listed.records) == 3
    prepare(listed, config.data)
    shown = "\n".join([summary(listed), *cautions(listed, config.data)])
    assert "x\\x1b[31m" in shown
    assert "\x1b" not in shown
    path.write_bytes(b"junk")
    fault = "\n".join(check(config))
    assert "c\\nerror: d.png is not an image" in fault
