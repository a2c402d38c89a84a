"""dermgan evaluate of several fake sides, and within classes."""

import json

import numpy as np
import pytest
from PIL import Image

from dermgan_jax.main import main

RANDOM = np.random.default_rng(0)
REAL = RANDOM.integers(0, 256, (70, 16, 16, 3), np.uint8)
SIDES = {"near": REAL // 2 * 2, "far": REAL // 4, "odd,name": REAL // 3}


@pytest.fixture
def folders(tmp_path, monkeypatch):
    monkeypatch.setenv("DERMGAN_CACHE", str(tmp_path / "cache"))
    for name, images in {"real": REAL, **SIDES}.items():
        for i, image in enumerate(images):
            path = tmp_path / name / ("nv" if i < 10 else "mel") / f"{i:03d}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(image).save(path)
    return tmp_path


def test_several_sides_are_ranked_and_drawn(folders, capsys):
    sides = f"{folders / 'near'},{folders / 'far'}"
    out = folders / "several.json"
    command = ["evaluate", f"--real={folders / 'real'}", f"--fake={sides}", f"--out={out}"]
    assert main([*command, "--metrics=kd:pixels,prdc:pixels,swd"]) == 0
    printed = capsys.readouterr().out
    assert "order survives" in printed
    assert f"kd:pixels: {folders / 'near'} − {folders / 'far'}" in printed
    found = json.loads(out.read_text())
    assert list(found["evaluations"]) == sides.split(",")
    order = found["ranks"][0]
    assert (order["metric"], list(order["rank"].values())) == ("kd:pixels", [1, 2])
    assert not order["unpaired"]
    with Image.open(out.with_suffix(".png")) as figure:
        assert figure.width > 1000


def test_a_single_folder_may_have_a_comma_in_its_name(folders, capsys):
    command = ["evaluate", f"--real={folders / 'real'}", f"--fake={folders / 'odd,name'}"]
    assert main([*command, "--metrics=kd:pixels"]) == 0
    assert "order survives" not in capsys.readouterr().out


def test_values_within_classes_are_printed_and_kept(folders, capsys):
    out = folders / "one.json"
    command = ["evaluate", f"--real={folders / 'real'}", f"--fake={folders / 'near'}"]
    assert main([*command, "--metrics=kd:pixels", "--by=class", f"--out={out}"]) == 0
    printed = capsys.readouterr().out
    assert "class mel" in printed
    assert "too few: 10, needs 50" in printed
    mel, nv = json.loads(out.read_text())["subgroups"]
    assert (mel["n_real"], nv["n_real"]) == (60, 10)
    assert "value" in mel["cells"]["kd:pixels"]
    assert "reason" in nv["cells"]["kd:pixels"]


def test_values_beyond_those_of_real_images_are_no_merit(folders, capsys):
    """Averages lie in the midst of all, with a density that no real images reach."""
    for i in range(70):
        path = folders / "same" / f"{i:03d}.png"
        path.parent.mkdir(exist_ok=True)
        Image.fromarray(REAL.mean(axis=0).astype(np.uint8) + i % 5).save(path)
    sides = f"{folders / 'near'},{folders / 'same'}"
    command = ["evaluate", f"--real={folders / 'real'}", f"--fake={sides}"]
    assert main([*command, "--metrics=prdc:pixels"]) == 0
    printed = capsys.readouterr().out
    assert f"density:pixels of {folders / 'same'}" in printed
    assert "no merit" in printed


@pytest.mark.parametrize(
    ("sides", "told"),
    [(",", "nothing is named"), ("near,./near", "near twice"), ("near/,near", "near twice")],
)
def test_sides_that_are_none_or_named_twice_are_refused(folders, sides, told, capsys, monkeypatch):
    monkeypatch.chdir(folders)
    assert main(["evaluate", "--real=real", f"--fake={sides}", "--metrics=kd:pixels"]) == 2
    assert told in capsys.readouterr().err
