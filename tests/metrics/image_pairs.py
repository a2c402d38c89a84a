"""Pairs of images that several tests compare."""

import numpy as np


def noisy_ramps() -> tuple[np.ndarray, np.ndarray]:
    """One colour ramp with two kinds of noise, uint8 (2, 24, 31, 3) each."""
    random = np.random.RandomState(0)
    ramp = np.add.outer(6 * np.arange(24), 3 * np.arange(31))[None, :, :, None]
    return tuple(
        np.clip(ramp + random.randint(0, 40, (2, 24, 31, 3)), 0, 255).astype(np.uint8)
        for _ in range(2)
    )
