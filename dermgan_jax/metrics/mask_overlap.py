"""Whether a translation leaves the lesion where it was: overlap of its outline before and after.

The lesion is found by Otsu's threshold of the luminance, the darker part of the smoothed image
being lesion. That is crude on real skin (hair, vignettes, fair lesions), so the same number for the
untranslated images stands beside the result; only the fall from it is the translation's doing.
"""

import numpy as np
import scipy.ndimage

from dermgan_jax.data.image_sets import CHUNK, ImageSet
from dermgan_jax.errors import UserError
from dermgan_jax.metrics.paired import Summary, summarise

PROTOCOL = "mask_iou:otsu"
LUMINANCE = (0.299, 0.587, 0.114)  # ITU-R 601-2
SMOOTHING = 1 / 64  # of the shorter side: standard deviation of the Gaussian


def against_masks(images: ImageSet, masks: np.ndarray) -> Summary:
    """Intersection over union of each image's dark part with its mask.

    Args:
      images: uint8 (N, H, W, C), C 1 or 3.
      masks: bool (N, H, W).

    Raises:
      UserError: if numbers or sizes differ.
    """
    if tuple(images.shape[:3]) != masks.shape:
        raise UserError(f"mask IoU: images are {images.shape[:3]}, masks {masks.shape}")
    overlaps = []
    for first in range(0, len(images), CHUNK):
        for image, mask in zip(images[first : first + CHUNK], masks[first:], strict=False):
            overlaps.append(_overlap(dark_part(image), mask))
    return summarise(np.array(overlaps))


def dark_part(image: np.ndarray) -> np.ndarray:
    """bool (H, W) of uint8 (H, W, C): darker than Otsu's threshold, after smoothing."""
    weights = LUMINANCE if image.shape[-1] == 3 else (1.0,)
    luminance = image.astype(np.float32) @ np.array(weights, np.float32)
    smooth = scipy.ndimage.gaussian_filter(luminance, SMOOTHING * min(image.shape[:2]))
    return smooth <= otsu_threshold(smooth)


def otsu_threshold(values: np.ndarray) -> float:
    """The threshold in [0, 255] that separates values into the two tightest groups (Otsu 1979)."""
    counts, edges = np.histogram(values, 256, (0, 256))
    centres = (edges[:-1] + edges[1:]) / 2
    below, above = np.cumsum(counts)[:-1], np.cumsum(counts[::-1])[::-1][1:]
    sums = np.cumsum(counts * centres)
    means_below = sums[:-1] / np.maximum(below, 1)
    means_above = (sums[-1] - sums[:-1]) / np.maximum(above, 1)
    between = below * above * (means_below - means_above) ** 2
    # Where no values lie between the groups any threshold there is as good: take the middle.
    best = np.flatnonzero(between == between.max())
    return float(edges[1:-1][best].mean())


def _overlap(found: np.ndarray, mask: np.ndarray) -> float:
    union = np.logical_or(found, mask).sum()
    return float(np.logical_and(found, mask).sum() / union) if union else 1.0
