"""From two sides to a study's folder."""

import dataclasses
import json

import numpy as np
import pytest
from command_line import call
from PIL import Image

from dermgan_jax.errors import UserError
from dermgan_jax.readers import build
from dermgan_jax.readers.folder import StudyFolder
from dermgan_jax.readers.request import Asked


def write_images(folder, num, side=20, seed=0, grey=False, classes=("",)):
    rng = np.random.default_rng(seed)
    for i in range(num):
        pixels = rng.integers(0, 256, (side, side, 3), np.uint8)
        if grey:
            pixels = np.repeat(pixels[..., :1], 3, axis=-1)
        path = folder / classes[i % len(classes)] / f"{i:03d}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(path)
    return folder


@pytest.fixture
def sides(tmp_path):
    return write_images(tmp_path / "real", 12), write_images(tmp_path / "fake", 12, seed=1)


def asked(sides, **others):
    numbers = {"num_real": 6, "num_fake": 6, "readers": "ann,bob"}
    return Asked(str(sides[0]), (str(sides[1]),), "turing", 0, **{**numbers, **others})


def test_a_study_keeps_its_key_apart(sides, tmp_path):
    made = build.make(asked(sides), None, tmp_path / "study")
    build.release(made)
    key = made.folder.read_key()
    assert len(key) == 12
    assert {row.origin[-4:] for row in key.values()} == {".png"}
    served = [path.name for path in made.folder.images.iterdir()]
    assert sorted(served) == sorted(f"{name}.png" for name in key)
    assert {path.name for path in made.folder.path.iterdir()} == {
        *("images", "pages", "private", "returned")
    }
    assert made.folder.private.stat().st_mode & 0o077 == 0
    assert made.design.size == (20, 20, 3)
    tokens = made.folder.read_tokens()
    assert set(tokens) == {"ann", "bob"}
    assert len(set(tokens.values())) == 2


def test_images_of_several_sizes_are_fitted_and_that_is_said(sides, tmp_path):
    write_images(sides[0], 3, side=32, seed=5)
    made = build.make(asked(sides), None, tmp_path / "study")
    assert made.design.size == (20, 20, 3)
    assert f"images of {sides[0]} are resampled from 20 to 32 pixels to 20" in made.notes


def test_a_grey_side_makes_all_grey(sides, tmp_path):
    grey = write_images(tmp_path / "grey", 8, seed=2, grey=True)
    made = build.make(asked((sides[0], grey)), None, tmp_path / "study")
    assert made.design.size == (20, 20, 1)
    assert "the synthetic images are grey, so all are shown in grey" in made.notes
    assert made.tested.released


def test_one_image_on_both_sides_is_refused(sides, tmp_path):
    for path in sides[1].iterdir():
        path.unlink()
    for path in sides[0].iterdir():
        (sides[1] / path.name).write_bytes(path.read_bytes())
    with pytest.raises(UserError, match="stand among the real and among the synthetic"):
        build.make(asked(sides, num_real=12, num_fake=12), None, tmp_path / "study")


def test_a_copy_of_a_training_image_is_a_warning(sides, tmp_path):
    train = write_images(tmp_path / "train", 3, seed=9)
    for path in train.iterdir():
        (sides[1] / f"copy_{path.name}").write_bytes(path.read_bytes())
    made = build.make(asked(sides, num_fake=15, train=str(train)), None, tmp_path / "study")
    (warning,) = [note for note in made.notes if note.startswith("warning")]
    assert "3 synthetic images equal a training image" in warning


def test_an_image_is_shown_once(sides, tmp_path, capsys):
    for path in sorted(sides[1].iterdir())[:6]:
        (sides[1] / f"again_{path.name}").write_bytes(path.read_bytes())
    made = build.make(asked(sides, num_fake=12), None, tmp_path / "study")
    assert "equals an image chosen before" in capsys.readouterr().out
    contents = {made.folder.image_file(name).read_bytes() for name in made.folder.read_key()}
    assert len(contents) == 18


def test_classes_are_shown_evenly_and_missing_ones_named(tmp_path):
    real = write_images(tmp_path / "real", 20, classes=("mel", "nv"))
    fake = write_images(tmp_path / "fake", 20, seed=1, classes=("mel", "nv"))
    questions = ("real", "class")
    made = build.make(asked((real, fake), questions=questions), None, tmp_path / "study")
    shown = [row.of_class for row in made.folder.read_key().values()]
    assert (shown.count("mel"), shown.count("nv")) == (6, 6)
    assert made.design.questions[1].options == ("mel", "nv", "none")
    only = write_images(tmp_path / "only", 20, seed=2)
    with pytest.raises(UserError, match="of class 'mel' 0 synthetic images"):
        build.make(asked((real, only), questions=questions), None, tmp_path / "other")


def test_too_few_images_are_named_with_what_is_needed(sides, tmp_path):
    with pytest.raises(UserError, match="12 real images and the design needs 50"):
        build.make(asked(sides, num_real=50), None, tmp_path / "study")
    with pytest.raises(UserError, match="12 synthetic images and the design needs 14"):
        build.make(
            asked(sides, num_real=5, num_fake=7, same_images=False), None, tmp_path / "study"
        )


