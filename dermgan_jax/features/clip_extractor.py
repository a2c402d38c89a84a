"""The feature extractor of CMMD (Jayasumana et al. 2024): CLIP ViT-L/14@336px with its images."""

import jax

from dermgan_jax.features import clip_vision, tower_weights
from dermgan_jax.features.clip_vision import ClipVision
from dermgan_jax.features.extractor import (
    CPU_BATCH_OF_TOKENS,
    Extractor,
    Features,
    Variables,
    batched,
)
from dermgan_jax.features.resize import middle_square, resize_bytes, standardise
from dermgan_jax.files import Path

NAME = "clip_l14_336"
SIDE = 336


def load(folder: Path | None = None) -> Extractor:
    """The extractor, with "embedding" (N, 768), whose length is what it is.

    google-research's CMMD scales each embedding to length 1 before it takes distances; this does
    not, and whoever compares embeddings has to.

    Args:
      folder: where to look for the weights first.

    Raises:
      UserError: if the weights are not found or not the right ones.
    """
    tower = ClipVision()
    variables, weights_id = tower_weights.load(NAME, folder, tower, clip_vision.from_torch)
    return Extractor(
        name=f"{NAME}:crop{SIDE}",
        weights_id=weights_id,
        dim=tower.features,
        extract=batched(preprocess, _network, variables, cpu_batch=CPU_BATCH_OF_TOKENS),
    )


def preprocess(images: jax.Array) -> jax.Array:
    """Images uint8 (N, H, W, 3) as google-research/cmmd prepares them.

    The square in the middle, resized to 336×336 by Pillow, bicubic and rounded to 8 bits, then
    standardised as CLIP's images are. The ends of long images are lost.
    """
    resized = resize_bytes(middle_square(images), (SIDE, SIDE))
    return standardise(resized, clip_vision.MEAN, clip_vision.DEVIATION)


def _network(variables: Variables, images: jax.Array) -> Features:
    with jax.default_matmul_precision("highest"):  # not TF32 on GPUs: values must agree
        return {"embedding": ClipVision().apply(variables, images)}
