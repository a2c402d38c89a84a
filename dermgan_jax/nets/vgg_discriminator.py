"""The discriminator of SRGAN and ESRGAN, a narrow VGG (Ledig et al., 2017; Wang et al., 2018).

Source: XPixelGroup/BasicSR, basicsr/archs/discriminator_arch.py, VGGStyleDiscriminator, for 128 and
256 px; other powers of two have as many halvings as it takes to 4×4.
"""

from typing import Any

import jax
import jax.numpy as jnp
from flax import linen as nn

from dermgan_jax.nets import broadcast, convolution
from dermgan_jax.nets.feature_norm import BatchNorm
from dermgan_jax.nets.same_conv import SameConv
from dermgan_jax.nets.spectral_norm import uniform_fan_in

SMALLEST = 8  # pixels
_HIDDEN = 100
_WIDEST = 8  # times the width


class DownConv(nn.Module):
    """Convolution with stride 2, zero-padded by 1; kernels of 4 or 3."""

    features: int
    dtype: Any
    kernel_size: int = 4
    use_bias: bool = False

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """(N, H, W, C) -> (N, H / 2, W / 2, features)."""
        init = uniform_fan_in(self.kernel_size**2 * x.shape[-1])
        shape = (self.kernel_size, self.kernel_size, x.shape[-1], self.features)
        kernel = self.param("kernel", init, shape).astype(self.dtype)
        y = convolution.convolve_down(x.astype(self.dtype), kernel)
        if not self.use_bias:
            return y
        return broadcast.add(y, self.param("bias", init, (self.features,)))


class VggDiscriminator(nn.Module):
    """Pairs of a 3×3 and a 4×4 convolution down to 4×4, then two dense layers.

    Layers are called as in the source: conv0_0, conv0_1, bn0_1, conv1_0, … linear1, linear2.

    Attributes:
      width: channels of the first pair; doubled with every pair up to eight times as many.
      dtype: of the arithmetic; parameters, statistics and logits are float32.
    """

    width: int = 64
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, images: jax.Array, *, train: bool) -> jax.Array:
        """Logits float32 (N,).

        Args:
          images: (N, S, S, C) in [0, 1], S a power of two from 8 on.
          train: batch statistics are those of the batch; changes `batch_stats` if it is mutable.
        """
        x = images
        for level in range(images.shape[1].bit_length() - 3):
            width = self.width * min(2**level, _WIDEST)
            same = SameConv(width, use_bias=level == 0, dtype=self.dtype, name=f"conv{level}_0")
            x = same(x)
            if level:
                x = self._norm(x, train, f"bn{level}_0")
            x = nn.leaky_relu(x, 0.2)
            x = DownConv(width, self.dtype, name=f"conv{level}_1")(x)
            x = nn.leaky_relu(self._norm(x, train, f"bn{level}_1"), 0.2)
        # In the source's order: channels, rows, columns.
        x = x.astype(jnp.float32).transpose(0, 3, 1, 2).reshape(len(x), -1)
        x = nn.leaky_relu(self._dense(x, _HIDDEN, "linear1"), 0.2)
        return self._dense(x, 1, "linear2")[:, 0]

    def _norm(self, x: jax.Array, train: bool, name: str) -> jax.Array:
        return BatchNorm(scale_deviation=0.0, name=name)(x, train)

    def _dense(self, x: jax.Array, features: int, name: str) -> jax.Array:
        init = uniform_fan_in(x.shape[-1])

        def as_flax(rng: jax.Array, shape: tuple[int, ...], _: Any = None) -> jax.Array:
            return init(rng, shape)

        return nn.Dense(features, kernel_init=as_flax, bias_init=as_flax, name=name)(x)
