"""Anomaly maps as pictures: colours, alone and over the images."""

import numpy as np

COLOURS = "inferno"  # of matplotlib: black, purple, orange, pale yellow; even to colour-blind eyes
STRONGEST = 0.75  # share of the colour over an image where a map reaches its top


def colours(maps: np.ndarray, top: float) -> np.ndarray:
    """uint8 (N, H, W, 3): black at 0, pale yellow from `top` on.

    Args:
      maps: (N, H, W), from 0.
      top: one for all maps that are to be compared.
    """
    from matplotlib import colormaps

    return colormaps[COLOURS](shares(maps, top), bytes=True)[..., :3]


def over(images: np.ndarray, maps: np.ndarray, top: float) -> np.ndarray:
    """uint8 (N, H, W, 3): images in grey, the more covered by colour the higher the map.

    Args:
      images: uint8 (N, H, W, C), C 1 or 3.
      maps, top: as of `colours`.
    """
    grey = images.astype(np.float32).mean(-1, keepdims=True)
    cover = STRONGEST * shares(maps, top)[..., None]
    return np.round((1 - cover) * grey + cover * colours(maps, top)).astype(np.uint8)


def shares(maps: np.ndarray, top: float) -> np.ndarray:
    """Maps divided by `top`, within [0, 1]."""
    return np.clip(np.asarray(maps, np.float32) / max(float(top), 1e-12), 0, 1)


def top_of(maps: np.ndarray) -> float:
    """The value that one pixel in two hundred exceeds: the top of a common scale."""
    return float(np.quantile(maps, 0.995))
