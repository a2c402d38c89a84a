"""The feature extractors of FD-DINOv2 (Stein et al. 2023): DINOv2 with dgm-eval's images.

ViT-L/14 is the one of the published numbers. ViT-S/14 and B/14 are for small machines, under names
of their own: distances are comparable within one of the three only.
"""

from collections.abc import Callable

import jax

from dermgan_jax.features import dinov2, tower_weights
from dermgan_jax.features.extractor import (
    CPU_BATCH_OF_TOKENS,
    Extractor,
    Features,
    Variables,
    batched,
)
from dermgan_jax.features.resize import resize_bytes, standardise
from dermgan_jax.features.vit import VisionTransformer
from dermgan_jax.files import Path

SIDE = 224
TOWERS = {
    "dinov2_s14": dinov2.DinoV2S14,
    "dinov2_b14": dinov2.DinoV2B14,
    "dinov2_l14": dinov2.DinoV2L14,
}


def load(name: str, folder: Path | None = None) -> Extractor:
    """The extractor, with "cls" (N, 384, 768 or 1024), the class token after the last norm.

    Args:
      name: a key of `TOWERS`.
      folder: where to look for the weights first.

    Raises:
      UserError: if the weights are not found or not the right ones.
    """
    tower = TOWERS[name]()
    variables, weights_id = tower_weights.load(name, folder, tower, dinov2.from_torch)
    return Extractor(
        name=f"{name}:pil{SIDE}",
        weights_id=weights_id,
        dim=tower.width,
        extract=batched(preprocess, network_of(tower), variables, cpu_batch=CPU_BATCH_OF_TOKENS),
    )


def preprocess(images: jax.Array) -> jax.Array:
    """Images uint8 (N, H, W, 3), squashed to 224×224 as dgm-eval does with Pillow, standardised.

    Rounded to 8 bits by the resizing, which is what NVlabs/edm2 calls "pil".
    """
    return standardise(resize_bytes(images, (SIDE, SIDE)), dinov2.MEAN, dinov2.DEVIATION)


def network_of(tower: VisionTransformer) -> Callable[[Variables, jax.Array], Features]:
    """Variables, what `preprocess` gives -> "cls" (N, width)."""

    def network(variables: Variables, images: jax.Array) -> Features:
        with jax.default_matmul_precision("highest"):  # not TF32 on GPUs: values must agree
            return {"cls": tower.apply(variables, images)}

    return network
