"""Tables of one's own images, written as people write them: nothing is renamed without a word."""

import unicodedata

import numpy as np
import pytest
from image_trees import HAM_COLUMNS, write_image, write_table
from PIL import Image

from dermgan_jax import files
from dermgan_jax.data.catalogue import catalogue
from dermgan_jax.data.datasets import ham10000, image_folder, image_folders, isic2018
from dermgan_jax.data.datasets.table_columns import MISSING, ROLES, SYNONYMS, meanings, spelling
from dermgan_jax.data.faults import DataError
from dermgan_jax.data.records import UNLABELLED


@pytest.fixture(autouse=True)
def told_anew():
    files.tell_once.cache_clear()


@pytest.fixture
def load(make_config, class_folders):
    """load(columns, rows, **fields) -> the data set of a table in a folder of twelve images."""

    def make(columns, rows, **fields):
        write_table(class_folders / "table.csv", columns, rows)
        config = make_config("image_folder", class_folders, csv="table.csv", **fields)
        return image_folder.load(config.data)

    return make


def messages(load, *args):
    with pytest.raises(DataError) as error:
        load(*args)
    return "\n".join(fault.message for fault in error.value.faults)


# Columns


@pytest.mark.parametrize("role", ROLES)
def test_every_synonym_is_read_and_told(role):
    for name in (*SYNONYMS[role], role.upper(), f"{role[0].upper()}{role[1:]}"):
        means = meanings("t.csv", [*(["path"] if role != "path" else []), name, "site"])
        assert (means.columns[role], means.subgroups, means.faults) == (name, ["site"], [])
        assert means.notes == [f"columns are read under other names: {name!r} as {role}"]


def test_no_name_means_two_things():
    names = [spelling(name) for role in ROLES for name in (role, *SYNONYMS[role])]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("name", ["Patient ID", "patient-id", " patientId", "PATIENT_ID "])
def test_capitals_spaces_and_hyphens_of_columns_do_not_matter(load, capsys, name):
    records = load(("path", name), [("nevus/01.png", "p1"), ("nevus/03.png", "p1")]).records
    assert [record.group for record in records] == ["p1", "p1"]
    assert f"{name.strip()!r} as group" in capsys.readouterr().err


def test_a_column_called_as_a_role_takes_it(load, capsys):
    (record,) = load(("path", "group", "patient", "Dx"), [("nevus/01.png", "g", "p", "nv")]).records
    assert (record.group, dict(record.subgroups)) == ("g", {"patient": "p"})
    assert "broken down by the other columns: patient" in capsys.readouterr().err


def test_two_columns_for_one_role_are_refused(load):
    found = messages(load, ("path", "patient_id", "Lesion"), [("nevus/01.png", "p", "l")])
    assert "table.csv: the columns 'patient_id' and 'Lesion' could both be the group: call" in found


def test_subgroups_that_say_nothing_are_told(load, capsys):
    rows = [
        (f"nevus/{i:02}.png", f"name {i}", "clinic", "arm" if i < 6 else "leg") for i in (1, 3, 7)
    ]
    load(("path", "name", "place", "site"), rows)
    assert "the columns place, name are of no use for that" in capsys.readouterr().err


# Cells


def test_cells_and_names_are_read_without_spaces(load, capsys):
    (record,) = load(("path ", " label"), [(" nevus/01.png", "nv\t")]).records
    assert (record.id, record.label, record.image.name) == ("nevus/01.png", 0, "01.png")
    told = capsys.readouterr().err
    assert "the column 'path ' is read as 'path'" in told
    assert "2 cells, such as ' nevus/01.png', are read without their spaces" in told


@pytest.mark.parametrize("cell", sorted(MISSING | {"NaN", "None", "NULL", "N/A"}))
def test_nothing_known_is_neither_a_class_nor_a_group(load, capsys, cell):
    rows = [("nevus/01.png", cell, cell, cell), ("nevus/03.png", cell, cell, cell)]
    rows += [("nevus/05.png", "nv", "p1", "arm")]
    dataset = load(("path", "label", "group", "site"), rows)
    assert dataset.classes == ("nv",)
    assert [record.label for record in dataset.records] == [UNLABELLED, UNLABELLED, 0]
    assert [record.group for record in dataset.records] == ["nevus/01.png", "nevus/03.png", "p1"]
    assert dataset.records[0].subgroups == {"site": "unknown"}
    told = capsys.readouterr().err
    assert "2 of 3 images are of no class, as their cell says nothing in the column 'label'" in told
    assert "2 of 3 images are groups of their own" in told
    assert (f"{cell!r} is read as an empty cell" in told) == bool(cell)


