"""Skin tone from images: the individual typology angle (ITA) of the skin around a lesion.

ITA = arctan((L* − 50) / b*) in degrees, of CIELAB under D65 (Chardon et al. 1991), in six bins from
very light to dark (Del Bino and Bernerd 2013). It is a property of the picture: a dermatoscope's
light, exposure and white balance move it, and it is not the Fitzpatrick type. Compare it within one
source of images.
"""

import numpy as np
from scipy import ndimage

from dermgan_jax.statistics.subgroups import UNKNOWN

TONES = ("dark", "brown", "tan", "intermediate", "light", "very light")
BOUNDS = (-30.0, 10.0, 28.0, 41.0, 55.0)  # degrees; a bin holds its upper bound

RING = 0.1  # of the shorter side: the border that is taken for skin where there is no mask
MARGIN = 0.05  # of the shorter side: a lesion fades beyond its outline
RIM_LIGHTNESS = 15.0  # L*: the tube of a dermatoscope is darker, skin is not
AWAY = 12.0  # L* from the median: hair, gel bubbles, ruler marks, the shade beside the rim
FEWEST = 0.005  # share of the image's pixels that must be left

_LINEAR_TO_XYZ = np.array(
    [
        [0.4124564, 0.3575761, 0.1804375],
        [0.2126729, 0.7151522, 0.0721750],
        [0.0193339, 0.1191920, 0.9503041],
    ]
)
_WHITE = _LINEAR_TO_XYZ.sum(axis=1)


def lab(srgb: np.ndarray) -> np.ndarray:
    """CIELAB (..., 3) under D65, L* from 0 to 100, of sRGB in [0, 1] (IEC 61966-2-1)."""
    linear = np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4)
    ratio = linear @ _LINEAR_TO_XYZ.T / _WHITE
    f = np.where(ratio > (6 / 29) ** 3, np.cbrt(ratio), ratio / (3 * (6 / 29) ** 2) + 4 / 29)
    x, y, z = np.moveaxis(f, -1, 0)
    return np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], axis=-1)


def typology_angle(lightness: np.ndarray, yellowness: np.ndarray) -> np.ndarray:
    """ITA in degrees, −90 to 90, of L* and b*; NaN where b* is not positive, as skin's is."""
    angle = np.degrees(np.arctan2(lightness - 50, yellowness))
    return np.where(yellowness > 0, angle, np.nan)


def ita(images: np.ndarray, masks: np.ndarray | None = None) -> np.ndarray:
    """ITA of the skin that each image shows around its lesion.

    Skin is what lies outside the mask, which is first grown by 5 % of the shorter side. Without
    masks it is the outermost 10 % on each side, which a large lesion may reach into: then the angle
    is too low. Of that, pixels darker than L* 15 are the rim of a dermatoscope, and pixels more
    than 12 L* from the median are hair or reflections; both are left out. The angle is that of the
    median L* and the median b* of the rest.

    Args:
      images: uint8 (n, h, w, 3), sRGB.
      masks: bool (n, h, w), the lesions; images whose mask is empty are treated as without.

    Returns:
      Degrees (n,); NaN where less than 0.5 % of the image is left, or its b* is not positive.
    """
    angles = np.full(len(images), np.nan)
    ring = _ring(images.shape[1:3])
    for i, image in enumerate(images):
        masked = masks is not None and masks[i].any()
        angles[i] = _angle(image, _around(masks[i]) if masked else ring)
    return angles


def tone(angles: np.ndarray) -> np.ndarray:
    """Names of `TONES` (n,) for ITA in degrees (n,), "unknown" for NaN."""
    angles = np.asarray(angles, np.float64)
    names = np.asarray(TONES)[np.searchsorted(BOUNDS, np.nan_to_num(angles))]
    return np.where(np.isnan(angles), UNKNOWN, names)


def _ring(shape: tuple[int, int]) -> np.ndarray:
    width = max(round(RING * min(shape)), 1)
    ring = np.ones(shape, bool)
    ring[width:-width, width:-width] = False
    return ring


def _around(mask: np.ndarray) -> np.ndarray:
    return ndimage.distance_transform_edt(~mask) > MARGIN * min(mask.shape)


def _angle(image: np.ndarray, skin: np.ndarray) -> float:
    colours = lab(image[skin] / 255.0)
    colours = colours[colours[:, 0] >= RIM_LIGHTNESS]
    if len(colours):
        near = np.abs(colours[:, 0] - np.median(colours[:, 0])) <= AWAY
        colours = colours[near]
    if len(colours) < max(FEWEST * skin.size, 1):
        return float("nan")
    lightness, _, yellowness = np.median(colours, axis=0)
    return float(typology_angle(lightness, yellowness))
