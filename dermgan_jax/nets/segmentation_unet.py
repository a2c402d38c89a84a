"""A small U-Net for segmentation (Ronneberger et al., MICCAI 2015, arXiv:1505.04597).

Zero-padded, with batch normalisation, and enlarged by repeating pixels before a convolution.
"""

from typing import Any

import jax
import jax.numpy as jnp
from flax import linen as nn

from dermgan_jax.nets import convolution
from dermgan_jax.nets.feature_norm import BatchNorm
from dermgan_jax.nets.resampling import nearest_up


class ConvNormRelu(nn.Module):
    """3×3 convolution, batch normalisation, ReLU.

    Attributes:
      features: output channels.
      dtype: of the arithmetic; parameters are float32.
    """

    features: int
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array, train: bool) -> jax.Array:
        """(N, H, W, C) -> (N, H, W, features)."""
        shape = (3, 3, x.shape[-1], self.features)
        kernel = self.param("kernel", nn.initializers.he_normal(), shape).astype(self.dtype)
        y = convolution.convolve(convolution.zero_pad(x.astype(self.dtype), 1), kernel)
        return nn.relu(BatchNorm(scale_deviation=0.0, name="norm")(y, train))


class SegmentationUnet(nn.Module):
    """Images to a logit of each class at each pixel.

    Attributes:
      classes: how many.
      width: channels at full size; they double at each level.
      levels: times that the size is halved; sides have to be multiples of 2 ** levels.
      dtype: of the arithmetic; parameters are float32.
    """

    classes: int
    width: int = 16
    levels: int = 4
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, images: jax.Array, *, train: bool) -> jax.Array:
        """(N, H, W, C) in [-1, 1] -> float32 (N, H, W, classes)."""

        def pair(x: jax.Array, level: int, name: str) -> jax.Array:
            for i in range(2):
                layer = ConvNormRelu(self.width * 2**level, self.dtype, name=f"{name}{level}_{i}")
                x = layer(x, train)
            return x

        x, skipped = images, []
        for level in range(self.levels):
            x = pair(x, level, "down")
            skipped.append(x)
            x = nn.max_pool(x, (2, 2), (2, 2))
        x = pair(x, self.levels, "down")
        for level in reversed(range(self.levels)):
            x = jnp.concatenate([nearest_up(x), skipped[level]], -1)
            x = pair(x, level, "up")
        return nn.Dense(self.classes, name="head")(x.astype(jnp.float32))
