"""Places of a picture by which it is known again at another zoom, turned, cropped or brightened.

Lowe's keypoints (SIFT, IJCV 2004; here without octaves, as pictures are small): blobs of a
difference of Gaussians, each with its scale and main direction, and 4×4 histograms of 8 directions
of the gradient around it, in which neither counts. Square roots are taken of the histograms
(Arandjelović and Zisserman 2012) and rounded to whole numbers, so that comparing them is exact
arithmetic, the same on every machine.
"""

import itertools
from typing import NamedTuple

import numpy as np
from PIL import Image
from scipy import ndimage

SIDE = 200  # pixels; of the longer side that pictures are brought to
NARROWEST = 16  # pixels; narrower pictures show nothing
MOST = 150  # keypoints of a picture, those of most contrast
SCALES = 1.2 * 2 ** (np.arange(12) / 3)  # pixels; standard deviations of the Gaussians
LEAST_CONTRAST = 0.6  # grey levels
FRAME = 40  # grey levels; what is darker and reaches the border is the rim of a dermatoscope
FROM_FRAME = 4.0  # scales that a blob lies away from it, or the rim would be known again
ROUNDEST = 12.0  # blobs with a larger ratio (trace² / determinant) are edges
BINS, CELLS, DIRECTIONS = 36, 4, 8
LENGTH = 255  # of a descriptor


class Keypoints(NamedTuple):
    """Of one picture.

    Attributes:
      places: float32 (n, 4): x, y and scale in pixels, direction in radians.
      descriptors: uint8 (n, 128), of length `LENGTH` but for rounding.
      width: of the picture, in pixels.
    """

    places: np.ndarray
    descriptors: np.ndarray
    width: int


def keypoints(image: np.ndarray) -> Keypoints:
    """The keypoints of a picture, brought to `SIDE` first; none of a plain or narrow one.

    Args:
      image: uint8 (H, W, C).
    """
    grey = _small(image)
    if min(grey.shape) < NARROWEST:
        return none(grey.shape[1])
    blurred = _blurred(grey)
    level, y, x = _blobs(blurred, grey)
    if not len(level):
        return none(grey.shape[1])
    down, across = np.gradient(blurred, axis=(1, 2))
    size, angle = np.hypot(down, across), np.arctan2(down, across)
    blob, direction = _directions(size, angle, level, y, x)
    level, y, x = level[blob], y[blob], x[blob]
    found = _descriptors(size, angle, level, y, x, direction)
    places = np.stack([x, y, SCALES[level], direction], 1).astype(np.float32)
    return Keypoints(places, found, grey.shape[1])


def none(width: int = 0) -> Keypoints:
    """Those of a picture that has none."""
    descriptors = np.zeros((0, CELLS * CELLS * DIRECTIONS), np.uint8)
    return Keypoints(np.zeros((0, 4), np.float32), descriptors, width)


def mirrored(found: Keypoints) -> Keypoints:
    """The keypoints of the picture left to right."""
    x, y, scale, direction = found.places.T
    places = np.stack([found.width - 1 - x, y, scale, np.pi - direction], 1)
    order = np.arange(CELLS * CELLS * DIRECTIONS).reshape(CELLS, CELLS, DIRECTIONS)
    order = order[::-1][..., -np.arange(DIRECTIONS) % DIRECTIONS].reshape(-1)
    return Keypoints(places.astype(np.float32), found.descriptors[:, order], found.width)


def _small(image: np.ndarray) -> np.ndarray:
    """Grey levels float32 (h, w), the longer side `SIDE`."""
    height, width = image.shape[:2]
    factor = SIDE / max(height, width)
    size = (max(round(width * factor), 1), max(round(height * factor), 1))
    picture = Image.fromarray(image[..., 0] if image.shape[-1] == 1 else image)
    small = np.asarray(picture.resize(size, Image.Resampling.BICUBIC), np.float32)
    return small if small.ndim == 2 else small.mean(-1)


def _blurred(grey: np.ndarray) -> np.ndarray:
    """The picture at every scale, float32 (scales, h, w)."""
    levels = [ndimage.gaussian_filter(grey, SCALES[0])]
    for before, scale in itertools.pairwise(SCALES):
        levels.append(ndimage.gaussian_filter(levels[-1], np.sqrt(scale**2 - before**2)))
    return np.stack(levels)


