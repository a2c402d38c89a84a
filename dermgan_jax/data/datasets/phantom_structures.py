"""The dermoscopic structures of each diagnosis, as maps of pigment."""

from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np

NONE = np.zeros((1, 1), np.float32)


class Tissue(NamedTuple):
    """What a lesion is made of, sampled at the pixels. Arrays are float32 (H, W).

    Attributes:
      inside: 0 on skin, 1 in the lesion, in between across its border.
      depth: 0 at the border to 1 at the centre.
      fields: Gaussian random fields of unit variance, by name.
      dots, clods, vessels: coverage in [0, 1].
      strength, variant: see `Lesion`.
    """

    inside: np.ndarray
    depth: np.ndarray
    fields: Mapping[str, np.ndarray]
    dots: np.ndarray
    clods: np.ndarray
    vessels: np.ndarray
    strength: float
    variant: tuple[float, ...]


class Pigments(NamedTuple):
    """Maps (H, W), 0 where a diagnosis has none of it.

    Melanin and blood are absorbances; the rest are opacities in [0, 1].
    """

    melanin: np.ndarray
    blood: np.ndarray
    keratin: np.ndarray = NONE  # waxy yellow
    veil: np.ndarray = NONE  # melanin deep in the skin, blue-grey
    scar: np.ndarray = NONE  # white: fibrosis, scales, cysts


def smoothstep(low: float, high: float, x: np.ndarray) -> np.ndarray:
    """0 below `low`, 1 above `high`, smooth in between."""
    t = np.clip((x - low) * (1 / (high - low)), 0, 1)
    return t * t * (3 - 2 * t)


def actinic_keratosis(tissue: Tissue) -> Pigments:
    """Red with pale follicles (strawberry pattern), white scales, some brown; ill-defined."""
    t, fields = tissue, tissue.fields
    patchy = smoothstep(-2.0, 1.5, fields["patch_a"] + 0.5 * fields["mottle"])
    follicles = smoothstep(0.5, 1.3, fields["follicle"]) * t.inside
    scales = smoothstep(0.4, 2.2, fields["scale"] + 0.8 * fields["patch_b"]) * t.inside
    brown = smoothstep(0.0, 2.2, fields["patch_c"] + 0.6 * fields["mottle"]) * t.inside
    return Pigments(
        melanin=0.9 * t.variant[0] * brown,
        blood=(0.15 + t.strength * (0.4 + patchy)) * t.inside * (1 - 0.55 * follicles),
        keratin=0.25 * follicles + 0.2 * scales,
        scar=0.4 * scales + 0.10 * follicles,
    )


def basal_cell_carcinoma(tissue: Tissue) -> Pigments:
    """Pink and translucent, arborising vessels, blue-grey ovoid nests, shiny white areas."""
    t, fields = tissue, tissue.fields
    white = smoothstep(0.2, 1.6, fields["patch_a"]) * t.inside
    return Pigments(
        melanin=0.9 * t.dots * t.inside + 0.15 * t.inside * (1 + fields["patch_b"]),
        blood=t.strength * t.inside * (1 + 0.25 * fields["mottle"]) + 0.8 * t.vessels,
        veil=0.7 * t.clods * t.inside,
        scar=(0.10 + 0.35 * t.variant[0] * white) * t.inside,
    )


def benign_keratosis(tissue: Tissue) -> Pigments:
    """Waxy yellow-brown with a sharp border, milia-like cysts and comedo-like openings."""
    t, fields = tissue, tissue.fields
    ridges = smoothstep(-1.2, 1.2, fields["follicle"] + 0.7 * fields["mottle"])
    rim = 1 - smoothstep(0.0, 0.25, t.depth)
    shade = 0.5 + 0.4 * ridges + 0.2 * rim + 0.3 * smoothstep(-0.5, 1.5, fields["patch_a"])
    return Pigments(
        melanin=t.inside * (t.strength * shade + 1.4 * t.clods),
        blood=NONE,
        keratin=t.inside * (0.35 + 0.35 * t.variant[0]) * (1 - t.clods),
        veil=0.35 * (t.variant[1] > 0.7) * smoothstep(-0.2, 2.0, fields["patch_b"]) * t.inside,
        scar=0.6 * t.dots * t.inside,
    )