def test_the_command_makes_a_study_and_never_overwrites_one(sides, tmp_path, capsys):
    out = tmp_path / "study"
    words = (
        "readers_design",
        f"--out={out}",
        f"--real={sides[0]}",
        f"--fake={sides[1]}",
        "--num_real=6",
        "--num_fake=6",
        "--readers=ann:doctors,bob:engineers",
        "--practice=2",
        "--questions=real,confidence",
    )
    assert call(*words) == 0
    said = capsys.readouterr().out
    assert "2 readers × 12 images (6 real, 6 synthetic): too few to tell anything" in said
    design = StudyFolder(out).read_design()
    assert [block.practice for block in design.blocks] == [True, False]
    assert (out / "private" / "self_test.html").is_file()
    assert sorted(path.name for path in (out / "pages").iterdir()) == ["ann.html", "bob.html"]
    assert json.loads((out / "private" / "self_test.json").read_text())["released"]
    assert call(*words) == 2
    assert "holds a reader study" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"--preset": "turning"}, "did you mean 'turing'"),
        ({"--time_limit": "0"}, "more than 0"),
        ({"--real": "nowhere"}, "nowhere"),
    ],
)
def test_what_the_command_refuses(sides, tmp_path, capsys, changes, named):
    words = {"--out": tmp_path / "study", "--real": sides[0], "--fake": sides[1], **changes}
    assert call("readers_design", *(f"{flag}={value}" for flag, value in words.items())) == 2
    assert named in capsys.readouterr().err


def test_a_seed_gives_the_same_study_and_none_another_each_time(sides, tmp_path):
    words = ("readers_design", f"--real={sides[0]}", f"--fake={sides[1]}", "--readers=ann,bob")
    words = (*words, "--num_real=6", "--num_fake=6")
    for name, seed in (("a", "--seed=1"), ("b", "--seed=1"), ("c", ""), ("d", "")):
        assert call(*words, f"--out={tmp_path / name}", *filter(None, [seed])) == 0
    a, b, c, d = (StudyFolder(tmp_path / name).read_orders() for name in "abcd")
    assert a == b
    assert c != d
    tokens = [StudyFolder(tmp_path / name).read_tokens() for name in "ab"]
    assert tokens[0] != tokens[1]


def test_an_unfinished_study_is_made_anew_and_nothing_else_is_touched(sides, tmp_path, capsys):
    build.make(asked(sides), None, tmp_path / "study")  # never released
    made = build.make(asked(sides, num_real=5), None, tmp_path / "study")
    assert "never finished; it is made anew" in capsys.readouterr().out
    build.release(made)
    assert len(list(made.folder.images.iterdir())) == 11
    other = tmp_path / "other"
    other.mkdir()
    (other / "thesis.txt").write_text("mine")
    with pytest.raises(UserError, match="is not empty"):
        build.make(asked(sides), None, other)
    assert (other / "thesis.txt").read_text() == "mine"


def _smooth(folder, num, seed, suffix):
    """Pictures as smooth as photographs, in a format."""
    rng = np.random.default_rng(seed)
    folder.mkdir()
    for i in range(num):
        small = rng.integers(40, 200, (5, 5, 3), np.uint8)
        image = Image.fromarray(small).resize((64, 64), Image.Resampling.BICUBIC)
        image.save(folder / f"{i:03d}{suffix}", quality=85)
    return folder


def test_one_sides_jpeg_is_seen_by_its_files_and_in_its_pixels(tmp_path):
    real = _smooth(tmp_path / "real", 30, 0, ".jpg")
    fake = _smooth(tmp_path / "fake", 30, 1, ".png")
    numbers = {"num_real": 30, "num_fake": 30}
    made = build.make(asked((real, fake), **numbers), None, tmp_path / "study")
    assert any("are JPEG and others are not" in note for note in made.notes)
    assert made.tested.content.low > 0.9
    alone = dict(zip(made.tested.content.names, made.tested.content.single, strict=True))
    assert alone["JPEG grid"] > 0.95
    alike = build.make(asked((real, fake), **numbers, recompress=85), None, tmp_path / "alike")
    alone = dict(zip(alike.tested.content.names, alike.tested.content.single, strict=True))
    assert alone["JPEG grid"] < 0.8
    assert "all images went through JPEG of quality 85" in alike.notes


def test_nearly_equal_images_are_a_warning(tmp_path):
    real = _smooth(tmp_path / "real", 10, 0, ".png")
    fake = _smooth(tmp_path / "fake", 10, 0, ".jpg")
    made = build.make(asked((real, fake), num_real=10, num_fake=10), None, tmp_path / "study")
    assert any("10 pairs of a real and a synthetic image" in note for note in made.notes)
    other = _smooth(tmp_path / "other", 10, 1, ".jpg")
    made = build.make(asked((real, other)), None, tmp_path / "apart")
    assert not any("nearly the same" in note for note in made.notes)


def test_copies_that_cannot_be_looked_for_are_said_and_stop_nothing(sides, tmp_path):
    other = write_images(tmp_path / "other", 8, seed=3)
    two = dataclasses.replace(asked(sides), fake=(str(sides[1]), str(other)))
    made = build.make(two, None, tmp_path / "study")
    said = [note for note in made.notes if "were not looked for" in note]
    assert [str(sides[1]) in said[0], str(other) in said[1]] == [True, True]
