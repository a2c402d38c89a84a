"""Folders of one's own images: splits under other names, patients in folders, refusals."""

import json

import pytest
from image_trees import write_image, write_table

from dermgan_jax import config as config_schema
from dermgan_jax import files, registry
from dermgan_jax.config import experiment
from dermgan_jax.data.catalogue import catalogue
from dermgan_jax.data.check import check
from dermgan_jax.data.datasets import chest_xray, image_folder, image_folders
from dermgan_jax.data.datasets.split_names import look_like_splits
from dermgan_jax.data.faults import DataError
from dermgan_jax.errors import UserError
from dermgan_jax.runs import provenance


@pytest.fixture(autouse=True)
def told_anew():
    files.tell_once.cache_clear()


@pytest.fixture
def make_tree(tmp_path):
    """make_tree(*names) -> a folder with these images."""

    def make(*names):
        for i, name in enumerate(names):
            write_image(tmp_path / "tree" / name, seed=i)
        return tmp_path / "tree"

    return make


def facts(load, config):
    """id -> (class or kind, split, group)."""
    dataset = load(config.data)
    return {
        record.id: (
            record.domain or (dataset.classes[record.label] if dataset.classes else ""),
            record.split,
            record.group,
        )
        for record in dataset.records
    }


def messages(load, config):
    with pytest.raises(DataError) as error:
        load(config.data)
    return "\n".join(fault.message for fault in error.value.faults)


# Splits


@pytest.mark.parametrize(
    ("train", "test"),
    [("Train", "Test"), ("Training", "Testing"), ("TRN", "validation"), ("training", "DEV")],
)
def test_splits_under_other_names(make_config, make_tree, capsys, train, test):
    folder = make_tree(f"{train}/nevus/0.png", f"{test}/nevus/1.png")
    found = facts(image_folder.load, make_config("image_folder", folder))
    split = "test" if test.startswith("Test") else "val"
    assert {each[:2] for each in found.values()} == {("nevus", "train"), ("nevus", split)}
    told = capsys.readouterr().err
    assert "folders are read as splits: " in told
    assert f"{train} is train" in told


def test_splits_within_classes(make_config, make_tree):
    folder = make_tree("a/train/0.png", "a/test/p1/1.png", "b/train/2.png")
    found = facts(image_folder.load, make_config("image_folder", folder))
    assert {id: each[:2] for id, each in found.items()} == {
        "a/train/0.png": ("a", "train"),
        "a/test/p1/1.png": ("a", "test"),
        "b/train/2.png": ("b", "train"),
    }


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (
            ("Train/a/0.png", "testing/a/1.png", "mel/2.png"),
            "folders of splits (Train, testing) and 1 images beside them, such as mel/2.png",
        ),
        (("a/train/0.png", "a/1.png", "b/train/2.png"), "1 images of"),
        (("a/train/0.png", "b/2.png"), "are in none, such as b/2.png"),
        (("data/train/a/0.png", "data/test/a/1.png"), "data, in which those of splits lie"),
        (("x/data/train/a/0.png", "x/data/test/a/1.png"), "data/train is called like a split"),
        (("train/train/0.png", "test/a/1.png"), "train/train is called like a split"),
        (("a/0.png", "b/p1/Test/1.png"), "p1/Test is called like a split and holds 1 images"),
        (("seg_train/a/0.png", "seg_test/a/1.png"), "called like splits (seg_test, seg_train)"),
        (("trainA/0.png", "testA/1.png"), "called like splits (testA, trainA)"),
    ],
)
def test_folders_that_may_be_splits_are_refused(make_config, make_tree, names, message):
    assert message in messages(image_folder.load, make_config("image_folder", make_tree(*names)))


def test_a_class_with_a_split_in_its_name_is_no_split():
    assert look_like_splits(["patch_test", "nevus"]) == []
    assert look_like_splits(["patch_test", "train_2"]) == ["patch_test", "train_2"]
    assert look_like_splits(["contest", "restraining", "devil"]) == []


def test_splits_of_xrays_in_capitals(make_config, make_tree):
    folder = make_tree("Train/Normal/IM-0001-0001.jpeg", "TEST/NORMAL/IM-0002-0001.jpeg")
    dataset = chest_xray.load(make_config("chest_xray", folder, channels=1).data)
    assert [r.subgroups["published_split"] for r in dataset.records] == ["test", "train"]


