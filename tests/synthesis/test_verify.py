"""Which images are ours, and which were altered."""

import json

import numpy as np
import pytest
from command_line import call
from dicom_files import write_dicom
from PIL import Image, PngImagePlugin
from style_painter import holds_a_painter

from dermgan_jax.data.image_files import save_image, write_pngs
from dermgan_jax.errors import UserError
from dermgan_jax.synthesis import manifest
from dermgan_jax.synthesis import verify as verifying
from dermgan_jax.synthesis.drawing import Drawing
from dermgan_jax.synthesis.generate import generate
from dermgan_jax.synthesis.verify import verify


@pytest.fixture(autouse=True)
def trained(monkeypatch):
    holds_a_painter(monkeypatch)


@pytest.fixture
def drawn(tmp_path):
    """A folder of four samples of the run "of paint"."""
    generate(tmp_path / "run", tmp_path / "out", 4, Drawing())
    return tmp_path / "out"


def states(found):
    return {one.file: one.state for one in found.images}


def rewritten(path, change=None, text=True):
    """Writes a PNG file anew, by another program as it were."""
    with Image.open(path) as image:
        pixels, texts = np.asarray(image).copy(), dict(image.text)
    if change is not None:
        change(pixels)
    info = PngImagePlugin.PngInfo()
    for key, value in texts.items() if text else ():
        info.add_text(key, value)
    Image.fromarray(pixels).save(path, pnginfo=info, compress_level=1)


def flip(pixels):
    pixels[5, 5, 1] ^= 1


def test_samples_are_ours_and_unaltered(drawn, capsys):
    found = verify(drawn)
    assert [one.state for one in found.images] == ["unaltered"] * 4
    assert found.runs() == {"of paint": {7: 4}}
    assert call("verify", f"--input={drawn}") == 0
    said = capsys.readouterr().out
    assert "4 ours and unaltered" in said
    assert "run of paint: 4 of checkpoint 7" in said
    assert "It is no signature" in said


@pytest.mark.parametrize("listed", [True, False])
def test_files_compressed_anew_are_not_altered_but_a_changed_pixel_is(drawn, listed, capsys):
    if not listed:
        (drawn / "manifest.csv").unlink()
    rewritten(drawn / "000001.png")
    rewritten(drawn / "000002.png", flip)
    assert states(verify(drawn)) == {
        "000000.png": "unaltered",
        "000001.png": "unaltered",
        "000002.png": "altered",
        "000003.png": "unaltered",
    }
    assert call("verify", f"--input={drawn}") == 3
    told = capsys.readouterr()
    assert "000002.png: its pixels are not those that were written" in told.out
    assert "1 of 4 images are altered" in told.err


def test_a_text_that_is_gone_is_made_up_for_by_the_manifest(drawn):
    rewritten(drawn / "000001.png", text=False)
    rewritten(drawn / "000002.png", flip, text=False)
    write_pngs(np.zeros((1, 8, 8, 3), np.uint8), drawn / "photographs")
    found = verify(drawn)
    assert states(found) == {
        "000000.png": "unaltered",
        "000001.png": "unaltered",
        "000002.png": "altered",
        "000003.png": "unaltered",
        "photographs/000000.png": "unmarked",
    }
    assert found.images[1].run == "of paint"
    assert "its text is gone" in found.images[1].why


def test_without_text_a_new_name_keeps_its_run_and_a_wrong_one_is_altered(drawn):
    for number in range(3):
        rewritten(drawn / f"00000{number}.png", text=False)
    (drawn / "000000.png").rename(drawn / "renamed.png")
    (drawn / "000001.png").rename(drawn / "000000.png")
    (drawn / "000002.png").rename(drawn / "000001.png")
    found = {one.file: one for one in verify(drawn).images}
    assert (found["renamed.png"].state, found["renamed.png"].run) == ("unaltered", "of paint")
    for name in ("000000.png", "000001.png"):
        assert found[name].state == "altered"
        assert found[name].why.endswith("names another image so")


def test_an_image_of_ours_that_cannot_be_read_any_more_is_altered(drawn, capsys):
    whole = (drawn / "000001.png").read_bytes()
    (drawn / "000001.png").write_bytes(whole[:60])
    assert states(verify(drawn))["000001.png"] == "altered"
    assert call("verify", f"--input={drawn}") == 3
    assert "manifest.csv names it, and" in capsys.readouterr().out


def test_without_text_and_manifest_nobody_knows(drawn):
    (drawn / "manifest.csv").unlink()
    rewritten(drawn / "000001.png", text=False)
    assert states(verify(drawn))["000001.png"] == "unmarked"


