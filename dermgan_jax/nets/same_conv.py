"""The convolution of the super-resolution networks: stride 1, zero-padded to keep the size."""

import math
from typing import Any

import jax
import jax.numpy as jnp
from flax import linen as nn

from dermgan_jax.nets import broadcast, convolution
from dermgan_jax.nets.spectral_norm import uniform_fan_in


class SameConv(nn.Module):
    """Convolution and bias.

    Attributes:
      features: output channels.
      kernel_size: side of the kernel, odd.
      gain: kernels begin normal with the deviation gain sqrt(2 / fan-in) and biases at 0 (He et
        al., 2015, scaled down as in ESRGAN); None: as PyTorch's Conv2d begins.
      upsampled: the image is first enlarged twice by repeating its pixels; for kernels of 3.
      use_bias: whether there is a bias.
      dtype: of the arithmetic and the result; parameters are float32.
    """

    features: int
    kernel_size: int = 3
    gain: float | None = None
    upsampled: bool = False
    use_bias: bool = True
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """(N, H, W, C) -> (N, H, W, features), or twice the size."""
        shape = (self.kernel_size, self.kernel_size, x.shape[-1], self.features)
        fan_in = math.prod(shape[:3])
        kernel_init = bias_init = uniform_fan_in(fan_in)
        if self.gain is not None:
            kernel_init = nn.initializers.normal(self.gain * math.sqrt(2 / fan_in))
            bias_init = nn.initializers.zeros
        kernel = self.param("kernel", kernel_init, shape).astype(self.dtype)
        x = x.astype(self.dtype)
        if self.upsampled:
            y = convolution.convolve_upsampled(x, kernel)
        else:
            y = convolution.convolve(convolution.zero_pad(x, self.kernel_size // 2), kernel)
        if not self.use_bias:
            return y
        return broadcast.add(y, self.param("bias", bias_init, (self.features,)))
