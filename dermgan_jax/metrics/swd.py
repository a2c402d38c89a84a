"""Sliced Wasserstein distance between patches of images (Karras et al. 2018, section 5).

Equals metrics/sliced_wasserstein.py of tkarras/progressive_growing_of_gans given the same random
draws. Per level of the Laplacian pyramid: 128 patches of 7×7 pixels per image, normalised per
channel by the statistics of their own set, projected on 4 × 128 random directions; the distance is
the mean difference of the sorted projections, times 1000.
"""

import functools
from concurrent.futures import ThreadPoolExecutor

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax

from dermgan_jax.data.image_sets import CHUNK, ImageSet, choose, mirror_at_random
from dermgan_jax.errors import UserError
from dermgan_jax.metrics.laplacian_pyramid import level_sizes, pyramid
from dermgan_jax.metrics.measurement import MetricValue

PATCH = 7
PATCHES_PER_IMAGE = 128
REPEATS = 4
DIRECTIONS = 128  # per repeat; one repeat is in memory at a time
PROTOCOL = f"swd:pggan:{PATCHES_PER_IMAGE}x{PATCH}x{PATCH}:{REPEATS}x{DIRECTIONS}"
IMAGES_PER_BATCH = 32
MOST_IMAGES = 16384  # on each side (Karras et al. 2018, section 6.1)
FLAT = 1e-3  # least deviation on the scale of 0 to 255: images of one colour are not divided by 0


def compute(real: ImageSet, fake: ImageSet, *, seed: int, mirror: bool) -> MetricValue:
    """SWD × 1000, averaged over the levels; `details` has it per level, as "64x64".

    The standard error is over the 512 random directions of every level: how far the value depends
    on those drawn. How far it depends on the images, real against real tells.

    Args:
      real, fake: uint8 (N, H, W, C) of equal H, W; C is 1 (used as three equal channels) or 3. Both
        are cut, at random, to the size of the smaller one and to 16384, the number in the paper.
      seed: of patches, directions, flips and the cut.
      mirror: flip real images at random, as in training.

    Raises:
      UserError: if a set is empty, sizes or channels differ, or a side is shorter than 7 pixels.
    """
    _check(real, fake)
    n = min(len(real), len(fake), MOST_IMAGES)
    real, fake = choose(real, n, seed), choose(fake, n, seed)
    if mirror:
        real = mirror_at_random(real, seed)
    details, variances = {}, []
    for level, (height, width) in enumerate(level_sizes(*real.shape[1:3])):
        keys = jax.random.split(jax.random.fold_in(jax.random.key(seed), level), 3)
        real_patches, fake_patches = (
            normalise(_read_patches(images, draw_corners(key, n, height, width), level))
            for images, key in ((real, keys[0]), (fake, keys[1]))
        )
        directions = draw_directions(keys[2], real_patches.shape[1])
        gaps = 1e3 * distances(real_patches, fake_patches, directions)
        details[f"{height}x{width}"] = float(gaps.mean())
        variances.append(gaps.var(ddof=1) / gaps.size)
    value = float(np.mean(list(details.values())))
    standard_error = float(np.sqrt(np.sum(variances))) / len(variances)
    return MetricValue(
        name="swd",
        value=value,
        protocol=PROTOCOL + (":mirror" if mirror else ""),
        n=n,
        details=details,
        better="lower",
        std=standard_error,
    )


def _read_patches(images: ImageSet, corners: Array, level: int) -> Array:
    """`patches` of a set that need not fit into memory."""
    return jnp.concatenate(
        [
            patches(images[first : first + CHUNK], corners[first : first + CHUNK], level)
            for first in range(0, len(images), CHUNK)
        ]
    )


def _check(real: ImageSet, fake: ImageSet) -> None:
    for name, images in (("real", real), ("fake", fake)):
        if len(images) == 0:
            raise UserError(f"SWD: there are no {name} images")
    if real.shape[1:] != fake.shape[1:]:
        raise UserError(
            f"SWD: real images are {real.shape[1:]}, fake ones {fake.shape[1:]} "
            "(height, width, channels); bring both to one size"
        )
    if min(real.shape[1:3]) < PATCH:
        raise UserError(
            f"SWD: images of {real.shape[1]}x{real.shape[2]} are smaller than its "
            f"{PATCH}x{PATCH} patches"
        )


