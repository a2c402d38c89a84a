"""Rasterises the phantom: the same lesion and photo at any number of pixels.

Everything is a function of continuous coordinates, evaluated at pixel centres: random fields are
sums of plane waves and spots are Gaussians, so that both are products of a function of x and a
function of y, and one matrix product draws them all.
"""

import math

import numpy as np
from PIL import Image, ImageDraw

from dermgan_jax.data.datasets.phantom_lesion import CLASSES, FIELDS, Lesion, Photograph
from dermgan_jax.data.datasets.phantom_structures import (
    STRUCTURES,
    Pigments,
    Tissue,
    smoothstep,
)

# Absorbance per unit of pigment in R, G, B: tuned by eye, starting from log(skin / lesion) of
# HAM10000's nevi and vascular lesions.
MELANIN = np.array([0.45, 0.86, 1.12], np.float32)
BLOOD = np.array([0.14, 0.82, 0.50], np.float32)
# What the opaque structures tend to, in sRGB.
KERATIN = np.array([0.76, 0.60, 0.44], np.float32)
VEIL = np.array([0.36, 0.36, 0.46], np.float32)
SCAR = np.array([0.94, 0.83, 0.83], np.float32)
INK = np.array([0.12, 0.12, 0.18], np.float32)
LIGHT_SKIN = np.array([0.82, 0.66, 0.60], np.float32)

# Millimetre marks along the upper edge, as polylines and widths; every fifth is longer.
RULER = [
    (np.array([[x, -0.96], [x, -0.80 if mark % 5 == 0 else -0.88]]), 0.014)
    for mark, x in enumerate(np.linspace(-0.95, 0.95, 21))
]


def render(lesion: Lesion, photo: Photograph, size: int) -> tuple[np.ndarray, np.ndarray]:
    """One photo of one lesion.

    Returns:
      The image, uint8 (size, size, 3) sRGB, and the lesion's mask, bool (size, size).
    """
    axis = ((np.arange(size) + 0.5) * (2 / size) - 1).astype(np.float32)
    blur = math.hypot(photo.softness, 0.8 / size)  # the pixel itself is a low-pass filter
    fields = _fields(lesion, photo, axis, blur)
    signed = _signed_distance(lesion, photo, axis, fields["outline"])
    edge = max(lesion.edge, blur / photo.zoom)
    tissue = Tissue(
        inside=smoothstep(-edge, edge, signed),
        depth=np.clip(signed / lesion.radius, 0, 1),
        fields=fields,
        dots=_spots(lesion.dots, photo, axis, blur),
        clods=_spots(lesion.clods, photo, axis, blur),
        vessels=photo.penetration * _vessels(lesion, photo, size),
        strength=lesion.strength,
        variant=lesion.variant,
    )
    image = _skin(lesion, fields)
    image = _absorb(image, STRUCTURES[CLASSES[lesion.label]](tissue), lesion, photo)
    image = _lay_over(image, photo)
    image = _expose(image, photo, axis, fields["skin_grain"])
    return (np.clip(image, 0, 1) * 255 + 0.5).astype(np.uint8), signed > 0


def _to_frame(photo: Photograph, points: np.ndarray) -> np.ndarray:
    """Lesion coordinates (..., 2) -> frame coordinates in [-1, 1]."""
    return points @ (photo.zoom * _rotation(photo.angle)).T + photo.offset


def _rotation(angle: float) -> np.ndarray:
    return np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])


def _fields(
    lesion: Lesion, photo: Photograph, axis: np.ndarray, blur: float
) -> dict[str, np.ndarray]:
    """The lesion's random fields (H, W), of unit variance before the photo's blur."""
    # k . R^-1 (p - offset) / zoom, regrouped as a wave in the frame's own coordinates.
    vectors = lesion.wave_vectors @ (_rotation(photo.angle).T / photo.zoom).astype(np.float32)
    phases = lesion.phases - vectors @ photo.offset.astype(np.float32)
    amplitude = np.exp(-0.5 * blur**2 * np.sum(vectors**2, axis=-1))
    amplitude *= math.sqrt(2 / phases.shape[1])
    across = vectors[..., 0, None] * axis + phases[..., None]
    down = vectors[..., 1, None] * axis
    waves = np.concatenate([np.cos(across), -np.sin(across)], axis=1)
    waves *= np.concatenate([amplitude, amplitude], axis=1)[..., None]
    columns = np.concatenate([np.cos(down), np.sin(down)], axis=1)
    return dict(zip(FIELDS, columns.transpose(0, 2, 1) @ waves, strict=True))


def _signed_distance(
    lesion: Lesion, photo: Photograph, axis: np.ndarray, bumps: np.ndarray
) -> np.ndarray:
    """Roughly the distance (H, W) to the lesion's outline, positive inside."""
    x, y = (axis - photo.offset[0])[None, :], (axis - photo.offset[1])[:, None]
    place = ((x + 1j * y) * np.exp(-1j * photo.angle) / photo.zoom).astype(np.complex64)
    place.imag /= lesion.aspect
    distance = np.abs(place)
    turn = place / np.maximum(distance, 1e-6)
    radius = np.full_like(distance, lesion.radius)
    power = turn
    for lobe in lesion.lobes.tolist():
        power = power * turn
        radius += lesion.radius * (power.real * lobe.real - power.imag * lobe.imag)
    return np.maximum(radius, 0.35 * lesion.radius) + lesion.roughness * bumps - distance


