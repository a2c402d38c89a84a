import shutil

import numpy as np
import pytest
from image_trees import HAM_COLUMNS, write_image, write_table

from dermgan_jax.data.datasets import ham10000, image_folder, isic2018
from dermgan_jax.data.faults import DataError
from dermgan_jax.data.records import UNLABELLED

LOADERS = [ham10000.load, isic2018.load, image_folder.load]


def messages(load, config):
    with pytest.raises(DataError) as error:
        load(config.data)
    return "\n".join(fault.message for fault in error.value.faults)


# Any data set on disk


@pytest.mark.parametrize("load", LOADERS)
def test_directory_not_set(make_config, load):
    assert "data.dir is not set" in messages(load, make_config("ham10000"))


@pytest.mark.parametrize("load", LOADERS)
def test_missing_directory(make_config, tmp_path, load):
    found = messages(load, make_config("ham10000", tmp_path / "absent"))
    assert "absent is not a folder" in found


@pytest.mark.parametrize("load", LOADERS)
def test_empty_directory(make_config, tmp_path, load):
    (tmp_path / "void").mkdir()
    assert "void is empty" in messages(load, make_config("ham10000", tmp_path / "void"))


# HAM10000


def test_ham10000(make_config, ham10000_dir):
    dataset = ham10000.load(make_config("ham10000", ham10000_dir).data)
    assert dataset.classes == ("bcc", "mel", "nv")
    assert [record.id for record in dataset.records] == [f"ISIC_{i:07}" for i in range(24)]
    first = dataset.records[0]
    assert dataset.classes[first.label] == "mel"
    assert first.group == dataset.records[1].group == "HAM_0000000"
    assert first.subgroups == {
        "age": "unknown",
        "sex": "male",
        "localization": "ear",
        "dx_type": "histo",
    }
    assert dataset.read(first).shape == (16, 20, 3)
    np.testing.assert_array_equal(dataset.read_mask(first), np.arange(20)[None] < [[10]] * 16)
    assert dataset.read_mask(dataset.records[1]) is None


def test_ham10000_dataverse_layout(make_config, ham10000_dir, ham10000_rows):
    (ham10000_dir / "HAM10000_metadata.csv").unlink()
    lines = ["\t".join(HAM_COLUMNS), *("\t".join(f'"{v}"' for v in row) for row in ham10000_rows)]
    (ham10000_dir / "HAM10000_metadata.tab").write_text("\n".join(lines) + "\n")
    for part in "12":
        folder = ham10000_dir / f"HAM10000_images_part_{part}"
        folder.rename(ham10000_dir / f"HAM10000_images_part{part}")
    assert len(ham10000.load(make_config("ham10000", ham10000_dir).data).records) == 24


def test_ham10000_folders_repeated_in_lower_case(make_config, ham10000_dir):
    shutil.copytree(
        ham10000_dir / "HAM10000_images_part_1", ham10000_dir / "ham10000_images_part_1"
    )
    assert len(ham10000.load(make_config("ham10000", ham10000_dir).data).records) == 24


def test_ham10000_without_metadata(make_config, ham10000_dir):
    (ham10000_dir / "HAM10000_metadata.csv").unlink()
    found = messages(ham10000.load, make_config("ham10000", ham10000_dir))
    assert "none of HAM10000_metadata.csv" in found


def test_ham10000_faults_are_reported_together(make_config, ham10000_dir, ham10000_rows):
    (ham10000_dir / "HAM10000_images_part_1" / "ISIC_0000002.jpg").unlink()
    rows = [*ham10000_rows, ham10000_rows[0], ["l", "ISIC_9", "wart", "", "", "", ""]]
    write_table(ham10000_dir / "HAM10000_metadata.csv", HAM_COLUMNS, rows)
    with pytest.raises(DataError) as error:
        ham10000.load(make_config("ham10000", ham10000_dir).data)
    assert "image of 'ISIC_0000002' is listed but its file is missing" in str(error.value)
    assert "id 'ISIC_0000000' is listed 2 times" in str(error.value)
    assert "dx 'wart' of ISIC_9 is none of akiec" in str(error.value)
    assert len(error.value.dataset.records) == 23


def test_label_without_images(make_config, ham10000_dir, ham10000_rows):
    for row in ham10000_rows[16:]:
        next(ham10000_dir.rglob(f"{row[1]}.jpg")).unlink()
    found = messages(ham10000.load, make_config("ham10000", ham10000_dir))
    assert "class 'bcc' has no image" in found


def test_long_lists_of_faults_are_cut_short_and_counted(make_config, ham10000_dir):
    for path in ham10000_dir.rglob("*.jpg"):
        path.unlink()
    with pytest.raises(DataError, match=r"and 4 more; missing image files: 24 in all"):
        ham10000.load(make_config("ham10000", ham10000_dir).data)


# ISIC 2018 task 3


