"""What samples say of what made them, drawn by a sampler whose images are known."""

import dataclasses
import json

import numpy as np
import pytest
from PIL import Image
from style_painter import SIDE, holds_a_painter

from dermgan_jax.data.image_files import write_pngs
from dermgan_jax.errors import UserError
from dermgan_jax.synthesis import made_by
from dermgan_jax.synthesis.drawing import Drawing
from dermgan_jax.synthesis.generate import generate
from dermgan_jax.synthesis.style_mixing import mix_styles

DRAWING = Drawing(seed=3, truncation=0.5)


@pytest.fixture(autouse=True)
def trained(monkeypatch):
    holds_a_painter(monkeypatch)


@pytest.fixture
def workdir(tmp_path):
    return tmp_path / "home of a patient" / "run"


@pytest.mark.parametrize("name", ["samples", "samples.npz"])
def test_samples_say_what_made_them(name, workdir, tmp_path):
    generate(workdir, tmp_path / name, 3, DRAWING)
    told = made_by.read(tmp_path / name)
    assert (told.workdir, told.run, told.family) == (str(workdir), "of paint", "pgan")
    assert (told.checkpoint, told.drawing) == (7, DRAWING)
    plain = json.loads(made_by.place(tmp_path / name).read_text())
    assert plain["synthetic"] is True


def test_every_png_says_so_without_telling_where_the_run_lies(workdir, tmp_path):
    generate(workdir, tmp_path / "samples", 2, DRAWING)
    mix_styles(workdir, tmp_path / "sheet.png", 2, DRAWING)
    for path in (tmp_path / "samples" / "000001.png", tmp_path / "sheet.png"):
        with Image.open(path) as image:
            text = image.text
        assert text["Comment"].startswith("synthetic image")
        told = json.loads(text["dermgan_jax"])
        assert (told["workdir"], told["checkpoint"], told["drawing"]["seed"]) == ("run", 7, 3)
        assert "patient" not in text["dermgan_jax"]


def test_the_same_samples_may_be_written_again(workdir, tmp_path):
    for _ in range(2):
        generate(workdir, tmp_path / "samples", 2, DRAWING)
    assert len(list((tmp_path / "samples").glob("*.png"))) == 2


def test_other_samples_are_not_mixed_in(workdir, tmp_path):
    generate(workdir, tmp_path / "samples", 2, DRAWING)
    with pytest.raises(UserError, match="samples holds 2 images that were made otherwise"):
        generate(workdir, tmp_path / "samples", 1, Drawing(seed=4))
    write_pngs(np.zeros((3, SIDE, SIDE, 3), np.uint8), tmp_path / "photographs")
    with pytest.raises(UserError, match="photographs holds 3 images that were made otherwise"):
        generate(workdir, tmp_path / "photographs", 1, DRAWING)


def test_samples_of_given_latents_are_others(workdir, tmp_path):
    np.savez(tmp_path / "given.npz", z=np.zeros((1, 3)))
    generate(workdir, tmp_path / "samples", 2, DRAWING)
    with pytest.raises(UserError, match="that were made otherwise"):
        generate(workdir, tmp_path / "samples", None, DRAWING, tmp_path / "given.npz")


@pytest.mark.parametrize(
    ("num", "seed", "message"),
    [
        (2, 0, "holds 1 latents, so --num=2 is left aside"),
        (None, 5, "--seed=5 changes nothing"),
        (1, 0, ""),
    ],
)
def test_what_latents_make_meaningless_is_told(num, seed, message, workdir, tmp_path, capsys):
    np.savez(tmp_path / "given.npz", z=np.zeros((1, 3)))
    drawing = dataclasses.replace(DRAWING, seed=seed)
    generate(workdir, tmp_path / "samples", num, drawing, tmp_path / "given.npz")
    said = capsys.readouterr().out
    assert message in said
    assert ("note" in said) == bool(message)
    assert len(list((tmp_path / "samples").glob("*.png"))) == 1


