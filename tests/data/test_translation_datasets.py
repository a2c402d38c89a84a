"""Data sets of several kinds of picture, to translate between."""

import collections
from pathlib import Path

import numpy as np
import pytest
from image_trees import DERM7PT_COLUMNS, derm7pt_rows, write_image, write_table

from dermgan_jax.data.catalogue import catalogue
from dermgan_jax.data.datasets import chest_xray, derm7pt, image_folders, phantom, phantom_pairs
from dermgan_jax.data.faults import DataError

# A subset of the real X-rays may lie beside the checkout.
REAL_XRAYS = Path(__file__).parents[3] / "shared" / "data" / "chest_xray"


def messages(load, config):
    with pytest.raises(DataError) as error:
        load(config.data)
    return "\n".join(fault.message for fault in error.value.faults)


@pytest.mark.parametrize("load", [derm7pt.load, chest_xray.load, image_folders.load])
def test_directory_not_set(make_config, load):
    assert "data.dir is not set" in messages(load, make_config("derm7pt"))


# derm7pt


@pytest.mark.parametrize("inner", ["", "release_v0"])
def test_derm7pt(make_config, derm7pt_dir, inner):
    dataset = derm7pt.load(make_config("derm7pt", derm7pt_dir / inner).data)
    assert dataset.classes == ("nev", "mel")
    assert len(dataset.records) == 20
    clinical, dermoscopic = dataset.records[2:4]
    assert (clinical.id, dermoscopic.id) == ("case_0002_clinical", "case_0002_dermoscopic")
    assert (clinical.domain, dermoscopic.domain) == ("clinical", "dermoscopic")
    assert clinical.pair == dermoscopic.pair == clinical.group == dermoscopic.group == "case_0002"
    assert dataset.classes[clinical.label] == "mel"
    assert clinical.image.name == "Nel001.jpg"
    assert dermoscopic.image.name == "Nel021.jpg"
    assert clinical.subgroups["diagnosis"] == "melanoma (in situ)"
    assert clinical.subgroups["sex"] == "unknown"
    assert dataset.read(clinical).shape == (24, 24, 3)
    splits = [record.split for record in dataset.records]
    assert splits == ["train"] * 12 + ["val"] * 4 + ["test"] * 4


def test_derm7pt_diagnoses_are_grouped_as_the_authors_do(make_config, derm7pt_dir):
    grouped = {
        "basal cell carcinoma": "bcc",
        "Reed or Spitz nevus": "nev",
        "melanoma (0.76 to 1.5 mm)": "mel",
        "vascular lesion": "misc",
        "seborrheic keratosis": "sk",
    }
    table = derm7pt_dir / "release_v0" / "meta" / "meta.csv"
    write_table(table, DERM7PT_COLUMNS, derm7pt_rows(tuple(grouped)))
    dataset = derm7pt.load(make_config("derm7pt", derm7pt_dir).data)
    assert dataset.classes == ("bcc", "nev", "mel", "misc", "sk")
    assert {r.subgroups["diagnosis"]: dataset.classes[r.label] for r in dataset.records} == grouped
    counts = collections.Counter(derm7pt.CLASS_OF.values())
    assert counts == {"nev": 7, "mel": 6, "misc": 5, "bcc": 1, "sk": 1}


def test_derm7pt_faults_are_reported_together(make_config, derm7pt_dir):
    meta = derm7pt_dir / "release_v0" / "meta"
    rows = derm7pt_rows()
    rows[4][1] = "wart"
    write_table(meta / "meta.csv", DERM7PT_COLUMNS, rows)
    write_table(meta / "valid_indexes.csv", ("indexes",), [[5], [6], [10], ["x"]])
    (derm7pt_dir / "release_v0" / "images" / "NEL" / "Nel022.jpg").unlink()
    with pytest.raises(DataError) as error:
        derm7pt.load(make_config("derm7pt", derm7pt_dir).data)
    for message in (
        "diagnosis 'wart' of case 5 is none of basal cell carcinoma",
        "valid_indexes.csv: index '5' is also in the split 'train'",
        "valid_indexes.csv: index '10' is no row of meta.csv, which has 0 to 9",
        "valid_indexes.csv: index 'x' is no row",
        "image of 'case_0003_dermoscopic' is listed but",
        "2 of 18 images have no split, such as 'case_0008_clinical'",
    ):
        assert message in str(error.value)
    assert len(error.value.dataset.records) == 17


