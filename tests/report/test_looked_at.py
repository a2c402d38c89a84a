"""What a report concludes from what a judge and readers said of a run's images."""

import json

import pytest
from injected_pages import judgement, reader_study, write_run

from dermgan_jax.errors import UserError
from dermgan_jax.report import found_later, judge_finding, readers_finding, run, run_record
from dermgan_jax.report.conclusions import conclusions
from dermgan_jax.runs import findings
from dermgan_jax.runs.workdir import WorkDir

NOT_READERS = "That a person could not tell them from real ones: numbers do not see that"
NOT_SHOWN = "or that they show what their class says: numbers do not see that"


@pytest.fixture
def workdir(tmp_path):
    """A run that nothing is known of beside its training."""
    path = write_run(tmp_path / "run", "sampler")
    for file in (path / "findings").iterdir():
        file.unlink()
    return path


def told(workdir):
    record = run_record.read(WorkDir(workdir))
    return conclusions(record, "sampler", found_later.read(workdir))


def test_nobody_was_asked(workdir):
    (said,) = [line for line in told(workdir).may_not if "person" in line]
    assert NOT_SHOWN in said


def test_what_was_asked_is_not_asked_again(workdir):
    findings.keep(workdir, findings.JUDGE, judgement())
    assert any(line.startswith(NOT_READERS) for line in told(workdir).may_not)
    findings.keep(workdir, findings.READERS, reader_study())
    assert not any("numbers do not see" in line for line in told(workdir).may_not)


@pytest.mark.parametrize(
    ("synthetic", "real", "may", "may_not"),
    [
        (40, 80, [], "That the images show what their class says: a classifier names"),
        (80, 40, ["more often than real ones do"], "That the images are as varied as real ones"),
        (50, 45, ["no difference from real images is shown"], ""),
    ],
)
def test_a_judge_beside_real_images(synthetic, real, may, may_not):
    found = judge_finding.read(judgement(synthetic=synthetic, real=real))
    said = judge_finding.may(found)
    assert [line for line in said if may[0] in line] == said if may else said == []
    assert len(said) == len(may)
    denied = judge_finding.may_not(found)
    assert any(line.startswith(may_not) for line in denied) if may_not else denied == []
    of_class = [line for line in denied if "in every class: named so are of “mel” 40 % (" in line]
    assert len(of_class) == (synthetic < real)


def test_the_numbers_of_a_judge_are_in_words():
    assert judge_finding.read(judgement())["sentence"] == (
        "a classifier names the class that was asked for in 40 % (30 … 50) of 100 synthetic "
        "images, and the true one in 80 % (70 … 90) of 100 real test images"
    )


def of_segmenter(ends):
    row = {"n": 9, "iou": 0.5, "iou_interval": None}
    return {
        **{"judge": "segmenter", "fake": "painted", "phantom": False, "of_ceiling": 0.6},
        "synthetic": {"all": {**row, "dice": 0.55, "dice_interval": ends}},
        "real": {"all": {**row, "dice": 0.9, "dice_interval": [0.85, 0.95]}},
    }


@pytest.mark.parametrize(("ends", "outcome"), [([0.5, 0.6], "lower"), (None, "")])
def test_a_segmenter_as_judge(ends, outcome):
    found = judge_finding.read(of_segmenter(ends))
    assert found["rows"][0].outcome == outcome
    (said,) = judge_finding.may_not(found)
    assert "with a Dice of 0.55" in said
    assert "9 real test images with 0.90 (0.85 … 0.95)" in said


def test_a_segmenter_says_nothing_of_classes_and_leaves_what_a_classifier_said(
    workdir, monkeypatch
):
    monkeypatch.setattr(findings.time, "time", lambda: 2.0)
    findings.keep(workdir, findings.JUDGE, of_segmenter([0.5, 0.6]))
    assert any(NOT_SHOWN in line for line in told(workdir).may_not)
    monkeypatch.setattr(findings.time, "time", lambda: 1.0)
    findings.keep(workdir, findings.JUDGE, judgement())
    said = told(workdir).may_not
    assert not any(NOT_SHOWN in line for line in said)
    assert any("a classifier names" in line for line in said)
    assert any("a segmenter finds" in line for line in said)


@pytest.mark.parametrize(
    ("others", "may", "may_not"),
    [
        ({}, True, "That a person could not tell them from real ones: readers of a study could."),
        ({"outcome": "equivalent"}, True, "That nobody could tell them from real ones: one study"),
        ({"outcome": "cannot tell"}, False, "That a person could not tell them from real ones: 3"),
        ({"outcome": None}, False, "That a person could not tell them from real ones: 3 readers"),
        ({"sources": ["samples", "others"]}, False, "That a person could not tell them from real"),
        ({"class_asked": False}, True, "That readers see in them what their class says"),
    ],
)
def test_readers_who_looked(others, may, may_not):
    found = readers_finding.read(reader_study(**others))
    assert bool(readers_finding.may(found)) == may
    assert any(line.startswith(may_not) for line in readers_finding.may_not(found))


def test_other_sources_images_are_named():
    found = readers_finding.read(reader_study(sources=["samples", "others"]))
    assert "images of other sources (samples, others)" in readers_finding.may_not(found)[0]
    assert ("synthetic images of samples of class mel called real", "60 % (55 … 65)") in (
        found["rows"]
    )


def test_a_study_counts_once_with_its_newest_result(workdir, monkeypatch):
    for at, readers in ((1.0, 2), (3.0, 4), (2.0, 3)):
        monkeypatch.setattr(findings.time, "time", lambda at=at: at)
        findings.keep(workdir, findings.READERS, reader_study(readers=readers))
    found = found_later.read(workdir)
    assert [study["readers"] for study in found.readers] == [4]
    assert found.left_out == 2


def test_tables_and_the_card_tell_it(workdir):
    findings.keep(workdir, findings.JUDGE, judgement())
    findings.keep(workdir, findings.READERS, reader_study())
    html = run.build(workdir).read_text()
    assert 'mel</th><td class="n">40 % (30 … 50)<small>100 images, identified 40 %</small>' in html
    assert "3 readers (3 doctors), 1 more had not finished; 50 real and 30 synthetic images" in html
    assert (
        "3 readers were right in 60 %"
        in WorkDir(workdir).path.joinpath("model_card.md").read_text()
    )


@pytest.mark.parametrize("kind", [findings.JUDGE, findings.READERS])
def test_damaged_ones_are_named(workdir, kind):
    stored = {findings.JUDGE: judgement(), findings.READERS: reader_study()}[kind]
    findings.keep(workdir, kind, {**stored, "phantom": "perhaps"})
    (file,) = (workdir / "findings").iterdir()
    with pytest.raises(UserError, match=f"{file.name} is damaged"):
        found_later.read(workdir)
    file.write_text(json.dumps({"kind": kind, "at": 1.0, "result": {}}))
    with pytest.raises(UserError, match=f"{file.name} is damaged"):
        found_later.read(workdir)
