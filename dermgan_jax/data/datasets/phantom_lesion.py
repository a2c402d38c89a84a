"""What the phantom draws: lesions and photographs of them, described without pixels.

Lengths are in half frame widths at zoom 1: a lesion of radius 1 would touch the frame's edges.
"""

import dataclasses
import math
from typing import NamedTuple

import numpy as np


class Spots(NamedTuple):
    """How many round spots lie in a lesion and how large they are, as ends of uniform ranges."""

    count: tuple[int, int] = (0, 0)
    radius: tuple[float, float] = (0.0, 0.0)


class Habit(NamedTuple):
    """How the lesions of one diagnosis usually are. Pairs are ends of uniform ranges."""

    share: float  # of all lesions
    age: float  # mean, in years
    radius: tuple[float, float]
    irregularity: float  # of the outline's large lobes, relative to the radius
    roughness: float  # of the outline's small bumps
    edge: float  # half width of the transition to skin
    strength: tuple[float, float]  # of the main pigment
    dots: Spots = Spots()
    clods: Spots = Spots()
    vessels: tuple[int, int] = (0, 0)  # how many trees


# Sizes rank about as in HAM10000's masks, but lesions fit the frame; shares are its imbalance,
# softened.
HABITS = {
    "akiec": Habit(0.10, 70, (0.52, 0.82), 0.13, 0.05, 0.26, (0.2, 0.5)),
    "bcc": Habit(
        *(0.13, 67, (0.45, 0.72), 0.12, 0.03, 0.14, (0.1, 0.35)),
        dots=Spots((2, 8), (0.012, 0.03)),
        clods=Spots((2, 7), (0.04, 0.11)),
        vessels=(3, 6),
    ),
    "bkl": Habit(
        *(0.16, 64, (0.45, 0.80), 0.12, 0.025, 0.04, (0.2, 0.9)),
        dots=Spots((6, 24), (0.010, 0.028)),
        clods=Spots((3, 14), (0.018, 0.04)),
    ),
    "df": Habit(0.09, 50, (0.48, 0.75), 0.06, 0.03, 0.24, (0.3, 0.7)),
    "mel": Habit(
        *(0.16, 60, (0.50, 0.80), 0.19, 0.035, 0.09, (0.8, 1.6)),
        dots=Spots((6, 28), (0.012, 0.03)),
        clods=Spots((1, 5), (0.03, 0.07)),
    ),
    "nv": Habit(
        *(0.27, 42, (0.35, 0.68), 0.07, 0.02, 0.11, (0.4, 1.3)),
        dots=Spots((0, 13), (0.010, 0.02)),
    ),
    "vasc": Habit(
        *(0.09, 50, (0.28, 0.52), 0.10, 0.025, 0.045, (0.5, 1.1)),
        dots=Spots((0, 3), (0.02, 0.04)),
        clods=Spots((10, 25), (0.05, 0.10)),
    ),
}
CLASSES = tuple(HABITS)

# Individual typology angle in degrees (Chardon 1991, Del Bino 2013): name, from, to, share of
# lesions. The outer bins are open; here they end where drawn skin ends.
SKIN_TONES = (
    ("very light", 55, 68, 0.22),
    ("light", 41, 55, 0.24),
    ("intermediate", 28, 41, 0.20),
    ("tan", 10, 28, 0.15),
    ("brown", -30, 10, 0.12),
    ("dark", -55, -30, 0.07),
)
SITES = ("back", "trunk", "lower extremity", "upper extremity", "face", "neck")
AGE_BANDS = ((40, "under 40"), (60, "40-59"), (math.inf, "60 and over"))

# Gaussian random fields: name -> (wavelength, relative spread of wavelengths). A narrow spread
# gives the even meshes of pigment networks and follicles, a wide one gives clouds.
FIELDS = {
    "outline": (0.40, 0.5),
    "patch_a": (1.1, 0.4),
    "patch_b": (1.0, 0.4),
    "patch_c": (0.8, 0.4),
    "mottle": (0.25, 0.6),
    "network": (0.095, 0.12),
    "follicle": (0.14, 0.12),
    "scale": (0.09, 0.6),
    "skin_cloud": (0.8, 0.5),
    "skin_mottle": (0.15, 0.6),
    "skin_grain": (0.05, 0.7),
}
WAVES_PER_FIELD = 32
WARM_LAMP = np.array([0.85, 0.62, 0.38])  # red, green and blue against the light of a room

