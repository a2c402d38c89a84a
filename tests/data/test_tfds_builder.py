import numpy as np
import pytest
import tensorflow_datasets as tfds

from dermgan_jax.data.catalogue import catalogue
from dermgan_jax.data.tfds_builder import Config


def loaded(tmp_path, name, manual_dir=None, **builder_kwargs):
    place = tfds.download.DownloadConfig(manual_dir=str(manual_dir) if manual_dir else None)
    return tfds.load(
        name,
        data_dir=tmp_path / "tfds",
        builder_kwargs=builder_kwargs,
        download_and_prepare_kwargs={"download_config": place},
        with_info=True,
    )


def test_ham10000(tmp_path, make_config, ham10000_dir):
    splits, info = loaded(tmp_path, "dermgan/ham10000", ham10000_dir)
    listed = catalogue(make_config("ham10000", ham10000_dir).data)
    split_of = dict(zip([r.id for r in listed.records], listed.splits, strict=True))
    record_of = {record.id: record for record in listed.records}
    seen = set()
    for split in splits:
        for example in tfds.as_numpy(splits[split]):
            record = record_of[example["id"].decode()]
            seen.add(record.id)
            assert split_of[record.id] == split
            assert example["group"].decode() == record.group
            assert (
                info.features["label"].int2str(example["label"])
                == listed.dataset.classes[record.label]
            )
            np.testing.assert_array_equal(example["image"], listed.dataset.read(record))
            assert example["has_mask"] == (record.mask is not None)
            if record.mask is not None:
                mask = listed.dataset.read_mask(record)
                np.testing.assert_array_equal(example["mask"][..., 0] == 255, mask)
    assert seen == set(record_of)


def test_image_folder_keeps_labels_as_text(tmp_path, class_folders):
    splits, _ = loaded(tmp_path, "dermgan/image_folder", class_folders)
    labels = [example["label"] for part in splits.values() for example in tfds.as_numpy(part)]
    assert sorted(labels) == [b"melanoma"] * 6 + [b"nevus"] * 6


def test_groups_of_images_of_ones_own_are_found_in_their_paths(tmp_path, class_folders):
    config = Config(name="own", dataset="image_folder", group_pattern=r"(\d)\d\.")
    splits, _ = loaded(tmp_path, "dermgan", class_folders, config=config)
    groups = {each["group"] for part in splits.values() for each in tfds.as_numpy(part)}
    assert groups == {b"0", b"1"}


def test_phantom_needs_no_files(tmp_path):
    config = Config(name="tiny", dataset="phantom", resolution=16, num_images=4)
    splits, info = loaded(tmp_path, "dermgan", config=config)
    assert sum(split.num_examples for split in info.splits.values()) == 4
    assert next(iter(splits["train"]))["image"].shape == (16, 16, 3)


def test_missing_download_is_explained(tmp_path):
    with pytest.raises(AssertionError, match="give its folder as manual_dir"):
        loaded(tmp_path, "dermgan/isic2018", tmp_path / "absent")


def test_derm7pt_has_domains_and_pairs(tmp_path, derm7pt_dir):
    splits, _ = loaded(tmp_path, "dermgan/derm7pt", derm7pt_dir)
    assert {name: len(part) for name, part in splits.items()} == {"train": 12, "val": 4, "test": 4}
    pairs = {}
    for example in tfds.as_numpy(splits["val"]):
        pairs.setdefault(example["pair"], set()).add(example["domain"])
    assert pairs == {name: {b"clinical", b"dermoscopic"} for name in (b"case_0007", b"case_0008")}


def test_chest_xray_is_grey(tmp_path, chest_xray_dir):
    splits, info = loaded(tmp_path, "dermgan/chest_xray", chest_xray_dir)
    assert info.features["label"].names == ["normal", "bacterial", "viral"]
    assert sum(len(part) for part in splits.values()) == 36
    assert next(iter(splits["train"]))["image"].shape == (16, 20, 1)


@pytest.mark.parametrize("paired", [False, True])
def test_image_folders(tmp_path, two_folders, paired):
    config = Config(name="two", dataset="image_folders", paired=paired)
    splits, _ = loaded(tmp_path, "dermgan", two_folders, config=config)
    examples = [example for part in splits.values() for example in tfds.as_numpy(part)]
    assert {example["domain"] for example in examples} == {b"camera", b"dermatoscope"}
    assert (b"clinic/03" in {example["pair"] for example in examples}) == paired


def test_phantom_pairs_have_masks(tmp_path):
    config = Config(name="tiny", dataset="phantom_pairs", resolution=16, num_images=4)
    splits, _ = loaded(tmp_path, "dermgan", config=config)
    examples = [example for part in splits.values() for example in tfds.as_numpy(part)]
    assert len(examples) == 3  # a lesion is kept whole or not at all
    assert all(example["has_mask"] for example in examples)
