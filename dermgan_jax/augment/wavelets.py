"""Wavelet filters of adaptive discriminator augmentation (Karras et al., 2020, appendix B)."""

import numpy as np

# Decomposition low-pass filters of Daubechies' least asymmetric wavelets, to unit L2 norm.
_SYM2 = (
    *(-0.12940952255092145, 0.22414386804185735),
    *(0.836516303737469, 0.48296291314469025),
)
_SYM6 = (
    *(0.015404109327027373, 0.0034907120842174702, -0.11799011114819057),
    *(-0.048311742585633, 0.4910559419267466, 0.787641141030194),
    *(0.3379294217276218, -0.07263752278646252, -0.021060292512300564),
    *(0.04472490177066578, 0.0017677118642428036, -0.007800708325034148),
)


def lowpass() -> np.ndarray:
    """The 12 taps, summing to 1, with which images are resampled around a geometric transform."""
    taps = np.array(_SYM6)
    return taps / taps.sum()


def filter_bank(num_bands: int = 4) -> np.ndarray:
    """Zero-phase band-pass filters that add up to the identity: octaves, the lowest first.

    Each octave of the spectrum is cut off by the high-pass half of sym2's autocorrelation, the
    rest goes on to the next; at every octave the filters are dilated by 2.

    Returns:
      (num_bands, taps), odd; 43 taps for 4 bands.
    """
    low = np.convolve(_SYM2, _SYM2[::-1]) / 2
    high = -low
    high[len(high) // 2] += 1
    bands, rest = [], np.ones(1)
    for octave in range(num_bands - 1):
        bands.append(np.convolve(rest, _dilated(high, 2**octave)))
        rest = np.convolve(rest, _dilated(low, 2**octave))
    bands.append(rest)
    length = max(len(band) for band in bands)
    return np.stack([np.pad(band, (length - len(band)) // 2) for band in reversed(bands)])


def _dilated(taps: np.ndarray, factor: int) -> np.ndarray:
    spread = np.zeros(factor * (len(taps) - 1) + 1)
    spread[::factor] = taps
    return spread
