"""Projection finds a colour that is known to be in the model; LPIPS has drawn weights."""

import csv

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image
from style_painter import SIDE, holds_a_painter, painter

from dermgan_jax.data.image_files import save_image, write_pngs
from dermgan_jax.errors import UserError
from dermgan_jax.features import lpips_net
from dermgan_jax.synthesis import project as projecting
from dermgan_jax.synthesis.drawing import Drawing
from dermgan_jax.synthesis.project import learning_rate, project

WIDTHS = (64, 192, 384, 256, 256)  # of AlexNet's taps


@pytest.fixture(autouse=True)
def trained(monkeypatch):
    holds_a_painter(monkeypatch)
    trunk = lpips_net.TRUNKS["alex"].init(jax.random.key(0), jnp.zeros((1, SIDE, SIDE, 3)))
    # Without biases the distance would not see how bright an image is.
    drawn = np.random.default_rng(0)
    trunk = jax.tree.map(lambda x: x if x.ndim > 1 else drawn.normal(size=x.shape), trunk)
    params = {"trunk": trunk, "heads": [np.ones(n, np.float32) for n in WIDTHS]}
    monkeypatch.setattr(lpips_net, "load", lambda net, folder: params)


def solid(*colours):
    return np.stack([np.full((SIDE, SIDE, 3), colour, np.uint8) for colour in colours])


def test_learning_rate_ramps_up_and_down():
    assert learning_rate(0.0) == 0.0
    assert learning_rate(0.025) == pytest.approx(0.5)
    assert learning_rate(0.5) == 1.0
    assert learning_rate(0.875) == pytest.approx(0.5)
    assert learning_rate(1.0) == 0.0


def test_known_colours_are_found(tmp_path):
    targets = solid((200, 90, 60), (120, 180, 128))
    write_pngs(targets, tmp_path / "in")
    project(tmp_path, tmp_path / "in", tmp_path / "out", Drawing(), steps=120)
    with np.load(tmp_path / "out" / "latents.npz") as found:
        styles, images = found["w"], found["images"]
    wanted = targets[:, 0, 0] / 127.5 - 1
    np.testing.assert_allclose(styles, wanted, atol=0.06)
    np.testing.assert_allclose(images[:, 0, 0], styles, atol=1e-6)
    rows = list(csv.DictReader((tmp_path / "out" / "distances.csv").open()))
    assert [row["image"] for row in rows] == ["000000.png", "000001.png"]
    with Image.open(tmp_path / "out" / "sheet.png") as sheet:
        assert sheet.size == (2 * 128 + 2, 2 * 128 + 2)  # enlarged to be looked at


def test_projections_of_other_images_replace_the_first_only_if_asked(tmp_path):
    for name, colour in (("one.png", (200, 90, 60)), ("two.png", (120, 180, 128))):
        save_image(solid(colour)[0], tmp_path / name)
    out = tmp_path / "out"
    project(tmp_path, tmp_path / "one.png", out, Drawing(), steps=1)
    with pytest.raises(UserError, match="made otherwise"):
        project(tmp_path, tmp_path / "two.png", out, Drawing(), steps=1)
    project(tmp_path, tmp_path / "two.png", out, Drawing(), steps=1, overwrite=True)
    assert "two.png" in (out / "distances.csv").read_text()


def test_images_of_another_size_are_fitted_from_files_and_refused_from_arrays(tmp_path):
    write_pngs(np.zeros((1, 70, 64, 3), np.uint8), tmp_path / "in")
    names, images = projecting._targets(tmp_path / "in", painter(), None)
    assert (names, images.shape) == (["000000.png"], (1, SIDE, SIDE, 3))
    np.savez(tmp_path / "in.npz", images=np.zeros((1, 70, 64, 3), np.uint8))
    with pytest.raises(UserError, match="64x70 pixels; the model makes 32x32"):
        project(tmp_path, tmp_path / "in.npz", tmp_path / "out", Drawing())
    np.savez(tmp_path / "half.npz", images=np.full((1, SIDE, SIDE, 3), 0.5, np.float32))
    _, images = projecting._targets(tmp_path / "half.npz", painter(), (0.0, 1.0))
    assert (images == 128).all()


def test_nothing_to_project_is_refused(tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match="holds no images"):
        project(tmp_path, tmp_path / "empty", tmp_path / "out", Drawing())
    with pytest.raises(UserError, match="--steps is 0"):
        project(tmp_path, tmp_path / "empty", tmp_path / "out", Drawing(), steps=0)
