"""Folders of images that a killed command left are not taken for whole ones."""

import json

import numpy as np
import pytest
import tiny_configs
from PIL import Image

from dermgan_jax import config
from dermgan_jax.data.catalogue import catalogue
from dermgan_jax.data.filled_folders import MADE_BY, PARTIAL, WRITTEN_BY
from dermgan_jax.data.image_sets import open_images
from dermgan_jax.data.other_files import notes
from dermgan_jax.errors import UserError


@pytest.fixture
def samples(tmp_path):
    folder = tmp_path / "samples" / "benign"
    folder.mkdir(parents=True)
    for number in range(3):
        Image.fromarray(np.full((16, 16, 3), number, np.uint8)).save(folder / f"{number}.png")
    return folder


@pytest.mark.parametrize("name", [MADE_BY, WRITTEN_BY])
def test_unfinished_folder_is_refused_with_the_remedy(samples, name, monkeypatch, capsys):
    (samples / name).write_text(json.dumps({"complete": False}))
    with pytest.raises(UserError, match=f"benign was not completed: .* or set {PARTIAL}=1"):
        open_images(samples)
    monkeypatch.setenv(PARTIAL, "1")
    assert len(open_images(samples)) == 3
    assert f"warning: {samples} was not completed" in capsys.readouterr().err


def test_what_lies_beside_samples_is_known(samples, capsys):
    (samples / "manifest.csv").write_text("file,index\n")
    data = tiny_configs.TINY["dcgan"]().data
    data.update(dataset="image_folder", dir=str(samples))
    catalogue(data)
    assert "manifest.csv is not read" in capsys.readouterr().err
    assert notes(samples) == [f"note: 1 files below {samples} are not read as images: .csv 1"]
    (samples / MADE_BY).write_text(json.dumps({"complete": True}))
    catalogue(data)
    assert "is not read" not in capsys.readouterr().err
    assert notes(samples) == []


def test_training_does_not_take_what_was_not_completed(samples):
    (samples / WRITTEN_BY).write_text(json.dumps({"complete": False}))
    experiment = tiny_configs.TINY["dcgan"]()
    experiment.data.synthetic = str(samples.parent)
    with pytest.raises(UserError, match="benign was not completed"):
        catalogue(config.validate(experiment).data)


@pytest.mark.parametrize("text", ["{", "[]", '{"complete": true}', '{"files": {}}'])
def test_other_folders_pass(samples, text):
    (samples / WRITTEN_BY).write_text(text)
    assert len(open_images(samples)) == 3
