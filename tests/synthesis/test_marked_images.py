"""What every synthetic image carries, the table beside them, and the visible mark."""

import csv
import json

import numpy as np
import pytest
from PIL import Image
from style_painter import SIDE, holds_a_painter

from dermgan_jax import files
from dermgan_jax.data import image_marks
from dermgan_jax.data.image_files import save_image
from dermgan_jax.data.image_sets import open_images
from dermgan_jax.errors import UserError
from dermgan_jax.synthesis import corner_mark, made_by, manifest, trained_sampler
from dermgan_jax.synthesis.candidates import Candidates, write_kept
from dermgan_jax.synthesis.drawing import Drawing
from dermgan_jax.synthesis.generate import generate
from dermgan_jax.synthesis.image_folder import named_images
from dermgan_jax.synthesis.interpolate import interpolate
from dermgan_jax.synthesis.marked_images import renewed
from dermgan_jax.synthesis.style_mixing import mix_styles

DRAWING = Drawing(seed=3)


@pytest.fixture(autouse=True)
def trained(monkeypatch):
    holds_a_painter(monkeypatch)


def told_by(path):
    with Image.open(path) as image:
        return json.loads(image.text["dermgan_jax"])


def test_every_file_tells_its_number_and_its_pixels(tmp_path):
    generate(tmp_path / "run", tmp_path / "out", 3, DRAWING)
    for index in range(3):
        path = tmp_path / "out" / f"{index:06d}.png"
        told = told_by(path)
        pixels = np.asarray(Image.open(path))
        assert (told["synthetic"], told["run"], told["checkpoint"]) == (True, "of paint", 7)
        assert (told["index"], told["drawing"]["seed"]) == (index, 3)
        assert told["pixels_sha256"] == image_marks.pixel_digest(pixels)
        assert image_marks.read(path).pixels == told["pixels_sha256"]


def test_digest_is_of_the_pixels_not_of_the_file(tmp_path):
    generate(tmp_path / "run", tmp_path / "out", 1, DRAWING)
    path = tmp_path / "out" / "000000.png"
    expected = image_marks.read(path).pixels
    with Image.open(path) as image:
        image.convert("RGBA").save(tmp_path / "again.png", compress_level=0)
        pixels = np.asarray(image).copy()
    assert (tmp_path / "again.png").stat().st_size != path.stat().st_size
    assert image_marks.pixel_digest(image_marks.stored_pixels(tmp_path / "again.png")) == expected
    pixels[0, 0, 0] ^= 1
    assert image_marks.pixel_digest(pixels) != expected
    assert image_marks.pixel_digest(pixels[..., :1]) != image_marks.pixel_digest(
        pixels[..., :1].reshape(1, -1, 1)
    )


def test_manifest_has_a_row_for_each_image(tmp_path):
    for name in ("out", "out.npz"):
        generate(tmp_path / "run", tmp_path / name, 3, DRAWING)
    with (tmp_path / "out" / "manifest.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["file"] for row in rows] == [f"{i:06d}.png" for i in range(3)]
    assert [(row["index"], row["seed"]) for row in rows] == [("0", "3"), ("1", "3"), ("2", "3")]
    assert rows[1]["pixels_sha256"] == told_by(tmp_path / "out" / "000001.png")["pixels_sha256"]
    of_arrays = manifest.read(tmp_path / "out.npz")
    with np.load(tmp_path / "out.npz") as arrays:
        for i, image in enumerate(arrays["images"]):
            digest = image_marks.pixel_digest(image)
            assert of_arrays[f"images/{i}"].pixels_sha256 == digest


def test_table_of_the_user_is_not_replaced(tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "manifest.csv").write_text("mine\n")
    with pytest.raises(UserError, match=r"manifest\.csv is none that this program wrote"):
        generate(tmp_path / "run", tmp_path / "out", 2, DRAWING)
    assert (tmp_path / "out" / "manifest.csv").read_text() == "mine\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("file,index\n", "its first line is not"),
        (",".join(manifest.Row._fields) + "\na,b\n", "missing"),
        (",".join(manifest.Row._fields) + "\na,0,0,,,x\na,0,0,,,x\n", "names a file twice"),
        ("\x00\xff", "is damaged"),
    ],
)
def test_damaged_manifest_is_named(text, message, tmp_path):
    (tmp_path / "manifest.csv").write_bytes(text.encode("latin-1"))
    with pytest.raises(UserError, match=message):
        manifest.read(tmp_path)


