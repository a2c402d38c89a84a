"""The report of a reader study."""

import re

import pytest
from tiny_reader_study import answer, tiny_design, write_tiny_study
from tiny_reader_votes import simulated_votes

from dermgan_jax.readers.analysis import analyse
from dermgan_jax.readers.design import Block, question
from dermgan_jax.readers.study_votes import read_study
from dermgan_jax.readers.votes import read_votes
from dermgan_jax.report import readers

NUMBERLESS = re.compile(r"\b(nan|None|inf)\b")


def text_of(html):
    """What a reader of the page sees."""
    return re.sub(r"<[^>]+>", " ", re.sub(r"<style>.*?</style>", "", html, flags=re.DOTALL))


def answered(folder, wrong=2, stops=()):
    answer(folder, wrong, stops)
    return read_study(folder)


def test_a_study_shows_its_images_and_what_is_drawn(tmp_path):
    study = answered(write_tiny_study(tmp_path / "study"))
    html = readers.build(analyse(study.votes), tmp_path, study.votes, study).read_text()
    text = text_of(html)
    assert "2 readers were right in 75 %" in text
    assert "Drawn phantoms, not real skin." in text
    assert html.count("data:image/png;base64,") == 8
    assert "Synthetic images most often taken for real" in text
    assert "readers were not told how many are real" in text
    assert "not a medical device" in text
    assert "http" not in html.replace("http-equiv", "")
    assert not NUMBERLESS.search(text)


def test_real_images_are_called_so(tmp_path):
    design = tiny_design(phantom=False, told=True, blocks=(Block(1, 1, practice=True), Block(3, 3)))
    study = answered(write_tiny_study(tmp_path / "study", design))
    text = text_of(readers.build(analyse(study.votes), tmp_path, study.votes, study).read_text())
    assert "phantom" not in text.lower()
    assert "readers were told how many are real" in text
    assert "2 practice images" in text


def test_who_has_not_finished_is_marked(tmp_path):
    study = answered(write_tiny_study(tmp_path / "study"), stops={"bob"})
    text = text_of(readers.build(analyse(study.votes), tmp_path, study.votes, study).read_text())
    assert "1 reader (1 more has not finished) was right in 75 %" in text
    assert re.search(r"bob\s+not finished", text)
    assert "Not finished, and in no number but their own row: bob with 2 of 8." in text
    assert "1 reader who had not finished left out" in text
    assert not NUMBERLESS.search(text)


def test_the_seed_is_not_told(tmp_path):
    study = answered(write_tiny_study(tmp_path / "study", tiny_design(seed=987654321)))
    html = readers.build(analyse(study.votes), tmp_path, study.votes, study).read_text()
    assert "at random for each reader, from a seed kept with the study" in html
    assert "987654321" not in html


@pytest.fixture
def votes(tmp_path):
    path = tmp_path / "votes.csv"
    path.write_text(simulated_votes())
    return read_votes(path)


def test_everybodys_votes_have_every_part_but_pictures(votes, tmp_path):
    scores, measured = tmp_path / "scores.csv", tmp_path / "measured.csv"
    images = "".join(f"{image.name},{i % 9}\n" for i, image in enumerate(votes.images))
    scores.write_text(f"image,discriminator\n{images}")
    measured.write_text("side,metric,value\ngana,fid,20\nganb,fid,10\n")
    found = analyse(votes, scores=scores, measured=measured)
    html = readers.build(found, tmp_path, votes).read_text()
    text = text_of(html)
    for part in (
        "Fleiss’ kappa",
        "First and second half.",
        "Changed answers.",
        "Intraclass correlation",
        "Both, %",
        "Readers and discriminator",
        "opposite order",
        "2 of 240 answers are missing (r5: 2)",
        "ROC curve",
    ):
        assert part in text
    assert "<img" not in html
    assert html.count("<svg") == 7
    assert not NUMBERLESS.search(text)


@pytest.mark.parametrize(
    "answers",
    [
        "a,,i0,real,real\na,,i1,real,real\na,,i2,fake,fake\na,,i3,fake,fake\n",
        "a,,i0,real,real\na,,i1,real,real\nb,,i2,fake,fake\nb,,i3,fake,fake\n",
        "a,,i0,real,real\na,,i1,real,real\na,,i2,fake,real\na,,i3,fake,real\n"
        "b,,i0,real,real\nb,,i1,real,real\nb,,i2,fake,real\nb,,i3,fake,real\n",
    ],
    ids=["one reader, all right", "each reader one kind", "everything is called real"],
)
def test_the_least_that_can_be_answered(tmp_path, answers):
    path = tmp_path / "votes.csv"
    path.write_text(f"reader,group,image,truth,answer\n{answers}")
    votes = read_votes(path)
    text = text_of(readers.build(analyse(votes), tmp_path, votes).read_text())
    assert not NUMBERLESS.search(text)


def test_names_are_escaped(tmp_path):
    path = tmp_path / "votes.csv"
    path.write_text(simulated_votes().replace("doctors", "<b>x&y</b>"))
    votes = read_votes(path)
    html = readers.build(analyse(votes), tmp_path, votes).read_text()
    assert "<b>x" not in html


def test_questions_are_listed(tmp_path):
    design = tiny_design(questions=(question("real"), question("comment")))
    study = answered(write_tiny_study(tmp_path / "study", design))
    html = readers.build(analyse(study.votes), tmp_path, study.votes, study).read_text()
    assert "real, comment" in html


def test_an_interim_look_is_never_green(tmp_path):
    lines = ["reader,image,truth,answer"]
    for reader in range(6):
        for image in range(160):
            truth, answer = ("real", "fake")[image >= 80], ("fake", "real")[(image + reader) % 2]
            lines.append(f"r{reader},i{image:03d},{truth},{answer}")
    table = tmp_path / "votes.csv"
    table.write_text("\n".join([*lines, "late,i000,real,"]) + "\n")
    votes = read_votes(table)
    final, early = analyse(votes), analyse(votes, final=False)
    page = readers.build(final, tmp_path).read_text()
    assert '<span class="status good">Equivalent to chance.' in page
    page = readers.build(early, tmp_path).read_text()
    assert '<span class="status open">Interim look.' in page