def test_derm7pt_without_a_split_table(make_config, derm7pt_dir):
    (derm7pt_dir / "release_v0" / "meta" / "test_indexes.csv").unlink()
    found = messages(derm7pt.load, make_config("derm7pt", derm7pt_dir))
    assert "test_indexes.csv is missing" in found


# Chest X-rays


@pytest.mark.parametrize("inner", ["", "chest_xray"])
def test_chest_xray(make_config, chest_xray_dir, inner):
    config = make_config("chest_xray", chest_xray_dir / inner, channels=1)
    dataset = chest_xray.load(config.data)
    assert dataset.classes == ("normal", "bacterial", "viral")
    assert np.bincount([record.label for record in dataset.records]).tolist() == [16, 12, 8]
    record_of = {record.id: record for record in dataset.records}
    normal = record_of["train/NORMAL/NORMAL2-IM-0001-0001.jpeg"]
    assert (normal.group, normal.split) == ("NORMAL2-IM-0001", None)
    assert record_of["train/NORMAL/IM-0001-0001.jpeg"].group == "IM-0001"
    assert record_of["test/NORMAL/NORMAL2-IM-0006-0001-0002.jpeg"].group == "NORMAL2-IM-0006"
    bacterial = record_of["val/PNEUMONIA/person5_bacteria_10.jpeg"]
    viral = record_of["train/PNEUMONIA/person5_virus_25.jpeg"]
    assert bacterial.group == viral.group == "person5"
    assert viral.subgroups == {"published_split": "train"}
    assert dataset.read(viral).shape == (16, 20, 1)


def test_chest_xray_names_of_mendeley(make_config, tmp_path):
    names = ("NORMAL/NORMAL-28501-0001", "PNEUMONIA/BACTERIA-7422-0002", "PNEUMONIA/VIRUS-7422-1")
    for i, name in enumerate(names):
        write_image(tmp_path / "train" / f"{name}.jpeg", seed=i, mode="L")
    dataset = chest_xray.load(make_config("chest_xray", tmp_path, channels=1).data)
    assert [(dataset.classes[r.label], r.group) for r in dataset.records] == [
        ("normal", "patient28501"),
        ("bacterial", "patient7422"),
        ("viral", "patient7422"),
    ]


@pytest.mark.parametrize("name", ["NORMAL/person1_virus_2", "PNEUMONIA/IM-0001-0001", "NORMAL/x"])
def test_chest_xray_of_another_name(make_config, chest_xray_dir, name):
    write_image(chest_xray_dir / "chest_xray" / "test" / f"{name}.jpeg", mode="L")
    found = messages(chest_xray.load, make_config("chest_xray", chest_xray_dir))
    assert f"{name}.jpeg is not named as the {name.partition('/')[0]} images" in found


def test_chest_xray_elsewhere(make_config, class_folders):
    found = messages(chest_xray.load, make_config("chest_xray", class_folders))
    assert "folder holds no images in {train,val,test}/{NORMAL,PNEUMONIA}" in found


@pytest.mark.parametrize("real", [False, True] if REAL_XRAYS.is_dir() else [False])
def test_no_patient_of_the_xrays_is_in_two_splits(make_config, chest_xray_dir, real):
    folder = REAL_XRAYS if real else chest_xray_dir
    domains = {"domain_a": ("normal",), "domain_b": ("bacterial", "viral")}
    listed = catalogue(make_config("chest_xray", folder, channels=1, **domains).data)
    assert len(listed.records) == (1548 if real else 36)
    splits_of = collections.defaultdict(set)
    for record, split in zip(listed.records, listed.splits, strict=True):
        splits_of[record.group].add(split)
    assert {len(found) for found in splits_of.values()} == {1}
    if real:
        assert listed.domain_counts("all") == (403, 1145)
        of_class = np.array([listed.class_counts(split) for split in ("train", "val", "test")])
        np.testing.assert_allclose(of_class[0] / of_class.sum(0), 0.7, atol=0.04)