def _spots(spots: np.ndarray, photo: Photograph, axis: np.ndarray, blur: float) -> np.ndarray:
    """Coverage (H, W) in [0, 1] by round spots (n, 3) in lesion coordinates."""
    centre = _to_frame(photo, spots[:, :2]).astype(np.float32)
    radius = (photo.zoom * spots[:, 2]).astype(np.float32)
    width = np.sqrt(radius**2 / 2 + blur**2)
    x = np.exp(-0.5 * ((axis - centre[:, :1]) / width[:, None]) ** 2)
    y = np.exp(-0.5 * ((axis - centre[:, 1:]) / width[:, None]) ** 2)
    contrast = radius**2 / 2 / width**2  # spots below a pixel fade instead of growing
    return smoothstep(0.15, 0.75, y.T @ (x * contrast[:, None]))


def _vessels(lesion: Lesion, photo: Photograph, size: int) -> np.ndarray:
    lines = [(_to_frame(photo, path), photo.zoom * width) for path, width in lesion.vessels]
    return _strokes(lines, size)


def _strokes(lines: list[tuple[np.ndarray, float]], size: int) -> np.ndarray:
    """Coverage (H, W) in [0, 1] by polylines (n, 2) of given widths in frame coordinates."""
    if not lines:
        return np.zeros((size, size), np.float32)
    # Finer than the image, so that strokes thinner than a pixel come out faint.
    finer = max(2, -(-384 // size))
    canvas = Image.new("L", (size * finer, size * finer))
    pen = ImageDraw.Draw(canvas)
    scale = size * finer / 2
    for points, width in lines:
        pixels = ((points + 1) * scale).ravel().tolist()
        pen.line(pixels, fill=255, width=max(1, round(width * scale)), joint="curve")
    return np.asarray(canvas.reduce(finer), np.float32) / 255


def _skin(lesion: Lesion, fields: dict[str, np.ndarray]) -> np.ndarray:
    """Skin (H, W, 3): its colour, uneven in melanin and blood, with a fine relief."""
    melanin = 0.035 * fields["skin_cloud"] + 0.02 * fields["skin_mottle"]
    blood = 0.03 * fields["skin_mottle"] - 0.03 * fields["skin_cloud"]
    relief = 0.018 * fields["skin_grain"]
    density = melanin[..., None] * MELANIN + blood[..., None] * BLOOD + relief[..., None]
    return np.asarray(lesion.skin, np.float32) * np.exp(-density)


def _absorb(image: np.ndarray, pigments: Pigments, lesion: Lesion, photo: Photograph) -> np.ndarray:
    """Light lost in melanin and blood (Beer-Lambert), and the opaque structures over it."""
    # Opaque matter has a colour of its own, seen through an epidermis as dark as the skin's.
    tint = (np.array(lesion.skin, np.float32) / LIGHT_SKIN) ** 0.6

    def blend(image: np.ndarray, opacity: np.ndarray, colour: np.ndarray) -> np.ndarray:
        return image + np.clip(opacity, 0, 1)[..., None] * (tint * colour - image)

    image = blend(image, pigments.keratin, KERATIN)
    density = np.maximum(pigments.melanin, 0)[..., None] * MELANIN
    density += np.maximum(pigments.blood, 0)[..., None] * BLOOD
    image = image * np.exp(-density)
    image = blend(image, photo.penetration * pigments.veil, VEIL)
    return blend(image, pigments.scar, SCAR)


def _lay_over(image: np.ndarray, photo: Photograph) -> np.ndarray:
    """Hairs and ruler marks, which lie on the skin."""
    size = image.shape[0]
    if len(photo.hairs):
        t = np.linspace(0, 1, 14)[:, None]
        start, bend, end = photo.hairs.transpose(1, 0, 2)[:, :, None]
        curves = (1 - t) ** 2 * start + 2 * t * (1 - t) * bend + t**2 * end
        cover = 0.75 * _strokes([(curve, photo.hair_width) for curve in curves], size)
        colour = photo.hair_shade * np.array([1.0, 0.8, 0.7], np.float32)
        image = image + cover[..., None] * (colour - image)
    if photo.ruler is not None:
        cover = np.rot90(0.8 * _strokes(RULER, size), photo.ruler)
        image = image + cover[..., None] * (INK - image)
    return image


def _expose(
    image: np.ndarray, photo: Photograph, axis: np.ndarray, relief: np.ndarray
) -> np.ndarray:
    """Light that differs over the frame, its colour, a reflection, dark corners, noise."""
    x, y = axis[None, :], axis[:, None]
    light = 1 + photo.gradient[0] * x + photo.gradient[1] * y
    distance = np.hypot(x, y)
    light = light * (1 - 0.12 * photo.vignette * distance**2)
    # A strong vignette is the rim of the dermatoscope's tube.
    light = light * (1 - photo.vignette**4 * smoothstep(1.12, 1.36, distance))
    image = image * (light[..., None] * photo.gains).astype(np.float32)
    left, top, radius, strength = photo.highlight
    if strength:
        glare = strength * np.exp(-0.5 * ((x - left) ** 2 + 2 * (y - top) ** 2) / radius**2)
        glare = glare * smoothstep(-0.8, 1.2, relief)  # the skin's ridges shine, its furrows do not
        image = image + glare[..., None].astype(np.float32) * (1 - image)
    size = image.shape[0]
    noise = np.random.default_rng(photo.noise_seed).standard_normal((size, size, 1), np.float32)
    return image + photo.noise * size / 256 * noise  # a smaller image averages noise away
