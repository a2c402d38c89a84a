"""A run keeps the groups and leaks that were found, for its report and for those who read it."""

import csv
import json

import numpy as np
import pytest
from PIL import Image

from dermgan_jax import config as config_schema
from dermgan_jax.data import leaks
from dermgan_jax.data.catalogue import catalogue
from dermgan_jax.data.datasets import phantom
from dermgan_jax.main import main
from dermgan_jax.runs import findings, known_leaks, provenance
from dermgan_jax.runs.workdir import WorkDir


@pytest.fixture
def config(tmp_path, monkeypatch):
    """Of a run on twelve pictures, two of each lesion; its work directory is tmp_path/run."""
    monkeypatch.setenv("DERMGAN_CACHE", str(tmp_path / "cache"))
    folder = tmp_path / "flat"
    folder.mkdir()
    for i in range(6):
        image = phantom.draw(7, 3 * i, 96).image
        Image.fromarray(image).save(folder / f"a{i}.png")
        Image.fromarray(np.rot90(image).copy()).save(folder / f"b{i}.png")
    config = config_schema.experiment("dcgan")
    config.title = "Twelve"
    config.train.total_kimg = 1.0
    fractions = (0.5, 0.25, 0.25)
    config.data.update(dataset="image_folder", dir=str(folder), split_fractions=fractions)
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "config.json").write_text(config_schema.to_json(config))
    return config


def test_groups_that_were_found_lie_in_the_work_directory(config, tmp_path):
    config.data.groups = "auto"
    data = catalogue(config.data)
    workdir = WorkDir(tmp_path / "run")
    provenance.write(workdir, data, {"g": {"params": {}}})
    with workdir.groups.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert {row["path"]: row["group"] for row in rows} == {
        f"{side}{i}.png": f"a{i}.png" for side in "ab" for i in range(6)
    }
    assert Image.open(workdir.groups_sheet).width > 300
    assert json.loads(workdir.data_card.read_text())["grouping"] == "found"

    config.data.update(csv=str(workdir.groups), groups="given")  # the table can be given
    again = catalogue(config.data)
    assert again.dataset.grouping == "given"
    assert again.split_hash == data.split_hash


def test_check_keeps_leaks_in_the_run_and_training_tells_them(config, tmp_path, capsys):
    workdir, data = tmp_path / "run", catalogue(config.data)
    assert known_leaks.notes(workdir, data, config.data, keep=True) == []
    assert findings.read(workdir) == []

    assert main(["check", f"--workdir={workdir}"]) == 0
    shown = capsys.readouterr().out
    assert "image_folder: 12 images, grouping unknown" in shown
    assert "warning: leaks: " in shown
    (found,) = findings.read(workdir)
    assert found.kind == findings.LEAKS
    assert found.picture is not None

    (line,) = known_leaks.notes(workdir, data, config.data, keep=False)
    assert line in shown
    assert known_leaks.notes(workdir, data, config.data, keep=True) == [line]
    assert len(findings.read(workdir)) == 1


def test_of_many_images_with_groups_leaks_are_looked_for_when_asked(
    config, tmp_path, capsys, monkeypatch
):
    monkeypatch.setattr(leaks, "QUICK", 11)
    config.data.group_pattern = "([ab][0-9])"
    (tmp_path / "run" / "config.json").write_text(config_schema.to_json(config))
    words = ["check", f"--workdir={tmp_path / 'run'}"]
    assert main(words) == 0
    assert "was not looked for, which takes minutes: check --leaks" in capsys.readouterr().out
    assert findings.read(tmp_path / "run") == []
    assert main([*words, "--leaks"]) == 0
    assert "leaks: " in capsys.readouterr().out
    assert len(findings.read(tmp_path / "run")) == 1
