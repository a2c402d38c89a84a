"""Structural similarity of paired images, at one scale and at five.

SSIM: Wang, Bovik, Sheikh and Simoncelli 2004, an 11×11 Gaussian window of σ = 1.5 wherever it fits
into the image, averaged over positions and colour channels. MS-SSIM: Wang, Simoncelli and Bovik
2003, as metrics/ms_ssim.py of tkarras/progressive_growing_of_gans computes it.
"""

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax

from dermgan_jax.metrics.paired import Summary, check_pairs, of_pairs, summarise, to_bytes_scale

WINDOW = 11
SIGMA = 1.5
PROTOCOL = f"ssim:wang2004:{WINDOW}x{WINDOW}:{SIGMA}"
MULTISCALE_PROTOCOL = f"ms_ssim:wang2003:{WINDOW}x{WINDOW}:{SIGMA}"
C1, C2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
SCALE_WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
MIDDLE = 127.5  # taken off before squaring, or variances would lose their last digits in float32
BATCH_SIZE = 32


def paired(a: np.ndarray, b: np.ndarray) -> Summary:
    """SSIM of each pair; 1 for equal images.

    Args:
      a, b: uint8, or float in [-1, 1]; (N, H, W, C) of equal shape, sides of at least 11, C 1 or 3.

    Raises:
      UserError: if the sets cannot be compared, or are smaller than the window.
    """
    check_pairs("SSIM", a, b, smallest_side=WINDOW)
    return summarise(of_pairs(per_image, a, b, BATCH_SIZE))


def paired_multiscale(a: np.ndarray, b: np.ndarray) -> Summary:
    """MS-SSIM of each pair over five scales, each half as large as the last; 1 for equal images.

    Where a scale is smaller than the window (images below 176 pixels), the window and its σ shrink
    to fit, as in the original; such values compare only with those of images of the same size.

    Args:
      a, b: uint8, or float in [-1, 1]; (N, H, W, C) of equal shape, sides of at least 16, C 1 or 3.

    Raises:
      UserError: if the sets cannot be compared, or are too small for five scales.
    """
    check_pairs("MS-SSIM", a, b, smallest_side=2 ** (len(SCALE_WEIGHTS) - 1))
    return summarise(of_pairs(per_image_multiscale, a, b, BATCH_SIZE))


@jax.jit
def per_image(a: Array, b: Array) -> Array:
    """SSIM of each pair of images (N, H, W, C), float32 (N,)."""
    return similarity(to_bytes_scale(a), to_bytes_scale(b))[0]


@jax.jit
def per_image_multiscale(a: Array, b: Array) -> Array:
    """MS-SSIM of each pair of images (N, H, W, C), float32 (N,)."""
    a, b = to_bytes_scale(a), to_bytes_scale(b)
    product = jnp.float32(1)
    for weight in SCALE_WEIGHTS[:-1]:
        product *= jnp.maximum(similarity(a, b)[1], 0) ** weight
        a, b = halve(a), halve(b)
    return product * jnp.maximum(similarity(a, b)[0], 0) ** SCALE_WEIGHTS[-1]


def similarity(a: Array, b: Array) -> tuple[Array, Array]:
    """SSIM, and its contrast-structure part, of images (N, H, W, C) in [0, 255]: (N,) each."""
    a, b = a - MIDDLE, b - MIDDLE
    window = gaussian(min(WINDOW, *a.shape[1:3]))
    mean_a, mean_b = smooth(a, window), smooth(b, window)
    variances = smooth(a * a + b * b, window) - mean_a**2 - mean_b**2
    covariance = smooth(a * b, window) - mean_a * mean_b
    mean_a, mean_b = mean_a + MIDDLE, mean_b + MIDDLE
    contrast_structure = (2 * covariance + C2) / (variances + C2)
    luminance = (2 * mean_a * mean_b + C1) / (mean_a**2 + mean_b**2 + C1)
    over_image = (1, 2, 3)
    return (luminance * contrast_structure).mean(over_image), contrast_structure.mean(over_image)


def gaussian(size: int) -> np.ndarray:
    """Weights (size,) that add up to 1, of σ = 1.5 for 11 and in proportion for others."""
    offsets = np.arange(size) - (size - 1) / 2
    weights = np.exp(-0.5 * (offsets * WINDOW / (size * SIGMA)) ** 2)
    return weights / weights.sum()


def smooth(images: Array, window: np.ndarray) -> Array:
    """Weighted means over a square window: (N, H, W, C) -> (N, H - K + 1, W - K + 1, C)."""
    rows, columns = (sliding(window, side) for side in images.shape[1:3])
    # As matrix products this takes a third of the time of sums of shifted images (224×224, CPU).
    return jnp.einsum("yh,nhwc,xw->nyxc", rows, images, columns, precision=lax.Precision.HIGHEST)


def sliding(window: np.ndarray, side: int) -> np.ndarray:
    """The window at each of its positions along a side, float32 (side - K + 1, side)."""
    room = side - len(window)
    return np.stack([np.pad(window, (i, room - i)) for i in range(room + 1)]).astype(np.float32)


def halve(images: Array) -> Array:
    """Means of 2×2 pixels: (N, H, W, C) -> (N, H // 2, W // 2, C)."""
    n, height, width, channels = images.shape
    height, width = height // 2, width // 2
    even = images[:, : 2 * height, : 2 * width]
    return even.reshape(n, height, 2, width, 2, channels).mean(axis=(2, 4))
