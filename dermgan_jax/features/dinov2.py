"""DINOv2's vision transformers (Oquab et al. 2024), as facebookresearch/dinov2 runs them.

A feature is the class token after the last norm. Learned positions are of 37×37 patches (518
pixels) and are resized for other images by the original's rule, with its offset of 0.1. Hugging
Face's code resizes them without the offset, from the same weights: other features, by far more than
rounding at 224 pixels, and the same at 518.
"""

import functools
from collections.abc import Mapping
from typing import Any

import numpy as np

from dermgan_jax.features import torch_layout, vit

IMAGE_SIZE = 518  # that the positions were learned on
PATCH = 14
MEAN = (0.485, 0.456, 0.406)  # of ImageNet, for images in [0, 1]
DEVIATION = (0.229, 0.224, 0.225)

Tower = functools.partial(
    vit.VisionTransformer,
    num_classes=0,
    image_size=IMAGE_SIZE,
    patch=PATCH,
    layer_scale=True,
    offset=0.1,
)
DinoV2S14 = functools.partial(Tower, width=384, depth=12, heads=6, hidden=1536)
DinoV2B14 = functools.partial(Tower, width=768, depth=12, heads=12, hidden=3072)
DinoV2L14 = functools.partial(Tower, width=1024, depth=24, heads=16, hidden=4096)

# Used while training only.
UNUSED = ("mask_token",)


def from_torch(module: vit.VisionTransformer, tensors: Mapping[str, np.ndarray]) -> dict[str, Any]:
    """Variables from the hub's state dict or Hugging Face's, recognised by its names.

    Args:
      module: the architecture of the file, such as `DinoV2S14()`.
      tensors: name -> array. Hugging Face's may begin with "dinov2.".

    Raises:
      UserError: if a tensor is missing, of another shape, or has no place, such as the registers of
        the "reg4" weights.
    """
    named = {_hub_name(name): tensor for name, tensor in tensors.items()}
    vit.stack_queries_keys_values(named)
    used = {name: tensor for name, tensor in named.items() if name not in UNUSED}
    size = module.image_size
    return torch_layout.to_flax(module, (size, size, 3), used, complete=True)


def _hub_name(name: str) -> str:
    name = vit.timm_name(name.removeprefix("dinov2."))
    for number in "12":
        name = name.replace(f".layer_scale{number}.lambda1", f".ls{number}.gamma")
    return name.removeprefix("embeddings.")