def draw_corners(key: Array, n: int, height: int, width: int) -> Array:
    """Uniform top-left corners (y, x) of patches inside the image, int32 (n, 128, 2)."""
    limits = jnp.array([height - PATCH + 1, width - PATCH + 1])
    return jax.random.randint(key, (n, PATCHES_PER_IMAGE, 2), 0, limits)


def draw_directions(key: Array, size: int) -> Array:
    """Uniform unit vectors, float32 (4, 128, size)."""
    directions = jax.random.normal(key, (REPEATS, DIRECTIONS, size))
    return directions / jnp.linalg.norm(directions, axis=-1, keepdims=True)


@functools.partial(jax.jit, static_argnames="level")
def patches(images: Array, corners: Array, level: int) -> Array:
    """Patches of one level of the images' Laplacian pyramids.

    Args:
      images: uint8 (N, H, W, C), C 1 or 3.
      corners: (y, x) of the patches on that level, int32 (N, P, 2).
      level: 0 is the finest.

    Returns:
      Float32 (N, P, 7, 7, 3), on the images' scale of 0 to 255.
    """
    levels = len(level_sizes(*images.shape[1:3]))

    def of_image(image_and_corners: tuple[Array, Array]) -> Array:
        image, corners = image_and_corners
        rgb = jnp.broadcast_to(image, (*image.shape[:2], 3))
        return cut(pyramid(rgb, levels)[level], corners)

    return lax.map(of_image, (images, corners), batch_size=IMAGES_PER_BATCH)


def cut(image: Array, corners: Array) -> Array:
    """Patches (P, 7, 7, C) of an image (H, W, C) at top-left corners (y, x), int32 (P, 2)."""
    size = (PATCH, PATCH, image.shape[-1])
    return jax.vmap(lambda corner: lax.dynamic_slice(image, (*corner, 0), size))(corners)


@jax.jit
def normalise(patches: Array) -> Array:
    """(N, P, 7, 7, C) -> descriptors (N·P, 49·C): zero mean, unit deviation per channel."""
    # Averaged per image first: a float32 sum over a whole set would lose its last digits.
    per_channel = tuple(range(1, patches.ndim - 1))
    mean = patches.mean(axis=per_channel).mean(axis=0)
    variance = jnp.square(patches - mean).mean(axis=per_channel).mean(axis=0)
    deviation = jnp.maximum(jnp.sqrt(variance), FLAT)
    return ((patches - mean) / deviation).reshape(-1, patches[0, 0].size)


def distances(a: Array, b: Array, directions: Array) -> np.ndarray:
    """Wasserstein-1 distances between projections, (R, K); SWD is their mean.

    Args:
      a, b: descriptors (M, D).
      directions: unit vectors (R, K, D); K projections of both sets are in memory at a time.
    """
    # On CPUs XLA sorts 128 × 65536 values in 1.5 s, NumPy in 0.03 s.
    mean_gaps = _mean_gaps_on_host if jax.default_backend() == "cpu" else _mean_gaps_on_device
    return np.stack([np.asarray(mean_gaps(a, b, some), np.float64) for some in directions])


@jax.jit
def _project(descriptors: Array, directions: Array) -> Array:
    return jnp.matmul(directions, descriptors.T, precision=lax.Precision.HIGHEST)


@jax.jit
def _mean_gaps_on_device(a: Array, b: Array, directions: Array) -> Array:
    gap = jnp.sort(_project(a, directions)) - jnp.sort(_project(b, directions))
    return jnp.abs(gap).mean(axis=1)


def _mean_gaps_on_host(a: Array, b: Array, directions: Array) -> np.ndarray:
    with ThreadPoolExecutor(2) as pool:
        gap = np.subtract(*pool.map(lambda side: np.sort(_project(side, directions)), (a, b)))
    return np.abs(gap, out=gap).mean(axis=1)