def test_visible_mark_is_drawn_only_if_asked_and_only_in_a_corner(tmp_path, capfd):
    generate(tmp_path / "run", tmp_path / "plain", 2, DRAWING)
    generate(tmp_path / "run", tmp_path / "marked", 2, DRAWING, mark=True)
    plain, marked = (open_images(tmp_path / name)[:] for name in ("plain", "marked"))
    rows, columns = np.nonzero((plain != marked).any((0, 3)))
    assert len(rows) > 20
    assert rows.min() >= SIDE - 14
    assert columns.min() >= SIDE - 14
    assert told_by(tmp_path / "marked" / "000000.png")["corner_mark"] is True
    assert made_by.read(tmp_path / "marked").corner_mark
    assert "marked carry a visible mark in a corner" in capfd.readouterr().err
    assert "corner_mark" not in made_by.read(tmp_path / "plain").to_json()
    with pytest.raises(UserError, match="made otherwise"):
        generate(tmp_path / "run", tmp_path / "plain", 2, DRAWING, mark=True)
    with pytest.raises(UserError, match="--mark is drawn into PNG files"):
        generate(tmp_path / "run", tmp_path / "out.npz", 2, DRAWING, mark=True)


@pytest.mark.parametrize("side", [4, 16, 64, 256])
@pytest.mark.parametrize("channels", [1, 3])
def test_visible_mark_suits_every_size(side, channels):
    images = np.full((2, side, side, channels), 128, np.uint8)
    marked = corner_mark.marked(images)
    assert marked.shape == images.shape
    assert (marked != images).any()
    assert (images == 128).all()
    if side > 4:  # letters, dark on light
        assert marked.min() < 40
        assert (marked[:, -1, -1] == 255).all()


def test_sheets_and_films_tell_it_too(tmp_path):
    mix_styles(tmp_path / "run", tmp_path / "sheet.png", 2, DRAWING, mark=True)
    interpolate(tmp_path / "run", tmp_path / "walk", 2, DRAWING, steps=2, mark=True)
    for path in (tmp_path / "sheet.png", tmp_path / "walk" / "strip.png"):
        told = told_by(path)
        assert told["corner_mark"]
        assert told["pixels_sha256"] == image_marks.pixel_digest(np.asarray(Image.open(path)))
    with Image.open(tmp_path / "walk" / "walk.gif") as film:
        assert film.info["comment"].startswith(b"synthetic image")
        assert b'"run": "of paint"' in film.info["comment"]


def test_results_never_have_the_name_of_a_real_image(tmp_path):
    for name in ("a.png", "b.jpg", "b.bmp", "case/c.JPG", "synthetic_d.png"):
        save_image(np.zeros((4, 4, 3), np.uint8), tmp_path / "in" / name.lower())
    found = [name.as_posix() for name in named_images(tmp_path / "in", tmp_path / "out").values()]
    assert sorted(found) == [
        *("case/synthetic_c.png", "synthetic_a.png", "synthetic_b.bmp.png", "synthetic_b.jpg.png"),
        "synthetic_d.png",
    ]
    save_image(np.zeros((4, 4, 3), np.uint8), tmp_path / "in" / "synthetic_a.png")
    with pytest.raises(UserError, match=r"would become synthetic_a\.png"):
        named_images(tmp_path / "in", tmp_path / "out")


