"""The U-Net generator of pix2pix (Isola et al., 2017, arXiv:1611.07004, appendix).

Source: junyanz/pytorch-CycleGAN-and-pix2pix, models/networks.py, UnetGenerator.
"""

from typing import Any

import jax
import jax.numpy as jnp
from flax import linen as nn

from dermgan_jax.nets.conv_layers import Conv, KernelInit
from dermgan_jax.nets.feature_norm import Norm, normalize


class UnetGenerator(nn.Module):
    """4x4 convolutions down to 1/2^num_downs of the size and back, with a skip at every level.

    Layers are named by level, 0 outermost: `down0`, `down1_norm`, `up1`, `up1_norm`, ...

    Attributes:
      out_channels: of the images made.
      num_downs: down-samplings; 8 takes 256x256 to 1x1.
      width: channels at the outermost level (the original's ngf); they double up to 8 times that.
      norm: "batch" (adds the collection `batch_stats`), "instance" or "none".
      dropout: with probability 0.5 on the way up, at the levels of the smallest images but the
        innermost, as in the original; takes the rng "dropout".
      kernel_init: of the kernels, "normal" or "xavier".
      dtype: of the arithmetic; parameters, statistics and images are float32.
    """

    out_channels: int
    num_downs: int = 8
    width: int = 64
    norm: Norm = "batch"
    dropout: bool = True
    kernel_init: KernelInit = "normal"
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array, *, train: bool) -> jax.Array:
        """Translates images.

        Args:
          x: (N, H, W, C) in [-1, 1]; the sides are multiples of 2^num_downs.
          train: dropout is on and batch statistics are those of the batch.

        Returns:
          Images float32 (N, H, W, out_channels) in [-1, 1].
        """
        innermost = self.num_downs - 1

        def layer(features: int, direction: str, level: int, use_bias: bool) -> Conv:
            return Conv(
                *(features, 4, direction, use_bias),
                **{
                    "kernel_init": self.kernel_init,
                    "dtype": self.dtype,
                    "name": f"{direction}{level}",
                },
            )

        use_bias, skips = self.norm != "batch", []
        for level in range(self.num_downs):
            x = nn.leaky_relu(x, 0.2) if level else x
            x = layer(self._width(level), "down", level, use_bias)(x)
            if 0 < level < innermost:
                x = normalize(self.norm, x, train, f"down{level}_norm")
            skips.append(x)
        x = skips.pop()
        for level in range(innermost, 0, -1):
            x = layer(self._width(level - 1), "up", level, use_bias)(nn.relu(x))
            x = normalize(self.norm, x, train, f"up{level}_norm")
            if self.dropout and 4 <= level < innermost:
                x = nn.Dropout(0.5)(x, deterministic=not train)
            x = jnp.concatenate([skips.pop(), x], -1)
        x = layer(self.out_channels, "up", 0, True)(nn.relu(x))
        return jnp.tanh(x.astype(jnp.float32))

    def _width(self, level: int) -> int:
        return self.width * min(2**level, 8)
