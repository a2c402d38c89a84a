"""Two domains: what is in which, who are partners, and what is wrong with them."""

import dataclasses

import numpy as np
import pytest
from image_trees import write_image

from dermgan_jax import config as config_schema
from dermgan_jax.data.catalogue import catalogue
from dermgan_jax.data.check import check, summary
from dermgan_jax.data.datasets import derm7pt
from dermgan_jax.data.prepare import prepare

VIEWS = {"domain_a": ("clinical",), "domain_b": ("dermoscopic",)}
XRAYS = {"domain_a": ("normal",), "domain_b": ("bacterial", "viral"), "channels": 1}
FOLDERS = {"domain_a": ("camera",), "domain_b": ("dermatoscope",)}


# Configuration


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"domain_a": ("x",)}, "data.domain_b is empty: name both domains, or neither"),
        ({"domain_b": ("x",)}, "data.domain_a is empty: name both domains, or neither"),
        ({"domain_a": ("x", "y"), "domain_b": ("y",)}, "data.domain_b both name 'y'"),
        ({"paired": True}, "data.paired needs two domains"),
        ({"load_resolution": 7}, "data.load_resolution is 7; expected 0 or at least data.resol"),
        ({"fit": "pad"}, "data.fit is 'pad'; expected one of crop, stretch"),
    ],
)
def test_fault_of_the_configuration(make_config, fields, message):
    (found,) = config_schema.faults(make_config("phantom_pairs", **fields))
    assert message in found


@pytest.mark.parametrize(
    "fields",
    [{}, VIEWS, VIEWS | {"paired": True}, {"load_resolution": 8}, {"load_resolution": 9}],
)
def test_configuration_without_fault(make_config, fields):
    config_schema.validate(make_config("phantom_pairs", **fields))


# Selection


def test_one_domain_unless_two_are_named(make_config):
    data = make_config("phantom_pairs", num_images=12).data
    listed = catalogue(data)
    assert listed.domains.tolist() == [""] * 12
    assert [rows.shape for rows in listed.pairs("all")] == [(0,), (0,)]
    spec = listed.spec("train", data)
    assert spec.domain_counts == ()
    assert spec.num_examples == len(listed.indices("train"))


def test_domains_by_kind_of_picture(make_config, derm7pt_dir):
    data = make_config("derm7pt", derm7pt_dir, **VIEWS).data
    listed = catalogue(data)
    kinds = np.array([record.domain for record in listed.records])
    np.testing.assert_array_equal(listed.domains == "a", kinds == "clinical")
    np.testing.assert_array_equal(listed.domains == "b", kinds == "dermoscopic")
    for split, count in (("train", 6), ("val", 2), ("test", 2), ("all", 10)):
        rows = [listed.indices(split, domain) for domain in ("a", "b", "")]
        assert [len(r) for r in rows] == [count, count, 2 * count]
        np.testing.assert_array_equal(np.sort(np.concatenate(rows[:2])), rows[2])
    assert listed.spec("train", data).domain_counts == (6, 6)
    assert listed.spec("train", data).num_examples == 6


def test_domains_by_class(make_config, chest_xray_dir):
    data = make_config("chest_xray", chest_xray_dir, **XRAYS).data
    listed = catalogue(data)
    np.testing.assert_array_equal(listed.domains == "a", listed.labels == 0)
    assert listed.domain_counts("all") == (16, 20)
    spec = listed.spec("train", data)
    assert spec.domain_counts == (len(listed.indices("train", "a")), spec.num_examples)
    assert listed.class_counts("all", "b") == (0, 12, 8)
    assert [len(rows) for rows in listed.pairs("train")] == [0, 0]


def test_classes_of_neither_domain_are_left_out_after_splitting(make_config, chest_xray_dir):
    data = make_config("chest_xray", chest_xray_dir, **XRAYS).data
    whole = catalogue(data)
    data.domain_b = ("viral",)
    part = catalogue(data)
    assert part.classes == ("normal", "viral")
    assert part.domain_counts("all") == (16, 8)
    assert part.class_counts("all") == (16, 8)
    split_of = dict(zip([r.id for r in whole.records], whole.splits, strict=True))
    assert [split_of[r.id] for r in part.records] == part.splits.tolist()
    assert part.split_hash == whole.split_hash
    data.classes = ("viral", "normal", "bacterial")
    assert catalogue(data).classes == ("viral", "normal", "bacterial")


