"""The discriminator of Real-ESRGAN: a U-Net with spectral normalisation that judges every pixel.

Source: XPixelGroup/BasicSR, basicsr/archs/discriminator_arch.py, UNetDiscriminatorSN (Wang et al.,
2021, arXiv:2107.10833).
"""

from typing import Any

import jax
import jax.numpy as jnp
from flax import linen as nn

from dermgan_jax.nets.antialiasing import blur_up
from dermgan_jax.nets.same_conv import SameConv
from dermgan_jax.nets.spectral_norm import SpectralConv

MULTIPLE = 8  # what the sides of an image have to be multiples of


class UnetDiscriminator(nn.Module):
    """Three halvings, three bilinear doublings with added skips, two more convolutions.

    Layers are called as in the source, conv0 to conv9. Collection `spectral` holds singular
    vectors, which every training forward moves if it is mutable.

    Attributes:
      width: channels at full size (the original's num_feat).
      dtype: of the arithmetic; parameters and logits are float32.
    """

    width: int = 64
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, images: jax.Array, *, train: bool) -> jax.Array:
        """Logits float32 (N, H, W) of images (N, H, W, C) in [0, 1]; sides multiples of 8."""

        def conv(x: jax.Array, name: str, times: int, down: bool = False) -> jax.Array:
            form, size = ("down", 4) if down else ("same", 3)
            layer = SpectralConv(self.width * times, size, form, dtype=self.dtype, name=name)
            return nn.leaky_relu(layer(x, train), 0.2)

        first = SameConv(self.width, dtype=self.dtype, name="conv0")(images)
        levels = [nn.leaky_relu(first, 0.2)]
        for i, times in ((1, 2), (2, 4), (3, 8)):
            levels.append(conv(levels[-1], f"conv{i}", times, down=True))
        x = levels.pop()
        for i, times in ((4, 4), (5, 2), (6, 1)):
            x = conv(blur_up(x), f"conv{i}", times) + levels.pop()
        x = conv(conv(x, "conv7", 1), "conv8", 1)
        logits = SameConv(1, dtype=self.dtype, name="conv9")(x)
        return logits[..., 0].astype(jnp.float32)
