"""Patch discriminators at several scales, with their features (pix2pixHD, SPADE).

Wang et al., CVPR 2018, and Park et al., CVPR 2019; as in models/networks/discriminator.py of
NVlabs/SPADE.
"""

from typing import Any

import jax
import jax.numpy as jnp
from flax import linen as nn

from dermgan_jax.nets import broadcast, convolution
from dermgan_jax.nets.feature_norm import instance_norm
from dermgan_jax.nets.spade_layers import SLOPE, xavier
from dermgan_jax.nets.spectral_norm import SpectralConv

KERNEL = 4
WIDEST = 512  # channels


def mean_pool(x: jax.Array) -> jax.Array:
    """Means of 3×3 windows at every other pixel, (N, H, W, C) -> half the size, rounded up.

    What lies outside does not count (PyTorch: count_include_pad=False).
    """
    window, stride, padding = (1, 3, 3, 1), (1, 2, 2, 1), ((0, 0), (1, 1), (1, 1), (0, 0))

    def total(values: jax.Array) -> jax.Array:
        return jax.lax.reduce_window(values, 0.0, jax.lax.add, window, stride, padding)

    return total(x) / total(jnp.ones((1, *x.shape[1:3], 1), x.dtype))


class EdgeConv(nn.Module):
    """The first and the last layer: 4×4, zero-padded by 2, with bias, not normalised."""

    features: int
    down: bool
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        shape = (KERNEL, KERNEL, x.shape[-1], self.features)
        deviation = xavier(KERNEL, x.shape[-1], self.features)
        kernel = self.param("kernel", nn.initializers.normal(deviation), shape)
        bias = self.param("bias", nn.initializers.zeros, (self.features,))
        x, kernel = x.astype(self.dtype), kernel.astype(self.dtype)
        if self.down:
            y = convolution.convolve_down(convolution.zero_pad(x, 1), kernel)
        else:
            y = convolution.convolve(convolution.zero_pad(x, 2), kernel)
        return broadcast.add(y, bias)


class ScaleDiscriminator(nn.Module):
    """One scale: maps of all layers, the last of which holds logits.

    Attributes:
      width: channels of the first layer.
      layers: hidden ones; 4 in SPADE's code.
      dtype: of the arithmetic; parameters are float32.
    """

    width: int = 64
    layers: int = 4
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array, train: bool) -> tuple[jax.Array, ...]:
        """(N, H, W, C) -> feature maps, then logits (N, h, w, 1), float32."""
        x = nn.leaky_relu(EdgeConv(self.width, True, self.dtype, name="model0")(x), SLOPE)
        maps = [x]
        for i in range(1, self.layers):
            features = min(self.width * 2**i, WIDEST)
            last = i == self.layers - 1
            conv = SpectralConv(
                *(features, KERNEL, "same" if last else "down"),
                kernel_deviation=xavier(KERNEL, x.shape[-1], features),
                dtype=self.dtype,
                name=f"model{i}",
            )
            padded = x if last else convolution.zero_pad(x, 1)
            x = nn.leaky_relu(instance_norm(conv(padded, train)), SLOPE)
            maps.append(x)
        logits = EdgeConv(1, False, self.dtype, name=f"model{self.layers}")(x)
        return (*maps, logits.astype(jnp.float32))


class MultiscaleDiscriminator(nn.Module):
    """The same at several scales, each with weights of its own.

    Attributes:
      scales: 2 as published.
      width, layers, dtype: see `ScaleDiscriminator`.
    """

    scales: int = 2
    width: int = 64
    layers: int = 4
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array, *, train: bool) -> list[tuple[jax.Array, ...]]:
        """(N, H, W, C): semantic maps and images -> of every scale what it sees."""
        found = []
        for i in range(self.scales):
            x = x if i == 0 else mean_pool(x)
            net = ScaleDiscriminator(self.width, self.layers, self.dtype, name=f"discriminator_{i}")
            found.append(net(x, train))
        return found
