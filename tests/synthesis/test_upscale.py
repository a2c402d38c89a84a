"""Enlarging images of any size, with a model whose result is known: every pixel four times."""

import dataclasses
import json

import jax.numpy as jnp
import numpy as np
import pytest
from command_line import call
from never_trained import NeverTrained
from PIL import Image

from dermgan_jax.config import experiment, validate
from dermgan_jax.data.image_files import save_image, write_npz, write_pngs
from dermgan_jax.data.image_sets import open_images
from dermgan_jax.data.records import DataSpec
from dermgan_jax.errors import UserError
from dermgan_jax.models.contract import Stage
from dermgan_jax.models.upscaler import Upscaler
from dermgan_jax.runs.restore import Restored
from dermgan_jax.synthesis import upscale as upscaling
from dermgan_jax.synthesis import upscale_tiles
from dermgan_jax.synthesis.upscale import Between, upscale
from dermgan_jax.synthesis.upscale_tiles import any_size


@dataclasses.dataclass(frozen=True)
class Repeating(NeverTrained, Upscaler):
    """Twice as large, times the weight `g`; what is next to an edge of what it sees is wrong."""

    wrong: int = 0

    @property
    def scale(self):
        return 2

    @property
    def multiple(self):
        return 2

    def degrade(self, images, rng):
        raise AssertionError("only used, never trained")

    def upscale(self, variables, images):
        assert images.shape[1] % 2 == images.shape[2] % 2 == 0
        rows, columns = (jnp.minimum(jnp.arange(n), jnp.arange(n)[::-1]) for n in images.shape[1:3])
        inner = jnp.minimum(rows[:, None], columns)[..., None] >= self.wrong
        large = jnp.where(inner, images, 1.0) * variables["g"]["params"]["weight"]
        return large.repeat(2, 1).repeat(2, 2)


def repeating(channels=3, wrong=0):
    config = validate(experiment("superres"))
    return Repeating(config, DataSpec(16, 16, channels, (), num_examples=4), wrong)


def variables(weight=1.0):
    return {"g": {"params": {"weight": np.float32(weight)}}}


def trained(monkeypatch, channels=3):
    """Work directories hold the model; that called "half" with half the weight."""

    def restore(workdir, checkpoint):
        own = variables(0.5 if workdir.name == "half" else 1.0)
        if workdir.name == "other":
            own = {"g": {"params": {"weight": np.ones(3, np.float32)}}}
        return Restored(
            repeating(channels), own, Stage((16, 16), 1, {}), 7, f"run {workdir.name}", ()
        )

    monkeypatch.setattr(upscaling, "restore", restore)


@pytest.fixture
def images():
    return np.random.default_rng(0).integers(0, 256, (5, 13, 18, 3), np.uint8)


def repeated(images):
    return images.repeat(2, -3).repeat(2, -2)


@pytest.mark.parametrize("size", [(8, 8), (13, 18), (5, 40), (1, 1)])
def test_any_size(size):
    images = np.random.default_rng(1).uniform(-1, 1, (3, *size, 3)).astype(np.float32)
    large = any_size(repeating(), variables(), images)
    np.testing.assert_allclose(large, repeated(images), atol=1e-6)


@pytest.mark.parametrize("size", [(200, 71), (64, 65), (30, 301), (101, 150)])
def test_tiles_leave_no_seam_though_they_are_wrong_at_their_edges(size):
    images = np.random.default_rng(1).uniform(-1, 0.5, (2, *size, 1)).astype(np.float32)
    large = any_size(repeating(1, wrong=upscale_tiles.HIDDEN), variables(), images, tile=64)
    apart = np.abs(large - repeated(images))
    edge = 2 * (upscale_tiles.HIDDEN + 1)
    assert apart[:, edge:-edge, edge:-edge].max(initial=0) < 1e-4
    right = any_size(repeating(1), variables(), images, tile=64)
    np.testing.assert_allclose(right, repeated(images), atol=1e-5)


def test_folder_keeps_subfolders_but_no_name_of_a_real_image_and_is_marked(
    monkeypatch, tmp_path, images
):
    trained(monkeypatch)
    write_pngs(images, tmp_path / "in" / "case", text={"Patient": "somebody"})
    save_image(images[0, :, :9], tmp_path / "in" / "narrow.bmp")
    upscale(tmp_path / "run", tmp_path / "in", tmp_path / "out")
    found = open_images(tmp_path / "out" / "case")
    np.testing.assert_array_equal(found[:], repeated(images))
    assert [path.name for path in found.paths] == [f"synthetic_{i:06d}.png" for i in range(5)]
    narrow = np.asarray(Image.open(tmp_path / "out" / "synthetic_narrow.png"))
    np.testing.assert_array_equal(narrow, repeated(images[0, :, :9]))
    told = json.loads((tmp_path / "out" / "made_by.json").read_text())
    assert (told["synthetic"], told["complete"]) == (True, True)
    with Image.open(found.paths[0]) as image:
        assert "synthetic" in image.text["Comment"]
        assert "somebody" not in str(image.text)