def test_rows_and_columns_of_spreadsheets_that_say_nothing(load, capsys):
    rows = [("0", "nevus/01.png", ""), ("", "", ""), ("1", "nevus/03.png", ""), ("", " ", "")]
    assert len(load(("", "path", ""), rows).records) == 2
    told = capsys.readouterr().err
    assert "2 columns without a name are left out" in told
    assert "2 rows without a filled cell are left out" in told


def test_splits_under_other_names(load, capsys):
    rows = [("nevus/01.png", "Training"), ("nevus/03.png", "TEST"), ("nevus/05.png", "dev")]
    splits = [record.split for record in load(("path", "set"), rows).records]
    assert splits == ["train", "test", "val"]
    assert "'TEST' is test, 'Training' is train, 'dev' is val" in capsys.readouterr().err


@pytest.mark.parametrize("label", ["../x", "SCC/AK", "a\x07b", "ärztlich", "..", "C:", "a,b"])
def test_any_text_is_a_label(load, label):
    assert load(("path", "label"), [("nevus/01.png", label)]).classes == (label,)


def test_labels_that_differ_in_capitals_are_told(load, capsys):
    load(("path", "label"), [("nevus/01.png", "Nevus"), ("nevus/03.png", "nevus")])
    assert "warning: 'Nevus' and 'nevus' are different classes" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"PK\x03\x04rest", "is an Excel workbook: open it in a spreadsheet program, save it as"),
        ("path\nnevus/01.png\n".encode("utf-16"), "is text in UTF-16"),
    ],
)
def test_files_that_are_no_tables_are_told_apart(make_config, class_folders, content, message):
    (class_folders / "table.xlsx").write_bytes(content)
    config = make_config("image_folder", class_folders, csv="table.xlsx")
    assert message in messages(image_folder.load, config.data)


# Names of files


@pytest.mark.parametrize(
    ("name", "id"),
    [
        ("nevus\\01.png", "nevus/01.png"),
        (".\\nevus\\01.PNG", "./nevus/01.PNG"),
        ("nevus/01.PNG", "nevus/01.PNG"),
        ("Nevus/01", "Nevus/01"),
        ("nevus/01", "nevus/01"),
    ],
)
def test_names_are_found_however_they_are_spelled(load, capsys, name, id):
    (record,) = load(("path",), [(name,)]).records
    assert (record.id, record.group) == (id, id)
    assert record.image.as_posix().endswith("folder/nevus/01.png")
    assert f"such as nevus/01.png for {name!r}" in capsys.readouterr().err


@pytest.mark.parametrize("form", ["NFC", "NFD"])
def test_accents_may_have_either_form(load, class_folders, form):
    other = {"NFC": "NFD", "NFD": "NFC"}[form]
    write_image(class_folders / unicodedata.normalize(other, "hôpital é.png"))
    (record,) = load(("path",), [(unicodedata.normalize(form, "hôpital é.png"),)]).records
    assert record.image.is_file()


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["01.png", "03.png"], "2 of 2 images are not found, such as '01.png', which is not there"),
        (["01.png"], "but nevus/01.png is: write paths relative to"),
        (["C:\\photos\\01.png"], "is a path of another computer: write it relative to"),
        (["nevus/01.jpg"], "is not there, but nevus/01.png is: write its suffix"),
        (["nevus/both"], "could be any of nevus/both.jpg, nevus/both.png: write its whole name"),
        (["nevus/01", "nevus/01.png"], "lines 2 and 3 are the same file nevus/01.png"),
    ],
)
def test_names_that_cannot_be_told_get_a_hint(load, class_folders, names, message):
    write_image(class_folders / "nevus" / "both.png")
    write_image(class_folders / "nevus" / "both.jpg")
    found = messages(load, ("path",), [(name,) for name in names])
    assert message in found
    assert "is missing" not in found


def test_masks_are_found_in_the_same_way(load, class_folders):
    Image.new("L", (20, 16), 255).save(class_folders / "m1.png")
    dataset = load(("path", "segmentation"), [("nevus/01.png", ".\\M1; m1.PNG")])
    (record,) = dataset.records
    assert [path.name for path in record.masks] == ["m1.png", "m1.png"]
    assert dataset.read_mask(record).all()


def test_images_that_no_row_names_are_told(load, capsys):
    load(("path", "mask"), [("nevus/01.png", "nevus/03.png")])
    assert "note: 10 images below" in capsys.readouterr().err


def test_a_table_of_paths_elsewhere_does_not_look_through_the_folder(load, tmp_path):
    path = write_image(tmp_path / "elsewhere" / "a.png")
    (record,) = load(("path",), [(str(path),)]).records
    assert record.image == path


