"""DiffAugment equals the official code and draws what its paper says."""

from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dermgan_jax.augment import diffaugment
from dermgan_jax.errors import UserError

GOLDEN = Path(__file__).parents[1] / "golden" / "diffaugment" / "diffaugment.npz"


@pytest.fixture(scope="module")
def golden() -> dict[str, np.ndarray]:
    with np.load(GOLDEN) as vectors:
        return dict(vectors)


def recorded(golden, case):
    """Draws from the official code's random numbers; what the case lacks is never used."""
    policies = case.split("+")
    numbers = [golden[f"in:{case}:{i}"].reshape(-1) for i in range(7) if f"in:{case}:{i}" in golden]
    colour = [numbers.pop(0) for _ in range(3)] if "color" in policies else [None] * 3
    pairs = {
        name: np.stack([numbers.pop(0), numbers.pop(0)], -1)
        for name in ("translation", "cutout")
        if name in policies
    }
    assert not numbers
    brightness, saturation, contrast = colour
    return diffaugment.Draws(
        brightness=None if brightness is None else brightness - 0.5,
        saturation=None if saturation is None else saturation * 2,
        contrast=None if contrast is None else contrast + 0.5,
        shift=pairs.get("translation"),
        cutout=pairs.get("cutout"),
    )


@pytest.mark.parametrize(
    "case",
    ["color", "translation", "cutout", "translation+cutout", "color+translation+cutout"],
)
def test_equals_the_official_code_and_its_gradient(golden, case):
    draws = recorded(golden, case)

    @jax.jit
    def both(images, cotangent):
        result, vjp = jax.vjp(lambda x: diffaugment.apply(x, draws, case.split("+")), images)
        return result, vjp(cotangent)[0]

    images, cotangent = (golden[f"in:{name}"].transpose(0, 2, 3, 1) for name in ("x", "cot"))
    for name, mine in zip(("y", "grad_x"), both(images, cotangent), strict=True):
        theirs = golden[f"out:{case}:{name}"].transpose(0, 2, 3, 1)
        np.testing.assert_allclose(mine, theirs, atol=1e-5)


def test_draws_cover_their_ranges_for_each_axis():
    draws = diffaugment.draw(jax.random.key(0), 4000, (33, 16))
    for values, low, high in (
        (draws.brightness, -0.5, 0.5),
        (draws.saturation, 0.0, 2.0),
        (draws.contrast, 0.5, 1.5),
    ):
        assert low <= values.min() < low + 0.01 * (high - low)
        assert high - 0.01 * (high - low) < values.max() <= high
        assert values.mean() == pytest.approx((low + high) / 2, abs=0.03)
    for values, lows, highs in ((draws.shift, (-4, -2), (4, 2)), (draws.cutout, (0, 0), (32, 16))):
        np.testing.assert_array_equal(values.min(0), lows)
        np.testing.assert_array_equal(values.max(0), highs)


def test_rectangles_move_and_lose_a_quarter_at_most():
    images = jnp.ones((64, 24, 16, 1))
    augment = jax.jit(diffaugment.augment, static_argnums=2)
    cut = augment(images, jax.random.key(1), ("cutout",))
    lost = (cut == 0).sum((1, 2, 3))
    assert lost.max() == 12 * 8
    assert lost.min() >= 6 * 4
    moved = augment(images, jax.random.key(1), ("translation",))
    assert moved.sum((1, 2, 3)).min() >= (24 - 3) * (16 - 2)
    assert len(np.unique(moved.sum((1, 2, 3)))) > 5


def test_zoom_enlarges_a_quarter_of_half_of_the_images():
    draws = diffaugment.draw(jax.random.key(0), 4000, (16, 9))
    assert draws.zoom.mean() == pytest.approx(0.5, abs=0.03)
    np.testing.assert_array_equal(draws.quarter.min(0), (0, 0))
    np.testing.assert_array_equal(draws.quarter.max(0), (8, 4))
    ramp = jnp.broadcast_to(jnp.arange(16.0)[:, None, None], (3, 16, 9, 1))
    zoom, quarter = jnp.array([False, True, True]), jnp.array([[5, 1], [0, 0], [8, 4]])
    drawn = diffaugment.Draws(*[None] * 5, zoom=zoom, quarter=quarter)
    rows = diffaugment.apply(ramp, drawn, ("zoom",))[:, :, 3, 0]
    halves = ((np.arange(16) + 0.5) / 2 - 0.5).clip(0, 7)
    np.testing.assert_allclose(rows, [np.arange(16), halves, halves + 8], atol=1e-5)


def test_keeps_the_precision_of_its_input():
    images = jnp.ones((2, 8, 8, 3), jnp.bfloat16)
    assert diffaugment.augment(images, jax.random.key(0)).dtype == jnp.bfloat16


def test_names_an_unknown_policy():
    with pytest.raises(UserError, match="no DiffAugment policy colour: choose among color, transl"):
        diffaugment.augment(jnp.zeros((1, 8, 8, 3)), jax.random.key(0), ("colour",))
