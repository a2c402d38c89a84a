"""Translating images of any size, with a translator whose result is known: the negative."""

import dataclasses
import json

import numpy as np
import pytest
from command_line import call
from dicom_files import write_dicom
from never_trained import NeverTrained
from PIL import Image

from dermgan_jax.config import experiment, validate, with_values
from dermgan_jax.data.faults import DataError
from dermgan_jax.data.image_files import save_image, write_npz, write_pngs
from dermgan_jax.data.image_marks import pixel_digest
from dermgan_jax.data.image_sets import open_images
from dermgan_jax.data.records import DataSpec
from dermgan_jax.errors import UserError
from dermgan_jax.models.contract import Stage, Translator
from dermgan_jax.runs.restore import Restored
from dermgan_jax.synthesis import manifest
from dermgan_jax.synthesis import translate as translating
from dermgan_jax.synthesis.translate import any_size, translate


@dataclasses.dataclass(frozen=True)
class Negative(NeverTrained, Translator):
    """AtoB turns values round, BtoA halves them; sides have to be multiples of 8."""

    directions = ("AtoB", "BtoA")

    @property
    def multiple(self):
        return 8

    @property
    def smallest(self):
        return 5

    def translate(self, variables, images, direction):
        assert images.shape[1] % 8 == images.shape[2] % 8 == 0
        return -images if direction == "AtoB" else images / 2


@pytest.fixture
def model():
    config = experiment("cyclegan")
    return Negative(validate(config), DataSpec(16, 16, 3, (), num_examples=4))


@pytest.fixture
def trained(model, monkeypatch):
    """Whatever the work directory, it holds the negative."""
    restored = Restored(model, {}, Stage((16, 16), 1, {}), step=7, run="negatives", classes=())
    monkeypatch.setattr(translating, "restore", lambda workdir, checkpoint: restored)


@pytest.fixture
def images():
    return np.random.default_rng(0).integers(0, 256, (5, 13, 18, 3), np.uint8)


@pytest.mark.parametrize("size", [(8, 8), (13, 18), (5, 40), (70, 33)])
def test_any_size_comes_back_in_its_own_size(model, size):
    images = np.random.default_rng(1).uniform(-1, 1, (3, *size, 3)).astype(np.float32)
    np.testing.assert_allclose(any_size(model, {}, images, "AtoB"), -images, atol=1e-6)


@pytest.mark.parametrize("size", [(100, 41), (64, 33), (32, 47), (20, 90)])
def test_tiles_are_blended_without_a_seam(model, size, monkeypatch):
    monkeypatch.setattr(translating, "LARGEST", 30)
    monkeypatch.setattr(translating, "TILE", 32)
    monkeypatch.setattr(translating, "OVERLAP", 8)
    images = np.random.default_rng(1).uniform(-1, 1, (2, *size, 1)).astype(np.float32)
    np.testing.assert_allclose(any_size(model, {}, images, "AtoB"), -images, atol=1e-6)


def test_tiles_overlap_and_cover_everything(monkeypatch):
    monkeypatch.setattr(translating, "OVERLAP", 8)
    for side in range(32, 200):
        starts = translating._starts(side, 32)
        assert (starts[0], starts[-1]) == (0, side - 32)
        assert all(0 < gap <= 24 for gap in np.diff(starts))


def test_folder_keeps_sizes_and_subfolders_but_no_name_of_a_real_image(trained, tmp_path, images):
    write_pngs(images, tmp_path / "in" / "case")
    wide = np.repeat(images[0], 2, axis=1)
    save_image(wide, tmp_path / "in" / "wide.bmp")
    translate(tmp_path / "run", tmp_path / "in", tmp_path / "out", reconstruct=True)
    found = open_images(tmp_path / "out" / "case")
    np.testing.assert_array_equal(found[:], 255 - images)
    assert [path.name for path in found.paths] == [f"synthetic_{i:06d}.png" for i in range(5)]
    with Image.open(tmp_path / "out" / "synthetic_wide.png") as image:
        np.testing.assert_array_equal(np.asarray(image), 255 - wide)
    again = open_images(tmp_path / "out" / "reconstructed" / "case")[:].astype(int)
    np.testing.assert_allclose(again - 127.5, (127.5 - images.astype(int)) / 2, atol=0.51)


def test_npz_is_float_and_not_quantised(trained, tmp_path, images):
    floats = images.astype(np.float32) / 127.5 - 1 + 0.001
    write_npz(floats, tmp_path / "in.npz")
    translate(tmp_path, tmp_path / "in.npz", tmp_path / "out.npz", "BtoA", reconstruct=True)
    with np.load(tmp_path / "out.npz") as found:
        np.testing.assert_allclose(found["images"], floats / 2, atol=1e-7)
        np.testing.assert_allclose(found["reconstructed"], -floats / 2, atol=1e-7)
        assert found["images"].dtype == np.float32