def test_grey_images_stay_grey(monkeypatch, tmp_path, images):
    trained(monkeypatch)
    (tmp_path / "in").mkdir()
    Image.fromarray(images[0, ..., 0]).save(tmp_path / "in" / "grey.png")
    upscale(tmp_path / "run", tmp_path / "in", tmp_path / "out")
    with Image.open(tmp_path / "out" / "synthetic_grey.png") as image:
        assert image.mode == "L"
        np.testing.assert_array_equal(np.asarray(image), repeated(images[0])[..., 0])
    write_npz(images[..., :1], tmp_path / "in.npz")
    upscale(tmp_path / "run", tmp_path / "in.npz", tmp_path / "out.npz")
    with np.load(tmp_path / "out.npz") as found:
        expected = repeated(images[..., :1]) / 127.5 - 1
        np.testing.assert_allclose(found["images"], expected, atol=1e-6)


def test_single_image_is_enlarged_and_replaced_if_asked(monkeypatch, tmp_path, images):
    trained(monkeypatch)
    for position, name in enumerate(("one.png", "two.png")):
        save_image(images[position], tmp_path / name)
        upscale(tmp_path / "run", tmp_path / name, tmp_path / "out", overwrite=position > 0)
        assert [path.name for path in (tmp_path / "out").glob("*.png")] == [f"synthetic_{name}"]
    with pytest.raises(UserError, match="made otherwise"):
        upscale(tmp_path / "run", tmp_path / "one.png", tmp_path / "out")


def test_npz_is_float_and_not_quantised(monkeypatch, tmp_path, images):
    trained(monkeypatch)
    floats = images.astype(np.float32) / 127.5 - 1 + 0.001
    write_npz(floats, tmp_path / "in.npz")
    upscale(tmp_path / "run", tmp_path / "in.npz", tmp_path / "out.npz")
    with np.load(tmp_path / "out.npz") as found:
        assert found["images"].dtype == np.float32
        np.testing.assert_allclose(found["images"], repeated(floats), atol=1e-7)


def test_arrays_of_a_range_that_is_told(monkeypatch, tmp_path, images):
    trained(monkeypatch)
    np.savez(tmp_path / "in.npz", images=np.float32(images) / 255)
    upscale(tmp_path / "run", tmp_path / "in.npz", tmp_path / "out.npz", value_range=(0.0, 1.0))
    with np.load(tmp_path / "out.npz") as found:
        expected = repeated(images) / 127.5 - 1
        np.testing.assert_allclose(found["images"], expected, atol=1e-6)


def test_networks_are_mixed(monkeypatch, tmp_path, images):
    trained(monkeypatch)
    write_npz(images[:1], tmp_path / "in.npz")
    between = Between(tmp_path / "half", "latest", 0.2)
    upscale(tmp_path / "run", tmp_path / "in.npz", tmp_path / "out.npz", between=between)
    with np.load(tmp_path / "out.npz") as found:
        expected = repeated(images[:1]) / 127.5 - 1
        np.testing.assert_allclose(found["images"], 0.6 * expected, atol=1e-5)
    told = json.loads((tmp_path / "out_made_by.json").read_text())
    assert "0.2 of it and 0.8 of run run half" in told["direction"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"source": "nowhere"}, "nowhere is neither a folder"),
        ({"source": "empty"}, "holds no images"),
        ({"source": "in.npz"}, "has to end in .npz"),
        ({"between": ("other", 0.5)}, r"weight.* is \(3,\) there and \(\) here"),
        ({"between": ("half", 1.5)}, "from 0 to 1"),
        ({"channels": 1}, "is coloured, and this model learned from grey"),
    ],
)
def test_what_cannot_be_enlarged_is_named(monkeypatch, tmp_path, images, arguments, message):
    trained(monkeypatch, arguments.get("channels", 3))
    (tmp_path / "empty").mkdir()
    write_npz(images, tmp_path / "in.npz")
    write_pngs(images[:1], tmp_path / "in")
    between = None
    if "between" in arguments:
        name, alpha = arguments["between"]
        between = Between(tmp_path / name, "latest", alpha)
    source = tmp_path / arguments.get("source", "in")
    with pytest.raises(UserError, match=message):
        upscale(tmp_path / "run", source, tmp_path / "out", between=between)


@pytest.mark.parametrize(
    ("flags", "named"),
    [
        (["--alpha=0.5"], "--mix_with and --alpha go together"),
        (["--mix_checkpoint=5"], "--mix_checkpoint is of --mix_with"),
        (["--tile=20"], "from 64 on"),
    ],
)
def test_flags_that_do_not_go_together(tmp_path, capsys, flags, named):
    places = (f"--workdir={tmp_path}", f"--input={tmp_path / 'in'}", f"--out={tmp_path / 'out'}")
    assert call("upscale", *places, *flags) == 2
    assert named in capsys.readouterr().err
