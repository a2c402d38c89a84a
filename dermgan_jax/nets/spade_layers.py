"""Spatially-adaptive normalisation and residual blocks (SPADE: Park et al., CVPR 2019).

arXiv:1903.07291, as computed by NVlabs/SPADE (models/networks/normalization.py, architecture.py).
"""

from typing import Any, Literal

import jax
import jax.numpy as jnp
from flax import linen as nn

from dermgan_jax.nets import broadcast, convolution
from dermgan_jax.nets.feature_norm import BatchNorm, instance_norm
from dermgan_jax.nets.spectral_norm import SpectralConv
from dermgan_jax.nets.xavier import deviation

GAIN = 0.02  # of Xavier's initial kernels
SLOPE = 0.2  # of leaky ReLU


def nearest_to(maps: jax.Array, size: tuple[int, int]) -> jax.Array:
    """(N, H, W, C) resized to (N, h, w, C) by taking pixel floor(i H / h), as PyTorch does.

    `jax.image.resize` takes the pixel at the centre instead.
    """
    (height, width), (h, w) = maps.shape[1:3], size
    return maps[:, jnp.arange(h) * height // h][:, :, jnp.arange(w) * width // w]


def xavier(kernel_size: int, inputs: int, outputs: int) -> float:
    """The deviation of initial kernels."""
    return deviation((kernel_size, kernel_size, inputs, outputs), GAIN)


class PlainConv(nn.Module):
    """Convolution and bias, zero-padded to keep the size, without spectral normalisation.

    Attributes:
      features: output channels.
      kernel_size: side of the kernel, odd.
      dtype: of the arithmetic and the result; parameters are float32.
    """

    features: int
    kernel_size: int = 3
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """(N, H, W, C) -> (N, H, W, features)."""
        shape = (self.kernel_size, self.kernel_size, x.shape[-1], self.features)
        init = nn.initializers.normal(deviation(shape, GAIN))
        kernel = self.param("kernel", init, shape)
        bias = self.param("bias", nn.initializers.zeros, (self.features,))
        padded = convolution.zero_pad(x.astype(self.dtype), self.kernel_size // 2)
        return broadcast.add(convolution.convolve(padded, kernel.astype(self.dtype)), bias)


class Spade(nn.Module):
    """norm(x) (1 + γ(s)) + β(s), where γ and β are convolutions of the semantic map (eq. 1).

    Attributes:
      hidden: channels between the map and γ, β; 128 as published.
      norm: which normalisation without parameters.
      dtype: of the arithmetic and the result; parameters are float32.
    """

    hidden: int = 128
    norm: Literal["batch", "instance"] = "batch"
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array, semantics: jax.Array, train: bool) -> jax.Array:
        """(N, h, w, C) -> the same.

        Args:
          x: features.
          semantics: (N, H, W, S), resized to the features' size.
          train: normalise by this batch; running statistics follow if they are mutable.
        """
        if self.norm == "batch":
            normal = BatchNorm(affine=False, name="param_free_norm")(x, train)
        else:
            normal = instance_norm(x)
        maps = nearest_to(semantics, x.shape[1:3])
        shared = nn.relu(PlainConv(self.hidden, dtype=self.dtype, name="mlp_shared")(maps))
        gamma = PlainConv(x.shape[-1], dtype=self.dtype, name="mlp_gamma")(shared)
        beta = PlainConv(x.shape[-1], dtype=self.dtype, name="mlp_beta")(shared)
        return normal * (1 + gamma) + beta


class SpadeBlock(nn.Module):
    """Two times SPADE, leaky ReLU and convolution, beside a shortcut.

    Attributes:
      features: output channels; where they differ from the inputs' the shortcut is learned.
      hidden: see `Spade`.
      dtype: of the arithmetic and the result; parameters are float32.
    """

    features: int
    hidden: int = 128
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array, semantics: jax.Array, train: bool) -> jax.Array:
        """(N, h, w, C) -> (N, h, w, features), see `Spade`."""
        inputs, middle = x.shape[-1], min(x.shape[-1], self.features)

        def normalised(y: jax.Array, name: str) -> jax.Array:
            return Spade(self.hidden, dtype=self.dtype, name=name)(y, semantics, train)

        def convolved(y: jax.Array, features: int, size: int, name: str) -> jax.Array:
            conv = SpectralConv(
                *(features, size),
                use_bias=size > 1,
                kernel_deviation=xavier(size, y.shape[-1], features),
                zero_bias=True,
                dtype=self.dtype,
                name=name,
            )
            return conv(y, train)

        shortcut = x
        if inputs != self.features:
            shortcut = convolved(normalised(x, "norm_s"), self.features, 1, "conv_s")
        y = nn.leaky_relu(normalised(x, "norm_0"), SLOPE)
        y = convolved(y, middle, 3, "conv_0")
        y = nn.leaky_relu(normalised(y, "norm_1"), SLOPE)
        return shortcut + convolved(y, self.features, 3, "conv_1")
