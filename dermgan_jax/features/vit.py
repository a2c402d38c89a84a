"""Vision transformers (Dosovitskiy et al. 2021).

As timm, torchvision and Hugging Face have them, and with importers of their files.
"""

import functools
import re
from collections.abc import Callable, Mapping
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from dermgan_jax.features import torch_layout
from dermgan_jax.nets import broadcast
from dermgan_jax.nets.dense import Dense


class VisionTransformer(nn.Module):
    """Parameters are named as timm's. The defaults are ViT-B/16 at 224×224.

    Attributes:
      num_classes: of the last layer; 0 leaves it out.
      width: of a token.
      depth: blocks.
      heads: of the attention.
      hidden: width inside the MLPs.
      image_size: side in pixels of the square images that the positions were learned on.
      patch: side of a patch in pixels.
      epsilon: of the layer norms: 1e-6 for timm and torchvision, 1e-12 for Hugging Face.
      layer_scale: whether each block scales what it adds; DINOv2's do.
      offset: see `cubic_weights`.
      begin, end: only stages `begin` to `end` - 1 are there. Stage 0 is the embedding of patches,
        then comes one per block, the last one with the norm after it.
    """

    num_classes: int = 1000
    width: int = 768
    depth: int = 12
    heads: int = 12
    hidden: int = 3072
    image_size: int = 224
    patch: int = 16
    epsilon: float = 1e-6
    layer_scale: bool = False
    offset: float = 0.0
    begin: int = 0
    end: int | None = None

    @property
    def num_stages(self) -> int:
        """Of the whole network."""
        return 1 + self.depth

    @nn.compact
    def __call__(self, images: Array, train: bool = False) -> tuple[Array, Array] | Array:
        """Features, the normalised class token (N, width), and logits (N, classes).

        Args:
          images: float (N, H, W, 3), sides divisible by `patch`, normalised as the weights want it:
            torchvision's and DeiT's by ImageNet's mean and deviation, Hugging Face's and timm's
            "augreg" to [-1, 1]. Learned positions are interpolated to other sizes. For a later
            part, the tokens that the part before gives out.
          train: as for networks that differ in training; this one does not.

        Returns:
          Of the last part without a last layer, the features alone; of other parts, the tokens
          (N, T, width).
        """
        del train
        x = images
        for stage in range(self.num_stages)[self.begin : self.end]:
            if stage == 0:
                x = self._embed(x)
            else:
                name = f"blocks_{stage - 1}"
                x = Block(self.heads, self.hidden, self.epsilon, self.layer_scale, name=name)(x)
        if self.end not in (None, self.num_stages):
            return x
        if self.begin < self.num_stages:
            x = nn.LayerNorm(self.epsilon, name="norm")(x)[:, 0]
        return (x, Dense(self.num_classes, name="head")(x)) if self.num_classes else x

    def _embed(self, images: Array) -> Array:
        """Patches and class token with their positions: (N, T, width)."""
        patches = nn.Conv(
            *(self.width, (self.patch,) * 2, self.patch, "VALID"),
            promote_dtype=_bias_in_float32,
            name="patch_embed_proj",
        )(images).astype(images.dtype)
        num, rows, columns, _ = patches.shape
        side, initial = self.image_size // self.patch, nn.initializers.normal(0.02)
        positions = self.param("pos_embed", initial, (1, 1 + side**2, self.width))
        class_token = self.param("cls_token", initial, (1, 1, self.width))
        x = jnp.concatenate(
            [
                broadcast.add(jnp.zeros((num, 1, self.width), patches.dtype), class_token),
                patches.reshape(num, rows * columns, self.width),
            ],
            axis=1,
        )
        return broadcast.add(x, interpolate_positions(positions, rows, columns, self.offset))


def _bias_in_float32(x: Array, kernel: Array, bias: Array, *, dtype: Any) -> tuple[Array, ...]:
    """As `broadcast.add`."""
    del dtype
    return x, kernel.astype(x.dtype), bias.astype(jnp.float32)


ViTB16 = VisionTransformer
ViTS16 = functools.partial(VisionTransformer, width=384, heads=6, hidden=1536)


def gelu(x: Array) -> Array:
    """GELU by the error function."""
    return nn.gelu(x, approximate=False)


class Block(nn.Module):
    """Self-attention, then an MLP, each of the normalised tokens and added to them.

    Attributes:
      heads: of the attention.
      hidden: width inside the MLP.
      epsilon: of the layer norms.
      layer_scale: whether what is added is multiplied by a learned number per channel first
        (Touvron et al. 2021, "Going deeper with image transformers").
      activation: inside the MLP.
    """

    heads: int
    hidden: int
    epsilon: float
    layer_scale: bool = False
    activation: Callable[[Array], Array] = gelu

    @nn.compact
    def __call__(self, x: Array) -> Array:
        num, tokens, width = x.shape
        y = nn.LayerNorm(self.epsilon, name="norm1")(x)
        y = Dense(3 * width, name="attn_qkv")(y)
        query, key, value = jnp.moveaxis(y.reshape(num, tokens, 3, self.heads, -1), 2, 0)
        y = jax.nn.dot_product_attention(query, key, value).reshape(x.shape)
        x += self._scaled(Dense(width, name="attn_proj")(y), "ls1_gamma")
        y = nn.LayerNorm(self.epsilon, name="norm2")(x)
        y = self.activation(Dense(self.hidden, name="mlp_fc1")(y))
        return x + self._scaled(Dense(width, name="mlp_fc2")(y), "ls2_gamma")

    def _scaled(self, y: Array, name: str) -> Array:
        if not self.layer_scale:
            return y
        return broadcast.multiply(y, self.param(name, nn.initializers.ones, (y.shape[-1],)))