@pytest.mark.parametrize("kind", ["folder", "npz"])
@pytest.mark.parametrize("known", [True, False])
def test_kept_images_stay_marked(kind, known, tmp_path):
    source = tmp_path / ("drawn" if kind == "folder" else "drawn.npz")
    generate(tmp_path / "run", source, 4, DRAWING)
    told = made_by.read(source) if known else None
    images = open_images(source)
    names = tuple(manifest.read(source)) if kind == "folder" else tuple("0123")
    candidates = Candidates(source, images, names, ("",) * 4)
    restored = trained_sampler.restore(tmp_path / "run", "latest")
    kept = np.array([False, True, False, True])
    rows = write_kept(candidates, kept, restored, tmp_path / "kept", told)
    paths = sorted((tmp_path / "kept").glob("*.png"))
    assert [told_by(path)["index"] for path in paths] == [1, 3]
    for path in paths:
        pixels = image_marks.pixel_digest(image_marks.stored_pixels(path))
        assert image_marks.read(path).pixels == pixels
    assert [row.index for row in rows] == (["1", "3"] if known else [])


def test_kept_arrays_know_their_number(tmp_path):
    generate(tmp_path / "run", tmp_path / "drawn.npz", 4, DRAWING)
    restored = trained_sampler.restore(tmp_path / "run", "latest")
    source = tmp_path / "drawn.npz"
    candidates = Candidates(source, open_images(source), tuple("0123"), ("",) * 4)
    kept = np.array([False, True, False, True])
    rows = write_kept(candidates, kept, restored, tmp_path / "kept.npz", made_by.read(source))
    before = manifest.read(source)
    assert [(row.file, row.index) for row in rows] == [("images/0", "1"), ("images/1", "3")]
    assert rows[1].pixels_sha256 == before["images/3"].pixels_sha256


def test_texts_are_renewed_for_pixels_made_of_ours(tmp_path):
    generate(tmp_path / "run", tmp_path / "out", 1, DRAWING)
    with Image.open(tmp_path / "out" / "000000.png") as image:
        texts = dict(image.text)
    before = json.loads(texts["dermgan_jax"])
    larger = np.zeros((4, 4, 3), np.uint8)
    told = json.loads(renewed(texts, larger)["dermgan_jax"])
    assert told["pixels_sha256"] == image_marks.pixel_digest(larger)
    assert (told["made_of_sha256"], told["index"]) == (before["pixels_sha256"], 0)
    assert renewed({"Comment": "no text of ours"}, larger) == {"Comment": "no text of ours"}


def test_folders_of_before_are_read_and_gone_on_with(tmp_path):
    """Samples of before there were tables: the same command may be repeated."""
    generate(tmp_path / "run", tmp_path / "out", 2, DRAWING)
    (tmp_path / "out" / "manifest.csv").unlink()
    told = made_by.read(tmp_path / "out")
    generate(tmp_path / "run", tmp_path / "out", 2, DRAWING)
    assert made_by.read(tmp_path / "out") == told
    assert len(manifest.read(tmp_path / "out")) == 2


def test_many_rows_are_quick(tmp_path):
    rows = [manifest.Row(f"{i:06d}.png", str(i), "0", "nv", "", "0" * 64) for i in range(100_000)]
    manifest.write(tmp_path, rows)
    assert files.size(tmp_path / "manifest.csv") < 12e6
    assert manifest.read(tmp_path)["099999.png"] == rows[-1]


@pytest.mark.parametrize("ours", [True, False])
def test_table_written_just_before_an_interruption_is_replaced_and_no_other(tmp_path, ours):
    generate(tmp_path / "run", tmp_path / "out", 2, DRAWING)
    written = json.loads((tmp_path / "out" / "written_by.json").read_text())
    del written["files"]["manifest.csv"]
    (tmp_path / "out" / "written_by.json").write_text(json.dumps(written))
    if ours:
        generate(tmp_path / "run", tmp_path / "out", 1, DRAWING, overwrite=True)
        assert list(manifest.read(tmp_path / "out")) == ["000000.png"]
        return
    (tmp_path / "out" / "manifest.csv").write_text("mine\n")
    with pytest.raises(UserError, match=r"also holds manifest\.csv"):
        generate(tmp_path / "run", tmp_path / "out", 1, DRAWING, overwrite=True)
