"""Votes of tables, of studies' folders, and published counts."""

import dataclasses
import json
from fractions import Fraction

import numpy as np
import pytest
from tiny_reader_study import tiny_design, write_tiny_study

from dermgan_jax.errors import UserError
from dermgan_jax.readers import counts, votes
from dermgan_jax.readers.answers import Answers
from dermgan_jax.readers.design import Block, question
from dermgan_jax.readers.entries import FORMAT, Entry, checksum
from dermgan_jax.readers.study_votes import read_study

HEADER = "reader,group,image,truth,answer"


@pytest.fixture
def read(tmp_path):
    """read(text) -> the votes of such a table."""

    def write(text):
        path = tmp_path / "votes.csv"
        path.write_text(text)
        return votes.read_votes(path)

    return write


def test_a_table_becomes_arrays(read):
    found = read(
        f"{HEADER},confidence,seconds,position,first_answer,side,comment\n"
        "a,doctors,i,real,real,4,2.5,1,fake,clinic,a hair\n"
        "a,doctors,j,fake,,,,2,,gan,\n"
        "b,,i,real,fake,1,3,1,,clinic,\n"
    )
    assert (found.readers, found.groups) == (("a", "b"), ("doctors", "readers"))
    np.testing.assert_array_equal(found.called_real, [[1, 0], [np.nan, np.nan]])
    np.testing.assert_array_equal(found.first_called_real, [[0, 0], [np.nan, np.nan]])
    np.testing.assert_array_equal(found.confidence, [[4, 1], [np.nan, np.nan]])
    assert (found.asked.sum(), found.missing.sum()) == (3, 1)
    assert list(found.expected) == [2, 2]
    assert found.side_names == {"clinic": True, "gan": False}
    assert found.comments == (votes.Comment("a", "i", "a hair"),)


def test_what_is_written_is_read_again(read):
    first = read(
        f"{HEADER},confidence,class_truth,class_answer,position\n"
        "a,x,i,real,real,4,mel,nv,1\na,x,j,fake,real,2,nv,nv,2\nb,y,j,fake,fake,6,nv,mel,1\n"
    )
    columns, rows = votes.table_rows(first)
    second = read("\n".join(",".join(row) for row in [columns, *rows]) + "\n")
    for field in dataclasses.fields(votes.StudyVotes):
        np.testing.assert_equal(getattr(first, field.name), getattr(second, field.name))


def test_readers_with_images_of_their_own_miss_nothing(read):
    found = read(f"{HEADER}\na,x,i,real,real\nb,x,j,fake,fake\n")
    assert found.asked.sum() == 2
    assert not found.missing.any()


def test_readers_are_chosen_with_all_they_said(read):
    found = read(f"{HEADER},confidence\na,x,i,real,real,1\nb,y,i,real,fake,2\nb,y,j,fake,fake,3\n")
    assert list(found.finished(0.6)) == [False, True]
    second = found.of_readers(found.finished(0.6))
    assert (second.readers, second.groups, len(second.images)) == (("b",), ("y",), 2)
    np.testing.assert_array_equal(second.confidence, [[2], [3]])
    np.testing.assert_array_equal(second.real, found.real)


def test_readers_without_answers_are_named(read):
    found = read(f"{HEADER}\na,x,i,real,real\nb,x,i,real,\n")
    assert found.readers == ("a",)
    assert "No answers yet from b" in found.notes[0]


def test_a_table_of_a_german_excel(read):
    found = read(
        "\ufeffreader;image;truth;answer;seconds\r\na;i;real;real;1,5\r\na;j;fake;real;2.5\r\n"
    )
    np.testing.assert_array_equal(found.seconds, [[1.5], [2.5]])
    assert found.notes == ()


def test_other_words_are_read_and_told(read):
    found = read(f"{HEADER}\na,x,i,Real,synthetic\na,x,j,GENERATED,real\na,x,k,Fake,fake\n")
    assert list(found.real) == [True, False, False]
    np.testing.assert_array_equal(found.called_real[:, 0], [0, 1, 0])
    assert found.notes == (
        "Read in the table: 'Fake' as fake, 'GENERATED' as fake, 'Real' as real, 'synthetic' as "
        "fake.",
    )