@pytest.fixture
def isic2018_dir(tmp_path):
    folder = tmp_path / "isic"
    for part, first in (("Training", 0), ("Validation", 100), ("Test", 200)):
        stem = f"ISIC2018_Task3_{part}"
        rows = []
        for i in range(first, first + 4):
            write_image(folder / f"{stem}_Input" / f"ISIC_{i:07}.jpg", seed=i)
            rows.append([f"ISIC_{i:07}", *(float(column == i % 2) for column in range(7))])
        columns = ("image", "MEL", "NV", "BCC", "AKIEC", "BKL", "DF", "VASC")
        write_table(folder / f"{stem}_GroundTruth" / f"{stem}_GroundTruth.csv", columns, rows)
    write_table(
        folder / "ISIC2018_Task3_Training_LesionGroupings.csv",
        ("image", "lesion_id", "diagnosis_confirm_type"),
        [[f"ISIC_{i:07}", f"HAM_{i // 2}", "histopathology"] for i in range(4)],
    )
    return folder


def test_isic2018(make_config, isic2018_dir):
    write_image(
        isic2018_dir / "ISIC2018_Task1_Training_GroundTruth" / "ISIC_0000001_segmentation.png"
    )
    dataset = isic2018.load(make_config("isic2018", isic2018_dir).data)
    assert dataset.classes == ("mel", "nv")
    assert [record.split for record in dataset.records] == ["train"] * 4 + ["val"] * 4 + [
        "test"
    ] * 4
    assert [record.group for record in dataset.records[:5]] == [
        *("HAM_0", "HAM_0", "HAM_1", "HAM_1"),
        "ISIC_0000100",
    ]
    second = dataset.records[1]
    assert dataset.classes[second.label] == "nv"
    assert second.subgroups == {"dx_type": "histopathology"}
    assert dataset.read_mask(second).shape == (16, 20)


def test_isic2018_training_set_alone_has_no_published_split(make_config, isic2018_dir):
    for folder in [*isic2018_dir.glob("*_Test_*"), *isic2018_dir.glob("*_Validation_*")]:
        shutil.rmtree(folder)
    dataset = isic2018.load(make_config("isic2018", isic2018_dir).data)
    assert [record.split for record in dataset.records] == [None] * 4


def test_isic2018_images_without_their_diagnoses(make_config, isic2018_dir):
    shutil.rmtree(isic2018_dir / "ISIC2018_Task3_Test_GroundTruth")
    found = messages(isic2018.load, make_config("isic2018", isic2018_dir))
    assert "ISIC2018_Task3_Test_GroundTruth.csv is missing" in found


def test_isic2018_row_with_two_diagnoses(make_config, isic2018_dir):
    table = next(isic2018_dir.rglob("ISIC2018_Task3_Training_GroundTruth.csv"))
    table.write_text(table.read_text().replace("ISIC_0000000,1.0,0.0", "ISIC_0000000,1.0,1.0"))
    found = messages(isic2018.load, make_config("isic2018", isic2018_dir))
    assert "ISIC_0000000 has 2 diagnoses" in found


# Folders of images


def test_class_folders(make_config, class_folders):
    dataset = image_folder.load(make_config("image_folder", class_folders).data)
    assert dataset.classes == ("melanoma", "nevus")
    assert [record.label for record in dataset.records] == [0] * 6 + [1] * 6
    assert dataset.records[0].id == dataset.records[0].group == "melanoma/00.png"


@pytest.mark.parametrize("name", ["__MACOSX/nevus/._01", ".checkpoints/01", "nevus/.01", ".01"])
def test_hidden_files_and_folders_are_no_images_and_no_classes(make_config, class_folders, name):
    write_image(class_folders / f"{name}.png")
    dataset = image_folder.load(make_config("image_folder", class_folders).data)
    assert dataset.classes == ("melanoma", "nevus")
    assert len(dataset.records) == 12


def test_linked_folders_are_followed_once(make_config, class_folders, tmp_path):
    (tmp_path / "links").mkdir()
    (tmp_path / "links" / "nevus").symlink_to(class_folders / "nevus")
    (class_folders / "nevus" / "again").symlink_to(tmp_path / "links")
    dataset = image_folder.load(make_config("image_folder", tmp_path / "links").data)
    assert len(dataset.records) == 6


def test_two_links_to_one_folder_are_one_folder(make_config, class_folders, tmp_path, capsys):
    (tmp_path / "links").mkdir()
    (tmp_path / "links" / "melanoma").symlink_to(class_folders / "melanoma")
    (tmp_path / "links" / "nevus").symlink_to(class_folders / "nevus")
    (tmp_path / "links" / "nevus_again").symlink_to(class_folders / "nevus")
    found = messages(image_folder.load, make_config("image_folder", tmp_path / "links"))
    assert "class 'nevus_again' has no image" in found
    assert "nevus_again was looked into already under another name" in capsys.readouterr().err


def test_flat_folder_is_unlabelled(make_config, class_folders):
    dataset = image_folder.load(make_config("image_folder", class_folders / "nevus").data)
    assert dataset.classes == ()
    assert {record.label for record in dataset.records} == {UNLABELLED}


