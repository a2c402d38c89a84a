"""What a judge and readers say of images goes to the run that made them, and into its report."""

import json
import shutil

import pytest
from command_line import call
from engine_probe import tiny
from tiny_reader_study import answer

from dermgan_jax.readers.folder import StudyFolder
from dermgan_jax.runs import findings
from dermgan_jax.train import loop


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """A folder with a conditional generator, its samples by class, and a classifier."""
    folder = tmp_path_factory.mktemp("runs")
    for name in ("dcgan", "classifier"):
        config = tiny(name, folder / "prepared", **{"train.total_kimg": 0.032})
        assert loop.train(config, folder / name) == loop.FINISHED
    places = (f"--workdir={folder / 'dcgan'}", f"--out={folder / 'samples'}")
    assert call("generate", *places, "--num=14") == 0
    return folder


@pytest.fixture
def generator(runs, tmp_path):
    """The generator as it was trained, at its own place."""
    yield runs / "dcgan"
    shutil.rmtree(runs / "dcgan" / "findings", ignore_errors=True)


def page(workdir):
    assert call("report", f"--workdir={workdir}") == 0
    return (workdir / "report.html").read_text()


def test_a_judgement_is_in_the_report_of_the_run_that_made_the_images(runs, generator, capsys):
    assert call("judge", f"--workdir={runs / 'classifier'}", f"--fake={runs / 'samples'}") == 0
    (kept,) = findings.read(generator)
    assert kept.kind == findings.JUDGE
    assert kept.result["judge"] == str(runs / "classifier")
    assert f"kept for the report of the run (dermgan report --workdir={generator})" in (
        capsys.readouterr().out
    )
    assert "A classifier names the class that was asked for in" in page(generator)


def test_a_judgement_of_images_of_nowhere_is_kept_nowhere(runs, generator, tmp_path):
    others = tmp_path / "samples"
    shutil.copytree(runs / "samples", others)
    told = json.loads((others / "made_by.json").read_text())
    (others / "made_by.json").write_text(json.dumps({**told, "run": "another"}))
    assert call("judge", f"--workdir={runs / 'classifier'}", f"--fake={others}") == 0
    assert findings.read(generator) == []


def study(runs, folder, *fake):
    numbers = ("--num_real=6", "--num_fake=6", "--readers=ann:doctors,bob:doctors", "--title=T")
    sources = ("--real=phantom:test", f"--fake={','.join(map(str, fake))}")
    assert call("readers_design", *sources, *numbers, f"--out={folder}", "--seed=1") == 0
    return StudyFolder(folder)


def analysed(folder, *more):
    return call("readers_analyse", f"--workdir={folder.path}", f"--out={folder.path}_out", *more)


@pytest.mark.parametrize("source", ["dcgan", "samples"])
def test_a_study_is_in_the_report_of_the_run_that_made_its_images(
    runs, generator, tmp_path, source
):
    folder = study(runs, tmp_path / "study", runs / source)
    answer(folder, wrong=0)
    assert analysed(folder) == 0
    (kept,) = findings.read(generator)
    assert kept.kind == findings.READERS
    assert "ann" not in json.dumps(kept.result)
    assert (kept.result["readers"], kept.result["checkpoints"]) == (2, [4])
    html = page(generator)
    assert "Reader study “T”" in html
    assert 'synthetic images called synthetic</th><td class="n">100 % (' in html


def test_an_interim_look_is_kept_nowhere(runs, generator, tmp_path, capsys):
    folder = study(runs, tmp_path / "study", runs / "samples")
    answer(folder, wrong=0, stops={"bob"})
    assert analysed(folder) == 0
    assert findings.read(generator) == []
    assert "told nothing of an interim look" in capsys.readouterr().err
    assert analysed(folder, "--final") == 0
    assert len(findings.read(generator)) == 1


def test_images_of_a_run_that_is_another_by_now_are_said(runs, generator, tmp_path, capsys):
    folder = study(runs, tmp_path / "study", runs / "dcgan")
    told = json.loads(folder.sources.read_text())
    told[str(runs / "dcgan")]["run"] = "another"
    folder.sources.write_text(json.dumps(told))
    answer(folder, wrong=0)
    assert analysed(folder) == 0
    assert findings.read(generator) == []
    assert f"{runs / 'dcgan'} is no longer that run" in capsys.readouterr().err


def test_a_study_of_before_is_asked_through_its_samples(runs, generator, tmp_path, capsys):
    folder = study(runs, tmp_path / "study", runs / "samples", runs / "dcgan")
    folder.sources.unlink()
    answer(folder, wrong=0)
    assert analysed(folder) == 0
    (kept,) = findings.read(generator)
    assert kept.result["own"] == [str(runs / "samples")]
    assert f"images of {runs / 'dcgan'}: not known which run" in capsys.readouterr().err


def test_a_damaged_list_of_sources_is_named(runs, generator, tmp_path, capsys):
    folder = study(runs, tmp_path / "study", runs / "samples")
    folder.sources.write_text("{")
    answer(folder, wrong=0)
    assert analysed(folder) == 2
    assert str(folder.sources) in capsys.readouterr().err
