import numpy as np
import pytest
import tensorflow_datasets as tfds

from dermgan_jax.data.prepare import catalogue
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


def test_phantom_needs_no_files(tmp_path):
    config = Config(name="tiny", dataset="phantom", resolution=16, num_images=4)
    splits, info = loaded(tmp_path, "dermgan", config=config)
    assert sum(split.num_examples for split in info.splits.values()) == 4
    assert next(iter(splits["train"]))["image"].shape == (16, 16, 3)


def test_missing_download_is_explained(tmp_path):
    with pytest.raises(AssertionError, match="give its folder as manual_dir"):
        loaded(tmp_path, "dermgan/isic2018", tmp_path / "absent")
