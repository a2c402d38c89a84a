"""The discriminators of Projected GAN, one for each feature map.

Sauer et al., NeurIPS 2021, arXiv:2111.01007; projected-gan, pg_modules/discriminator.py.
"""

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
from flax import linen as nn

from dermgan_jax.nets.fastgan_layers import SLOPE
from dermgan_jax.nets.feature_norm import BatchNorm
from dermgan_jax.nets.resampling import box_down
from dermgan_jax.nets.spectral_norm import SpectralConv, SpectralDepthwiseConv

_LABEL_MAP, _LABEL_EMBEDDING = 64, 128


class DownBlock(nn.Module):
    """Halves the size: convolution, normalisation, leaky rectifier.

    Attributes:
      features: output channels.
      separable: a depthwise 3x3 and a 1x1 convolution, and means over 2x2 boxes at the end.
      patch: another 1x1 convolution follows.
      dtype: of the arithmetic.
    """

    features: int
    separable: bool = False
    patch: bool = False
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array, train: bool) -> jax.Array:
        """(N, H, W, C) -> (N, H / 2, W / 2, features)."""
        if self.separable:
            x = SpectralDepthwiseConv(name="depthwise")(x, train)
            x = SpectralConv(self.features, 1, dtype=self.dtype, name="pointwise")(x, train)
        else:
            conv = SpectralConv(self.features, 4, "down", True, dtype=self.dtype, name="conv")
            x = conv(x, train)
        x = nn.leaky_relu(BatchNorm(scale_deviation=0.0, name="bn")(x, train), SLOPE)
        if self.separable:
            x = box_down(x)
        if self.patch:
            x = SpectralConv(self.features, 1, dtype=self.dtype, name="mix")(x, train)
            x = nn.leaky_relu(BatchNorm(scale_deviation=0.0, name="mix_bn")(x, train), SLOPE)
        return x


class FeatureDiscriminator(nn.Module):
    """Judges every place of one feature map.

    Layers are `down0`, `down1`, …, and `logits`; with labels `label_map`, `embed` and
    `embed_proj` in its place.

    Attributes:
      widths: channels after each halving.
      separable, patch: see `DownBlock`.
      num_classes: judge whether labels fit, by projection; 0: do not.
      label_map, label_embedding: channels of that.
      dtype: of the arithmetic; logits are float32.
    """

    widths: tuple[int, ...]
    separable: bool = False
    patch: bool = False
    num_classes: int = 0
    label_map: int = _LABEL_MAP
    label_embedding: int = _LABEL_EMBEDDING
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array, labels: jax.Array | None, train: bool) -> jax.Array:
        """Logits (N, P) of features (N, H, W, C), row by row.

        Args:
          x: features; P is (H / 2^k - 3)(W / 2^k - 3) after k halvings.
          labels: weights of the classes (N, L), one-hot where the class is known, or None.
          train: batch statistics and power iterations.
        """
        for index, width in enumerate(self.widths):
            block = DownBlock(width, self.separable, self.patch, self.dtype, name=f"down{index}")
            x = block(x, train)
        if not self.num_classes:
            logits = SpectralConv(1, 4, "valid", dtype=self.dtype, name="logits")(x, train)
            return logits.astype(jnp.float32).reshape(len(x), -1)
        x = SpectralConv(self.label_map, 4, "valid", dtype=self.dtype, name="label_map")(x, train)
        # Linear in the labels, so that weights give the mean of the classes' logits.
        embed = nn.Embed(
            self.num_classes,
            self.label_embedding,
            embedding_init=nn.initializers.normal(1.0),
            name="embed",
        )
        table = nn.leaky_relu(nn.Dense(self.label_map, name="embed_proj")(embed.embedding), SLOPE)
        projected = jnp.einsum("nhwc,nc->nhw", x.astype(jnp.float32), labels @ table)
        return projected.reshape(len(x), -1) / jnp.sqrt(self.label_map)


class MultiScaleDiscriminator(nn.Module):
    """One `FeatureDiscriminator` per feature map, `disc0` of the shallowest.

    Attributes:
      widths: of each, see there.
      each: what they are but for their widths.
    """

    widths: tuple[tuple[int, ...], ...]
    each: FeatureDiscriminator = FeatureDiscriminator(())

    @nn.compact
    def __call__(
        self, maps: Sequence[jax.Array], labels: jax.Array | None, train: bool
    ) -> jax.Array:
        """Logits (N, P) of all maps, one after the other.

        Args:
          maps: as many as there are `widths`.
          labels, train: see `FeatureDiscriminator`.
        """
        logits = [
            self.each.clone(parent=self, name=f"disc{index}", widths=widths)(x, labels, train)
            for index, (widths, x) in enumerate(zip(self.widths, maps, strict=True))
        ]
        return jnp.concatenate(logits, -1)


def widths_at(level: int, side: int, narrowest: int = 64) -> tuple[int, ...]:
    """Channels after each halving of the map of a level, the shallowest being 0.

    The original halves 4 - level times, whatever the image's side; maps too small for that are
    halved down to 4 pixels or more.

    Args:
      level: of the map.
      side: of the map in pixels.
      narrowest: channels at 64 px; twice as many at 32 px, and so on, at most eight times.
    """
    times = min(4 - level, (side // 4).bit_length() - 1)
    return tuple(narrowest * min(8, max(1, 64 // (8 << below))) for below in reversed(range(times)))