def test_digits_are_read_with_a_warning(read):
    found = read(f"{HEADER}\na,x,i,1,0\na,x,j,0,0\n")
    assert list(found.real) == [True, False]
    assert "'0' as fake, '1' as real. If 1 stands for synthetic there" in found.notes[0]


def test_columns_without_a_use_are_told(read, capsys):
    read(f"{HEADER},colour\na,x,i,real,real,red\n")
    assert "not used: colour" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("table", "named"),
    [
        ("reader,group,image,answer\na,x,i,real\n", "no column truth"),
        ("reader,image,truth,answers\na,i,real,real\n", "'answers'; did you mean 'answer'"),
        (f"{HEADER}\n", "has no rows"),
        (f"{HEADER}\na,x,i,real,real\na,x,i,real,fake\n", "line 3: a answers i again"),
        (f"{HEADER}\na,x,i,real,real\nb,x,i,fake,fake\n", "line 3: i has two truths"),
        (f"{HEADER}\na,x,i,real,real\na,y,j,fake,fake\n", "line 3: a is in two groups"),
        (f"{HEADER}\na,x,i,,real\n", "line 2: truth is ''"),
        (f"{HEADER}\na,x,i,real,yes\n", "line 2: answer is 'yes'; it is real or fake"),
        (f"{HEADER}\na,x,i,real,real \n", "line 2: answer begins or ends with a space"),
        (f"{HEADER}\n,x,i,real,real\n", "line 2: reader is empty"),
        (f"{HEADER}\na,x,i,real,\n", "there are no answers yet"),
        (f"{HEADER},confidence\na,x,i,real,real,-2\n", "line 2: confidence is '-2'"),
        (f"{HEADER},confidence\na,x,i,real,real,sure\n", "line 2: confidence is 'sure'"),
        (f'{HEADER},confidence\na,x,i,real,real,"1,5"\n', "line 2: confidence is '1,5'"),
        (
            f"{HEADER},position\na,x,i,real,real,1\na,x,j,real,real,1\n",
            "a has two images at position 1",
        ),
        (f"{HEADER},side\na,x,i,real,real,s\nb,x,i,real,real,t\n", "i has two sides"),
    ],
)
def test_what_is_wrong_with_a_table_is_named(read, table, named):
    with pytest.raises(UserError) as error:
        read(table)
    assert named in str(error.value)


def entry(number, image, answer, at=0, seconds=2.0, **others):
    return Entry(
        f"entry-{number:04d}", image, {"real": answer, **others}, seconds, f"2030-01-01T{at:02d}Z"
    )


def write_returned(folder, name, reader, entries, study=None):
    """A reader's answers file, as the page writes it."""
    plain = [dataclasses.asdict(each) for each in entries]
    study = study or folder.read_design().study
    text = {
        "format": FORMAT,
        "version": 1,
        "study": study,
        "reader": reader,
        "entries": plain,
        "check": checksum(study, reader, plain),
    }
    path = folder.returned / f"{name}.json"
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(text))
    return path


def test_a_folder_gives_first_and_final_answers_once(tmp_path):
    folder = write_tiny_study(tmp_path)
    shown = [item.image for item in folder.read_orders()["ann"]]
    server = [entry(1, shown[0], "real"), entry(2, shown[1], "fake", at=1)]
    store = Answers(folder.answers)
    for each in server:
        store.add("ann", each)
    store.close()
    later = entry(3, shown[0], "fake", at=2, seconds=3.5)
    write_returned(folder, "ann-a", "ann", [*server, later])
    write_returned(folder, "ann-b", "ann", [*server, later])
    study = read_study(folder)
    found, key = study.votes, folder.read_key()
    assert found.readers == ("ann",)
    assert any("No answers yet from bob" in note for note in found.notes)
    at = [image.name for image in found.images].index(shown[0])
    assert (found.first_called_real[at, 0], found.called_real[at, 0]) == (1.0, 0.0)
    assert (found.seconds[at, 0], found.position[at, 0]) == (5.5, 1)
    assert found.images[at].truth == key[shown[0]].truth
    assert (found.answered.sum(), found.missing.sum()) == (2, 6)