def test_arrays_of_a_range_that_is_told(trained, tmp_path, images):
    np.savez(tmp_path / "in.npz", images=np.float32(images) / 255)
    with pytest.raises(UserError, match="say it with --range=0,1"):
        translate(tmp_path, tmp_path / "in.npz", tmp_path / "out.npz")
    translate(tmp_path, tmp_path / "in.npz", tmp_path / "out.npz", value_range=(0.0, 1.0))
    with np.load(tmp_path / "out.npz") as found:
        np.testing.assert_allclose(found["images"], 1 - np.float32(images) / 127.5, atol=1e-6)


@pytest.mark.parametrize(
    ("command", "wanted"),
    [
        *((name, "workdir input out") for name in ("translate", "upscale", "project", "filter")),
        ("detect", "workdir input out"),
        ("judge", "workdir fake"),
        ("audit", "train fake"),
        ("evaluate", "real fake"),
    ],
)
def test_a_range_of_no_arrays_is_refused(command, wanted, tmp_path, capsys):
    write_pngs(np.zeros((1, 8, 8, 3), np.uint8), tmp_path / "in")
    places = [
        f"--{name}={tmp_path / ('out' if name == 'out' else 'in')}" for name in wanted.split()
    ]
    assert call(command, *places, "--range=0,1") == 2
    assert "--range is of floats in an .npz file" in capsys.readouterr().err


def deep(path, largest):
    Image.fromarray(np.linspace(0, largest, 64, dtype=np.uint16).reshape(8, 8)).save(path)


def test_depth_is_that_of_the_run_or_else_found_from_the_input(model, monkeypatch, tmp_path):
    """Two dark images alone are of 12 bits, beside a bright one of 16, as in training."""
    folder = tmp_path / "in"
    folder.mkdir()
    deep(folder / "dark.png", 4000)
    brightest = {}
    for name, depth, beside in (("alone", 0, None), ("beside", 0, 50_000), ("told", 16, None)):
        config = with_values(model.config, {"data.bit_depth": depth})
        of_depth = dataclasses.replace(model, config=config)
        restored = Restored(of_depth, {}, Stage((16, 16), 1, {}), step=7, run="run", classes=())
        monkeypatch.setattr(translating, "restore", lambda *_, restored=restored: restored)
        if beside:
            deep(folder / "bright.png", beside)
        translate(tmp_path, folder, tmp_path / name)
        (folder / "bright.png").unlink(missing_ok=True)
        brightest[name] = 255 - int(
            np.asarray(Image.open(tmp_path / name / "synthetic_dark.png")).min()
        )
    assert brightest == {"alone": 4000 >> 4, "beside": 4000 >> 8, "told": 4000 >> 8}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"direction": "AtoC"}, "cannot translate 'AtoC'; did you mean 'AtoB'"),
        ({"source": "nowhere"}, "nowhere is neither a folder"),
        ({"source": "empty"}, "holds no images"),
        ({"source": "small"}, r"tiny\.png is 9x4 pixels.*at least 5"),
        ({"source": "in.npz"}, "has to end in .npz"),
    ],
)
def test_what_cannot_be_translated_is_named(trained, tmp_path, images, arguments, message):
    (tmp_path / "empty").mkdir()
    write_npz(images, tmp_path / "in.npz")
    (tmp_path / "small").mkdir()
    save_image(images[0, :4, :9], tmp_path / "small" / "tiny.png")
    arguments = {"source": "small", **arguments}
    arguments["source"] = tmp_path / arguments["source"]
    with pytest.raises(UserError, match=message):
        translate(tmp_path, out=tmp_path / "out", **arguments)


def test_translations_of_two_folders_are_not_mixed(trained, tmp_path, images):
    for name in ("one", "two"):
        write_pngs(images, tmp_path / name)
    translate(tmp_path, tmp_path / "one", tmp_path / "out")
    translate(tmp_path, tmp_path / "one", tmp_path / "out")
    with pytest.raises(UserError, match="out holds 5 images that were made otherwise"):
        translate(tmp_path, tmp_path / "two", tmp_path / "out")


def test_other_translations_take_the_place_of_the_first_if_asked(trained, tmp_path, images):
    write_pngs(images, tmp_path / "one")
    save_image(images[0], tmp_path / "one" / "extra.jpg")
    write_pngs(images[:2], tmp_path / "two")
    translate(tmp_path, tmp_path / "one", tmp_path / "out")
    translate(tmp_path, tmp_path / "two", tmp_path / "out", overwrite=True)
    np.testing.assert_array_equal(open_images(tmp_path / "out")[:], 255 - images[:2])


def test_single_image_is_translated(trained, tmp_path, images):
    save_image(images[0], tmp_path / "one.png")
    translate(tmp_path, tmp_path / "one.png", tmp_path / "out")
    np.testing.assert_array_equal(open_images(tmp_path / "out")[:], 255 - images[:1])
    (tmp_path / "notes.txt").write_text("no image")
    with pytest.raises(UserError, match=r"notes\.txt is no image that is read"):
        translate(tmp_path, tmp_path / "notes.txt", tmp_path / "other")