# Two of the streams of random numbers that hang on a lesion's number, two on an image's.
_IDENTITY, _LESION, _DERMOSCOPIC, _CLINICAL = range(4)

# Every eight images show five lesions: three once, one twice, one three times.
_LESION_IN_BLOCK = (0, 1, 2, 3, 3, 4, 4, 4)


class Identity(NamedTuple):
    """What a table of lesions would say about one."""

    label: int  # index into CLASSES
    ita: float  # degrees
    skin_tone: str
    site: str
    age: str


@dataclasses.dataclass(frozen=True)
class Lesion:
    """One lesion and the skin around it.

    Attributes:
      label: index into CLASSES.
      skin: sRGB in [0, 1].
      radius, aspect: of the ellipse beneath the outline.
      lobes: complex (5,), the outline's Fourier coefficients 2 to 6 relative to the radius.
      roughness, edge, strength: see `Habit`.
      variant: (4,) in [0, 1], for whatever the diagnosis varies in.
      wave_vectors, phases: (fields, waves, 2) and (fields, waves) of the fields in FIELDS.
      dots, clods: (n, 3), x, y and radius.
      vessels: polylines (n, 2) and their widths.
    """

    label: int
    skin: tuple[float, float, float]
    radius: float
    aspect: float
    lobes: np.ndarray
    roughness: float
    edge: float
    strength: float
    variant: tuple[float, ...]
    wave_vectors: np.ndarray
    phases: np.ndarray
    dots: np.ndarray
    clods: np.ndarray
    vessels: tuple[tuple[np.ndarray, float], ...]


@dataclasses.dataclass(frozen=True)
class Photograph:
    """One photograph of a lesion.

    Attributes:
      zoom, angle, offset: where the lesion lies in the frame; angle in radians.
      gains: (3,), the lamp's colour and the exposure.
      gradient: (2,), relative change of light from the frame's centre to its edges.
      vignette: 0 to 1, darkness of the corners.
      softness: standard deviation of the lens's blur.
      penetration: 0 to 1, how much shows of what lies below the surface.
      highlight: x, y, radius and strength of a reflection.
      noise: standard deviation of the sensor's noise at 256 pixels, of a full scale of 1.
      hairs: (n, 3, 2), control points of quadratic Bézier curves in the frame.
      hair_width, hair_shade: width, and brightness in [0, 1].
      ruler: the edge (0 to 3) along which its marks run, or None.
      noise_seed: of the sensor noise.
    """

    zoom: float
    angle: float
    offset: np.ndarray
    gains: np.ndarray
    gradient: np.ndarray
    vignette: float
    softness: float
    penetration: float
    highlight: tuple[float, float, float, float]
    noise: float
    hairs: np.ndarray
    hair_width: float
    hair_shade: float
    ruler: int | None
    noise_seed: int


def lesion_number(index: int) -> int:
    """The lesion that image `index` shows; one lesion has one to three images."""
    block, place = divmod(index, len(_LESION_IN_BLOCK))
    return block * (_LESION_IN_BLOCK[-1] + 1) + _LESION_IN_BLOCK[place]


def skin_tone_name(ita: float) -> str:
    """The name of the bin that an individual typology angle, in degrees, falls into."""
    return next((name for name, low, *_ in SKIN_TONES if ita > low), SKIN_TONES[-1][0])


def draw_identity(seed: int, number: int) -> Identity:
    """Diagnosis, skin tone, site and age band of lesion `number`."""
    rng = np.random.default_rng((seed, _IDENTITY, number))
    label = _choose(rng.random(), [habit.share for habit in HABITS.values()])
    tone, low, high, _ = SKIN_TONES[_choose(rng.random(), [share for *_, share in SKIN_TONES])]
    ita = high - (high - low) * rng.random()  # bins are open below and closed above
    age = HABITS[CLASSES[label]].age + 14 * rng.standard_normal()
    return Identity(
        label=label,
        ita=ita,
        skin_tone=tone,
        site=SITES[rng.integers(len(SITES))],
        age=next(name for limit, name in AGE_BANDS if age < limit),
    )


