"""Convolution layers of the image translation networks, and how their weights begin."""

from typing import Any, Literal

import jax
import jax.numpy as jnp
from flax import linen as nn

from dermgan_jax.nets import broadcast, convolution

KernelInit = Literal["normal", "xavier"]

# "normal" is CycleGAN's and pix2pix's, "xavier" (gain 0.02) CUT's.
KERNEL_INITIALIZERS = {
    "normal": nn.initializers.normal(0.02),
    "xavier": nn.initializers.variance_scaling(0.02**2, "fan_avg", "normal"),
}


class Conv(nn.Module):
    """Convolution and bias.

    Attributes:
      features: output channels.
      kernel_size: side of the kernel.
      resample: None: stride 1, no padding. "down": stride 2 after zero-padding by 1 (kernels 3 and
        4). "up": the transposed convolution that doubles the size (kernels 3 and 4); its kernel is
        (k, k, in, out), not flipped.
      use_bias: whether there is a bias.
      kernel_init: of the kernel; biases begin at 0.
      dtype: of the arithmetic and the result; parameters are float32.
    """

    features: int
    kernel_size: int
    resample: Literal["down", "up"] | None = None
    use_bias: bool = True
    kernel_init: KernelInit = "normal"
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """(N, H, W, C) -> (N, H', W', features)."""
        shape = (self.kernel_size, self.kernel_size, x.shape[-1], self.features)
        kernel = self.param("kernel", KERNEL_INITIALIZERS[self.kernel_init], shape)
        y = _CONVOLUTIONS[self.resample](x.astype(self.dtype), kernel.astype(self.dtype))
        if not self.use_bias:
            return y
        bias = self.param("bias", nn.initializers.zeros, (self.features,))
        return broadcast.add(y, bias)


_CONVOLUTIONS = {
    None: convolution.convolve,
    "down": convolution.convolve_down,
    "up": convolution.convolve_up,
}