def interpolate_positions(positions: Array, rows: int, columns: int, offset: float = 0.0) -> Array:
    """Positions (1, 1 + S², D) of a class token and S×S patches, for rows×columns patches."""
    side = round((positions.shape[1] - 1) ** 0.5)
    if (rows, columns) == (side, side):
        return positions
    grid = positions[:, 1:].reshape(side, side, -1)
    grid = jnp.einsum(
        "yh,hwd,xw->yxd",
        *(cubic_weights(side, rows, offset), grid, cubic_weights(side, columns, offset)),
    )
    return jnp.concatenate([positions[:, :1], grid.reshape(1, rows * columns, -1)], axis=1)


def cubic_weights(size: int, new_size: int, offset: float = 0.0) -> np.ndarray:
    """The matrix (new_size, size) of PyTorch's bicubic resizing: a = -0.75, edges repeated.

    `jax.image.resize` has another kernel (a = -0.5).

    Args:
      size, new_size: of the axis.
      offset: the steps between the samples are those to new_size + offset places. DINOv2 asks for
        the scale (16 + 0.1) / 37 instead of a size, of which PyTorch takes the steps.
    """
    a = -0.75
    weights = np.zeros((new_size, size), np.float32)
    for row in range(new_size):
        centre = (row + 0.5) * size / (new_size + offset) - 0.5
        for tap in range(int(np.floor(centre)) - 1, int(np.floor(centre)) + 3):
            t = abs(centre - tap)
            if t <= 1:
                weight = (a + 2) * t**3 - (a + 3) * t**2 + 1
            else:
                weight = a * (t**3 - 5 * t**2 + 8 * t - 4)
            weights[row, min(max(tap, 0), size - 1)] += weight
    return weights


def from_torch(module: VisionTransformer, tensors: Mapping[str, np.ndarray]) -> dict[str, Any]:
    """Variables from a state dict of timm, torchvision or Hugging Face, recognised by its names.

    Args:
      module: the architecture of the file.
      tensors: also with "model." before every name, as DeiT's files have it.

    Raises:
      UserError: if a tensor is missing or of another shape.
    """
    named = {timm_name(name): tensor for name, tensor in tensors.items()}
    stack_queries_keys_values(named)
    return torch_layout.to_flax(module, (module.image_size, module.image_size, 3), named)


def stack_queries_keys_values(named: dict[str, np.ndarray]) -> None:
    """Puts one tensor "….attn.qkv.…" in the place of each three "….attn.q.…", "k" and "v"."""
    for query in [name for name in named if ".attn.q." in name]:
        parts = [query.replace(".attn.q.", f".attn.{part}.") for part in "qkv"]
        if all(part in named for part in parts):
            stacked = np.concatenate([named.pop(part) for part in parts])
            named[query.replace(".attn.q.", ".attn.qkv.")] = stacked


# Prefix or part of a name -> timm's, applied in this order; one list for all publishers, none of
# whose names contains another's.
RENAMES = (
    (r"^(model|vit)\.", ""),
    # torchvision
    (r"^class_token$", "cls_token"),
    (r"^encoder\.pos_embedding$", "pos_embed"),
    (r"^conv_proj\.", "patch_embed.proj."),
    (r"^encoder\.layers\.encoder_layer_(\d+)\.", r"blocks.\1."),
    (r"^encoder\.ln\.", "norm."),
    (r"^heads\.head\.", "head."),
    (r"\.ln_([12])\.", r".norm\1."),
    (r"\.self_attention\.in_proj_", ".attn.qkv."),
    (r"\.self_attention\.out_proj\.", ".attn.proj."),
    (r"\.mlp\.(0|linear_1)\.", ".mlp.fc1."),
    (r"\.mlp\.(3|linear_2)\.", ".mlp.fc2."),
    # Hugging Face, of transformers 4 (encoder.layer.N) and 5 (layers.N)
    (r"^embeddings\.cls_token$", "cls_token"),
    (r"^embeddings\.position_embeddings$", "pos_embed"),
    (r"^embeddings\.patch_embeddings\.projection\.", "patch_embed.proj."),
    (r"^(encoder\.layer|layers)\.(\d+)\.", r"blocks.\2."),
    (r"\.layernorm_before\.", ".norm1."),
    (r"\.layernorm_after\.", ".norm2."),
    (r"\.attention(\.attention)?\.(query|q_proj)\.", ".attn.q."),
    (r"\.attention(\.attention)?\.(key|k_proj)\.", ".attn.k."),
    (r"\.attention(\.attention)?\.(value|v_proj)\.", ".attn.v."),
    (r"\.attention\.(output\.dense|o_proj)\.", ".attn.proj."),
    (r"\.intermediate\.dense\.", ".mlp.fc1."),
    (r"\.output\.dense\.", ".mlp.fc2."),
    (r"^layernorm\.", "norm."),
    (r"^classifier\.", "head."),
)


def timm_name(name: str) -> str:
    """timm's name of a tensor that another publisher named; timm's own are unchanged."""
    for pattern, replacement in RENAMES:
        name = re.sub(pattern, replacement, name)
    return name