def draw_lesion(seed: int, number: int) -> Lesion:
    """The appearance of lesion `number`."""
    identity = draw_identity(seed, number)
    habit = HABITS[CLASSES[identity.label]]
    rng = np.random.default_rng((seed, _LESION, number))
    radius = rng.uniform(*habit.radius)
    falloff = habit.irregularity / np.arange(1, 6)
    wavelength, spread = np.array(list(FIELDS.values()), np.float32).T[..., None]
    shape = (len(FIELDS), WAVES_PER_FIELD)
    magnitude = 2 * np.pi / wavelength * np.exp(spread * rng.standard_normal(shape, np.float32))
    sector, turn = rng.random((2, *shape), np.float32)
    # One wave per sector of the half circle: random directions would look woven.
    direction = (np.arange(WAVES_PER_FIELD, dtype=np.float32) + sector) * (np.pi / WAVES_PER_FIELD)
    return Lesion(
        label=identity.label,
        skin=skin_colour(identity.ita, rng),
        radius=radius,
        aspect=rng.uniform(0.78, 1.0),
        lobes=falloff * (rng.standard_normal(5) + 1j * rng.standard_normal(5)) / np.sqrt(2),
        roughness=habit.roughness,
        edge=habit.edge * rng.uniform(0.6, 1.8),
        strength=rng.uniform(*habit.strength),
        variant=tuple(rng.random(4).tolist()),
        wave_vectors=magnitude[..., None] * np.stack([np.cos(direction), np.sin(direction)], -1),
        phases=2 * np.pi * turn,
        dots=_scatter(rng, radius, habit.dots),
        clods=_scatter(rng, radius, habit.clods),
        vessels=tuple(
            branch
            for _ in range(rng.integers(*habit.vessels, endpoint=True))
            for branch in _vessel_tree(rng, radius)
        ),
    )


def draw_photograph(seed: int, index: int) -> Photograph:
    """The dermatoscope's placement and light for image `index`."""
    rng = np.random.default_rng((seed, _DERMOSCOPIC, index))
    hairy = rng.random() < 0.35
    exposure = rng.normal(1.08, 0.05)
    return Photograph(
        zoom=rng.uniform(0.85, 1.12),
        angle=rng.uniform(0, 2 * np.pi),
        offset=rng.uniform(-0.14, 0.14, 2),
        gains=exposure * np.array([1.0, rng.normal(0.97, 0.025), rng.normal(1.04, 0.06)]),
        gradient=rng.normal(0, 0.05, 2),
        vignette=rng.uniform(0.6, 1.0) if rng.random() < 0.3 else rng.uniform(0, 0.3),
        softness=rng.uniform(0.003, 0.010),
        penetration=1.0,
        highlight=(0.0, 0.0, 1.0, 0.0),
        noise=0.012,
        hairs=_draw_hairs(rng, int(rng.integers(3, 14)) if hairy else 0),
        hair_width=rng.uniform(0.008, 0.015),
        hair_shade=rng.uniform(0.05, 0.25),
        ruler=int(rng.integers(4)) if rng.random() < 0.12 else None,
        noise_seed=int(rng.integers(2**31)),
    )


def draw_clinical_photograph(seed: int, index: int) -> Photograph:
    """A camera at arm's length for the lesion of image `index`: room light, wider field."""
    rng = np.random.default_rng((seed, _CLINICAL, index))
    hairy = len(draw_photograph(seed, index).hairs) > 0
    highlight = (*rng.uniform(-0.6, 0.6, 2), rng.uniform(0.08, 0.20), rng.uniform(0.3, 0.7))
    return Photograph(
        zoom=rng.uniform(0.32, 0.48),
        angle=rng.uniform(0, 2 * np.pi),
        offset=rng.uniform(-0.2, 0.2, 2),
        gains=rng.normal(1.0, 0.04) * np.array([1.02, 0.97, rng.normal(0.88, 0.03)]),
        gradient=rng.normal(0, 0.10, 2),
        vignette=0.0,
        softness=rng.uniform(0.010, 0.016),
        penetration=0.35,
        highlight=highlight,
        noise=0.018,
        hairs=_draw_hairs(rng, int(rng.integers(6, 22)) if hairy else 0, length=0.35),
        hair_width=rng.uniform(0.005, 0.008),
        hair_shade=rng.uniform(0.05, 0.25),
        ruler=None,
        noise_seed=int(rng.integers(2**31)),
    )


def draw_close_up_photograph(seed: int, index: int) -> Photograph:
    """A camera in the place of the dermatoscope of image `index`: its frame, a dim warm lamp."""
    placed, lit = draw_photograph(seed, index), draw_clinical_photograph(seed, index)
    return dataclasses.replace(
        lit,
        zoom=placed.zoom,
        angle=placed.angle,
        offset=placed.offset,
        gains=lit.gains * WARM_LAMP,
        penetration=0.2,
        hairs=placed.hairs,
        hair_width=placed.hair_width,
        hair_shade=placed.hair_shade,
    )