def test_each_kind_of_picture_has_its_share_of_every_split(make_config, tmp_path):
    for i in range(100):
        write_image(tmp_path / "folders" / ("few" if i % 10 == 0 else "many") / f"{i}.png", i)
    data = make_config("image_folders", tmp_path / "folders").data
    data.domain_a, data.domain_b, data.split_fractions = ("few",), ("many",), (0.6, 0.2, 0.2)
    listed = catalogue(data)
    counts = [listed.domain_counts(split) for split in ("train", "val", "test")]
    assert counts == [(6, 54), (2, 18), (2, 18)]


# Pairs


@pytest.mark.parametrize("split", ["train", "val", "test", "all"])
def test_pairs_are_partners_of_one_split(make_config, split):
    data = make_config("phantom_pairs", num_images=120, **VIEWS, paired=True).data
    listed = catalogue(data)
    of_a, of_b = listed.pairs(split)
    assert of_a.dtype == of_b.dtype == np.int64
    np.testing.assert_array_equal(of_a, listed.indices(split, "a"))
    np.testing.assert_array_equal(np.sort(of_b), listed.indices(split, "b"))
    for a, b in zip(of_a, of_b, strict=True):
        assert listed.records[a].pair == listed.records[b].pair
    assert listed.spec(split, data).num_examples == len(of_a) > 0


def test_partners_are_found_in_any_order(make_config, tmp_path):
    for folder in ("a", "b"):
        for i in range(4):
            suffix = "png" if (i % 2) == (folder == "a") else "jpg"
            write_image(tmp_path / "mixed" / folder / f"{i}.{suffix}", seed=i)
    data = make_config("image_folders", tmp_path / "mixed", paired=True).data
    data.domain_a, data.domain_b = ("b",), ("a",)
    listed = catalogue(data)
    of_a, of_b = listed.pairs("all")
    assert np.all(np.diff(of_a) > 0)
    stems = [[listed.records[row].image.stem for row in rows] for rows in (of_a, of_b)]
    assert stems[0] == stems[1]
    assert {listed.records[row].domain for row in of_a} == {"b"}


def test_unpaired_experiments_know_the_pairs_there_are(make_config, derm7pt_dir):
    listed = catalogue(make_config("derm7pt", derm7pt_dir, **VIEWS).data)
    assert len(listed.pairs("all")[0]) == 10


@pytest.mark.parametrize("paired", [True, False])
def test_num_images_keeps_whole_pairs(make_config, derm7pt_dir, paired):
    data = make_config("derm7pt", derm7pt_dir, **VIEWS, paired=paired).data
    kept = []
    for data.num_images in (4, 7, 100):
        kept.append({record.id for record in catalogue(data).records})
    assert [len(ids) for ids in kept] == [4, 6, 20]
    assert kept[0] < kept[1] < kept[2]


# Faults


@pytest.mark.parametrize(
    ("name", "fields", "message"),
    [
        (
            "phantom_pairs",
            {"domain_a": ("clinicl",), "domain_b": ("dermoscopic",)},
            "data.domain_a names 'clinicl', which is no kind of picture and no class of the data "
            "set; did you mean 'clinical'?",
        ),
        (
            "phantom_pairs",
            {"domain_a": ("clinical",), "domain_b": ("mel",)},
            r"images are in domain A (clinical) as well as in B (mel), such as 'phantom_",
        ),
        (
            "phantom_pairs",
            {"domain_a": ("mel",), "domain_b": ("nv",), "classes": ("mel",)},
            "domain B (nv) has no images: see data.domain_b, data.classes and data.num_images",
        ),
        (
            "phantom",
            {"domain_a": ("mel",), "domain_b": ("nv",), "paired": True},
            "images have no partner in the other domain, such as 'phantom_",
        ),
    ],
)
def test_fault_of_the_selection(make_config, name, fields, message):
    (found,) = check(make_config(name, num_images=60, **fields))
    assert message in found


