"""Power spectra of images, which show the grids that up-sampling leaves behind.

Generators with transposed convolutions put too much power into high frequencies, in a pattern that
repeats with their strides (Odena et al. 2016; Durall et al. 2020, arXiv:2003.01826).
"""

import numpy as np

from dermgan_jax.data.image_sets import ImageSet

BATCH = 256
TINY = 1e-12  # keeps the logarithm of a flat image finite


def mean_power(images: ImageSet | np.ndarray) -> np.ndarray:
    """Mean power per frequency, float64 (H, W), zero frequency in the middle.

    Of the mean over channels, scaled to 0 … 1, without its mean and under a Hann window, so that
    the borders of images do not count as edges.

    Args:
      images: uint8 (N, H, W, C).
    """
    _, height, width, _ = images.shape
    window = np.hanning(height + 2)[1:-1, None] * np.hanning(width + 2)[1:-1]
    total = np.zeros((height, width))
    for first in range(0, len(images), BATCH):
        grey = np.asarray(images[first : first + BATCH]).mean(axis=-1) / 255
        grey = (grey - grey.mean(axis=(1, 2), keepdims=True)) * window
        total += np.square(np.abs(np.fft.fft2(grey))).sum(axis=0)
    return np.fft.fftshift(total) / len(images)


def radial(power: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(frequencies, mean power) over rings around the middle.

    Args:
      power: (H, W) of `mean_power`.

    Returns:
      Frequencies in cycles per pixel, up to 0.5, and the power of each ring, both (R,).
    """
    height, width = power.shape
    rows = np.fft.fftshift(np.fft.fftfreq(height))[:, None]
    columns = np.fft.fftshift(np.fft.fftfreq(width))
    distance = np.hypot(rows, columns)
    rings = min(height, width) // 2
    edges = (np.arange(rings + 1) + 0.5) * 0.5 / rings
    ring = np.digitize(distance, edges)  # 0 is the middle, rings + 1 the corners
    sums = np.bincount(ring.ravel(), power.ravel(), rings + 2)[1 : rings + 1]
    counts = np.bincount(ring.ravel(), minlength=rings + 2)[1 : rings + 1]
    return np.arange(1, rings + 1) * 0.5 / rings, sums / counts


def decibels(power: np.ndarray, reference: np.ndarray) -> np.ndarray:
    """How much more power there is than in the reference, in decibels."""
    return 10 * np.log10((power + TINY) / (reference + TINY))


def high_frequency_excess(power: np.ndarray, reference: np.ndarray) -> float:
    """The largest difference, in decibels, of any ring in the upper half of frequencies.

    Args:
      power, reference: (H, W) of `mean_power`.
    """
    frequencies, of_power = radial(power)
    _, of_reference = radial(reference)
    gaps = decibels(of_power, of_reference)[frequencies > 0.25]
    return float(gaps[np.argmax(np.abs(gaps))])