def _blobs(blurred: np.ndarray, grey: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Level, y and x of the blobs of most contrast, those of most first: int (n,) each."""
    contrast = np.diff(blurred, axis=0)
    strong = np.abs(contrast) > LEAST_CONTRAST
    strong &= _from_frame(grey) > FROM_FRAME * SCALES[:-1, None, None]
    strong[[0, -1]] = False
    strong[:, [0, 1, 2, -3, -2, -1]] = False
    strong[:, :, [0, 1, 2, -3, -2, -1]] = False
    highest = contrast == ndimage.maximum_filter(contrast, 3)
    lowest = contrast == ndimage.minimum_filter(contrast, 3)
    level, y, x = np.nonzero(strong & (highest | lowest))

    def around(down: int, across: int) -> np.ndarray:
        return contrast[level, y + down, x + across].astype(np.float64)

    middle = around(0, 0)
    xx = around(0, 1) + around(0, -1) - 2 * middle
    yy = around(1, 0) + around(-1, 0) - 2 * middle
    xy = (around(1, 1) - around(1, -1) - around(-1, 1) + around(-1, -1)) / 4
    determinant = xx * yy - xy**2
    is_blob = np.flatnonzero((determinant > 0) & ((xx + yy) ** 2 < ROUNDEST * determinant))
    order = is_blob[np.argsort(-np.abs(middle[is_blob]), kind="stable")[:MOST]]
    return level[order], y[order], x[order]


def _from_frame(grey: np.ndarray) -> np.ndarray:
    """How far each pixel is from the dark frame that some pictures have: (h, w), in pixels."""
    dark, _ = ndimage.label(ndimage.gaussian_filter(grey, 2) < FRAME)
    border = np.concatenate([dark[0], dark[-1], dark[:, 0], dark[:, -1]])
    frame = np.isin(dark, border[border > 0])
    return ndimage.distance_transform_edt(~frame) if frame.any() else np.full(grey.shape, np.inf)


def _directions(
    size: np.ndarray, angle: np.ndarray, level: np.ndarray, y: np.ndarray, x: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Which blob, int (m,), and a main direction of its surroundings, radians (m,).

    A blob of several directions about as strong counts once for each.

    Args:
      size, angle: of gradients (scales, h, w).
      level, y, x: of blobs, int (n,).
    """
    steps = np.linspace(-1, 1, 13)
    across, down = (part.ravel() for part in np.meshgrid(steps, steps))
    inside = across**2 + down**2 <= 1
    across, down = across[inside], down[inside]
    reach = 4.5 * SCALES[level][:, None]
    at = _nearest(level, y[:, None] + reach * down, x[:, None] + reach * across, size.shape)
    weights = size[at] * np.exp(-2 * (across**2 + down**2))
    bins = (np.floor(angle[at] / (2 * np.pi) % 1 * BINS)).astype(np.int64) % BINS
    bins += np.arange(len(level))[:, None] * BINS
    found = np.bincount(bins.ravel(), weights.ravel(), len(level) * BINS).reshape(-1, BINS)
    for _ in range(2):
        found = (np.roll(found, 1, 1) + found + np.roll(found, -1, 1)) / 3
    before, after = np.roll(found, 1, 1), np.roll(found, -1, 1)
    is_peak = (found >= before) & (found >= after) & (found >= 0.8 * found.max(1, keepdims=True))
    blob, peak = np.nonzero(is_peak)
    before, middle, after = (part[blob, peak] for part in (before, found, after))
    curve = np.minimum(before - 2 * middle + after, -1e-9)
    offset = np.clip((before - after) / 2 / curve, -0.5, 0.5)
    return blob, (peak + 0.5 + offset) / BINS * 2 * np.pi


def _descriptors(
    size: np.ndarray,
    angle: np.ndarray,
    level: np.ndarray,
    y: np.ndarray,
    x: np.ndarray,
    direction: np.ndarray,
) -> np.ndarray:
    """uint8 (n, 128), see `Keypoints`; arguments as of `_directions`, with radians (n,)."""
    samples = 4 * CELLS
    steps = (np.arange(samples) - (samples - 1) / 2) / CELLS  # of cells
    across, down = (part.ravel() for part in np.meshgrid(steps, steps))
    cell = 2.7 * SCALES[level][:, None]
    cos, sin = np.cos(direction)[:, None], np.sin(direction)[:, None]
    at_x = x[:, None] + cell * (across * cos - down * sin)
    at_y = y[:, None] + cell * (across * sin + down * cos)
    height, width = size.shape[1:]
    inside = (at_y > -1) & (at_y < height) & (at_x > -1) & (at_x < width)
    at = _nearest(level, at_y, at_x, size.shape)
    weights = size[at] * np.exp(-(across**2 + down**2) / 8) * inside
    turned = (angle[at] - direction[:, None]) / (2 * np.pi) % 1 * DIRECTIONS
    lower = np.floor(turned)
    share = turned - lower
    lower = lower.astype(np.int64) % DIRECTIONS
    place = np.repeat(np.arange(CELLS), samples // CELLS)
    places = (place[:, None] * CELLS + place[None]).ravel() * DIRECTIONS
    places = places + np.arange(len(level))[:, None] * CELLS**2 * DIRECTIONS
    found = np.zeros(len(level) * CELLS**2 * DIRECTIONS)
    for bins, part in ((lower, 1 - share), ((lower + 1) % DIRECTIONS, share)):
        found += np.bincount((places + bins).ravel(), (weights * part).ravel(), len(found))
    found = found.reshape(len(level), -1)
    found /= np.maximum(np.linalg.norm(found, axis=1, keepdims=True), 1e-6)
    found = np.minimum(found, 0.2)
    found /= np.maximum(found.sum(1, keepdims=True), 1e-6)
    return np.rint(np.sqrt(found) * LENGTH).astype(np.uint8)


def _nearest(
    level: np.ndarray, y: np.ndarray, x: np.ndarray, shape: tuple[int, ...]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Index of the pixels nearest to places (n, m) at levels (n,), inside the picture."""
    rows = np.clip(np.rint(y), 0, shape[1] - 1).astype(np.int64)
    columns = np.clip(np.rint(x), 0, shape[2] - 1).astype(np.int64)
    return level[:, None], rows, columns