def test_what_may_be_meant_otherwise_is_told(make_config, make_tree, capsys):
    folder = make_tree("images/nevus/0.png", "Masks/nevus/0.png")
    (folder / "labels.CSV").write_text("path,label\n")
    image_folder.load(make_config("image_folder", folder).data)
    told = capsys.readouterr().err
    assert "labels.CSV is not read; if a table describes the images, name it" in told
    assert "Masks is read as a class; if it holds masks, put it elsewhere" in told
    (folder / "Masks" / "nevus" / "0.png").unlink()
    (folder / "Masks" / "nevus").rmdir()
    (folder / "Masks").rmdir()
    image_folder.load(make_config("image_folder", folder).data)
    message = (
        f"has a single class, 'images'; if the folders in it are classes, set data.dir={folder}"
    )
    assert message in capsys.readouterr().err


# Kinds of picture


@pytest.mark.parametrize(
    "place", ["{kind}/{split}", "{split}/{kind}", "{split}{kind}", "{split}_{kind}"]
)
def test_kinds_and_splits(make_config, make_tree, place):
    names = [
        f"{place.format(kind=kind, split=split)}/0.png"
        for kind in "AB"
        for split in ("Train", "test")
    ]
    config = make_config("image_folders", make_tree(*names), paired=True)
    records = image_folders.load(config.data).records
    assert {(r.domain, r.split, r.pair) for r in records} == {
        (kind, split, f"{split}/0") for kind in "AB" for split in ("train", "test")
    }


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (("trainA/0.png", "trainB/1.png", "more/2.png"), "and others (more)"),
        (("A/train/0.png", "B/1.png"), "are in none, such as B/1.png"),
        (("train/0.png", "test/A/1.png"), "train holds 1 images of no kind, such as 0.png"),
    ],
)
def test_kinds_that_may_be_splits_are_refused(make_config, make_tree, names, message):
    assert message in messages(image_folders.load, make_config("image_folders", make_tree(*names)))


# Groups

PATIENTS = [f"{name}/p{i}/{k}.png" for i in range(6) for name in ("mel", "nev") for k in range(2)]


@pytest.mark.parametrize("dataset", ["image_folder", "image_folders"])
def test_folders_within_classes_are_patients(make_config, make_tree, capsys, dataset):
    folder = make_tree(*PATIENTS, "nev/alone.png")
    listed = catalogue(make_config(dataset, folder).data)
    splits_of = {}
    for record, split in zip(listed.records, listed.splits, strict=True):
        splits_of.setdefault(record.group, set()).add(str(split))
    assert set(splits_of) == {*(f"p{i}" for i in range(6)), "nev/alone.png"}
    assert {len(found) for found in splits_of.values()} == {1}
    told = capsys.readouterr().err
    assert "the 6 folders within others, such as p0, p1, p2, are read as patients" in told
    assert "1 images in none" in told


def test_two_folders_are_no_patients(make_config, make_tree, capsys):
    folder = make_tree("mel/left/0.png", "mel/right/1.png", "nev/left/2.png")
    found = facts(image_folder.load, make_config("image_folder", folder))
    assert all(group == id for id, (_, _, group) in found.items())
    assert "(left, right) are too few to be patients" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("pattern", "groups"),
    [(r"p\d", {"p0", "p1"}), (r"/(\d)\.", {"0", "1"}), (".+", None), ("^([^/]+)/", {"mel", "nev"})],
)
def test_group_pattern(make_config, make_tree, pattern, groups):
    names = [f"{name}/p{i}/{k}.png" for name in ("mel", "nev") for i in range(2) for k in range(2)]
    config = make_config("image_folder", make_tree(*names), group_pattern=pattern)
    assert {each[2] for each in facts(image_folder.load, config).values()} == (groups or set(names))


def test_images_that_the_pattern_does_not_match_are_named(make_config, make_tree):
    folder = make_tree("mel/p1_0.png", "mel/other.png", "nev/p2_1.png")
    config = make_config("image_folder", folder, group_pattern=r"(p\d*)_")
    found = messages(image_folder.load, config)
    assert "data.group_pattern='(p\\\\d*)_' finds no group in 1 of 3 paths, such as mel/o" in found
    config.data.group_pattern = r"(x?)"
    assert "finds no group in 3 of 3 paths" in messages(image_folder.load, config)


