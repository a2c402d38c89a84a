"""The generator of ESRGAN and Real-ESRGAN (Wang et al., 2018, arXiv:1809.00219; 2021, 2107.10833).

Residual-in-residual dense blocks at the size of the input, then twice nearest neighbour and a
convolution. Source: XPixelGroup/BasicSR, basicsr/archs/rrdbnet_arch.py.
"""

from typing import Any

import jax
import jax.numpy as jnp
from flax import linen as nn

from dermgan_jax.nets.pixel_shuffle import pixel_unshuffle
from dermgan_jax.nets.same_conv import SameConv

SCALES = (1, 2, 4)
_FEW_BLOCKS = 8  # up to which a loop is unrolled: XLA has no fast gradients in loops on CPUs
_RESIDUAL = 0.2  # share of a block's result that is added to its input
_GAIN = 0.1  # of the kernels within blocks


class DenseBlock(nn.Module):
    """x + 0.2 conv5(…): five convolutions, each of the input and all results before it."""

    growth: int
    dtype: Any

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """(N, H, W, C) -> the same shape."""
        found = [x]
        for i in range(1, 5):
            conv = SameConv(self.growth, gain=_GAIN, dtype=self.dtype, name=f"conv{i}")
            found.append(nn.leaky_relu(conv(jnp.concatenate(found, -1)), 0.2))
        last = SameConv(x.shape[-1], gain=_GAIN, dtype=self.dtype, name="conv5")
        return x + _RESIDUAL * last(jnp.concatenate(found, -1))


class ResidualDenseBlock(nn.Module):
    """x + 0.2 of three dense blocks; a step of `nn.scan`."""

    growth: int
    dtype: Any

    @nn.compact
    def __call__(self, x: jax.Array, _: None) -> tuple[jax.Array, None]:
        """(N, H, W, C) -> the same shape."""
        y = x
        for i in range(1, 4):
            y = DenseBlock(self.growth, self.dtype, name=f"rdb{i}")(y)
        return x + _RESIDUAL * y, None


class RrdbNet(nn.Module):
    """Enlarges images; no layer normalises, so that a result depends on its surroundings only.

    The parameters of all blocks are stacked along a first axis, under `blocks`: the block is
    compiled once.

    Attributes:
      channels: of the images.
      scale: 4; with 2 and 1 the image enters as blocks of 2×2 and 4×4 pixels.
      width: channels between blocks (the original's num_feat).
      num_blocks: residual-in-residual dense blocks.
      growth: channels that each convolution within a block adds (num_grow_ch).
      dtype: of the arithmetic; parameters and images are float32.
    """

    channels: int = 3
    scale: int = 4
    width: int = 64
    num_blocks: int = 23
    growth: int = 32
    dtype: Any = jnp.float32

    @property
    def entry(self) -> int:
        """Sides of the blocks of pixels that enter, of which an image's sides are multiples."""
        return 4 // self.scale

    @nn.compact
    def __call__(self, images: jax.Array, *, train: bool = False) -> jax.Array:
        """Images float32 (N, H scale, W scale, channels) of images (N, H, W, channels) in [0, 1].

        Nothing bounds the result. Training and using the network are the same.
        """
        del train
        x = pixel_unshuffle(images, self.entry)
        x = first = self._conv("conv_first")(x)
        blocks = nn.scan(
            ResidualDenseBlock,
            variable_axes={"params": 0},
            split_rngs={"params": True},
            length=self.num_blocks,
            unroll=self.num_blocks if self.num_blocks <= _FEW_BLOCKS else 1,
        )
        x, _ = blocks(self.growth, self.dtype, name="blocks")(x, None)
        x = first + self._conv("conv_body")(x)
        for i in (1, 2):
            x = nn.leaky_relu(self._conv(f"conv_up{i}", upsampled=True)(x), 0.2)
        x = nn.leaky_relu(self._conv("conv_hr")(x), 0.2)
        last = SameConv(self.channels, dtype=self.dtype, name="conv_last")
        return last(x).astype(jnp.float32)

    def _conv(self, name: str, **options: Any) -> SameConv:
        return SameConv(self.width, dtype=self.dtype, name=name, **options)
