"""The page of all images given to a translator, each beside its translation."""

import numpy as np
import pytest
from command_line import call
from injected_pages import write_run
from PIL import Image
from test_report import Page

from dermgan_jax.report import input_output


@pytest.fixture
def translated(tmp_path):
    """A translator's folder, images given and their translations, of several sizes and kinds."""
    for i, name in enumerate(("a.jpg", "case/b.png", "case/c.bmp")):
        given = tmp_path / "in" / name
        made = (tmp_path / "out" / name).with_name(f"synthetic_{given.stem}.png")
        for file in (given, made):
            file.parent.mkdir(parents=True, exist_ok=True)
            pixels = np.full((16 + i, 24, 3), 40 * i, np.uint8)
            Image.fromarray(pixels).save(file)
    return write_run(tmp_path / "run", "translator"), tmp_path


def test_every_pair_is_there_in_order(translated):
    workdir, folder = translated
    page = folder / "pairs.html"
    number = input_output.build(workdir, folder / "in", folder / "out", page, "BtoA")
    found = Page(page.read_text())
    assert number == 3
    assert found.elements.count("img") == 6
    text = " ".join(found.text.split())
    assert "Translations, BtoA" in text
    assert "All 3 images that went into run" in text
    places = [text.index(name) for name in ("synthetic_a.png", "case/synthetic_b.png")]
    assert places == sorted(places)
    assert all(reference.startswith("data:image/") for reference in found.references)


def test_of_very_many_some_are_shown_and_that_is_said(translated, monkeypatch):
    monkeypatch.setattr(input_output, "MOST", 2)
    workdir, folder = translated
    page = folder / "pairs.html"
    assert input_output.build(workdir, folder / "in", folder / "out", page, "AtoB") == 2
    assert "2 of 3, evenly spaced, images" in " ".join(page.read_text().split())


def test_arrays_have_no_page(tmp_path, capsys):
    (tmp_path / "in.npz").write_bytes(b"")
    words = (f"--workdir={tmp_path}", f"--input={tmp_path / 'in.npz'}", f"--out={tmp_path}/o.npz")
    assert call("translate", *words, f"--page={tmp_path / 'p.html'}") == 2
    assert "--page is of image files" in capsys.readouterr().err
