"""The generators of FastGAN and Projected GAN: 4x4 features doubled up to the image.

Sources: FastGAN-pytorch, models.py, Generator; projected-gan, pg_modules/networks_fastgan.py. The
originals' smallest images are 256 px (FastGAN) and 128 px (Projected GAN); smaller ones here end
earlier, everything else alike.
"""

from collections.abc import Sequence
from typing import Any, Literal

import jax
import jax.numpy as jnp
from flax import linen as nn

from dermgan_jax.nets.fastgan_layers import (
    InitLayer,
    SkipExcitation,
    UpBlock,
    channels_at,
)
from dermgan_jax.nets.normalization import pixel_norm
from dermgan_jax.nets.spectral_norm import SpectralConv

SIDES = (32, 64, 128, 256, 512, 1024)
# Side of the features that gate channels -> side of the features whose channels they gate.
EXCITES = {4: 64, 8: 128, 16: 256, 32: 512}
_NOISY_SIDES = (8, 32, 128, 512)  # of FastGAN; its other blocks are plain

Style = Literal["fastgan", "projected", "projected_lite"]


class FastGanGenerator(nn.Module):
    """Latents to images.

    Layers are `init`, `feat_8`, `feat_16`, …, `se_64`, …, `to_big` and, in FastGAN, `to_128`, named
    as the originals' are.

    Attributes:
      side: of the images, one of `SIDES`.
      channels: of the images.
      width: channels of the features at 128 px (ngf).
      style: "fastgan": plain and noisy blocks in turn, a second, smaller image, tanh at 1024 px;
        "projected": noisy blocks, latents on a hypersphere; "projected_lite": plain blocks, so.
      num_classes: labels change what is drawn ("projected…"), 0: they do not.
      dtype: of the arithmetic; parameters and images are float32.
    """

    side: int
    channels: int = 3
    width: int = 64
    style: Style = "fastgan"
    num_classes: int = 0
    dtype: Any = jnp.float32

    @property
    def small_side(self) -> int:
        """Of FastGAN's second image: 128, below 256 px half the side."""
        return min(128, self.side // 2)

    @property
    def sides(self) -> tuple[int, ...]:
        """Of the features after 4: 8, 16, … the image's."""
        return tuple(8 << level for level in range(self.side.bit_length() - 3))

    def is_noisy(self, side: int) -> bool:
        """Whether the block that makes features of this side adds noise."""
        return self.style == "projected" or (self.style == "fastgan" and side in _NOISY_SIDES)

    @property
    def noise_sides(self) -> tuple[int, ...]:
        """Sides of the noise arrays, two for each noisy block, in order."""
        return tuple(side for side in self.sides if self.is_noisy(side) for _ in range(2))

    @nn.compact
    def __call__(
        self,
        latents: jax.Array,
        labels: jax.Array | None,
        noise: Sequence[jax.Array] = (),
        *,
        train: bool,
    ) -> tuple[jax.Array, jax.Array | None]:
        """Images float32 (N, S, S, channels), and FastGAN's second ones, smaller, else None.

        Args:
          latents: (N, D), normal.
          labels: weights of the classes (N, L), one-hot where the class is known, or None.
          noise: for each of `noise_sides` (N, side, side, 1); empty: the noise is at its mean, 0.
          train: batch statistics are those of the batch, and power iterations are made.
        """
        deviation = 0.02 if self.style == "fastgan" else None
        options = {"deviation": deviation, "dtype": self.dtype}
        embedded = self._embedded(labels, latents.shape[-1])
        z = latents if self.style == "fastgan" else pixel_norm(latents)
        width = channels_at(4, self.width)
        features = {4: InitLayer(width, **options, name="init")(z.astype(self.dtype), train)}
        x, left = features[4], list(noise)
        for side in self.sides:
            noisy = self.is_noisy(side)
            block = UpBlock(
                *(channels_at(side, self.width), noisy, noisy and embedded is not None),
                **options,
                name=f"feat_{side}",
            )
            own, left = (left[:2], left[2:]) if noisy else ([], left)
            x = block(x, train, embedded, own)
            for source, target in EXCITES.items():
                if target == side:
                    excite = SkipExcitation(**options, name=f"se_{side}")
                    x = excite(features[source], x, train)
            features[side] = x
        return self._images(features, deviation, train)

    def _embedded(self, labels: jax.Array | None, latent_size: int) -> jax.Array | None:
        if not self.num_classes:
            return None
        normal = nn.initializers.normal(1.0)
        dense = nn.Dense(latent_size, use_bias=False, kernel_init=normal, name="embed")
        return dense(labels)

    def _images(
        self, features: dict[int, jax.Array], deviation: float | None, train: bool
    ) -> tuple[jax.Array, jax.Array | None]:
        is_fastgan = self.style == "fastgan"
        to_big = SpectralConv(
            self.channels, 3, "same", not is_fastgan, deviation, self.dtype, name="to_big"
        )
        big = to_big(features[self.side], train).astype(jnp.float32)
        if not is_fastgan:
            return big, None
        to_small = SpectralConv(
            self.channels, 1, "valid", False, deviation, self.dtype, name="to_128"
        )
        small = to_small(features[self.small_side], train).astype(jnp.float32)
        # The original has tanh at this size only.
        return (jnp.tanh(big), jnp.tanh(small)) if self.side == 1024 else (big, small)
