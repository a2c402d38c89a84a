"""Votes of readers on the same images."""

import json

import pytest
from command_line import call

from dermgan_jax.errors import UserError
from dermgan_jax.evaluation.reader_votes import agree, read_votes

# Ten images, three readers: a and b answer alike, c calls everything real.
TRUTH = ["real"] * 5 + ["synthetic"] * 5


@pytest.fixture
def votes(tmp_path):
    """votes(answers of each reader, truth) -> the path of a table."""

    def write(answers, truth=None):
        path = tmp_path / "votes.csv"
        lines = ["image,reader,answer" + ",truth" * (truth is not None)]
        for reader, given in answers.items():
            for image, answer in enumerate(given):
                known = f",{truth[image]}" if truth else ""
                lines.append(f"i{image},{reader},{answer}{known}")
        path.write_text("\n".join(lines) + "\n")
        return path

    return write


def test_readers_who_agree_have_a_kappa_of_one(votes):
    found = agree(read_votes(votes({"a": TRUTH, "b": TRUTH})))
    assert (found.fleiss, found.cohen, found.randolph) == (1.0, 1.0, 1.0)
    assert found.right == {}
    assert found.equally_right is None


def test_who_is_right_needs_the_truth(votes):
    answers = {"a": TRUTH, "b": TRUTH, "c": ["real"] * 10}
    found = agree(read_votes(votes(answers, TRUTH)))
    assert [share.value for share in found.right.values()] == [1.0, 1.0, 0.5]
    assert found.equally_right == pytest.approx(0.0067, abs=1e-4)  # Q = 10 with 2 degrees
    by_readers = {pair.readers: pair for pair in found.pairs}
    assert by_readers["a", "b"].p == 1.0
    assert by_readers["a", "c"].p == pytest.approx(2 * 0.5**5)
    assert by_readers["a", "c"].p_corrected == pytest.approx(3 * 2 * 0.5**5)


@pytest.mark.parametrize(
    ("table", "named"),
    [
        ("image,reader\ni,a\n", "no column answer"),
        ("image,reader,answer\ni,a,x\ni,a,y\n", "line 3: a answers i again"),
        ("image,reader,answer\ni,a,x\nj,a,x\ni,b,x\n", "that of b to j"),
        ("image,reader,answer,truth\ni,a,x,x\ni,b,x,y\n", "i has two truths"),
        ("image,reader,answer\ni,a,x\nj,a,y\n", "at least two"),
        ("image,reader,answer\ni,a,x\ni,b,x\n", "every vote is 'x'"),
        ("image,reader,answer\ni,a,\n", "row 1 (i): answer is empty"),
        ("image,reader,answer\ni,a,x \n", "answer begins or ends with a space"),
        ("image,reader,answer\ni,a,x\ni,b,X\n", "'x' and 'X' differ in capitals only"),
        ("image,reader,answer,truths\ni,a,x,x\n", "column 'truths'; did you mean 'truth'"),
    ],
)
def test_what_is_wrong_with_a_table_is_named(tmp_path, table, named):
    path = tmp_path / "votes.csv"
    path.write_text(table)
    with pytest.raises(UserError) as error:
        agree(read_votes(path))
    assert named in str(error.value)


def test_command_prints_and_keeps_the_result(votes, tmp_path, capsys):
    table, out = votes({"a": TRUTH, "b": TRUTH[::-1]}, TRUTH), tmp_path / "found.json"
    assert call("agreement", f"--votes={table}", f"--out={out}") == 0
    printed = capsys.readouterr().out
    assert "2 readers, 10 images, answers real, synthetic" in printed
    assert "b is right about 0.0%" in printed
    assert json.loads(out.read_text())["cohen"] == -1.0


def test_columns_without_a_use_are_told(tmp_path, capsys):
    path = tmp_path / "votes.csv"
    path.write_text("image,reader,answer,seconds\ni,a,x,\ni,b,y,3\n")
    assert read_votes(path).categories == ("x", "y")
    assert "not used: seconds" in capsys.readouterr().out
