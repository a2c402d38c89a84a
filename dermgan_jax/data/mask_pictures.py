"""How masks are shown: a colour for each class, outlines over images."""

import numpy as np

# Background is white; the others are told apart by people with any colour vision (Okabe and Ito).
COLOURS = np.array(
    [
        *((255, 255, 255), (0, 0, 0), (230, 159, 0), (86, 180, 233), (0, 158, 115)),
        *((240, 228, 66), (0, 114, 178), (213, 94, 0), (204, 121, 167)),
    ],
    np.uint8,
)


def mask_picture(classes: np.ndarray, channels: int = 3) -> np.ndarray:
    """Class indices, int (..., H, W), as uint8 (..., H, W, channels).

    Colours repeat from the ninth class on; of one channel their luminance is left.
    """
    colours = COLOURS[np.where(classes > 0, (classes - 1) % (len(COLOURS) - 1) + 1, 0)]
    if channels == 3:
        return colours
    return (colours @ np.array([0.299, 0.587, 0.114])).round().astype(np.uint8)[..., None]


def as_rgb(images: np.ndarray) -> np.ndarray:
    """Grey images uint8 (N, H, W, 1) with three equal channels; coloured ones as they are."""
    return np.broadcast_to(images, (*images.shape[:3], 3))


def outlined(images: np.ndarray, classes: np.ndarray) -> np.ndarray:
    """Images uint8 (N, H, W, C) with the inner border of everything but class 0 in yellow.

    Grey images become coloured: the result has three channels.
    """
    inner = np.zeros(classes.shape, bool)
    padded = np.pad(classes, ((0, 0), (1, 1), (1, 1)), mode="edge")
    height, width = classes.shape[1:]
    for down, across in ((0, 1), (2, 1), (1, 0), (1, 2)):
        neighbour = padded[:, down : down + height, across : across + width]
        inner |= (neighbour != classes) & (classes > 0)
    shown = as_rgb(images).copy()
    shown[inner] = (255, 220, 0)
    return shown
