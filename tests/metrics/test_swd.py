"""SWD against the original: stored vectors, and its exact value where its draws are replayed."""

from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dermgan_jax.data.image_sets import mirror_at_random
from dermgan_jax.errors import UserError
from dermgan_jax.metrics import swd
from dermgan_jax.metrics.laplacian_pyramid import down, level_sizes, pyramid, up
from dermgan_jax.metrics.yardstick import real_against_real

GOLDEN = Path(__file__).parents[1] / "golden" / "swd"


def to_nhwc(array: np.ndarray) -> np.ndarray:
    return array.transpose(0, 2, 3, 1)


def noise_against_ramp() -> tuple[np.ndarray, np.ndarray]:
    """The two sets of FACTS section 12, uint8 (64, 32, 32, 3)."""
    shape = (64, 3, 32, 32)
    noise = np.random.RandomState(0).randint(0, 256, shape)
    ramp = np.random.RandomState(1).randint(0, 256, shape) // 2 + 3 * np.arange(32)
    return tuple(to_nhwc(np.clip(x, 0, 255).astype(np.uint8)) for x in (noise, ramp))


class OriginalDraws:
    """The stream of random numbers of the original program, in our layout."""

    def __init__(self, seed: int, sizes: list[tuple[int, int]]):
        self.random = np.random.RandomState(seed)
        self.sizes = sizes

    def corners(self, num_images: int, minibatch: int) -> list[np.ndarray]:
        """Per level (num_images, 128, 2): drawn per minibatch and level, x before y."""
        levels = [[] for _ in self.sizes]
        for _ in range(num_images // minibatch):
            for found, (height, width) in zip(levels, self.sizes, strict=True):
                x = self.random.randint(3, width - 3, size=(minibatch * 128, 1, 1, 1))
                y = self.random.randint(3, height - 3, size=(minibatch * 128, 1, 1, 1))
                found.append(np.stack([y, x], axis=-1).reshape(minibatch, 128, 2) - 3)
        return [np.concatenate(found) for found in levels]

    def directions(self) -> np.ndarray:
        """(4, 128, 147) for one level; the original orders a patch as (channel, x, y)."""
        return np.stack([original_directions(self.random) for _ in range(4)])


def original_directions(random: np.random.RandomState) -> np.ndarray:
    directions = random.randn(147, 128)
    directions /= np.sqrt(np.sum(np.square(directions), axis=0, keepdims=True))
    by_axis = directions.astype(np.float32).reshape(3, 7, 7, 128)
    return by_axis.transpose(3, 2, 1, 0).reshape(128, 147)


@pytest.mark.parametrize("case", ["sq", "ns"])
def test_pyramid_equals_the_original(case):
    golden = np.load(GOLDEN / "laplacian_pyramid.npz")
    images = jnp.asarray(to_nhwc(golden[f"in:{case}"]))
    for level, band in enumerate(pyramid(images, 3)):
        expected = to_nhwc(golden[f"out:{case}_level{level}"])
        np.testing.assert_allclose(band, expected, rtol=0, atol=1e-4)
    smaller = jax.jit(down)(images.astype(jnp.float32))
    np.testing.assert_allclose(smaller, to_nhwc(golden[f"out:{case}_down"]), rtol=0, atol=1e-4)
    larger = jax.jit(up, static_argnums=(1, 2))(smaller, *images.shape[1:3])
    np.testing.assert_allclose(larger, to_nhwc(golden[f"out:{case}_up"]), rtol=0, atol=1e-4)


def test_pyramid_of_any_size_adds_up_to_the_image():
    image = jnp.asarray(np.random.default_rng(0).integers(0, 256, (75, 50, 3)), jnp.float32)
    sizes = level_sizes(75, 50)
    assert sizes == [(75, 50), (38, 25)]
    fine, coarse = pyramid(image, 2)
    np.testing.assert_allclose(fine + up(coarse, 75, 50), image, rtol=0, atol=1e-4)


def test_levels_stop_at_sixteen():
    assert [height for height, _ in level_sizes(256, 256)] == [256, 128, 64, 32, 16]
    assert level_sizes(40, 56) == [(40, 56), (20, 28)]
    assert level_sizes(8, 8) == [(8, 8)]


@pytest.mark.parametrize("level", [0, 1, 2])
def test_descriptors_equal_the_original(level):
    golden = np.load(GOLDEN / "descriptors.npz")
    bands = to_nhwc(golden[f"in:level{level}"])
    corners = np.stack([golden[f"out:y{level}"], golden[f"out:x{level}"]], axis=-1) - 3
    found = jnp.stack(
        [swd.cut(band, each) for band, each in zip(bands, corners.reshape(4, 12, 2), strict=True)]
    )
    in_original_order = np.asarray(found).reshape(48, 7, 7, 3).transpose(0, 3, 2, 1)
    np.testing.assert_array_equal(in_original_order, golden[f"out:desc{level}"])

    normalised = np.asarray(swd.normalise(found)).reshape(48, 7, 7, 3).transpose(0, 3, 2, 1)
    expected = golden[f"out:final{level}"]
    np.testing.assert_allclose(normalised.reshape(48, 147), expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("mean_gap", [swd._mean_gaps_on_host, swd._mean_gaps_on_device])
def test_distance_equals_the_original(mean_gap, monkeypatch):
    golden = np.load(GOLDEN / "sliced_distance.npz")

    def in_our_order(descriptors: np.ndarray) -> np.ndarray:
        return descriptors.reshape(-1, 3, 7, 7).transpose(0, 3, 2, 1).reshape(-1, 147)

    a, b = in_our_order(golden["in:A"]), in_our_order(golden["in:B"])
    directions = OriginalDraws(7, []).directions()
    monkeypatch.setattr(swd, "_mean_gaps_on_host", mean_gap)
    assert swd.distances(a, b, directions).mean() == pytest.approx(golden["out:swd"], rel=1e-5)
    np.testing.assert_array_equal(swd.distances(a, b, directions), swd.distances(b, a, directions))
    assert not swd.distances(a, a, directions).any()


def test_replaying_the_original_draws_gives_the_original_value():
    real, fake = noise_against_ramp()
    sizes = level_sizes(32, 32)
    draws = OriginalDraws(123, sizes)
    corners_of_real = draws.corners(64, minibatch=32)
    for _ in sizes:
        draws.directions()  # the original also finishes the reals, and drops the result
    corners_of_fake = draws.corners(64, minibatch=32)
    distances = [
        1e3
        * swd.distances(
            swd.normalise(swd.patches(real, corners_of_real[level], level)),
            swd.normalise(swd.patches(fake, corners_of_fake[level], level)),
            draws.directions(),
        ).mean()
        for level in range(len(sizes))
    ]
    assert distances == pytest.approx([21.21412, 526.5986], rel=1e-5)
    assert np.mean(distances) == pytest.approx(273.90634, rel=1e-5)


def test_own_draws_agree_with_the_original_value():
    real, fake = noise_against_ramp()
    found = [swd.compute(real, fake, seed=seed, mirror=False) for seed in range(3)]
    assert found[0].details.keys() == {"32x32", "16x16"}
    assert found[0].value == pytest.approx(np.mean(list(found[0].details.values())))
    assert len({each.value for each in found}) == 3
    mean = np.mean([each.value for each in found])
    assert mean == pytest.approx(273.906, rel=0.01)


def test_equal_sets_are_close_and_the_order_of_sides_does_not_matter():
    real, fake = noise_against_ramp()
    apart = swd.compute(real, fake, seed=0, mirror=False).value
    assert swd.compute(real, real, seed=0, mirror=False).value < 0.1 * apart
    assert swd.compute(fake, real, seed=0, mirror=False).value == pytest.approx(apart, rel=0.02)


def test_larger_set_is_cut_to_the_smaller():
    real, fake = noise_against_ramp()
    value = swd.compute(real, fake[:24], seed=0, mirror=False)
    assert value.n == 24
    assert value.value == pytest.approx(273.9, rel=0.05)


def test_seed_decides_the_value():
    real, fake = noise_against_ramp()
    first = swd.compute(real, fake[:16], seed=5, mirror=True)
    assert first == swd.compute(real, fake[:16], seed=5, mirror=True)
    assert first.protocol == "swd:pggan:128x7x7:4x128:mirror"


def test_gray_counts_as_three_equal_channels():
    real, fake = (images[:16, :, :, :1] for images in noise_against_ramp())
    gray = swd.compute(real, fake, seed=0, mirror=False)
    tiled = swd.compute(real.repeat(3, -1), fake.repeat(3, -1), seed=0, mirror=False)
    assert gray == tiled


def test_small_and_oblong_images():
    real, fake = noise_against_ramp()
    small = swd.compute(real[:8, :8, :12], fake[:8, :8, :12], seed=0, mirror=False)
    assert list(small.details) == ["8x12"]
    assert small.value > 0


def test_images_of_one_colour_have_a_finite_distance():
    real, _ = noise_against_ramp()
    assert np.isfinite(swd.compute(real, np.full_like(real, 77), seed=0, mirror=False).value)


@pytest.mark.parametrize(
    ("real_shape", "fake_shape", "message"),
    [
        ((4, 16, 16, 3), (4, 32, 32, 3), "bring both to one size"),
        ((4, 16, 16, 3), (0, 16, 16, 3), "no fake images"),
        ((4, 6, 16, 3), (4, 6, 16, 3), "smaller than its 7x7 patches"),
    ],
)
def test_unusable_sets_are_named(real_shape, fake_shape, message):
    with pytest.raises(UserError, match=message):
        swd.compute(
            np.zeros(real_shape, np.uint8), np.zeros(fake_shape, np.uint8), seed=0, mirror=False
        )


def test_lower_bound_compares_disjoint_reals():
    seen = []

    def compute(first, second, *, seed, mirror):
        seen.append((first, second))
        return swd.compute(first, second, seed=seed, mirror=mirror)

    real = noise_against_ramp()[0]
    bound = real_against_real(compute, real, n=20, seed=0, mirror=False)
    assert bound.n == 20
    assert len(np.unique(np.concatenate([side[:] for side in seen[0]]), axis=0)) == 40
    assert real_against_real(compute, real, n=50, seed=0, mirror=False).n == 32
    assert bound.value < 60


def test_lower_bound_mirrors_both_sides():
    """Reals that are not symmetric must not look unlike themselves because one side is flipped."""
    ramp = noise_against_ramp()[1]
    bound = real_against_real(swd.compute, ramp, n=32, seed=0, mirror=True)
    one_sided = swd.compute(ramp[:32], ramp[32:], seed=0, mirror=True)
    assert bound.value < 0.6 * one_sided.value


def test_mirroring_flips_about_half():
    images = (
        np.arange(200, dtype=np.uint8)[:, None, None, None]
        + np.arange(2, dtype=np.uint8)[None, None, :, None]
    )
    mirrored = mirror_at_random(images, seed=0)[:]
    flipped = (mirrored == images[:, :, ::-1]).all(axis=(1, 2, 3))
    assert ((mirrored == images).all(axis=(1, 2, 3)) ^ flipped).all()
    assert 60 < flipped.sum() < 140
