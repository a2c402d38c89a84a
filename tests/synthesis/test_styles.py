"""Generating with truncation and noise, walks and mixtures, by a sampler whose images are known."""

import numpy as np
import pytest
from PIL import Image
from style_painter import LAYERS, SIDE, holds_a_painter, painter

from dermgan_jax.errors import UserError
from dermgan_jax.models import sampling
from dermgan_jax.synthesis import interpolate as walking
from dermgan_jax.synthesis.drawing import Drawing
from dermgan_jax.synthesis.generate import generate
from dermgan_jax.synthesis.interpolate import interpolate, slerp, walk_latents, walk_styles
from dermgan_jax.synthesis.style_mixing import mix_styles, mixed
from dermgan_jax.synthesis.trained_sampler import TrainedSampler


@pytest.fixture(autouse=True)
def trained(monkeypatch):
    holds_a_painter(monkeypatch)


SHOWN = 128  # pixels of an image on a sheet


def colour(path, cell_row, cell_column, side=SHOWN):
    """Colours of the first and of the last row of pixels in one cell of a sheet."""
    sheet = np.asarray(Image.open(path)).astype(int)
    top, left = cell_row * (side + 2), cell_column * (side + 2)
    return sheet[top, left], sheet[top + side - 1, left]


def test_truncation_draws_towards_the_mean_style(tmp_path):
    sampler = TrainedSampler(tmp_path)
    whole, half, average = (
        sampler.with_drawing(Drawing(seed=3, truncation=truncation)).sample(40)[0]
        for truncation in (1.0, 0.5, 0.0)
    )
    np.testing.assert_allclose(half, (whole + 0.25) / 2, atol=1e-6)
    np.testing.assert_allclose(average, 0.25, atol=1e-6)
    assert whole.std() > 0.3


def test_random_noise_depends_on_seed_and_index_only(tmp_path):
    def sampled(num, seed, noise="random"):
        return TrainedSampler(tmp_path, Drawing(seed=seed, noise=noise)).sample(num)[0]

    few, many = sampled(33, seed=1), sampled(70, seed=1)
    np.testing.assert_array_equal(few, many[:33])
    added = few - sampled(33, seed=1, noise="const")
    assert len(np.unique(added[:, 0, 0, 0].round(4))) == 33
    assert not np.allclose(added, sampled(33, seed=2) - sampled(33, seed=2, noise="const"))


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"truncation": 1.5}, "--truncation is 1.5; expected 0"),
        ({"truncation": -0.1}, "--truncation is -0.1"),
        ({"truncation_cutoff": 2}, "--truncation_cutoff is 2: it is the number of layers"),
        ({"truncation": 0.5, "truncation_cutoff": 0}, "--truncation_cutoff is 0"),
        ({"noise": "pink"}, "--noise is 'pink'; expected one of const, none, random"),
    ],
)
def test_styles_out_of_range_are_refused(fields, message, tmp_path):
    with pytest.raises(UserError, match=message):
        TrainedSampler(tmp_path, Drawing(**fields))


@pytest.mark.parametrize("name", ["out", "out.npz"])
def test_images_that_are_not_numbers_are_refused(name, tmp_path, monkeypatch):
    nothing = np.full((1, SIDE, SIDE, 3), np.nan, np.float32)
    monkeypatch.setattr(TrainedSampler, "drawn", lambda *_: [nothing])
    with pytest.raises(UserError, match="not finite numbers: the model that made them"):
        generate(tmp_path, tmp_path / name, 1, Drawing())
    assert not list(tmp_path.rglob("*.png"))
    assert not (tmp_path / "out.npz").exists()


def test_slerp_keeps_to_the_arc():
    start, end = np.array([2.0, 0.0]), np.array([0.0, 4.0])
    np.testing.assert_allclose(slerp(start, end, 0.0), start)
    np.testing.assert_allclose(slerp(start, end, 1.0), end, atol=1e-12)
    np.testing.assert_allclose(slerp(start, end, 0.5), 3 * np.sqrt([0.5, 0.5]))
    np.testing.assert_allclose(slerp(start, start * 2, 0.5), start * 1.5)


