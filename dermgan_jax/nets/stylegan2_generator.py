"""The generator of StyleGAN2 (Karras et al., 2020, figure 7).

Source: NVlabs/stylegan2-ada-pytorch, training/networks.py, MappingNetwork and SynthesisNetwork.
"""

import math
from collections.abc import Sequence
from typing import Any, Literal

import jax
import jax.numpy as jnp
from flax import linen as nn

from dermgan_jax.nets import fir
from dermgan_jax.nets.normalization import pixel_norm
from dermgan_jax.nets.style_layers import ConvLayer, FullyConnected, StyledConv, ToRgb

Noise = str | Sequence[jax.Array]
# "skip": images of all resolutions are added; "resnet": features of half the side are added to
# those of a block; "orig": neither.
Architecture = Literal["skip", "resnet", "orig"]


class Mapping(nn.Module):
    """Latents, labels, or both, to styles; float32.

    Attributes:
      features: of a style.
      num_layers: fully connected layers.
      average: hold the mean style in the collection "average"; callers move it.
    """

    features: int
    num_layers: int = 8
    average: bool = False

    @nn.compact
    def __call__(self, latents: jax.Array | None, labels: jax.Array | None) -> jax.Array:
        """Latents (N, L) and one-hot labels (N, K), or one of them, to styles (N, features)."""
        parts = [] if latents is None else [pixel_norm(latents)]
        if labels is not None:
            parts.append(pixel_norm(FullyConnected(self.features, name="embed")(labels)))
        x = jnp.concatenate(parts, -1)
        for i in range(self.num_layers):
            x = FullyConnected(self.features, "lrelu", lr_multiplier=0.01, name=f"fc{i}")(x)
        if self.average:
            self.variable("average", "w_avg", jnp.zeros, (self.features,))
        return x


class SynthesisBlock(nn.Module):
    """The layers of one resolution: one convolution at 4x4, else two, the first of which doubles.

    Attributes:
      features: output channels.
      channels: of the images.
      first: begin from a learned constant.
      clamp: see `style_layers.activate`.
      dtype: of the convolutions' arithmetic.
      architecture: see `Architecture`.
      last: of the images' own resolution.
    """

    features: int
    channels: int
    first: bool
    clamp: float
    dtype: Any
    architecture: Architecture = "skip"
    last: bool = True

    @nn.compact
    def __call__(
        self, x: jax.Array | None, image: jax.Array | None, styles: jax.Array, noise: Noise
    ) -> tuple[jax.Array, jax.Array | None]:
        """Feature maps (N, S, S, features) and images float32 (N, S, S, channels) of this side S.

        There are no images but the last unless the architecture is "skip".

        Args:
          x: feature maps of half the side; None if first.
          image: images of half the side; None if first.
          styles: (N, 2, D) if first, else (N, 3, D); the last is that of the image.
          noise: "const", "none" or an array (N, S, S) per convolution.
        """
        layer = {"clamp": self.clamp, "dtype": self.dtype}
        residual, added = self.architecture == "resnet" and not self.first, None
        if residual:
            skip = ConvLayer(self.features, 1, "linear", False, dtype=self.dtype, name="skip")
            added = fir.upsample(skip(x)) * math.sqrt(0.5)
        if self.first:
            start = self.param("const", nn.initializers.normal(1.0), (4, 4, self.features))
            x = jnp.broadcast_to(start, (len(styles), *start.shape))
            convs = [StyledConv(self.features, name="conv1", **layer)]
        else:
            convs = [
                StyledConv(self.features, up=True, name="conv0", **layer),
                StyledConv(
                    self.features, gain=math.sqrt(0.5) if residual else 1.0, name="conv1", **layer
                ),
            ]
        for i, conv in enumerate(convs):
            x = conv(x, styles[:, i], noise if isinstance(noise, str) else noise[i])
        x = x if added is None else x + added
        if self.architecture != "skip" and not self.last:
            return x, None
        rgb = ToRgb(self.channels, self.clamp, name="torgb")(x, styles[:, len(convs)])
        return x, rgb if image is None else fir.upsample(image) + rgb


class Synthesis(nn.Module):
    """Styles to images.

    Attributes:
      widths: feature maps at 4x4, 8x8 and so on up to the images' resolution.
      channels: of the images.
      clamp: see `style_layers.activate`.
      dtype: of the convolutions' arithmetic; images are float32.
      architecture: see `Architecture`.
    """

    widths: tuple[int, ...]
    channels: int
    clamp: float = 0.0
    dtype: Any = jnp.float32
    architecture: Architecture = "skip"

    @nn.compact
    def __call__(self, styles: jax.Array, noise: Noise = "const") -> jax.Array:
        """Images float32 (N, R, R, channels), R = 4 · 2^(len(widths) - 1).

        Args:
          styles: (N, 2 len(widths), D): of the convolutions, then of the last image. The image of
            each other resolution shares that of the next one's first convolution.
          noise: "const", "none" or an array (N, S, S) per convolution.
        """
        x = image = None
        for level, width in enumerate(self.widths):
            first, begin = level == 0, max(2 * level - 1, 0)
            end = 2 * level + 1
            block = SynthesisBlock(
                *(width, self.channels, first, self.clamp, self.dtype),
                *(self.architecture, level == len(self.widths) - 1),
                name=f"b{4 << level}",
            )
            own_noise = noise if isinstance(noise, str) else noise[begin:end]
            x, image = block(x, image, styles[:, begin : end + 1], own_noise)
        return image


class StyleGan2Generator(nn.Module):
    """Mapping and synthesis.

    Attributes:
      widths, channels, clamp, dtype, architecture: see `Synthesis`.
      style_size: D, of a style.
      mapping_layers: see `Mapping`.
    """

    widths: tuple[int, ...]
    channels: int
    style_size: int = 512
    mapping_layers: int = 8
    clamp: float = 0.0
    dtype: Any = jnp.float32
    architecture: Architecture = "skip"

    def setup(self) -> None:
        self.mapping = Mapping(self.style_size, self.mapping_layers, average=True)
        self.synthesis = Synthesis(
            self.widths, self.channels, self.clamp, self.dtype, self.architecture
        )

    @property
    def num_styles(self) -> int:
        """Styles of one image."""
        return 2 * len(self.widths)

    @property
    def noise_sides(self) -> tuple[int, ...]:
        """Sides of the noise of each convolution, in order."""
        return (4, *(4 << level for level in range(1, len(self.widths)) for _ in range(2)))

    def map(self, latents: jax.Array, labels: jax.Array | None) -> jax.Array:
        """One style (N, D) per latent (N, L) and one-hot label (N, K), or None."""
        return self.mapping(latents, labels)

    def synthesize(self, styles: jax.Array, noise: Noise = "const") -> jax.Array:
        """See `Synthesis`."""
        return self.synthesis(styles, noise)

    def __call__(
        self, latents: jax.Array, labels: jax.Array | None, noise: Noise = "const"
    ) -> jax.Array:
        """Images with one style everywhere; what initialisation runs."""
        styles = self.map(latents, labels)
        return self.synthesize(jnp.repeat(styles[:, None], self.num_styles, 1), noise)
