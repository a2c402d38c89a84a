"""What a flag's path may be, found before any work is done."""

import os

import pytest
from command_line import call

from dermgan_jax.commands import paths
from dermgan_jax.errors import UserError


@pytest.fixture
def place(tmp_path):
    (tmp_path / "folder.npz").mkdir()
    (tmp_path / "folder.json").mkdir()
    (tmp_path / "file").write_text("kept")
    os.mkfifo(tmp_path / "pipe.json")
    return tmp_path


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (["generate", "--out={}/file"], "file is no folder"),
        (["generate", "--out={}/file/deeper"], "file is no folder"),
        (["generate", "--out={}/folder.npz"], "folder.npz is a folder"),
        (["generate", "--out={}/samples.png"], "neither a folder nor a file ending in .npz"),
        (["generate", "--out={}/samples.NPZ"], "neither a folder nor a file ending in .npz"),
        (["generate", "--out="], "--out: the path is empty"),
        (["generate", "--workdir=", "--out={}/a"], "--workdir: the path is empty"),
        (["generate", "--seed=4294967296", "--out={}/a"], "--seed: 4294967296 is above"),
        (["judge", "--fake={}", "--out={}/folder.json"], "folder.json is a folder"),
        (["judge", "--fake={}", "--out={}/pipe.json"], "pipe.json is no regular file"),
        (["judge", "--fake={}", "--out={}/judged.npz"], "has to end in .json"),
        (["mix", "--out={}/sheet.pdf"], "has to end in .png"),
        (["interpolate", "--out={}/walk.png"], "is to be a folder, but ends like a file"),
        (["filter", "--input={}", "--out={}/kept"], "lies in what --input reads"),
        (["filter", "--input={}/s.npz", "--out={}/s.npz"], "is what --input reads"),
        (["translate", "--input={}", "--out={}/link"], "is what --input reads"),
        (["upscale", "--input={}", "--out={}/deep/er"], "lies in what --input reads"),
        (["detect", "--input={}", "--out={}/link/deep"], "lies in what --input reads"),
        (["project", "--input={}", "--out={}"], "is what --input reads"),
        (["generate", "--masks={}/masks", "--out={}/masks"], "is what --masks reads"),
        (["generate", "--latents={}/z.npz", "--out={}/z.npz"], "is what --latents reads"),
        (["judge", "--fake={}", "--out={}/judged.json"], "lies in what --fake reads"),
        (["generate", f"--out={{}}/{'n' * 300}"], "is a name of 300 bytes; at most 255"),
        (["generate", f"--out={{}}/a/{'n' * 300}/b"], "is a name of 300 bytes; at most 255"),
        (["generate", f"--out={{}}/{'n' * 300}.npz"], "is a name of 304 bytes; at most 255"),
        (["generate", "--out={}/s.jpg"], "neither a folder nor a file ending in .npz"),
        (["generate", "--out=/proc/made"], "error"),
        (["generate", "--out=~nobody-of-this-name/a"], "there is no such home directory"),
    ],
)
def test_place_that_cannot_be_written_is_refused(words, named, place, capsys):
    (place / "link").symlink_to(place)
    words = [word.format(place) for word in words]
    needed = [] if any(word.startswith("--workdir") for word in words) else ["--workdir=run"]
    assert call(*words, *needed) == 2
    assert named in capsys.readouterr().err
    assert (place / "file").read_text() == "kept"


@pytest.mark.parametrize("flag", ["real", "fake"])
def test_figure_among_the_images_that_are_measured_is_refused(flag, place, capsys):
    sources = {"real": "elsewhere", "fake": "elsewhere", flag: place}
    words = [f"--{name}={source}" for name, source in sources.items()]
    assert call("evaluate", *words, f"--out={place}/measured.json") == 2
    assert f"lies in what --{flag} reads" in capsys.readouterr().err


def test_place_beside_what_is_read_is_accepted(place):
    paths.require_apart(place / "kept", input=place / "samples", other=None)
    paths.require_apart(None, input=place)
    with pytest.raises(UserError, match="is what --input reads"):
        paths.require_apart(place / "a" / ".." / "b", input=place / "b")


def test_what_will_be_replaced_is_told(place, capsys):
    (place / "judged.json").write_text("{}")
    paths.file_to_write(".json")(f"{place}/judged.json")
    assert "judged.json will be replaced" in capsys.readouterr().err
    paths.folder_to_write(str(place))
    assert "is not empty: files of the same names will be replaced" in capsys.readouterr().err
    paths.file_to_write(".json")(f"{place}/new.json")
    paths.folder_to_write(f"{place}/new")
    assert capsys.readouterr().err == ""


def test_picture_that_would_be_replaced_unasked(place, capsys):
    (place / "measured.png").write_bytes(b"mine")
    words = ("evaluate", "--real=a", "--fake=b", f"--out={place}/measured.json")
    assert call(*words) == 2
    assert "measured.png is there without" in capsys.readouterr().err
    (place / "measured.json").write_text("{}")
    paths.file_to_write(".json", ".png")(f"{place}/measured.json")
    assert "measured.png will be replaced" in capsys.readouterr().err
    assert call("evaluate", "--real=a", "--fake=b", f"--out={place}/measured.png") == 2
    assert "has to end in .json" in capsys.readouterr().err


def test_home_is_known_to_every_flag(place, monkeypatch):
    monkeypatch.setenv("HOME", str(place))
    assert paths.folder_or_arrays("~/a") == place / "a"
    assert paths.file_to_write(".json")("~/new.json") == place / "new.json"


def test_folder_of_weights_has_to_exist(place, capsys):
    words = ("evaluate", "--real=a", "--fake=b")
    assert call(*words, f"--weights={place}/nowhere") == 2
    assert "nowhere is not a folder" in capsys.readouterr().err
