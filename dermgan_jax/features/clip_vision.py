"""The image tower of CLIP (Radford et al. 2021) as a vision transformer, as openai/CLIP runs it."""

import re
from collections.abc import Mapping
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from dermgan_jax.errors import UserError
from dermgan_jax.features import torch_layout, vit
from dermgan_jax.nets import broadcast

MEAN = (0.48145466, 0.4578275, 0.40821073)  # for images in [0, 1]
DEVIATION = (0.26862954, 0.26130258, 0.27577711)
EPSILON = 1e-5


def quick_gelu(x: Array) -> Array:
    """An approximation of GELU by the logistic function, of the same shape as `x`."""
    return x * jax.nn.sigmoid(1.702 * x)


class ClipVision(nn.Module):
    """The defaults are ViT-L/14@336px.

    Attributes:
      width: of a token.
      depth: blocks.
      heads: of the attention.
      hidden: width inside the MLPs.
      features: of an embedding, which texts' have too.
      image_size: side in pixels of the square images that it takes.
      patch: side of a patch in pixels.
    """

    width: int = 1024
    depth: int = 24
    heads: int = 16
    hidden: int = 4096
    features: int = 768
    image_size: int = 336
    patch: int = 14

    @nn.compact
    def __call__(self, images: Array) -> Array:
        """Embeddings (N, features), not scaled to length 1.

        Args:
          images: float (N, image_size, image_size, 3), less `MEAN` and divided by `DEVIATION`.
        """
        x = self._embed(images)
        x = nn.LayerNorm(EPSILON, name="ln_pre")(x)
        for block in range(self.depth):
            name = f"blocks_{block}"
            x = vit.Block(self.heads, self.hidden, EPSILON, activation=quick_gelu, name=name)(x)
        x = nn.LayerNorm(EPSILON, name="ln_post")(x[:, 0])
        return nn.Dense(self.features, use_bias=False, name="proj")(x)

    def _embed(self, images: Array) -> Array:
        """Class token and patches with their positions: (N, T, width)."""
        patches = nn.Conv(
            *(self.width, (self.patch,) * 2, self.patch, "VALID"), use_bias=False, name="conv1"
        )(images)
        patches = patches.reshape(len(images), -1, self.width)
        initial = nn.initializers.normal(self.width**-0.5)
        class_token = self.param("class_embedding", initial, (self.width,))
        tokens = 1 + (self.image_size // self.patch) ** 2
        positions = self.param("positional_embedding", initial, (1, tokens, self.width))
        first = jnp.broadcast_to(class_token, (len(images), 1, self.width)).astype(patches.dtype)
        return broadcast.add(jnp.concatenate([first, patches], axis=1), positions)


def from_torch(module: ClipVision, tensors: Mapping[str, np.ndarray]) -> dict[str, Any]:
    """Variables from the whole CLIP of OpenAI or of Hugging Face, recognised by its names.

    Args:
      module: the architecture of the file.
      tensors: name -> array, of any float type; those of the text tower are not looked at.

    Raises:
      UserError: if there is no image tower, or a tensor of it is missing, of another shape, or has
        no place.
    """
    image_tower = re.compile(r"visual\.|vision_model\.|visual_projection\.")
    named = {_own_name(name): tensor for name, tensor in tensors.items() if image_tower.match(name)}
    if not named:
        raise UserError(
            "these are not weights of CLIP: no tensor's name begins with visual. (OpenAI) or "
            "vision_model. (Hugging Face)"
        )
    vit.stack_queries_keys_values(named)
    named.pop("position_ids", None)  # a counter that older files of Hugging Face hold
    if "proj" in named:  # OpenAI multiplies from the right
        named["proj.weight"] = named.pop("proj").T
    if "positional_embedding" in named:
        named["positional_embedding"] = named["positional_embedding"][None]
    size = module.image_size
    return torch_layout.to_flax(module, (size, size, 3), named, complete=True)


# Prefix or part of a name -> that of the layer here, applied in this order.
RENAMES = (
    # OpenAI
    (r"^visual\.", ""),
    (r"^transformer\.resblocks\.", "blocks."),
    (r"\.ln_([12])\.", r".norm\1."),
    (r"\.attn\.in_proj_", ".attn.qkv."),
    (r"\.attn\.out_proj\.", ".attn.proj."),
    (r"\.mlp\.c_fc\.", ".mlp.fc1."),
    (r"\.mlp\.c_proj\.", ".mlp.fc2."),
    # Hugging Face
    (r"^visual_projection\.", "proj."),
    (r"^vision_model\.", ""),
    (r"^embeddings\.patch_embedding\.", "conv1."),
    (r"^embeddings\.position_embedding\.weight$", "positional_embedding"),
    (r"^embeddings\.", ""),
    (r"^pre_layrnorm\.", "ln_pre."),
    (r"^post_layernorm\.", "ln_post."),
    (r"^encoder\.layers\.", "blocks."),
    (r"\.self_attn\.([qkv])_proj\.", r".attn.\1."),
    (r"\.self_attn\.out_proj\.", ".attn.proj."),
    (r"\.layer_norm([12])\.", r".norm\1."),
)


def _own_name(name: str) -> str:
    for pattern, replacement in RENAMES:
        name = re.sub(pattern, replacement, name)
    return name
