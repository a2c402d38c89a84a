"""Convolution and dense layers with an equalised learning rate (Karras et al., 2018, section 4.1).

Kernels are stored with unit variance and scaled by gain / sqrt(fan-in) whenever they are used.
"""

import math
from collections.abc import Sequence
from typing import Any, Literal

import jax
import jax.numpy as jnp
from flax import linen as nn

from dermgan_jax.nets import broadcast, resampling

_UNIT_NORMAL = nn.initializers.normal(1.0)
_CONVOLUTIONS = {
    None: resampling.conv,
    "up": resampling.up_conv,
    "down": resampling.down_conv,
}


class EqualizedConv(nn.Module):
    """Convolution that keeps, doubles or halves the image size, then a bias.

    Attributes:
      features: output channels.
      kernel_size: side of the kernel; 3 where the size changes.
      gain: of the activation that follows.
      resample: None, "up" (nearest x2 before) or "down" (2x2 mean after, before the bias).
      dtype: of the arithmetic and the result.
    """

    features: int
    kernel_size: int = 3
    gain: float = math.sqrt(2)
    resample: Literal["up", "down"] | None = None
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """(N, H, W, C) -> (N, H', W', features)."""
        shape = (self.kernel_size, self.kernel_size, x.shape[-1], self.features)
        kernel = self.param("kernel", _UNIT_NORMAL, shape)
        bias = self.param("bias", nn.initializers.zeros, (self.features,))
        kernel = kernel * (self.gain / math.sqrt(math.prod(shape[:3])))
        y = _CONVOLUTIONS[self.resample](x.astype(self.dtype), kernel)
        return broadcast.add(y, bias)


class EqualizedDense(nn.Module):
    """Dense layer onto a vector or a feature map; its bias is per channel.

    Attributes:
      features: shape of one output, channels last.
      gain: of the activation that follows.
      dtype: of the arithmetic and the result.
    """

    features: Sequence[int]
    gain: float = math.sqrt(2)
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """(N, C) -> (N, *features)."""
        kernel = self.param("kernel", _UNIT_NORMAL, (x.shape[-1], *self.features))
        bias = self.param("bias", nn.initializers.zeros, (self.features[-1],))
        kernel = kernel * (self.gain / math.sqrt(x.shape[-1]))
        y = jnp.tensordot(x.astype(self.dtype), kernel.astype(self.dtype), axes=1)
        return broadcast.add(y, bias)