def test_answers_of_two_devices_are_put_in_order(tmp_path):
    folder = write_tiny_study(tmp_path)
    image = folder.read_orders()["ann"][0].image
    write_returned(folder, "a", "ann", [entry(2, image, "fake", at=9)])
    write_returned(folder, "b", "ann", [entry(1, image, "real", at=3)])
    found = read_study(folder).votes
    at = [each.name for each in found.images].index(image)
    assert (found.first_called_real[at, 0], found.called_real[at, 0]) == (1.0, 0.0)


def test_practice_does_not_count(tmp_path):
    design = tiny_design(
        blocks=(Block(1, 1, practice=True), Block(4, 4)),
        questions=(question("real"), question("confidence"), question("comment")),
    )
    folder = write_tiny_study(tmp_path, design)
    shown = [item.image for item in folder.read_orders()["bob"]]
    entries = [
        entry(i, image, "real", confidence="3", comment="?") for i, image in enumerate(shown)
    ]
    write_returned(folder, "bob", "bob", entries)
    found = read_study(folder).votes
    assert len(found.images) == found.answered.sum() == 8
    assert sorted(found.position[:, 0]) == list(range(1, 9))
    assert (found.confidence == 3).all()
    assert len(found.comments) == 8


def test_wrong_files_are_named(tmp_path):
    folder = write_tiny_study(tmp_path)
    with pytest.raises(UserError, match="no answers yet"):
        read_study(folder)
    image = folder.read_orders()["ann"][0].image
    path = write_returned(folder, "other", "ann", [entry(1, image, "real")], study="f" * 16)
    with pytest.raises(UserError, match=r"other.json: it is of another study"):
        read_study(folder)
    path.unlink()
    path = write_returned(folder, "edited", "ann", [entry(1, image, "real")])
    path.write_text(path.read_text().replace('"real": "real"', '"real": "fake"'))
    with pytest.raises(UserError, match=r"edited.json: .*edited or damaged"):
        read_study(folder)
    path.unlink()
    write_returned(folder, "a", "ann", [entry(1, image, "real")])
    write_returned(folder, "b", "ann", [entry(1, image, "fake")])
    with pytest.raises(UserError, match=r"b.json: the answer entry-0001 of ann differs"):
        read_study(folder)
    with pytest.raises(UserError, match="holds no reader study"):
        read_study(type(folder)(tmp_path / "elsewhere"))


def test_files_that_came_back_under_other_names(tmp_path):
    folder = write_tiny_study(tmp_path)
    image = folder.read_orders()["ann"][0].image
    path = write_returned(folder, "ann", "ann", [entry(1, image, "real")])
    path.rename(path.with_name("ann.json.txt"))
    (folder.returned / "mail").mkdir()
    for name in ("notes.txt", "ann.zip", ".DS_Store", "._ann.json", "mail/bob.html"):
        (folder.returned / name).write_text("something else")
    found = read_study(folder).votes
    assert found.readers == ("ann",)
    assert (
        "Not read, as they are no answers files: ann.zip, mail/bob.html, notes.txt"
        in (found.notes[0])
    )


@pytest.mark.parametrize(
    "text",
    ["[" * 100000, '"a"', "[]", '{"format": "dermgan_jax reader answers"}', "nothing", ""],
    ids=["deep", "text", "list", "bare", "no JSON", "empty"],
)
def test_what_is_no_answers_file_is_named(tmp_path, text):
    folder = write_tiny_study(tmp_path)
    folder.returned.mkdir()
    (folder.returned / "x.json").write_text(text)
    with pytest.raises(UserError, match=r"x.json: it is no answers file of a reader study"):
        read_study(folder)