def test_split_folders(make_config, tmp_path):
    for i, part in enumerate(("train/a", "train/b", "valid/a", "test/b")):
        write_image(tmp_path / "parts" / part / "0.png", seed=i)
    dataset = image_folder.load(make_config("image_folder", tmp_path / "parts").data)
    assert dataset.classes == ("a", "b")
    assert {(record.id, record.label, record.split) for record in dataset.records} == {
        ("train/a/0.png", 0, "train"),
        ("train/b/0.png", 1, "train"),
        ("valid/a/0.png", 0, "val"),
        ("test/b/0.png", 1, "test"),
    }


def test_empty_class_folder(make_config, class_folders):
    (class_folders / "keratosis").mkdir()
    found = messages(image_folder.load, make_config("image_folder", class_folders))
    assert "class 'keratosis' has no image" in found


def test_images_beside_class_folders(make_config, class_folders):
    write_image(class_folders / "loose.png")
    found = messages(image_folder.load, make_config("image_folder", class_folders))
    assert "1 images beside its folders, such as loose.png" in found


def test_folder_without_images(make_config, tmp_path):
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "notes.txt").write_text("none here")
    found = messages(image_folder.load, make_config("image_folder", tmp_path / "notes"))
    assert "notes holds no images" in found


@pytest.fixture
def with_table(make_config, class_folders):
    """with_table(columns, rows) -> the configuration of a folder with that table."""

    def make(columns, rows):
        write_table(class_folders / "table.csv", columns, rows)
        return make_config("image_folder", class_folders, csv="table.csv")

    return make


@pytest.mark.parametrize("outside", ["loose.png", "extra/0.png"])
def test_images_beside_folders_of_splits(make_config, tmp_path, outside):
    for place in ("train/a/0.png", "test/a/0.png", outside):
        write_image(tmp_path / "parts" / place)
    found = messages(image_folder.load, make_config("image_folder", tmp_path / "parts"))
    assert f"(test, train) and 1 images beside them, such as {outside}" in found


@pytest.mark.parametrize(
    ("columns", "rows", "named"),
    [
        (
            ("file", "image", "label"),
            [("nevus/01.png", "", "x")],
            "the columns 'file' and 'image' could both be the path: call the one that is meant",
        ),
        (
            ("path", "label"),
            [("nevus/01.png", "x"), ("", "y"), ("nan", "y")],
            "table.csv, line 4 names no image",
        ),
        (
            ("path", "label"),
            [("nevus/01.png", "x"), ("nevus/../nevus/01.png", "y")],
            "lines 2 and 3 are the same file nevus/../nevus/01.png",
        ),
    ],
)
def test_slips_in_a_table_are_named(with_table, columns, rows, named):
    assert named in messages(image_folder.load, with_table(columns, rows))


def test_table(with_table):
    columns = ("path", "label", "group", "split", "mask", "site")
    config = with_table(
        columns,
        [
            ("nevus/01.png", "benign", "p1", "train", "nevus/03.png", "arm"),
            ("melanoma/00.png", "", "", "validation", "", ""),
        ],
    )
    unlabelled, benign = image_folder.load(config.data).records
    assert (benign.label, benign.group, benign.split) == (0, "p1", "train")
    assert (unlabelled.label, unlabelled.group, unlabelled.split) == (
        UNLABELLED,
        "melanoma/00.png",
        "val",
    )
    assert benign.subgroups == {"site": "arm"}
    assert unlabelled.subgroups == {"site": "unknown"}
    assert benign.mask.name == "03.png"


def test_table_is_missing(make_config, class_folders):
    config = make_config("image_folder", class_folders, csv="absent.csv")
    assert "absent.csv is missing" in messages(image_folder.load, config)


def test_table_without_a_needed_column(with_table):
    found = messages(image_folder.load, with_table(("site", "label"), [("a.png", "x")]))
    assert "has no column 'path', which names the image files (or file, filename" in found
    assert "it has site, label" in found


def test_table_without_rows(with_table):
    assert "no rows" in messages(image_folder.load, with_table(("path",), []))


def test_table_that_is_no_text(make_config, class_folders):
    (class_folders / "table.csv").write_bytes(b"path\n\xff\xfe\x00")
    config = make_config("image_folder", class_folders, csv="table.csv")
    assert "is not a UTF-8 table" in messages(image_folder.load, config)


def test_table_faults_are_reported_together(with_table):
    config = with_table(
        ("path", "label", "split", "mask"),
        [
            ("nevus/01.png", "x", "train", ""),
            ("nevus/01.png", "x", "train", ""),
            ("absent.png", "y", "somewhere", ""),
            ("nevus/03.png", "x", "test", "absent_mask.png"),
        ],
    )
    found = messages(image_folder.load, config)
    for message in (
        "id 'nevus/01.png' is listed 2 times",
        "image of 'absent.png' is listed but",
        "mask of 'nevus/03.png' is listed but",
        "class 'y' has no image",
        "split 'somewhere' of 'absent.png' is none of train, training",
        "1 of 4 images have no split, such as 'absent.png'",
    ):
        assert message in found