def test_walks_are_closed_and_pass_their_anchors():
    anchors = np.random.default_rng(0).normal(size=(3, 5)).astype(np.float32)
    walk = walk_latents(anchors, 4)
    np.testing.assert_allclose(walk[::4], anchors, rtol=1e-6)
    hops = np.linalg.norm(np.diff(walk, axis=0, append=walk[:1]), axis=1)
    assert hops.max() < np.linalg.norm(anchors[0] - anchors[1])
    styles = np.repeat(anchors[:, None], 2, axis=1)
    straight = walk_styles(styles, 4)
    np.testing.assert_allclose(straight[2], (styles[0] + styles[1]) / 2, rtol=1e-6)
    np.testing.assert_allclose(straight[10], (styles[2] + styles[0]) / 2, rtol=1e-6)


@pytest.mark.parametrize("space", ["z", "w"])
def test_walk_is_written_as_strip_and_animation(space, tmp_path, monkeypatch):
    monkeypatch.setattr(walking.shutil, "which", lambda program: None)
    paths = interpolate(tmp_path, tmp_path / "walk", 3, Drawing(), space=space, steps=4)
    assert [path.name for path in paths] == ["strip.png", "walk.gif"]
    assert Image.open(paths[0]).size == (4 * (SHOWN + 2) - 2, 3 * (SHOWN + 2) - 2)
    assert Image.open(paths[1]).size == (SHOWN, SHOWN)
    assert Image.open(paths[1]).n_frames == 12
    latents = sampling.draw_latents(painter(), 0, 3)
    for row in range(3):
        expected = np.clip(latents[row] / 2 * 127.5 + 127.5, 0, 255)
        np.testing.assert_allclose(colour(paths[0], row, 0)[0], expected, atol=0.51)


def test_impossible_walks_are_refused(tmp_path):
    with pytest.raises(UserError, match="at least two anchors"):
        interpolate(tmp_path, tmp_path / "out", 1, Drawing())
    with pytest.raises(UserError, match="expected z or w"):
        interpolate(tmp_path, tmp_path / "out", 2, Drawing(), space="y")


def test_another_walk_replaces_the_first_only_if_asked(tmp_path):
    for seed in (0, 1):
        interpolate(tmp_path, tmp_path / "walk", 2, Drawing(seed), steps=2, overwrite=seed > 0)
    with pytest.raises(UserError, match=r"walk holds .* images that were made otherwise"):
        interpolate(tmp_path, tmp_path / "walk", 2, Drawing(2), steps=2)


def test_mixtures_take_the_first_layers_from_their_row():
    rows, columns = np.zeros((2, LAYERS, 3)), np.ones((5, LAYERS, 3))
    between = mixed(rows, columns, 1)
    assert between.shape == (2, 5, LAYERS, 3)
    assert not between[:, :, :1].any()
    assert between[:, :, 1:].all()


def test_mixing_sheet_has_sources_and_their_mixtures(tmp_path):
    mix_styles(tmp_path, tmp_path / "sheet.png", 2, Drawing(), crossover=1)
    for row in (1, 2):
        for column in (1, 2):
            first, last = colour(tmp_path / "sheet.png", row, column)
            np.testing.assert_array_equal(first, colour(tmp_path / "sheet.png", row, 0)[0])
            np.testing.assert_array_equal(last, colour(tmp_path / "sheet.png", 0, column)[1])
    assert (colour(tmp_path / "sheet.png", 0, 0)[0] == 255).all()
    with pytest.raises(UserError, match="--crossover is 4; expected 1 to 3"):
        mix_styles(tmp_path, tmp_path / "sheet.png", 2, Drawing(), crossover=4)