def test_readers_and_answers_of_the_wrong_kind_are_named(tmp_path):
    folder = write_tiny_study(tmp_path)
    image = folder.read_orders()["ann"][0].image
    path = write_returned(folder, "x", "ann", [entry(1, image, "real")])
    plain = json.loads(path.read_text())
    for change, named in (
        ({"reader": ["ann"]}, r"x.json: its reader \['ann'\] is none of this study"),
        ({"reader": {}}, r"x.json: its reader \{\} is none of this study"),
        ({"entries": [[]]}, r"x.json: its answers are damaged"),
        ({"entries": 1}, r"x.json: its answers are damaged"),
    ):
        path.write_text(json.dumps({**plain, **change}))
        with pytest.raises(UserError, match=named):
            read_study(folder)
    for others, named in (
        ({"seconds": 1e9}, "seconds are no number from 0 to those of a week"),
        ({"at": 31}, "its time is none"),
    ):
        write_returned(folder, "x", "ann", [entry(1, image, "real", **others)])
        with pytest.raises(UserError, match=named):
            read_study(folder)


def test_a_damaged_database_says_how_to_rescue_it(tmp_path):
    folder = write_tiny_study(tmp_path)
    shown = [item.image for item in folder.read_orders()["ann"]]
    store = Answers(folder.answers)
    for number in range(400):
        store.add("ann", entry(number, shown[0], "real"))
    store.close()
    damaged = bytearray(folder.answers.read_bytes())
    damaged[8192:-4096] = bytes(len(damaged) - 12288)
    folder.answers.write_bytes(damaged)
    with pytest.raises(UserError, match=r"answers\.sqlite \.recover \| sqlite3 rescued\.sqlite"):
        read_study(folder)


@pytest.mark.parametrize(
    ("printed", "value", "verdict"),
    [
        ("0.667", Fraction(20, 30), counts.AGREES),
        (".666", Fraction(20, 30), counts.CUT_OFF),
        ("0.712", Fraction(57, 80), counts.CUT_OFF),
        ("0.713", Fraction(57, 80), counts.AGREES),
        ("0.7", Fraction(57, 80), counts.AGREES),
        ("0.72", Fraction(57, 80), counts.CONTRADICTS),
        ("1", Fraction(1), counts.AGREES),
    ],
)
def test_printed_figures_are_compared_at_their_decimals(printed, value, verdict):
    decimals = len(printed.partition(".")[2])
    assert counts.compare(Fraction(printed), decimals, value) == verdict


def test_counts_of_a_german_excel(tmp_path):
    path = tmp_path / "counts.csv"
    path.write_text("reader;tp;fp;fn;tn;acc\nMüller, A.;3;1;2;4;0,7\n")
    found = counts.read_counts(path)
    assert found.readers[0].reader == "Müller, A."
    assert (found.printed[0].printed, found.printed[0].verdict) == ("0.7", counts.AGREES)


@pytest.mark.parametrize(
    ("table", "named"),
    [
        ("reader,tp,fp,fn\na,1,1,1\n", "no column tn"),
        ("reader,tp,fp,fn,tn,tprs\na,1,1,1,1,1\n", "'tprs'; did you mean 'tpr'"),
        ("reader,tp,fp,fn,tn\na,1,1,-1,1\n", "line 2: fn is '-1'"),
        ("reader,tp,fp,fn,tn\na,1,0,1,0\n", "line 2: a saw no fake image"),
        ("reader,tp,fp,fn,tn\na,1,1,1,1\na,1,1,1,1\n", "line 3: a again"),
        ("reader,tp,fp,fn,tn,acc\na,1,1,1,1,50 %\n", "acc is '50 %'"),
        ("reader,tp,fp,fn,tn,acc\na,1,1,1,1,nan\n", "acc is 'nan'"),
        (
            "reader,group,tp,fp,fn,tn,acc\na,x,1,1,1,1,\nmean,y,,,,,0.5\n",
            "no reader is of the group 'y'",
        ),
        ("reader,tp,fp,fn,tn\n", "no reader in it"),
    ],
)
def test_what_is_wrong_with_counts_is_named(tmp_path, table, named):
    path = tmp_path / "counts.csv"
    path.write_text(table)
    with pytest.raises(UserError) as error:
        counts.read_counts(path)
    assert named in str(error.value)