def dermatofibroma(tissue: Tissue) -> Pigments:
    """A white scar-like centre inside a delicate brown network that fades into the skin."""
    t, fields = tissue, tissue.fields
    extent = 0.42 + 0.2 * t.variant[0]
    centre = smoothstep(extent - 0.35, extent + 0.35, t.depth + 0.07 * fields["mottle"])
    network = smoothstep(-0.5, 0.7, -fields["network"])
    ring = t.inside * (1 - centre)
    return Pigments(
        melanin=t.strength * ring * (0.5 + 0.5 * network + 0.15 * fields["mottle"]),
        blood=0.35 * t.inside * (0.4 + t.variant[1]) * (1 - 0.5 * centre),
        scar=(0.30 + 0.35 * t.variant[2]) * centre * (0.9 + 0.1 * fields["mottle"]),
    )


def melanoma(tissue: Tissue) -> Pigments:
    """Several colours in disorder: browns, black blotches, blue-white veil, white regression."""
    t, fields = tissue, tissue.fields
    blotch = smoothstep(-0.9, 1.5, fields["patch_a"] + 0.3 * fields["mottle"])
    network = smoothstep(-0.4, 0.6, -fields["network"]) * smoothstep(-0.6, 0.8, fields["patch_c"])
    veil = smoothstep(-0.2, 1.6, fields["patch_b"] + 0.2 * fields["mottle"])
    regression = smoothstep(0.3, 2.0, fields["patch_c"] - 0.3 * fields["mottle"])
    brown = 0.4 + 0.15 * fields["mottle"] + 0.25 * network + 1.3 * blotch
    return Pigments(
        melanin=(1 - 0.7 * regression)
        * t.inside
        * (t.strength * brown + 1.2 * t.dots + 1.5 * t.clods),
        blood=0.3 * t.inside * t.variant[0],
        veil=(0.25 + 0.5 * t.variant[1]) * veil * smoothstep(0.05, 0.35, t.depth),
        scar=(0.15 + 0.4 * t.variant[2]) * regression * t.inside,
    )


def nevus(tissue: Tissue) -> Pigments:
    """Evenly brown, lighter to the border, with a faint regular network."""
    t, fields = tissue, tissue.fields
    network = smoothstep(-0.5, 0.7, -fields["network"]) * (1 - 0.6 * t.depth)
    profile = 0.55 + (0.9 * t.variant[0] - 0.1) * smoothstep(0.0, 0.8, t.depth)
    texture = 1 + 0.13 * fields["mottle"] + 0.15 * fields["patch_a"]
    return Pigments(
        melanin=t.inside
        * (t.strength * profile * texture + (0.1 + 0.3 * t.variant[1]) * network + 0.5 * t.dots),
        blood=t.inside * (0.05 + 0.3 * t.variant[2]),
    )


def vascular_lesion(tissue: Tissue) -> Pigments:
    """Red to purple lacunae between paler septa."""
    t, fields = tissue, tissue.fields
    lacunae = t.clods * (0.8 + 0.2 * smoothstep(-1.0, 1.0, fields["mottle"]))
    blue = smoothstep(0.55, 0.95, t.variant[0])
    return Pigments(
        melanin=0.10 * t.inside,
        blood=t.inside * t.strength * (0.75 + 0.9 * lacunae + 0.12 * fields["mottle"]),
        veil=t.inside * (0.06 + (0.12 + 0.4 * blue) * lacunae),
        scar=0.18 * t.inside * (1 - t.clods) * smoothstep(-0.2, 1.5, fields["mottle"]),
    )


STRUCTURES: dict[str, Callable[[Tissue], Pigments]] = {
    "akiec": actinic_keratosis,
    "bcc": basal_cell_carcinoma,
    "bkl": benign_keratosis,
    "df": dermatofibroma,
    "mel": melanoma,
    "nv": nevus,
    "vasc": vascular_lesion,
}
