"""The discriminator of StyleGAN2 (Karras et al., 2020, figure 7).

Source: NVlabs/stylegan2-ada-pytorch, training/networks.py, StyleGan2Discriminator.
"""

import functools
import math
from typing import Any

import jax
import jax.numpy as jnp
from flax import linen as nn

from dermgan_jax.nets import fir
from dermgan_jax.nets.normalization import minibatch_stddev
from dermgan_jax.nets.style_layers import ConvLayer, FullyConnected
from dermgan_jax.nets.stylegan2_generator import Architecture, Mapping


class DiscriminatorBlock(nn.Module):
    """Two convolutions, the second of which halves the size.

    Attributes:
      width: channels before.
      features: channels after.
      first: begin from images.
      clamp, spectral_norm, dtype, architecture: see `StyleGan2Discriminator`.
    """

    width: int
    features: int
    first: bool
    clamp: float
    spectral_norm: bool
    dtype: Any
    architecture: Architecture = "resnet"

    @nn.compact
    def __call__(self, x: jax.Array | None, image: jax.Array) -> tuple[jax.Array, jax.Array]:
        """Features (N, H / 2, W / 2, features), and the images to go with them.

        Args:
          x: features (N, H, W, C); None if first.
          image: (N, H, W, C); only "skip" looks at it but for the first time.
        """
        layer = functools.partial(
            ConvLayer, clamp=self.clamp, spectral_norm=self.spectral_norm, dtype=self.dtype
        )
        if self.first or self.architecture == "skip":
            seen = layer(self.width, 1, name="fromrgb")(image)
            x = seen if x is None else x + seen
        if self.architecture == "skip":
            image = fir.downsample(image)
        if self.architecture != "resnet":
            x = layer(self.width, 3, name="conv0")(x)
            return layer(self.features, 3, down=True, name="conv1")(x), image
        half = {"down": True, "gain": math.sqrt(0.5)}
        # The original clamps everything but this.
        skip = layer(self.features, 1, "linear", False, clamp=0.0, name="skip", **half)(x)
        x = layer(self.width, 3, name="conv0")(x)
        return layer(self.features, 3, name="conv1", **half)(x) + skip, image


class DiscriminatorEpilogue(nn.Module):
    """From 4x4 to one number per image, or to as many as labels are projected on; float32.

    Attributes:
      width: of the hidden layers.
      outputs: per image.
      stddev_group, clamp, spectral_norm, stddev_channels: see `StyleGan2Discriminator`.
    """

    width: int
    outputs: int
    stddev_group: int
    clamp: float
    spectral_norm: bool
    stddev_channels: int = 1

    @nn.compact
    def __call__(self, x: jax.Array, image: jax.Array | None = None) -> jax.Array:
        """(N, 4, 4, C) -> (N, outputs); images (N, 4, 4, C) are looked at if given."""
        norm = {"spectral_norm": self.spectral_norm}
        x = x.astype(jnp.float32)
        if image is not None:
            fromrgb = ConvLayer(x.shape[-1], 1, clamp=self.clamp, name="fromrgb", **norm)
            x = x + fromrgb(image)
        x = minibatch_stddev(x, self.stddev_group, self.stddev_channels)
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
      architecture: "resnet": features are added to those of half the side; "skip": every block
        looks at the images; "orig": neither.
      stddev_channels: of the minibatch standard deviation.
    """

    widths: tuple[int, ...]
    label_layers: int = 8
    stddev_group: int = 4
    clamp: float = 0.0
    spectral_norm: bool = False
    dtype: Any = jnp.float32
    architecture: Architecture = "resnet"
    stddev_channels: int = 1

    @nn.compact
    def __call__(self, images: jax.Array, labels: jax.Array | None) -> jax.Array:
        """Scores (N,) of images (N, R, R, C) with one-hot labels (N, K), or None."""
        x, image = None, images
        for level in range(len(self.widths) - 1, 0, -1):
            block = DiscriminatorBlock(
                *(self.widths[level], self.widths[level - 1], level == len(self.widths) - 1),
                *(self.clamp, self.spectral_norm, self.dtype, self.architecture),
                name=f"b{4 << level}",
            )
            x, image = block(x, image)
        width = self.widths[0]
        outputs = 1 if labels is None else width
        epilogue = DiscriminatorEpilogue(
            *(width, outputs, self.stddev_group, self.clamp, self.spectral_norm),
            self.stddev_channels,
            name="b4",
        )
        x = epilogue(x, image if self.architecture == "skip" else None)
        if labels is None:
            return x[:, 0]
        projections = Mapping(width, self.label_layers, name="mapping")(None, labels)
        return (x * projections).sum(-1) / math.sqrt(width)