def test_folder_that_is_called_like_that_of_reconstructions(trained, tmp_path, images):
    write_pngs(images[:1], tmp_path / "in")
    write_pngs(images[1:2], tmp_path / "in" / "reconstructed")
    with pytest.raises(UserError, match=r"would write reconstructed/synthetic_000000\.png"):
        translate(tmp_path, tmp_path / "in", tmp_path / "out", reconstruct=True)


def test_nothing_is_written_where_nothing_is_translated(trained, tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match="holds no images"):
        translate(tmp_path, tmp_path / "empty", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_images_of_another_scale_than_learned_are_told_before(model, tmp_path, monkeypatch, capsys):
    model = dataclasses.replace(model, config=with_values(model.config, {"data.resolution": 16}))
    restored = Restored(model, {}, Stage((16, 16), 1, {}), step=7, run="run", classes=())
    monkeypatch.setattr(translating, "restore", lambda *_: restored)
    for name, side in (("a", 16), ("b", 19), ("c", 64), ("d", 128)):
        save_image(np.zeros((side, 2 * side, 3), np.uint8), tmp_path / "in" / f"{name}.png")
    translate(tmp_path, tmp_path / "in", tmp_path / "out")
    told = capsys.readouterr().out
    assert "whole images of 16x16 pixels, and 2 of 4 images are 4 times as large to 8" in told
    (tmp_path / "in" / "c.png").unlink()
    (tmp_path / "in" / "d.png").unlink()
    translate(tmp_path, tmp_path / "in", tmp_path / "fitting")
    assert "warning" not in capsys.readouterr().out


def test_all_that_is_too_small_is_found_before_anything_is_written(trained, tmp_path, images):
    write_pngs(images, tmp_path / "in")
    for name in ("z1.png", "z2.png"):
        save_image(images[0, :4, :9], tmp_path / "in" / name)
    with pytest.raises(UserError, match=r"z1\.png is 9x4 pixels.*once \(nor can it see 1 more\)"):
        translate(tmp_path, tmp_path / "in", tmp_path / "out")
    assert not (tmp_path / "out").exists()
    (tmp_path / "in" / "z1.png").write_text("no image")
    (tmp_path / "in" / "z2.png").write_text("no image")
    with pytest.raises(DataError) as error:
        translate(tmp_path, tmp_path / "in", tmp_path / "out")
    assert len(error.value.faults) == 2


def test_small_arrays_are_refused(trained, tmp_path, images):
    write_npz(images[:, :4], tmp_path / "in.npz")
    with pytest.raises(UserError, match=r"in\.npz: image 0 is 18x4 .*4 more"):
        translate(tmp_path, tmp_path / "in.npz", tmp_path / "out.npz")


def test_arrays_that_are_not_translated_are_told(trained, tmp_path, images, capsys):
    write_npz(images[:, :8, :8], tmp_path / "in.npz", labels=np.arange(5))
    translate(tmp_path, tmp_path / "in.npz", tmp_path / "out.npz")
    assert "labels are left out" in capsys.readouterr().out


def test_dicom_files_become_png_files_that_tell_of_nobody(trained, tmp_path):
    (tmp_path / "in").mkdir()
    values = np.arange(256, dtype=np.uint16).reshape(16, 16)
    path = write_dicom(tmp_path / "in" / "a.dcm", values, PatientID="4711", PatientName="Doe^Jane")
    assert b"Doe^Jane" in path.read_bytes()
    translate(tmp_path / "run", tmp_path / "in", tmp_path / "out")
    (made,) = (tmp_path / "out").glob("*.png")
    assert made.name == "synthetic_a.png"
    assert not any(word in made.read_bytes() for word in (b"4711", b"Doe"))


def test_translations_tell_what_they_were_made_of_by_its_pixels(trained, tmp_path, images):
    write_pngs(images, tmp_path / "in" / "patient")
    translate(tmp_path / "run", tmp_path / "in", tmp_path / "out", reconstruct=True)
    rows = manifest.read(tmp_path / "out")
    assert len(rows) == 10
    for place in ("", "reconstructed/"):
        name = f"{place}patient/synthetic_000003.png"
        with Image.open(tmp_path / "out" / name) as image:
            told, comment = json.loads(image.text["dermgan_jax"]), image.text["Comment"]
        assert told["input_sha256"] == pixel_digest(images[3]) == rows[name].input_sha256
        assert (told["index"], rows[name].seed) == (3, "")
        assert "shows no patient" not in comment
    write_npz(images, tmp_path / "in.npz")
    translate(tmp_path / "run", tmp_path / "in.npz", tmp_path / "out.npz", reconstruct=True)
    rows = manifest.read(tmp_path / "out.npz")
    assert set(rows) == {f"{key}/{i}" for key in ("images", "reconstructed") for i in range(5)}
