"""SRResNet (Ledig et al., CVPR 2017, arXiv:1609.04802) and BasicSR's form of it, MSRResNet.

Sources: leftthomas/SRGAN, model.py; XPixelGroup/BasicSR, basicsr/archs/srresnet_arch.py.
"""

from typing import Any

import jax
import jax.numpy as jnp
from flax import linen as nn

from dermgan_jax.nets import broadcast
from dermgan_jax.nets.feature_norm import BatchNorm
from dermgan_jax.nets.pixel_shuffle import pixel_shuffle
from dermgan_jax.nets.same_conv import SameConv

MSR_SCALES = (2, 3, 4)
SR_SCALES = (2, 4)
_GAIN = 0.1


def _factors(scale: int) -> list[int]:
    """Of the pixel shuffles, one after the other."""
    return [2, 2] if scale == 4 else [scale]


class PlainBlock(nn.Module):
    """x + conv(relu(conv(x))), without normalisation; a step of `nn.scan`."""

    dtype: Any

    @nn.compact
    def __call__(self, x: jax.Array, _: None) -> tuple[jax.Array, None]:
        """(N, H, W, C) -> the same shape."""
        first, second = (
            SameConv(x.shape[-1], gain=_GAIN, dtype=self.dtype, name=f"conv{i}") for i in (1, 2)
        )
        return x + second(nn.relu(first(x))), None


class MsrResNet(nn.Module):
    """Residual blocks without batch normalisation; what they add to the enlarged input.

    The parameters of all blocks are stacked along a first axis, under `blocks`.

    Attributes:
      channels: of the images.
      scale: 2, 3 or 4.
      width: channels (the original's num_feat).
      num_blocks: residual blocks.
      dtype: of the arithmetic; parameters and images are float32.
    """

    channels: int = 3
    scale: int = 4
    width: int = 64
    num_blocks: int = 16
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, images: jax.Array, *, train: bool = False) -> jax.Array:
        """Images float32 (N, H scale, W scale, channels) of images (N, H, W, channels) in [0, 1].

        Nothing bounds the result. Training and using the network are the same.
        """
        del train
        x = nn.leaky_relu(self._conv(self.width, "conv_first")(images), 0.1)
        blocks = nn.scan(
            PlainBlock,
            variable_axes={"params": 0},
            split_rngs={"params": True},
            length=self.num_blocks,
        )
        x, _ = blocks(self.dtype, name="blocks")(x, None)
        for i, factor in enumerate(_factors(self.scale), start=1):
            x = self._conv(self.width * factor**2, f"upconv{i}")(x)
            x = nn.leaky_relu(pixel_shuffle(x, factor), 0.1)
        x = nn.leaky_relu(self._conv(self.width, "conv_hr")(x), 0.1)
        x = self._conv(self.channels, "conv_last")(x).astype(jnp.float32)
        n, height, width, channels = images.shape
        size = (n, height * self.scale, width * self.scale, channels)
        return x + jax.image.resize(images.astype(jnp.float32), size, "bilinear")

    def _conv(self, features: int, name: str) -> SameConv:
        return SameConv(features, gain=_GAIN, dtype=self.dtype, name=name)


class PRelu(nn.Module):
    """max(x, 0) + slope min(x, 0) with one slope, which is learnt (He et al., 2015)."""

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """Any shape."""
        slope = self.param("slope", nn.initializers.constant(0.25), (1,))
        return jnp.where(x > 0, x, broadcast.multiply(x, slope))


class NormalizedBlock(nn.Module):
    """x + norm(conv(prelu(norm(conv(x)))))."""

    dtype: Any

    @nn.compact
    def __call__(self, x: jax.Array, train: bool) -> jax.Array:
        """(N, H, W, C) -> the same shape."""
        first, second = (SameConv(x.shape[-1], dtype=self.dtype, name=f"conv{i}") for i in (1, 2))
        y = BatchNorm(scale_deviation=0.0, name="norm1")(first(x), train)
        y = PRelu(name="prelu")(y)
        return x + BatchNorm(scale_deviation=0.0, name="norm2")(second(y), train)


class SrResNet(nn.Module):
    """SRGAN's generator: batch normalisation, parametric ReLU, images bounded by tanh.

    Attributes:
      channels: of the images.
      scale: 2 or 4.
      width: channels.
      num_blocks: residual blocks; 16 in the paper, 5 in the source.
      dtype: of the arithmetic; parameters, statistics and images are float32.
    """

    channels: int = 3
    scale: int = 4
    width: int = 64
    num_blocks: int = 16
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, images: jax.Array, *, train: bool) -> jax.Array:
        """Images float32 (N, H scale, W scale, channels) in [0, 1].

        Args:
          images: (N, H, W, channels) in [0, 1].
          train: batch statistics are those of the batch; changes `batch_stats` if it is mutable.
        """
        x = first = PRelu(name="prelu_first")(self._conv(self.width, 9, "conv_first")(images))
        for i in range(self.num_blocks):
            x = NormalizedBlock(self.dtype, name=f"block{i}")(x, train)
        x = self._conv(self.width, 3, "conv_body")(x)
        x = first + BatchNorm(scale_deviation=0.0, name="norm_body")(x, train)
        for i, factor in enumerate(_factors(self.scale)):
            x = self._conv(self.width * factor**2, 3, f"conv_up{i}")(x)
            x = PRelu(name=f"prelu_up{i}")(pixel_shuffle(x, factor))
        x = self._conv(self.channels, 9, "conv_last")(x).astype(jnp.float32)
        return (jnp.tanh(x) + 1) / 2

    def _conv(self, features: int, kernel_size: int, name: str) -> SameConv:
        return SameConv(features, kernel_size, dtype=self.dtype, name=name)
