"""The residual discriminator of StyleGAN2 (Karras et al., 2020, figure 7c).

Source: NVlabs/stylegan2-ada-pytorch, training/networks.py, StyleGan2Discriminator.
"""

import functools
import math
from typing import Any

import jax
import jax.numpy as jnp
from flax import linen as nn

from dermgan_jax.nets.normalization import minibatch_stddev
from dermgan_jax.nets.style_layers import ConvLayer, FullyConnected
from dermgan_jax.nets.stylegan2_generator import Mapping


class DiscriminatorBlock(nn.Module):
    """Two convolutions, the second of which halves the size, beside a 1x1 convolution.

    Attributes:
      width: channels before.
      features: channels after.
      first: begin from images.
      clamp, spectral_norm, dtype: see `StyleGan2Discriminator`.
    """

    width: int
    features: int
    first: bool
    clamp: float
    spectral_norm: bool
    dtype: Any

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """(N, H, W, C) -> (N, H / 2, W / 2, features)."""
        layer = functools.partial(
            ConvLayer, clamp=self.clamp, spectral_norm=self.spectral_norm, dtype=self.dtype
        )
        if self.first:
            x = layer(self.width, 1, name="fromrgb")(x)
        half = {"down": True, "gain": math.sqrt(0.5)}
        skip = layer(self.features, 1, "linear", use_bias=False, name="skip", **half)(x)
        x = layer(self.width, 3, name="conv0")(x)
        return layer(self.features, 3, name="conv1", **half)(x) + skip


class DiscriminatorEpilogue(nn.Module):
    """From 4x4 to one number per image, or to as many as labels are projected on; float32.

    Attributes:
      width: of the hidden layers.
      outputs: per image.
      stddev_group, clamp, spectral_norm: see `StyleGan2Discriminator`.
    """

    width: int
    outputs: int
    stddev_group: int
    clamp: float
    spectral_norm: bool

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """(N, 4, 4, C) -> (N, outputs)."""
        norm = {"spectral_norm": self.spectral_norm}
        x = minibatch_stddev(x.astype(jnp.float32), self.stddev_group)
        x = ConvLayer(self.width, 3, clamp=self.clamp, name="conv", **norm)(x)
        x = FullyConnected(self.width, "lrelu", name="fc", **norm)(x.reshape(len(x), -1))
        return FullyConnected(self.outputs, name="out", **norm)(x)


class StyleGan2Discriminator(nn.Module):
    """Images to scores.

    Conditional ones score the projection on a mapped label (Miyato and Koyama, 2018,
    arXiv:1802.05637).

    Attributes:
      widths: channels at 4x4, 8x8 and so on up to the images' resolution.
      label_layers: fully connected layers that labels pass through, if there are labels.
      stddev_group: images per group of the minibatch standard deviation.
      clamp: see `style_layers.activate`.
      spectral_norm: see `style_layers.ConvLayer`; labels' layers are left as they are.
      dtype: of the arithmetic above 4x4.
    """

    widths: tuple[int, ...]
    label_layers: int = 8
    stddev_group: int = 4
    clamp: float = 0.0
    spectral_norm: bool = False
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, images: jax.Array, labels: jax.Array | None) -> jax.Array:
        """Scores (N,) of images (N, R, R, C) with one-hot labels (N, K), or None."""
        x = images
        for level in range(len(self.widths) - 1, 0, -1):
            block = DiscriminatorBlock(
                *(self.widths[level], self.widths[level - 1], level == len(self.widths) - 1),
                *(self.clamp, self.spectral_norm, self.dtype),
                name=f"b{4 << level}",
            )
            x = block(x)
        width = self.widths[0]
        outputs = 1 if labels is None else width
        epilogue = DiscriminatorEpilogue(
            *(width, outputs, self.stddev_group, self.clamp, self.spectral_norm), name="b4"
        )
        x = epilogue(x)
        if labels is None:
            return x[:, 0]
        projections = Mapping(width, self.label_layers, name="mapping")(None, labels)
        return (x * projections).sum(-1) / math.sqrt(width)
