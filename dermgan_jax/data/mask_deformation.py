"""Masks like given ones, but of other shape: turned, scaled, shifted, bent.

So that images can be painted from more masks than there are. Every pixel takes the class of a
pixel nearby; what is drawn is a function of (seed, number of the mask).
"""

import numpy as np
import scipy.ndimage

SCALES = (0.8, 1.25)
SHIFT = 0.1  # of the side, at most, along each axis
BEND = 0.04  # of the side: deviation of the smooth displacement
BEND_SCALE = 0.12  # of the side: over which displacements are alike


def deform(masks: np.ndarray, seed: int, first: int = 0) -> np.ndarray:
    """Class indices uint8 (N, S, S) -> the same, each deformed in its own way.

    A mask that would lose all but its background keeps its shape and is only mirrored.

    Args:
      masks: squares.
      seed: of the deformations.
      first: number of the first mask.
    """
    return np.stack([_deformed(mask, (seed, first + i)) for i, mask in enumerate(masks)])


def _deformed(mask: np.ndarray, key: tuple[int, int]) -> np.ndarray:
    rng, side = np.random.default_rng(key), len(mask)
    mask = mask[:, ::-1] if rng.random() < 0.5 else mask
    angle = rng.uniform(0, 2 * np.pi)
    scale = np.exp(rng.uniform(*np.log(SCALES)))
    shift = rng.uniform(-SHIFT, SHIFT, 2) * side
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]) / scale
    places = np.stack(np.mgrid[:side, :side]).astype(np.float64) - (side - 1) / 2
    sources = np.einsum("ij,jhw->ihw", turn, places) + (side - 1) / 2 + shift[:, None, None]
    for axis in range(2):
        smooth = scipy.ndimage.gaussian_filter(
            rng.standard_normal((side, side)), BEND_SCALE * side, mode="reflect"
        )
        sources[axis] += BEND * side * smooth / max(smooth.std(), 1e-12)
    found = scipy.ndimage.map_coordinates(mask, sources, order=0, mode="nearest")
    return found if found.any() else np.ascontiguousarray(mask)