def test_images_that_changed_places_or_are_missing_are_told(drawn):
    (drawn / "000001.png").replace(drawn / "000002.png")
    found = verify(drawn)
    assert states(found)["000002.png"] == "altered"
    assert found.missing == ("000001.png",)
    assert "named by manifest.csv and not there" in found.text()


def test_runs_that_are_not_named_are_unknown(drawn, monkeypatch, tmp_path):
    for run, state in (("of paint", "unaltered"), ("another", "unknown_run")):
        monkeypatch.setattr(verifying, "run_of", lambda workdir, run=run: run)
        assert set(states(verify(drawn, [tmp_path / "run"])).values()) == {state}


def test_files_of_before_there_were_digests(drawn):
    (drawn / "manifest.csv").unlink()
    with Image.open(drawn / "000000.png") as image:
        texts, pixels = dict(image.text), np.asarray(image)
    told = json.loads(texts["dermgan_jax"])
    del told["pixels_sha256"]
    save_image(pixels, drawn / "000000.png", {**texts, "dermgan_jax": json.dumps(told)})
    assert states(verify(drawn))["000000.png"] == "unchecked"


@pytest.mark.parametrize(
    ("text", "state"),
    [
        ("{", "unmarked"),
        ("[" * 100_000, "unmarked"),
        ('{"run": ' + '"' + "r" * 100_000 + '"}', "unmarked"),
        ('{"run": ["of paint"]}', "unmarked"),
        ('{"run": "of paint", "checkpoint": 1e400}', "unmarked"),
        ("{}", "unchecked"),
        (json.dumps({"run": "\x1b[2J", "pixels_sha256": "0" * 64}), "altered"),
    ],
)
def test_texts_of_strangers_do_no_harm(text, state, tmp_path, capsys):
    save_image(np.zeros((8, 8, 3), np.uint8), tmp_path / "in" / "a.png", {"dermgan_jax": text})
    found = verify(tmp_path / "in")
    assert states(found) == {"a.png": state}
    assert "\x1b" not in found.text()
    assert call("verify", f"--input={tmp_path / 'in'}") == (3 if state == "altered" else 0)
    assert "\x1b" not in capsys.readouterr().out


def test_real_images_among_ours_are_not_marked_whatever_their_depth(drawn):
    Image.fromarray(np.full((8, 8), 4000, np.uint16)).save(drawn / "x_ray.png")
    write_dicom(drawn / "x_ray.dcm", np.full((8, 8), 4000, np.uint16))
    found = states(verify(drawn))
    assert (found["x_ray.png"], found["x_ray.dcm"]) == ("unmarked", "unmarked")


def test_names_and_files_of_strangers_do_no_harm(drawn):
    (drawn / "bad\x1b[2J.png").write_bytes(b"no image")
    (drawn / "cut.png").write_bytes((drawn / "000000.png").read_bytes()[:-300])
    (drawn / "sub").mkdir()
    (drawn / "sub" / "manifest.csv").write_text("mine\n")
    found = verify(drawn)
    assert len(found.of("unreadable")) == 2
    assert "\x1b" not in found.text()
    assert any("its first line is not" in note for note in found.notes)


def test_arrays_are_held_against_the_table_beside_them(tmp_path, capsys):
    generate(tmp_path / "run", tmp_path / "out.npz", 3, Drawing())
    assert set(states(verify(tmp_path / "out.npz")).values()) == {"unaltered"}
    with np.load(tmp_path / "out.npz") as stored:
        arrays = {key: stored[key].copy() for key in stored}
    arrays["images"][1, 0, 0, 0] += 0.001
    np.savez(tmp_path / "out.npz", **arrays)
    assert states(verify(tmp_path / "out.npz"))["images/1"] == "altered"
    manifest.place(tmp_path / "out.npz").unlink()
    found = verify(tmp_path / "out.npz")
    assert set(states(found).values()) == {"unmarked"}
    assert any("no out_manifest.csv tells" in note for note in found.notes)


def test_json_names_every_image(drawn, capsys):
    rewritten(drawn / "000002.png", flip)
    assert call("verify", f"--input={drawn}", "--json") == 3
    told = json.loads(capsys.readouterr().out)
    assert told["counts"]["unaltered"] == 3
    assert told["counts"]["altered"] == 1
    assert told["runs"] == {"of paint": {"7": 4}}
    assert [one["file"] for one in told["images"]] == [f"{i:06d}.png" for i in range(4)]


@pytest.mark.parametrize("name", ["nowhere", "empty", "notes.txt"])
def test_what_holds_no_images_is_refused(name, tmp_path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "notes.txt").write_text("no image")
    with pytest.raises(UserError, match=r"holds no images|neither a folder"):
        verify(tmp_path / name)