# Folders of images


def test_image_folders(make_config, two_folders):
    dataset = image_folders.load(make_config("image_folders", two_folders).data)
    assert dataset.classes == ()
    assert len(dataset.records) == 14
    first = dataset.records[0]
    assert (first.id, first.domain, first.pair) == ("camera/clinic/00.png", "camera", "")
    assert first.group == first.id
    assert dataset.records[-1].domain == "dermatoscope"


def test_image_folders_paired_by_name(make_config, two_folders):
    dataset = image_folders.load(make_config("image_folders", two_folders, paired=True).data)
    record_of = {record.id: record for record in dataset.records}
    left, right = record_of["camera/clinic/03.png"], record_of["dermatoscope/clinic/03.jpg"]
    assert left.pair == right.pair == left.group == right.group == "clinic/03"


def test_image_folders_of_cyclegan(make_config, tmp_path):
    for i, part in enumerate(("trainA", "trainB", "testA", "testB")):
        write_image(tmp_path / "horses" / part / "0.jpg", seed=i)
    config = make_config("image_folders", tmp_path / "horses", paired=True)
    records = image_folders.load(config.data).records
    assert [(r.id, r.domain, r.split, r.pair) for r in records] == [
        ("testA/0.jpg", "A", "test", "test/0"),
        ("testB/0.jpg", "B", "test", "test/0"),
        ("trainA/0.jpg", "A", "train", "train/0"),
        ("trainB/0.jpg", "B", "train", "train/0"),
    ]


def test_image_folders_faults_are_reported_together(make_config, two_folders):
    write_image(two_folders / "loose.png")
    (two_folders / "phone").mkdir()
    found = messages(image_folders.load, make_config("image_folders", two_folders))
    assert "1 images beside its folders, such as loose.png" in found
    assert "phone holds no images" in found


def test_single_folder(make_config, two_folders):
    found = messages(image_folders.load, make_config("image_folders", two_folders / "camera"))
    assert "camera holds 1 folders" in found


# Phantom pairs


@pytest.mark.parametrize("channels", [1, 3])
def test_phantom_pairs(make_config, channels):
    config = make_config("phantom_pairs", num_images=10, channels=channels)
    dataset = phantom_pairs.load(config.data)
    assert dataset.synthetic
    assert len(dataset.records) == 3 * 5
    clinical, close_up, dermoscopic = dataset.records[9:12]
    domains = [record.domain for record in (clinical, close_up, dermoscopic)]
    assert domains == ["clinical", "close_up", "dermoscopic"]
    assert clinical.pair == close_up.pair == dermoscopic.pair == "phantom_000003"
    single = phantom.load(config.data).records[3]
    assert (clinical.group, clinical.label) == (single.group, single.label)
    for record, draw in ((clinical, phantom.draw_clinical), (dermoscopic, phantom.draw)):
        drawn = draw(phantom.DRAWING_SEED, 3, 8)
        assert dataset.read(record).shape == (8, 8, channels)
        if channels == 3:
            np.testing.assert_array_equal(dataset.read(record), drawn.image)
        np.testing.assert_array_equal(dataset.read_mask(record), drawn.mask)
    # A close-up shows the lesion where the dermatoscope does.
    np.testing.assert_array_equal(dataset.read_mask(close_up), dataset.read_mask(dermoscopic))
    assert not np.array_equal(dataset.read(close_up), dataset.read(dermoscopic))


@pytest.mark.parametrize("load", [phantom.load, phantom_pairs.load])
def test_phantoms_are_drawn_at_the_size_they_are_cropped_from(make_config, load):
    dataset = load(make_config("phantom", num_images=2, load_resolution=12).data)
    assert dataset.read(dataset.records[0]).shape == (12, 12, 3)
    assert dataset.read_mask(dataset.records[0]).shape == (12, 12)
