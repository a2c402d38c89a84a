"""The discriminator of SRGAN (Ledig et al., CVPR 2017) for images of any size.

Source: leftthomas/SRGAN, model.py, Discriminator: in place of the paper's dense layers the features
are averaged over space and two 1×1 convolutions follow.
"""

from typing import Any

import jax
import jax.numpy as jnp
from flax import linen as nn

from dermgan_jax.nets.feature_norm import BatchNorm
from dermgan_jax.nets.same_conv import SameConv
from dermgan_jax.nets.vgg_discriminator import DownConv


class SrganDiscriminator(nn.Module):
    """Pairs of 3×3 convolutions, the second of each with stride 2, then a mean over space.

    Attributes:
      widths: channels of the pairs.
      hidden: channels of the last layer but one.
      dtype: of the arithmetic; parameters, statistics and logits are float32.
    """

    widths: tuple[int, ...] = (64, 128, 256, 512)
    hidden: int = 1024
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, images: jax.Array, *, train: bool) -> jax.Array:
        """Logits float32 (N,); the source's judgements are their sigmoid.

        Args:
          images: (N, H, W, C) in [0, 1].
          train: batch statistics are those of the batch; changes `batch_stats` if it is mutable.
        """
        x = images
        for level, width in enumerate(self.widths):
            x = SameConv(width, dtype=self.dtype, name=f"conv{level}_0")(x)
            if level:
                x = self._norm(x, train, f"bn{level}_0")
            x = nn.leaky_relu(x, 0.2)
            down = DownConv(width, self.dtype, 3, use_bias=True, name=f"conv{level}_1")
            x = nn.leaky_relu(self._norm(down(x), train, f"bn{level}_1"), 0.2)
        x = x.astype(jnp.float32).mean((1, 2), keepdims=True)
        x = nn.leaky_relu(SameConv(self.hidden, 1, name="hidden")(x), 0.2)
        return SameConv(1, 1, name="score")(x)[:, 0, 0, 0]

    def _norm(self, x: jax.Array, train: bool, name: str) -> jax.Array:
        return BatchNorm(scale_deviation=0.0, name=name)(x, train)
