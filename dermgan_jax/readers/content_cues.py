"""Simple cues in the pixels that may give synthetic images away without their content.

Each is a number per image: dark corners of a dermatoscope, sharpness, noise, colours, the grid of
JPEG, and traces of having been resampled, which leave a period in the second difference of rows
(Gallagher 2005).
"""

from collections.abc import Callable

import numpy as np

CORNER = 1 / 8  # of the side
DARK = 40  # of 255
TINY = 1e-9
JPEG_BLOCK = 8  # pixels


def corners(image: np.ndarray) -> float:
    """Share of dark pixels in the four corners of uint8 (H, W, C)."""
    grey = _grey(image)
    side = max(1, round(len(grey) * CORNER))
    ends = (slice(None, side), slice(-side, None))
    return float(
        np.mean([np.mean(grey[rows, columns] < DARK) for rows in ends for columns in ends])
    )


def sharpness(image: np.ndarray) -> float:
    """Logarithm of the variance of the Laplacian."""
    return float(np.log(_laplacian(_grey(image)).var() + TINY))


def noise(image: np.ndarray) -> float:
    """Logarithm of the median size of the Laplacian, which edges hardly move (Immerkær 1996)."""
    return float(np.log(np.median(np.abs(_laplacian(_grey(image)))) + 0.1))


def brightness(image: np.ndarray) -> float:
    """Mean grey value."""
    return float(_grey(image).mean())


def contrast(image: np.ndarray) -> float:
    """Standard deviation of the grey values."""
    return float(_grey(image).std())


def saturation(image: np.ndarray) -> float:
    """Mean difference between the largest and the least of R, G and B."""
    return float(np.ptp(image.astype(np.float64), axis=-1).mean())


def resampling(image: np.ndarray) -> float:
    """Logarithm of the strongest period in the second differences of rows over the median one."""
    grey = _grey(image)
    differences = np.abs(grey[:, 2:] - 2 * grey[:, 1:-1] + grey[:, :-2]).mean(axis=0)
    power = np.square(np.abs(np.fft.rfft(differences - differences.mean())))
    low = max(2, len(power) // 8)  # slow changes are the picture's own
    return float(np.log((power[low:].max() + TINY) / (np.median(power[low:]) + TINY)))


def fine_detail(image: np.ndarray) -> float:
    """Logarithm of the share of power above a quarter of the sampling frequency."""
    grey = _grey(image)
    power = np.square(np.abs(np.fft.fft2(grey - grey.mean())))
    rows, columns = np.fft.fftfreq(grey.shape[0])[:, None], np.fft.fftfreq(grey.shape[1])
    high = np.hypot(rows, columns) > 0.25
    return float(np.log((power[high].sum() + TINY) / (power.sum() + TINY)))


def jpeg_grid(image: np.ndarray) -> float:
    """Logarithm of how much larger steps between neighbours are where JPEG's squares meet.

    JPEG compresses squares of 8 pixels apart, from the upper left corner on.
    """
    return float(np.log(_steps_by_place(image)[-1]))


def other_grid(image: np.ndarray) -> float:
    """The same at whichever other place of every eight it is largest.

    So it is after cropping, and where a generator's up-sampling leaves a grid of its own.
    """
    return float(np.log(_steps_by_place(image)[:-1].max()))


def _steps_by_place(image: np.ndarray) -> np.ndarray:
    """Mean step at each place of every eight over their median, mean of both axes: (8,)."""
    grey, found = _grey(image), []
    for steps in (np.abs(np.diff(grey, axis=1)).mean(0), np.abs(np.diff(grey, axis=0)).mean(1)):
        places = np.array([steps[place::JPEG_BLOCK].mean() for place in range(JPEG_BLOCK)])
        found.append((places + TINY) / (np.median(places) + TINY))
    return np.mean(found, axis=0)


CUES: dict[str, Callable[[np.ndarray], float]] = {
    "dark corners": corners,
    "sharpness": sharpness,
    "noise": noise,
    "brightness": brightness,
    "contrast": contrast,
    "saturation": saturation,
    "resampling": resampling,
    "fine detail": fine_detail,
    "JPEG grid": jpeg_grid,
    "other grid of 8 pixels": other_grid,
}


def measure(image: np.ndarray) -> np.ndarray:
    """Every cue of uint8 (H, W, C): float64 (len(CUES),)."""
    return np.array([cue(image) for cue in CUES.values()])


def _grey(image: np.ndarray) -> np.ndarray:
    return image.mean(axis=-1, dtype=np.float64)


def _laplacian(grey: np.ndarray) -> np.ndarray:
    middle = grey[1:-1, 1:-1]
    return grey[:-2, 1:-1] + grey[2:, 1:-1] + grey[1:-1, :-2] + grey[1:-1, 2:] - 4 * middle
