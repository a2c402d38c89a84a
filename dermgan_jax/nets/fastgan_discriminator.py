"""FastGAN's discriminator, which also has to reconstruct real images from its features.

Liu et al., ICLR 2021, arXiv:2101.04775, section 3.2; FastGAN-pytorch, models.py. The original's
smallest images are 256 px. For smaller ones the chain of halvings begins later, and the second
image and the reconstructions have half the side and the whole side in place of 128 px.
"""

import functools
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from flax import linen as nn

from dermgan_jax.nets.fastgan_layers import SLOPE, SkipExcitation, UpBlock, mean_to
from dermgan_jax.nets.feature_norm import BatchNorm
from dermgan_jax.nets.resampling import box_down, nearest_up
from dermgan_jax.nets.spectral_norm import SpectralConv

_DEVIATION = 0.02
_DECODER_WIDTHS = (128, 64, 64, 32)
_PART = 8  # side of the piece of features that is reconstructed by itself


class Judgement(NamedTuple):
    """What the discriminator says of a batch.

    Attributes:
      large: logits (N, 5, 5) of the images.
      small: logits (N, 5, 5) of the smaller images.
      images: reconstructed (N, R, R, C) from features of the images, R = min(128, S); so are the
        next two; None if not asked for.
      smalls: from features of the smaller images.
      parts: from one quarter of larger features.
    """

    large: jax.Array
    small: jax.Array
    images: jax.Array | None = None
    smalls: jax.Array | None = None
    parts: jax.Array | None = None

    @property
    def logits(self) -> jax.Array:
        """(N, 50)."""
        flat = [each.reshape(len(each), -1) for each in (self.large, self.small)]
        return jnp.concatenate(flat, -1)