def test_pattern_for_a_table(make_config, make_tree):
    folder = make_tree("p1_a.png", "p1_b.png")
    write_table(folder / "t.csv", ("path", "patient"), [("p1_a.png", "x"), ("p1_b.png", "y")])
    config = make_config("image_folder", folder, csv="t.csv", group_pattern="(p1)_")
    assert "has the column 'patient': leave one of them out" in messages(image_folder.load, config)
    write_table(folder / "t.csv", ("path",), [("p1_a.png",), ("p1_b.png",)])
    assert {each[2] for each in facts(image_folder.load, config).values()} == {"p1"}


@pytest.mark.parametrize(
    ("dataset", "pattern", "message"),
    [
        ("image_folder", "(", "data.group_pattern is '(', no regular expression"),
        ("ham10000", "x", "data.group_pattern is for image_folder and image_folders; ham10000"),
    ],
)
def test_patterns_that_mean_nothing_are_faults(dataset, pattern, message):
    config = experiment("pgan")
    config.train.total_kimg = 1.0
    config.data.update(dataset=dataset, group_pattern=pattern)
    (found,) = config_schema.faults(config)
    assert message in found


def test_partners_have_one_group_by_any_pattern(make_config, make_tree):
    names = [f"{kind}/p{i}_{k}.png" for kind in "AB" for i in range(3) for k in range(2)]
    config = make_config("image_folders", make_tree(*names), paired=True)
    for pattern, groups in (("", 6), (".+", 6), (r"p\d", 3)):
        config.data.group_pattern = pattern
        records = image_folders.load(config.data).records
        found = {record.pair: record.group for record in records}
        assert all(found[record.pair] == record.group for record in records)
        assert len(set(found.values())) == groups


@pytest.mark.parametrize("dataset", ["image_folder", "image_folders"])
@pytest.mark.parametrize("paired", [False, True])
def test_stored_configurations_keep_the_groups_of_before(make_config, make_tree, dataset, paired):
    """Folders within classes were none then."""
    paired = paired and dataset == "image_folders"
    names = [f"{kind}/p{i}/{k}.png" for kind in "AB" for i in range(4) for k in range(2)]
    config = make_config(dataset, make_tree(*names), paired=paired)
    if dataset == "image_folders":
        config.data.update(domain_a=("A",), domain_b=("B",))
    stored = json.loads(config_schema.to_json(config))
    del stored["data"]["group_pattern"]
    read = config_schema.from_json(json.dumps(stored))
    groups = {each[2] for each in facts(registry.load("dataset", dataset), read).values()}
    assert groups == ({f"p{i}/{k}" for i in range(4) for k in range(2)} if paired else set(names))
    assert config_schema.differences(read, config) == []
    assert config_schema.computed_fields(read) == config_schema.computed_fields(config)


def test_another_split_of_folders_says_how_they_were_read_before(make_config, make_tree, tmp_path):
    config = make_config("image_folder", make_tree(*PATIENTS))
    config.data.group_pattern = ".+"
    before = {"split_hash": catalogue(config.data).split_hash}
    provenance.require_same_data(before, catalogue(config.data), tmp_path)
    config.data.group_pattern = ""
    with pytest.raises(UserError, match=r"--config.data.group_pattern='.\+' reads them as before"):
        provenance.require_same_data(before, catalogue(config.data), tmp_path)


def test_stored_configurations_of_tables_and_others_have_no_pattern(make_config):
    for dataset, fields in (("image_folder", {"csv": "t.csv"}), ("ham10000", {})):
        stored = json.loads(config_schema.to_json(make_config(dataset, "x", **fields)))
        del stored["data"]["group_pattern"]
        assert config_schema.from_json(json.dumps(stored)).data.group_pattern == ""


def test_an_empty_pattern_counts_as_absent():
    config = experiment("pgan")
    assert "data.group_pattern" not in config_schema.computed_fields(config)
    config.data.group_pattern = "p1"
    assert "data.group_pattern" in config_schema.computed_fields(config)


def test_patients_of_one_name_in_two_published_splits_are_named(make_config, make_tree):
    names = [f"{split}/mel/p{i}/0.png" for i in range(3) for split in ("train", "test")]
    config = make_config("image_folder", make_tree(*names))
    assert check(config)[0] == (
        "group 'p0' is in the splits test, train: keep it in one, or, if it is not the same "
        "patient, say who is with data.group_pattern"
    )
    config.data.group_pattern = ".+"
    assert check(config) == []