def test_a_table_of_another_data_set_is_told_not_to_be_read(make_config, two_folders, capsys):
    image_folders.load(make_config("image_folders", two_folders, csv="table.csv").data)
    assert "note: data.csv=table.csv is not read: it is for image_folder" in capsys.readouterr().err


# Tables of publishers


@pytest.mark.parametrize("place", ["images", "HAM10000_images", "some/where", ""])
@pytest.mark.parametrize("suffix", [".JPG", ".jpeg", ".jpg", ".png"])
def test_ham10000_images_are_found_wherever_they_lie(
    make_config, ham10000_dir, capsys, place, suffix
):
    for path in sorted(ham10000_dir.rglob("*.jpg")):
        target = ham10000_dir / place / f"{path.stem}{suffix}"
        write_image(target, seed=int(path.stem[-2:]))
        path.unlink()
    dataset = ham10000.load(make_config("ham10000", ham10000_dir).data)
    assert len(dataset.records) == 24
    assert dataset.records[0].mask is not None
    told = capsys.readouterr().err
    assert ("lie elsewhere than in the published folders" in told) == (place != "HAM10000_images")


def test_published_images_go_before_others_of_the_same_name(make_config, ham10000_dir, capsys):
    write_image(ham10000_dir / "A64" / "ISIC_0000003.jpg")
    dataset = ham10000.load(make_config("ham10000", ham10000_dir).data)
    assert dataset.records[3].image.parent.name == "HAM10000_images_part_2"
    assert "1 further images have the names of others and are left out" in capsys.readouterr().err


def test_ham10000_table_in_other_capitals(make_config, ham10000_dir, ham10000_rows, capsys):
    (ham10000_dir / "HAM10000_metadata.csv").unlink()
    columns = [name.upper() for name in HAM_COLUMNS]
    rows = [[f" {cell}" for cell in row] for row in ham10000_rows]
    write_table(ham10000_dir / "ham10000_METADATA.csv", columns, rows)
    assert len(ham10000.load(make_config("ham10000", ham10000_dir).data).records) == 24
    assert "the column 'DX' is read as 'dx'" in capsys.readouterr().err


def test_ham10000_lesions_that_are_not_known_are_not_one(make_config, ham10000_dir, ham10000_rows):
    rows = [["NaN", row[1], row[2], "histo", "nan", *row[5:]] for row in ham10000_rows]
    write_table(ham10000_dir / "HAM10000_metadata.csv", HAM_COLUMNS, rows)
    records = ham10000.load(make_config("ham10000", ham10000_dir).data).records
    assert [record.group for record in records] == [record.id for record in records]
    assert records[0].subgroups["age"] == "unknown"


def test_ham10000_images_that_the_table_lacks_are_told(make_config, ham10000_dir, capsys):
    write_image(ham10000_dir / "HAM10000_images_part_1" / "ISIC_0000099.jpg")
    ham10000.load(make_config("ham10000", ham10000_dir).data)
    assert "note: 1 images below" in capsys.readouterr().err


def test_isic2018_merged_into_one_folder(make_config, tmp_path):
    columns = ("image", "MEL", "NV", "BCC", "AKIEC", "BKL", "DF", "VASC")
    for part, first in (("Training", 0), ("Test", 100)):
        rows = []
        for i in range(first, first + 3):
            write_image(tmp_path / "isic" / "images" / f"ISIC_{i:07}.JPG", seed=i)
            rows.append([f"ISIC_{i:07}", *(float(column == i % 2) for column in range(7))])
        write_table(tmp_path / "isic" / f"ISIC2018_Task3_{part}_GroundTruth.csv", columns, rows)
    records = isic2018.load(make_config("isic2018", tmp_path / "isic").data).records
    assert [record.split for record in records] == ["train"] * 3 + ["test"] * 3


def test_metadata_of_ham10000_is_a_table_of_ones_own(make_config, ham10000_dir):
    fields = {"csv": "HAM10000_metadata.csv", "masks": False}
    folder = ham10000_dir / "all"
    for path in sorted(ham10000_dir.rglob("*.jpg")):
        write_image(folder / path.name, seed=int(path.stem[-2:]))
    (ham10000_dir / "HAM10000_metadata.csv").rename(folder / "HAM10000_metadata.csv")
    listed = catalogue(make_config("image_folder", folder, **fields).data)
    assert listed.classes == ("bcc", "mel", "nv")
    assert len({record.group for record in listed.records}) == 12
    assert np.array_equal(np.bincount(listed.labels), [8, 8, 8])