def test_missing_partners_are_counted_and_some_are_named(make_config, two_folders):
    config = make_config("image_folders", two_folders, **FOLDERS, paired=True)
    found = check(config)
    assert found == [
        "2 images have no partner in the other domain, such as 'dermatoscope/clinic/06.jpg', "
        "'dermatoscope/clinic/07.jpg': add the partners, remove the images, or set "
        "data.paired=False"
    ]
    for i in range(8, 18):
        write_image(two_folders / "camera" / "clinic" / f"{i}.png", seed=i)
    (found,) = check(config)
    assert found.startswith("12 images have no partner")
    assert found.count("clinic/") == 3


def test_name_that_two_files_share(make_config, two_folders):
    write_image(two_folders / "camera" / "clinic" / "01.jpg")
    for name in ("06", "07"):
        write_image(two_folders / "camera" / "clinic" / f"{name}.png")
    (found,) = check(make_config("image_folders", two_folders, **FOLDERS, paired=True))
    assert found == ("1 pairs have more than one image in a domain, such as 'clinic/01': keep one")


def test_partners_in_different_published_splits(make_config, derm7pt_dir, monkeypatch):
    load = derm7pt.load

    def divided(data_config):
        dataset = load(data_config)
        first = dataclasses.replace(dataset.records[0], split="test")
        return dataclasses.replace(dataset, records=(first, *dataset.records[1:]))

    monkeypatch.setattr(derm7pt, "load", divided)
    (found,) = check(make_config("derm7pt", derm7pt_dir, **VIEWS, paired=True))
    assert found == (
        "1 pairs have their images in different splits, such as 'case_0001': keep them in one"
    )


def test_domain_without_training_images(make_config, tmp_path):
    for i, part in enumerate(("trainA", "testB")):
        write_image(tmp_path / "parts" / part / "0.png", seed=i)
    config = make_config("image_folders", tmp_path / "parts", domain_a=("A",), domain_b=("B",))
    (found,) = check(config)
    assert found.startswith("domain B has no images in split 'train' (data.split): add some")


def test_coloured_files_of_a_grey_set_are_listed(make_config, chest_xray_dir):
    train = chest_xray_dir / "chest_xray" / "train" / "PNEUMONIA"
    write_image(train / "person4_virus_24.jpeg", seed=1)
    write_image(train / "person5_virus_25.jpeg", seed=2)
    found = check(make_config("chest_xray", chest_xray_dir, **XRAYS))
    assert [line.rpartition("/")[2] for line in found] == [
        "person4_virus_24.jpeg is coloured but data.channels=1: set data.channels=3",
        "person5_virus_25.jpeg is coloured but data.channels=1: set data.channels=3",
    ]


def test_sound_data_has_no_faults(make_config, derm7pt_dir, chest_xray_dir, two_folders):
    assert check(make_config("derm7pt", derm7pt_dir, **VIEWS, paired=True)) == []
    assert check(make_config("chest_xray", chest_xray_dir, **XRAYS)) == []
    assert check(make_config("image_folders", two_folders, **FOLDERS, cache="none")) == []
    assert check(make_config("phantom_pairs", num_images=60, **VIEWS, paired=True)) == []


def test_one_channel_stays_one_channel(make_config, chest_xray_dir):
    data = make_config("chest_xray", chest_xray_dir, **XRAYS).data
    assert prepare(catalogue(data), data).images.shape == (36, 8, 8, 1)


# Summary


def test_summary_of_two_domains(make_config, derm7pt_dir):
    text = summary(catalogue(make_config("derm7pt", derm7pt_dir, **VIEWS).data))
    assert text.count("all         6       2       2  100.0%") == 2
    assert text.count("nev         3       1       1   50.0%") == 2
    assert "domain A: clinical\nclass " in text
    assert "pairs: train 6, val 2, test 2" in text
    assert "domain A to domain B: 10 to 10 images, a ratio of 1.00" in text
    assert "warning" not in text


@pytest.mark.parametrize(("num_many", "warns"), [(20, False), (21, True)])
def test_summary_warns_of_a_domain_with_few_images(make_config, tmp_path, num_many, warns):
    for folder, count in (("few", 2), ("many", num_many)):
        for i in range(count):
            write_image(tmp_path / "folders" / folder / f"{i}.png", seed=i)
    data = make_config("image_folders", tmp_path / "folders").data
    data.domain_a, data.domain_b = ("many",), ("few",)
    text = summary(catalogue(data))
    assert ("warning: domain B has 2 images, less than 10% of the other's 21" in text) == warns