def _choose(uniform: float, shares: list[float]) -> int:
    return min(int(np.searchsorted(np.cumsum(shares), uniform, side="right")), len(shares) - 1)


def skin_colour(ita: float, rng: np.random.Generator) -> tuple[float, float, float]:
    """sRGB of skin with the given ITA = arctan((L* - 50) / b*) in degrees, under D65."""
    angle = math.radians(ita)
    distance = 17 + 8 * abs(math.sin(angle)) + rng.normal(0, 1.0)
    lightness, yellowness = 50 + distance * math.sin(angle), distance * math.cos(angle)
    redness = rng.normal(13 + 3 * math.sin(angle), 2.0)
    y = (lightness + 16) / 116
    x, z = y + redness / 500, y - yellowness / 200
    f = np.array([x, y, z])
    xyz = _D65 * np.where(f > 6 / 29, f**3, 3 * (6 / 29) ** 2 * (f - 4 / 29))
    linear = np.clip(_XYZ_TO_RGB @ xyz, 0, 1)
    srgb = np.where(linear > 0.0031308, 1.055 * linear ** (1 / 2.4) - 0.055, 12.92 * linear)
    return tuple(srgb.tolist())


_D65 = np.array([0.95047, 1.0, 1.08883])
_XYZ_TO_RGB = np.array(
    [[3.2406, -1.5372, -0.4986], [-0.9689, 1.8758, 0.0415], [0.0557, -0.2040, 1.0570]]
)


def _scatter(rng: np.random.Generator, radius: float, spots: Spots) -> np.ndarray:
    """Spots (n, 3) spread evenly over a disc somewhat smaller than the lesion."""
    count = int(rng.integers(*spots.count, endpoint=True))
    distance = 0.8 * radius * np.sqrt(rng.random(count))
    angle = 2 * np.pi * rng.random(count)
    size = rng.uniform(*spots.radius, count)
    return np.stack([distance * np.cos(angle), distance * np.sin(angle), size], axis=-1)


def _vessel_tree(rng: np.random.Generator, radius: float) -> list[tuple[np.ndarray, float]]:
    """A stem that enters the lesion from its border, and the branches that leave it."""
    angle = rng.uniform(0, 2 * np.pi)
    start = radius * rng.uniform(0.8, 1.2) * np.array([np.cos(angle), np.sin(angle)])
    stem = _wander(rng, start, angle + np.pi + rng.normal(0, 0.4), radius * rng.uniform(0.7, 1.3))
    width = rng.uniform(0.014, 0.026)
    tree = [(stem, width)]
    for joint in rng.choice(np.arange(2, 9), size=rng.integers(3, 6), replace=False):
        heading = np.arctan2(*(stem[joint + 1] - stem[joint])[::-1])
        turn = rng.choice((-1, 1)) * rng.uniform(0.5, 1.1)
        length = radius * rng.uniform(0.25, 0.6)
        tree.append((_wander(rng, stem[joint], heading + turn, length), 0.6 * width))
    return tree


def _wander(
    rng: np.random.Generator, start: np.ndarray, heading: float, length: float, steps: int = 10
) -> np.ndarray:
    """A polyline (steps + 1, 2) whose heading drifts at random."""
    headings = heading + np.cumsum(rng.normal(0, 0.3, steps))
    moves = length / steps * np.stack([np.cos(headings), np.sin(headings)], -1)
    return np.concatenate([start[None], start + np.cumsum(moves, axis=0)])


def _draw_hairs(rng: np.random.Generator, count: int, length: float = 1.3) -> np.ndarray:
    """Hairs that run roughly one way, each slightly bent: (count, 3, 2) control points."""
    middle = rng.uniform(-1, 1, (count, 2))
    heading = rng.uniform(0, np.pi) + rng.normal(0, 0.45, count)
    half = length * rng.uniform(0.3, 1.0, (count, 1)) / 2
    along = half * np.stack([np.cos(heading), np.sin(heading)], -1)
    bend = along[:, ::-1] * (1, -1) * rng.normal(0, 0.3, (count, 1))
    return np.stack([middle - along, middle + bend, middle + along], axis=1)
