"""How far two segmentations of the same images agree: Dice, intersection over union, pixels."""

import numpy as np


def dice(true: np.ndarray, found: np.ndarray, num_classes: int) -> np.ndarray:
    """2 |A ∩ B| / (|A| + |B|) of each image: float64 (N,).

    The mean over all classes but 0 that occur on either side; 1 where none does.

    Args:
      true, found: class indices of pixels, int (N, H, W).
      num_classes: how many there are, background (0) among them.
    """
    return _mean_over_classes(true, found, num_classes, lambda both, sizes: 2 * both / sizes)


def iou(true: np.ndarray, found: np.ndarray, num_classes: int) -> np.ndarray:
    """|A ∩ B| / |A ∪ B| of each image, as `dice`: float64 (N,)."""
    return _mean_over_classes(true, found, num_classes, lambda both, sizes: both / (sizes - both))


def pixel_accuracy(true: np.ndarray, found: np.ndarray, num_classes: int) -> np.ndarray:
    """Share of pixels of equal class in each image: float64 (N,)."""
    del num_classes
    return (true == found).mean((1, 2))


def _mean_over_classes(true, found, num_classes, score) -> np.ndarray:
    """Over the classes 1 … K − 1 that occur in an image, `score(|A ∩ B|, |A| + |B|)`."""
    scores = np.full((num_classes - 1, len(true)), np.nan)
    for index in range(1, num_classes):
        here, there = true == index, found == index
        sizes = here.sum((1, 2)) + there.sum((1, 2))
        both = (here & there).sum((1, 2))
        scores[index - 1, sizes > 0] = score(both[sizes > 0], sizes[sizes > 0])
    occur = ~np.isnan(scores)
    sums, counts = np.where(occur, scores, 0).sum(0), occur.sum(0)
    return np.where(counts, sums / np.maximum(counts, 1), 1.0)