def test_images_of_an_earlier_longer_drawing_are_not_passed_as_these(workdir, tmp_path):
    out = tmp_path / "samples"
    for num in (2, 4):
        generate(workdir, out, num, DRAWING)
    with pytest.raises(UserError, match=r"holds 3 more images .*000001\.png"):
        generate(workdir, out, 1, DRAWING)
    assert len(list(out.glob("*.png"))) == 4
    generate(workdir, out, 1, DRAWING, overwrite=True)
    assert [path.name for path in out.glob("*.png")] == ["000000.png"]
    assert made_by.read(out).drawing == DRAWING


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"z": np.full((1, 3), np.nan)}, "finite real numbers"),
        ({"z": np.zeros((1, 3), complex)}, "finite real numbers"),
        ({"z": np.zeros((0, 3))}, r"expected \(num, 3\)"),
    ],
)
def test_latents_that_are_none_are_refused(arrays, message, workdir, tmp_path):
    np.savez(tmp_path / "given.npz", **arrays)
    with pytest.raises(UserError, match=message):
        generate(workdir, tmp_path / "samples", None, DRAWING, tmp_path / "given.npz")
    assert not (tmp_path / "samples").exists()


def test_arrays_beside_the_latents_are_told(workdir, tmp_path, capsys):
    np.savez(tmp_path / "given.npz", z=np.zeros((1, 3)), labels=np.zeros(1))
    generate(workdir, tmp_path / "samples", None, DRAWING, tmp_path / "given.npz")
    assert "only z is read; labels are left out" in capsys.readouterr().out


def test_file_of_other_samples_is_replaced_with_a_word(workdir, tmp_path, capsys):
    out = tmp_path / "samples.npz"
    for seed, replaced in ((0, False), (0, False), (1, True)):
        generate(workdir, out, 2, dataclasses.replace(DRAWING, seed=seed))
        assert ("they are replaced" in capsys.readouterr().out) == replaced
        assert made_by.read(out).drawing.seed == seed


def test_file_that_was_not_completed_is_refused(workdir, tmp_path, monkeypatch):
    def interrupt(*_, **__):
        raise KeyboardInterrupt

    out = tmp_path / "samples.npz"
    generate(workdir, out, 2, DRAWING)
    with monkeypatch.context() as patch:
        patch.setattr("dermgan_jax.synthesis.generate.write_npz", interrupt)
        with pytest.raises(KeyboardInterrupt):
            generate(workdir, out, 2, dataclasses.replace(DRAWING, seed=1))
    with pytest.raises(UserError, match="was not completed"):
        made_by.read(out)


def test_nothing_is_said_of_samples_of_which_nothing_is_known(workdir, tmp_path, capsys):
    out = tmp_path / "samples.npz"
    generate(workdir, out, 2, DRAWING)
    made_by.begin(out, None)
    made_by.end(out, None)
    assert made_by.read(out) is None
    assert "they are replaced" in capsys.readouterr().out


def test_unfinished_samples_are_refused(workdir, tmp_path, monkeypatch):
    def interrupt(*_, **__):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("dermgan_jax.synthesis.marked_images.save_image", interrupt)
        with pytest.raises(KeyboardInterrupt):
            generate(workdir, tmp_path / "samples", 2, DRAWING)
    with pytest.raises(UserError, match="samples was not completed"):
        made_by.read(tmp_path / "samples")
    generate(workdir, tmp_path / "samples", 2, DRAWING)
    assert made_by.read(tmp_path / "samples").checkpoint == 7


def test_folder_that_says_nothing(tmp_path):
    assert made_by.read(tmp_path) is None
    (tmp_path / "made_by.json").write_text('{"workdir": "run"}')
    with pytest.raises(UserError, match="does not say what made the images beside it"):
        made_by.read(tmp_path)


def test_names_beside_the_latents_do_not_move_the_cursor(workdir, tmp_path, capsys):
    np.savez(tmp_path / "given.npz", **{"z": np.zeros((1, 3)), "a\x1b[2Jb": np.zeros(1)})
    generate(workdir, tmp_path / "samples", None, DRAWING, tmp_path / "given.npz")
    said = capsys.readouterr().out
    assert "a\\x1b[2Jb are left out" in said
    assert "\x1b" not in said
