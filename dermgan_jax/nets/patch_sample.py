"""Patch embeddings for contrastive translation (Park et al., 2020, arXiv:2007.15651, section 3).

Source: taesungp/contrastive-unpaired-translation, models/networks.py, PatchSampleF.
"""

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
from flax import linen as nn

from dermgan_jax.nets.conv_layers import KERNEL_INITIALIZERS, KernelInit
from dermgan_jax.nets.dense import Dense


def patch_ids(rng: jax.Array, sizes: Sequence[tuple[int, int]], num: int) -> list[jax.Array]:
    """Different random pixels of feature maps with sides `sizes`: int32 (min(num, H W),) each.

    A pixel (row, column) has the number row * W + column.
    """
    keys = jax.random.split(rng, len(sizes))
    return [
        jax.random.permutation(key, height * width)[:num]
        for key, (height, width) in zip(keys, sizes, strict=True)
    ]


class PatchSample(nn.Module):
    """A two-layer perceptron per feature map, on single pixels, onto the unit sphere.

    Attributes:
      width: length of an embedding.
      kernel_init: of the kernels.
      dtype: of the arithmetic; parameters and embeddings are float32.
    """

    width: int = 256
    kernel_init: KernelInit = "xavier"
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, features: Sequence[jax.Array], ids: Sequence[jax.Array]) -> list[jax.Array]:
        """Embeddings float32 (N, P, width) of pixels `ids` (P,) of every map (N, H, W, C)."""
        return [
            self._embed(feature, chosen, i)
            for i, (feature, chosen) in enumerate(zip(features, ids, strict=True))
        ]

    def _embed(self, feature: jax.Array, ids: jax.Array, i: int) -> jax.Array:
        n, h, w, c = feature.shape

        def dense(layer: int) -> Dense:
            return Dense(
                self.width,
                dtype=self.dtype,
                kernel_init=KERNEL_INITIALIZERS[self.kernel_init],
                name=f"mlp{i}_dense{layer}",
            )

        x = feature.reshape(n, h * w, c)[:, ids]
        x = dense(1)(nn.relu(dense(0)(x))).astype(jnp.float32)
        # The norm's own derivative at 0 is not finite.
        squares = jnp.square(x).sum(-1, keepdims=True)
        positive = squares > 0
        norms = jnp.where(positive, jnp.sqrt(jnp.where(positive, squares, 1.0)), 0.0)
        return x / (norms + 1e-7)
