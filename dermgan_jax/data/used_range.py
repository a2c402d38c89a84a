"""How much of black to white a set of pictures uses: little, where their bits were misread."""

import numpy as np

from dermgan_jax.data.image_sets import CHUNK, ImageSet, evenly_spaced

LEAST = 256 // 4  # levels between the darkest and the brightest pixel of a picture
EXAMINED = 512  # pictures of a set


def median_range(images: ImageSet) -> int:
    """Levels between the darkest and the brightest pixel, of the median picture.

    Args:
      images: uint8 (N, H, W, C), N >= 1; of a large set some are looked at, evenly spaced.
    """
    rows = evenly_spaced(len(images), EXAMINED)
    ranges = []
    for first in range(0, len(rows), CHUNK):
        some = np.asarray(images[rows[first : first + CHUNK]], int)
        ranges.append(np.ptp(some, axis=(1, 2, 3)))
    return int(np.median(np.concatenate(ranges)))
