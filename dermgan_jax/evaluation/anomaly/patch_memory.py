"""PatchCore-like: a memory of patches of normal images (Roth et al., CVPR 2022, arXiv:2106.08265).

Patches are places of the feature maps of EfficientNet-Lite0, in place of a WideResNet-50. The
memory is a greedy coreset: of at most so many normal images, the patches that are farthest from
those already chosen. A patch's distance to the nearest remembered one makes the map, scaled up and
smoothed; the score is the largest of an image's distances. The original's reweighting by the
density of the neighbourhood is left out.
"""

import jax
import jax.numpy as jnp
import numpy as np
from scipy import ndimage

from dermgan_jax.data.image_sets import CHUNK, ImageSet, evenly_spaced, select
from dermgan_jax.evaluation.anomaly.baseline import Baseline, Detect, Detected
from dermgan_jax.features import patch_extractor
from dermgan_jax.files import Path
from dermgan_jax.metrics import neighbours
from dermgan_jax.progress_bar import progress_bar

IMAGES = 256  # normal images, evenly spaced, whose patches the memory is chosen from
MEMORY = 2048  # patches
PROJECTION = 32  # numbers per patch by which the memory is chosen (a random projection)
SMOOTHING = 4 / 224  # of the side: standard deviation of the Gaussian, as in the original


def coreset(points: np.ndarray, num: int, seed: int = 0) -> np.ndarray:
    """Positions int (num,) of points (n, d), each the farthest from those before it.

    Begun with a random one; distances are those of a random projection onto 32 numbers, which
    hardly changes them (Johnson and Lindenstrauss 1984).
    """
    rng = np.random.default_rng(seed)
    if points.shape[1] > PROJECTION:
        matrix = rng.normal(size=(points.shape[1], PROJECTION)) / np.sqrt(PROJECTION)
        points = points @ matrix.astype(np.float32)
    num = min(num, len(points))
    return np.asarray(_farthest_first(jnp.asarray(points), int(rng.integers(len(points))), num))


@jax.jit(static_argnums=2)
def _farthest_first(points: jax.Array, first: int, num: int) -> jax.Array:
    def choose(carry, _):
        distances, chosen = carry
        here = jnp.square(points - points[chosen]).sum(1)
        distances = jnp.minimum(distances, here)
        return (distances, distances.argmax()), chosen

    start = jnp.full(len(points), jnp.inf), jnp.asarray(first)
    return jax.lax.scan(choose, start, length=num)[1]


def patch_distances(patches: np.ndarray, memory: np.ndarray) -> np.ndarray:
    """Euclidean distance (N, h, w) of patches (N, h, w, C) to the nearest of a memory (m, C)."""
    columns, rows = neighbours.centred(memory, patches.reshape(-1, patches.shape[-1]))
    found = [_nearest(block, columns) for block in neighbours.row_blocks(rows)]
    return np.sqrt(np.concatenate(found)).reshape(patches.shape[:3])


@jax.jit
def _nearest(rows: jax.Array, columns: jax.Array) -> jax.Array:
    return neighbours.squared_distances(rows, columns).min(axis=1)


def scaled_up(distances: np.ndarray, side: tuple[int, int]) -> np.ndarray:
    """Maps (N, h, w) bilinearly at (N, *side), smoothed."""
    found = jax.image.resize(distances, (len(distances), *side), "bilinear")
    deviation = SMOOTHING * min(side)
    return ndimage.gaussian_filter(np.asarray(found), (0, deviation, deviation))


def fit(normals: ImageSet, weights: Path | None = None) -> Detect:
    """Score: the largest distance of a patch to the nearest of the memory; map: all of them."""
    extractor = patch_extractor.load(weights)
    some = select(normals, evenly_spaced(len(normals), IMAGES))
    patches = _patches(extractor, some, "normal training images")
    patches = patches.reshape(-1, patches.shape[-1])
    memory = patches[coreset(patches, MEMORY)]

    def detect(images: ImageSet, title: str = "images") -> Detected:
        scores, maps = [], []
        with progress_bar(len(images), f"{extractor.name} of {title}") as bar:
            for first in range(0, len(images), CHUNK):
                chunk = images[first : first + CHUNK]
                found = patch_distances(extractor.extract(chunk, bar.update)["patches"], memory)
                scores.append(found.max((1, 2)))
                maps.append(scaled_up(found, images.shape[1:3]).astype(np.float32))
        return Detected(np.concatenate(scores), np.concatenate(maps))

    return detect


def _patches(extractor, images: ImageSet, title: str) -> np.ndarray:
    with progress_bar(len(images), f"{extractor.name} of {title}") as bar:
        return extractor.extract(images, bar.update)["patches"]


PATCH_MEMORY = Baseline(
    "memory of Lite0 patches (PatchCore-like)",
    fit,
    "Roth et al. 2022, EfficientNet-Lite0 in place of WideResNet-50, without reweighting",
    weights="efficientnet_lite0",
)
