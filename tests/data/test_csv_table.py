"""Tables are read strictly: a cell that slips is a fault, not another value."""

import pytest

from dermgan_jax.data.csv_table import read_delimited, read_stripped, read_table
from dermgan_jax.errors import UserError


@pytest.mark.parametrize("separator", [",", "\t", ";"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_table_is_read(tmp_path, separator, end):
    lines = [["path", "label"], ["a.png", 'a "mole", raised'], ["", ""]]
    quoted = [[f'"{cell.replace(chr(34), chr(34) * 2)}"' for cell in line] for line in lines]
    text = end.join([*map(separator.join, quoted), "", ""])
    path = tmp_path / "data.csv"
    path.write_bytes(b"\xef\xbb\xbf" + text.encode())
    columns, rows = read_table(path)
    assert columns == ["path", "label"]
    assert rows == [{"path": "a.png", "label": 'a "mole", raised'}, {"path": "", "label": ""}]


@pytest.mark.parametrize(
    ("header", "columns", "delimiter"),
    [
        ("path,label;side", ["path", "label;side"], ","),
        ('"a;b",c', ["a;b", "c"], ","),
        ("path;label", ["path", "label"], ";"),
        ("path;a\tlabel", ["path;a", "label"], "\t"),
        ("path", ["path"], ","),
    ],
)
def test_what_separates_cells_is_told_by_the_header(tmp_path, header, columns, delimiter):
    path = tmp_path / "data.csv"
    path.write_text(f"{header}\n")
    assert read_delimited(path) == (columns, [], delimiter)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('path,label\na.png,"nv\nb.png,mel\n', "is not a UTF-8 table"),
        ('path,label\na.png,"nv\nb.png,"mel\n', "is not a UTF-8 table|several lines"),
        ('path,label\na.png,"nv\nb.png",mel\n', "line 3: a cell goes over several lines"),
        ("path,label,label\na.png,nv,mel\n", "has 2 columns 'label'"),
        ("path, label\na.png,nv\n", "column ' label' begins or ends with a space"),
        ("path,label\na.png,nv,x\n", "line 2 has 3 cells, the header 2"),
        ("path,label\na.png\n", "line 2 has 1 cells, the header 2"),
    ],
)
def test_cell_that_slips_is_named(tmp_path, text, message):
    path = tmp_path / "data.csv"
    path.write_text(text)
    with pytest.raises(UserError, match=message):
        read_table(path)


def test_table_of_a_spreadsheet_is_read_without_what_says_nothing(tmp_path):
    path = tmp_path / "data.csv"
    path.write_text("\n;path ; label;\n0; a.png;nv;\n;;;\n2;b.png; ;\n")
    table = read_stripped(path)
    assert table.columns == ["path", "label"]
    assert table.rows == [{"path": "a.png", "label": "nv"}, {"path": "b.png", "label": ""}]
    assert table.lines == [3, 5]
    assert [note.partition(",")[0] for note in table.notes] == [
        "the column 'path ' is read as 'path'",
        "the column ' label' is read as 'label'",
        "2 columns without a name are left out",
        "1 rows without a filled cell are left out",
        "2 cells",
    ]


def test_equal_cells_are_held_once(tmp_path):
    """Classes, ages and patients repeat; of a million rows each costs a pointer."""
    path = tmp_path / "data.csv"
    path.write_text("path,age,patient\n" + "".join(f"{i}.png,45,p{i // 5}\n" for i in range(10)))
    rows = read_stripped(path).rows
    assert len({id(row["age"]) for row in rows}) == 1
    assert len({id(row["patient"]) for row in rows}) == 2


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"path, path \na.png,b.png\n", "has 2 columns 'path'"),
        (b"path,label\na.png\n", "line 2 has 1 cells, the header 2"),
        (b"PK\x03\x04rest", r"is an Excel workbook: .*save it as CSV \(UTF-8\)"),
        (b"\xff\xfep\x00", "is text in UTF-16"),
        ("path\nMüller.png\n".encode("latin-1"), "is not a UTF-8 table"),
    ],
)
def test_what_a_spreadsheet_may_not_leave(tmp_path, content, message):
    path = tmp_path / "data.csv"
    path.write_bytes(content)
    with pytest.raises(UserError, match=message):
        read_stripped(path)
