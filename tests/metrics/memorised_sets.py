"""Random features on which the original implementations were run once."""

import numpy as np


def sets() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Training, held-out and fake features, ten of the last nearly equal to training ones."""
    random = np.random.default_rng(20260)
    train = random.normal(size=(120, 24))
    held_out = random.normal(size=(80, 24)) * 1.05
    fake = random.normal(size=(100, 24)) * 0.9 + 0.1
    fake[:10] = train[:10] + random.normal(size=(10, 24)) * 0.01
    return tuple(side.astype(np.float32) for side in (train, held_out, fake))
