"""Images of any shape as squares of one size."""

import numpy as np
from PIL import Image


def to_square(image: np.ndarray, resolution: int) -> np.ndarray:
    """The central square of an image, resized by Lanczos: uint8 (H, W, C) to (R, R, C).

    "Centre-cropped to a square, resized" (P1, data); the filter is our choice.
    """
    height, width = image.shape[:2]
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    square = image[top : top + side, left : left + side]
    if side == resolution:
        return square
    return _resized(square, resolution, Image.Resampling.LANCZOS)


def stretch_to_square(image: np.ndarray, resolution: int) -> np.ndarray:
    """The whole image, resized without regard to its aspect: uint8 (H, W, C) to (R, R, C).

    As the original CycleGAN does it (data/base_dataset.py: torchvision's Resize of a PIL image by
    bicubic interpolation, which PIL widens to avoid aliasing).
    """
    if image.shape[:2] == (resolution, resolution):
        return image
    return _resized(image, resolution, Image.Resampling.BICUBIC)


def _resized(image: np.ndarray, resolution: int, resampling: Image.Resampling) -> np.ndarray:
    channels = image.shape[-1]
    picture = Image.fromarray(image if channels == 3 else image[..., 0])
    resized = picture.resize((resolution, resolution), resampling)
    return np.asarray(resized).reshape(resolution, resolution, channels)