def nearest(images: jax.Array, side: int) -> jax.Array:
    """(N, S, S, C) -> (N, side, side, C), either a multiple of the other, as PyTorch's "nearest".

    The first pixel of every box, or every pixel repeated.
    """
    if side > images.shape[1]:
        return nearest_up(images, side // images.shape[1])
    step = images.shape[1] // side
    return images[:, ::step, ::step]


def quarter(x: jax.Array, part: jax.Array | int) -> jax.Array:
    """(N, 2 h, 2 w, C) -> (N, h, w, C): 0 top left, 1 top right, 2 bottom left, 3 bottom right."""
    n, height, width, channels = x.shape
    start = (0, part // 2 * (height // 2), part % 2 * (width // 2), 0)
    return jax.lax.dynamic_slice(x, start, (n, height // 2, width // 2, channels))


class FastGanDiscriminator(nn.Module):
    """Judges images and smaller copies of them, and reconstructs them.

    Layers are `entry0`, `entry1`, `down_128`, … by the side of what they give out, `se_…`,
    `rf_big0`, `rf_big_bn`, `rf_big1`, `small_entry`, `small_32`, …, `rf_small` and `decoder_big`,
    `decoder_small`, `decoder_part`.

    Attributes:
      side: of the images, a power of two from 32 on.
      width: channels at 64 px (ndf).
      channels: of the reconstructions.
      dtype: of the arithmetic; logits and reconstructions are float32.
    """

    side: int
    width: int = 64
    channels: int = 3
    dtype: Any = jnp.float32

    @property
    def small_side(self) -> int:
        """Of the smaller images."""
        return min(128, self.side // 2)

    @nn.compact
    def __call__(
        self,
        images: jax.Array,
        smalls: jax.Array | None = None,
        part: jax.Array | int = 0,
        *,
        train: bool,
        decode: bool = False,
    ) -> Judgement:
        """Logits, and reconstructions if they are wanted.

        Args:
          images: (N, S, S, C).
          smalls: (N, s, s, C), s `small_side`; None: each the images' nearest pixels.
          part: the quarter of features that `parts` come from, see `quarter`.
          train: batch statistics and power iterations.
          decode: reconstruct.
        """
        if smalls is None:
            smalls = nearest(images, self.small_side)
        conv = functools.partial(SpectralConv, kernel_deviation=_DEVIATION, dtype=self.dtype)
        features, x = {}, self._entry(images, train)
        features[x.shape[1]] = x
        while x.shape[1] > 8:
            side = x.shape[1] // 2
            x = DownCompBlock(self.width * 64 // side, self.dtype, name=f"down_{side}")(x, train)
            if 8 * side in features and 8 * side >= 64:
                excite = SkipExcitation(_DEVIATION, self.dtype, name=f"se_{side}")
                x = excite(features[8 * side], x, train)
            features[side] = x
        y = conv(16 * self.width, 1, "valid", name="rf_big0")(x, train)
        y = _leaky(BatchNorm(name="rf_big_bn")(y, train))
        large = conv(1, 4, "valid", name="rf_big1")(y, train)
        small_features = self._small(smalls, train)
        small = conv(1, 4, "valid", name="rf_small")(small_features, train)
        judged = [each[..., 0].astype(jnp.float32) for each in (large, small)]
        if not (decode or self.is_initializing()):
            return Judgement(*judged)
        decoder = functools.partial(Decoder, min(128, self.side), self.channels, self.dtype)
        return Judgement(
            *judged,
            decoder(name="decoder_big")(features[8], train),
            decoder(name="decoder_small")(small_features, train),
            decoder(name="decoder_part")(quarter(features[16], part), train),
        )

    def _entry(self, x: jax.Array, train: bool) -> jax.Array:
        """(N, S, S, C) -> features of side min(S, 256)."""
        conv = functools.partial(SpectralConv, kernel_deviation=_DEVIATION, dtype=self.dtype)
        side = min(self.side, 256)
        width = self.width * 64 // side
        x = x.astype(self.dtype)
        if self.side <= 256:
            return _leaky(conv(width, 3, name="entry0")(x, train))
        if self.side == 512:
            return _leaky(conv(width, 4, "down", name="entry0")(x, train))
        x = _leaky(conv(width // 2, 4, "down", name="entry0")(x, train))
        x = conv(width, 4, "down", name="entry1")(x, train)
        return _leaky(BatchNorm(name="entry1_bn")(x, train))

    def _small(self, x: jax.Array, train: bool) -> jax.Array:
        """(N, s, s, C) -> (N, 8, 8, 4 ndf)."""
        side = self.small_side // 2
        entry = SpectralConv(
            *(self.width * 32 // side, 4, "down", False, _DEVIATION, self.dtype), name="small_entry"
        )
        x = _leaky(entry(x.astype(self.dtype), train))
        while side > 8:
            side //= 2
            block = DownBlock(self.width * 32 // side, self.dtype, name=f"small_{side}")
            x = block(x, train)
        return x


class DownBlock(nn.Module):
    """4x4 convolution with stride 2, normalisation, leaky rectifier."""

    features: int
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array, train: bool) -> jax.Array:
        """(N, H, W, C) -> (N, H / 2, W / 2, features)."""
        conv = SpectralConv(self.features, 4, "down", False, _DEVIATION, self.dtype, name="conv")
        return _leaky(BatchNorm(name="bn")(conv(x, train), train))


class DownCompBlock(nn.Module):
    """The mean of two ways to half the size: two convolutions, and means over boxes and one."""

    features: int
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array, train: bool) -> jax.Array:
        """(N, H, W, C) -> (N, H / 2, W / 2, features)."""
        conv = functools.partial(
            SpectralConv, self.features, kernel_deviation=_DEVIATION, dtype=self.dtype
        )
        main = conv(kernel_size=4, form="down", name="conv1")(x, train)
        main = _leaky(BatchNorm(name="bn1")(main, train))
        main = conv(kernel_size=3, name="conv2")(main, train)
        main = _leaky(BatchNorm(name="bn2")(main, train))
        direct = conv(kernel_size=1, name="direct")(box_down(x), train)
        direct = _leaky(BatchNorm(name="direct_bn")(direct, train))
        return (main + direct) / 2


class Decoder(nn.Module):
    """8x8 features, or larger ones shrunk to that, to an image.

    Attributes:
      side: of the image, 16, 32, 64 or 128.
      channels: of the image.
      dtype: of the arithmetic.
    """

    side: int
    channels: int
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array, train: bool) -> jax.Array:
        """(N, H, W, C) -> float32 (N, side, side, channels) in [-1, 1]."""
        x = mean_to(x, _PART)
        for index, width in enumerate(_DECODER_WIDTHS[: self.side.bit_length() - 4]):
            block = UpBlock(width, deviation=_DEVIATION, dtype=self.dtype, name=f"up{index + 1}")
            x = block(x, train)
        last = SpectralConv(
            self.channels, 3, "same", False, _DEVIATION, self.dtype, name="to_image"
        )
        return jnp.tanh(last(x, train).astype(jnp.float32))


def _leaky(x: jax.Array) -> jax.Array:
    return nn.leaky_relu(x, SLOPE)
