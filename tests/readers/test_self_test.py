"""What gives the truth away before anybody has looked is found; nothing else is."""

import os

import numpy as np
import pytest
from PIL import Image, PngImagePlugin
from tiny_reader_study import tiny_design, write_tiny_study

from dermgan_jax.data.decode import read_image
from dermgan_jax.errors import GateError, UserError
from dermgan_jax.readers import encoding, self_test
from dermgan_jax.readers.answers import Answers
from dermgan_jax.readers.design import FAKE, Block
from dermgan_jax.readers.entries import Entry
from dermgan_jax.readers.folder import StudyFolder
from dermgan_jax.readers.study_votes import read_study


@pytest.fixture
def folder(tmp_path) -> StudyFolder:
    return write_tiny_study(tmp_path / "study", tiny_design(blocks=(Block(15, 15),)))


def fakes(folder):
    return [folder.image_file(row.image) for row in folder.read_key().values() if row.truth == FAKE]


def test_files_of_a_study_are_alike(folder):
    found = self_test.self_test(folder)
    assert found.released
    assert found.files.varying == ()
    assert (found.files.auc, found.files.low, found.files.high) == (0.5, 0.5, 0.5)
    self_test.write(folder, found)
    self_test.require_released(folder)


def _with_metadata(path):
    told = PngImagePlugin.PngInfo()
    told.add_text("Software", "a generator")
    with Image.open(path) as image:
        image.save(path, pnginfo=told)


def _as_jpeg(path):
    with Image.open(path) as image:
        image.save(path, format="JPEG", quality=80)


def _longer(path):
    path.write_bytes(path.read_bytes() + b"\0")


def _younger(path):
    os.utime(path)


@pytest.mark.parametrize(
    ("leak", "named"),
    [
        (_with_metadata, "metadata Software"),
        (_as_jpeg, "quantisation table"),
        (_longer, "bytes after the end"),
        (_younger, "time"),
    ],
)
def test_a_planted_leak_is_caught(folder, leak, named):
    for path in fakes(folder):
        leak(path)
    found = self_test.self_test(folder)
    assert found.files.low > 0.9
    assert not found.released
    assert any(named in name for name in found.files.varying)
    self_test.write(folder, found)
    with pytest.raises(GateError, match="files alone tell real from synthetic images"):
        self_test.require_released(folder)


def test_a_leak_in_half_of_the_files_is_caught(folder):
    for path in fakes(folder)[::2]:
        _longer(path)
    assert not self_test.self_test(folder).released


def test_a_trace_that_does_not_follow_the_truth_is_no_leak(folder):
    for path in sorted(folder.images.iterdir())[::2]:
        _longer(path)
    found = self_test.self_test(folder)
    assert "length" in found.files.varying
    assert found.files.auc < 0.7


def test_a_simple_cue_is_a_warning_with_its_images(folder):
    for path in fakes(folder):
        image = read_image(path, 3).copy()
        image[:4, :4] = image[-4:, -4:] = 0
        path.write_bytes(encoding.encode(image))
        encoding.set_times([path])
    found = self_test.self_test(folder)
    assert found.released
    (warning,) = found.warnings()
    assert "dark corners (1.00)" in warning
    key = folder.read_key()
    assert {key[name].truth for name in found.relied_on["fake"]} == {FAKE}


def test_images_that_changed_after_the_test_are_refused(folder):
    self_test.write(folder, self_test.self_test(folder))
    path = fakes(folder)[0]
    path.write_bytes(encoding.encode(np.zeros((16, 16, 3), np.uint8)))
    with pytest.raises(GateError, match="not those that passed"):
        self_test.require_released(folder)


def test_an_untested_study_is_refused(folder):
    with pytest.raises(GateError, match="no self-test"):
        self_test.require_released(folder)


def test_a_key_that_changed_is_refused(folder):
    self_test.write(folder, self_test.self_test(folder))
    text = folder.key.read_text()
    folder.key.write_text(text.replace(",real,", ",x,", 1).replace(",fake,", ",real,", 1))
    with pytest.raises(GateError, match="key or orders are not those"):
        self_test.require_released(folder)
    with pytest.raises(UserError, match="key or orders are not those"):
        read_study(folder)


def test_an_analysis_without_a_self_test_says_so(folder):
    images = [item.image for item in folder.read_orders()["ann"]]
    answers = Answers(folder.answers)
    at = "2026-01-02T03:04:05.678Z"
    for image in images:
        answers.add("ann", Entry(f"entry-{image}", image, {"real": "real"}, 1.0, at))
    answers.close()
    assert any("no self-test" in note for note in read_study(folder).votes.notes)
    self_test.write(folder, self_test.self_test(folder))
    assert not any("no self-test" in note for note in read_study(folder).votes.notes)
