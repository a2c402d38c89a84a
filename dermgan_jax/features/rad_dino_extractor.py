"""The feature extractor for chest X-rays: RAD-DINO (Pérez-García et al. 2025), a DINOv2 ViT-B/14.

Its positions are of 518-pixel images, so that nothing of it is interpolated.
"""

import jax

from dermgan_jax.features import dinov2, tower_weights
from dermgan_jax.features.dinov2_extractor import network_of
from dermgan_jax.features.extractor import Extractor, batched
from dermgan_jax.features.resize import resize_bytes, standardise
from dermgan_jax.files import Path

NAME = "rad_dino"
SIDE = dinov2.IMAGE_SIZE
MEAN = (0.5307,) * 3  # of its training images in [0, 1], by its preprocessor_config.json
DEVIATION = (0.2583,) * 3
AT_ONCE = 4  # images per device, also on accelerators: attention of one takes 90 MB twice


def load(folder: Path | None = None) -> Extractor:
    """The extractor, with "cls" (N, 768), the class token after the last norm.

    Args:
      folder: where to look for the weights first.

    Raises:
      UserError: if the weights are not found or not the right ones.
    """
    tower = dinov2.DinoV2B14()
    variables, weights_id = tower_weights.load(NAME, folder, tower, dinov2.from_torch)
    at_once = AT_ONCE * jax.local_device_count()
    return Extractor(
        name=f"{NAME}:crop{SIDE}",
        weights_id=weights_id,
        dim=tower.width,
        extract=batched(preprocess, network_of(tower), variables, at_once),
    )


def preprocess(images: jax.Array) -> jax.Array:
    """Images uint8 (N, H, W, 3) as RAD-DINO's own image processor prepares them.

    The shorter side becomes 518 pixels, by Pillow's bicubic resizing of 8-bit images; the middle
    518×518 of that are standardised. The ends of long images are lost.
    """
    height, width = images.shape[1:3]
    size = tuple(SIDE * length // min(height, width) for length in (height, width))
    return standardise(resize_bytes(images, size, (SIDE, SIDE)), MEAN, DEVIATION)
