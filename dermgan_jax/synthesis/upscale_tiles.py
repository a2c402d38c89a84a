"""Enlarges images of any one size: as a whole, or in overlapping tiles that are blended."""

from collections.abc import Sequence

import numpy as np

from dermgan_jax.models import upscaling
from dermgan_jax.models.contract import Variables
from dermgan_jax.models.upscaler import Upscaler

TILE = 256  # pixels of small images
OVERLAP = 32  # pixels that two tiles share at least
HIDDEN = 8  # pixels at a tile's edge, where its surroundings are missing, that do not count
_NEVER_ALONE = 1e-6  # their weight, which counts where no other tile has any


def any_size(
    model: Upscaler, variables: Variables, images: np.ndarray, tile: int = TILE
) -> np.ndarray:
    """Enlarged images float32 (N, H scale, W scale, C) in [-1, 1].

    Sides are filled up by mirroring to what the network needs and cut again.

    Args:
      model: the family, configured.
      variables: of every net.
      images: float32 (N, H, W, C) in [-1, 1].
      tile: sides above it are enlarged in tiles of it, pixels.
    """
    height, width = images.shape[1:3]
    scale, multiple = model.scale, model.multiple
    tile = -(-max(tile, 2 * OVERLAP) // multiple) * multiple
    sides = [
        min(-(-side // multiple) * multiple, tile) if side <= tile else side
        for side in (height, width)
    ]
    images = _filled(images, sides)
    if max(sides) <= tile:
        large = upscaling.upscale(model, variables, images)
        return large[:, : height * scale, : width * scale]
    shape = (len(images), *(side * scale for side in sides), images.shape[-1])
    total, weights = np.zeros(shape, np.float32), np.zeros((*shape[1:3], 1), np.float32)
    rows, columns = (min(tile, side) for side in sides)
    window = (_ramp(rows, scale)[:, None] * _ramp(columns, scale))[..., None]
    for top in _starts(sides[0], rows):
        for left in _starts(sides[1], columns):
            part = images[:, top : top + rows, left : left + columns]
            here = (
                slice(top * scale, (top + rows) * scale),
                slice(left * scale, (left + columns) * scale),
            )
            total[:, *here] += upscaling.upscale(model, variables, part) * window
            weights[here] += window
    return (total / weights)[:, : height * scale, : width * scale]


def _filled(images: np.ndarray, sides: Sequence[int]) -> np.ndarray:
    """The images with rows and columns added below and to the right, mirrored."""
    missing = [side - now for side, now in zip(sides, images.shape[1:3], strict=True)]
    if not any(missing):
        return images
    return np.pad(images, ((0, 0), (0, missing[0]), (0, missing[1]), (0, 0)), "symmetric")


def _starts(side: int, tile: int) -> list[int]:
    """Where tiles begin: evenly spaced, overlapping by at least `OVERLAP`."""
    count = 1 + -(-(side - tile) // (tile - OVERLAP))
    return [round(start) for start in np.linspace(0, side - tile, count)]


def _ramp(tile: int, scale: int) -> np.ndarray:
    """Weights (tile scale,) along a side: next to none at the ends, 1 inside."""
    place = (np.arange(tile * scale) + 0.5) / scale
    distance = np.minimum(place, tile - place)
    ramp = (distance - HIDDEN) / (OVERLAP - 2 * HIDDEN)
    return np.clip(ramp, _NEVER_ALONE, 1).astype(np.float32)
