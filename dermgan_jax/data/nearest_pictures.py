"""The real image nearest to each of some others, among small pictures: quick, and without weights.

16×16 colour averages, either side mirrored or not. It shows what a sample resembles; whether it is
a copy is asked by `evaluation.copy_detection`, with features.
"""

import numpy as np

from dermgan_jax.data.image_sets import ImageSet, evenly_spaced

SIDE = 16  # pixels
MOST = 20_000  # real images looked at
CHUNK = 256  # of them at a time


def small(images: np.ndarray) -> np.ndarray:
    """Box averages float32 (N, 16 · 16 · C) of uint8 images (N, H, W, C), or all pixels of less."""
    num, height, width, channels = images.shape
    rows, columns = (min(SIDE, length) for length in (height, width))
    reduced = images.astype(np.float32)
    for axis, (size, number) in enumerate(((height, rows), (width, columns)), start=1):
        starts = np.arange(number) * size // number
        lengths = np.diff([*starts, size]).astype(np.float32)
        shape = [1, 1, 1, 1]
        shape[axis] = number
        reduced = np.add.reduceat(reduced, starts, axis) / lengths.reshape(shape)
    return reduced.reshape(num, rows * columns * channels)


def nearest(images: np.ndarray, real: ImageSet) -> np.ndarray:
    """Which of at most 20,000 evenly spaced real images is nearest to each image: int (N,).

    Args:
      images: uint8 (N, H, W, C).
      real: of the same size.
    """
    wanted = [small(images), small(images[:, :, ::-1])]
    best, found = np.full(len(images), np.inf), np.zeros(len(images), np.int64)
    rows = evenly_spaced(len(real), MOST)
    for first in range(0, len(rows), CHUNK):
        some = rows[first : first + CHUNK]
        pictures = small(np.asarray(real[some]))
        squares = np.square(pictures).sum(1)
        for side in wanted:
            away = squares - 2 * side @ pictures.T + np.square(side).sum(1, keepdims=True)
            closer = away.min(1) < best
            best[closer] = away.min(1)[closer]
            found[closer] = some[away.argmin(1)[closer]]
    return found
