"""Blocks of FastGAN and Projected GAN.

Liu et al., ICLR 2021, arXiv:2101.04775; Sauer et al., NeurIPS 2021, arXiv:2111.01007. Sources:
FastGAN-pytorch, models.py; projected-gan, pg_modules/blocks.py. Their first weights differ:
FastGAN's kernels begin normal with deviation 0.02 and its scales near 1; Projected GAN has
PyTorch's defaults.
"""

import functools
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
from flax import linen as nn

from dermgan_jax.nets import broadcast
from dermgan_jax.nets.feature_norm import BatchNorm
from dermgan_jax.nets.spectral_norm import SpectralConv, SpectralDense

SLOPE = 0.2  # of leaky rectifiers


def glu(x: jax.Array) -> jax.Array:
    """Gated linear unit: (…, 2 C) -> (…, C), the first half times the sigmoid of the second."""
    value, gate = jnp.split(x, 2, -1)
    return value * nn.sigmoid(gate)


def channels_at(side: int, narrowest: int) -> int:
    """Channels of the generator's features of a side, `narrowest` being those at 128 px (ngf)."""
    if side <= 32:
        return narrowest * 64 // side
    return narrowest * 2 if side == 64 else narrowest * 128 // side


class Norm(nn.Module):
    """Batch normalisation, by classes where labels are given.

    Conditional: without an affine part of its own; a gain of 1 + G(e) and a bias B(e) of the
    label's embedding e.

    Attributes:
      scale_deviation: of the scales around 1 in the beginning.
    """

    scale_deviation: float = 0.0

    @nn.compact
    def __call__(self, x: jax.Array, train: bool, embedded: jax.Array | None = None) -> jax.Array:
        """(N, H, W, C) -> the same; `embedded` is (N, D)."""
        if embedded is None:
            return BatchNorm(scale_deviation=self.scale_deviation, name="norm")(x, train)
        y = BatchNorm(affine=False, name="norm")(x, train)
        gain = 1 + SpectralDense(x.shape[-1], name="gain")(embedded, train)
        bias = SpectralDense(x.shape[-1], name="bias")(embedded, train)
        return broadcast.add(broadcast.multiply(y, gain[:, None, None]), bias[:, None, None])


class InitLayer(nn.Module):
    """Latents onto 4x4 features.

    Attributes:
      features: of the result.
      deviation: that kernels begin with, and of scales around 1; None: PyTorch's defaults.
      dtype: of the arithmetic.
    """

    features: int
    deviation: float | None = None
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, z: jax.Array, train: bool) -> jax.Array:
        """(N, D) -> (N, 4, 4, features)."""
        conv = SpectralConv(
            2 * self.features, 4, "project", False, self.deviation, self.dtype, name="conv"
        )
        x = conv(z[:, None, None], train)
        return glu(Norm(self.deviation or 0.0, name="bn")(x, train))


class UpBlock(nn.Module):
    """Doubles the size: convolution, normalisation, gate; once, or with noise twice.

    Attributes:
      features: of the result.
      noisy: two convolutions, each followed by noise of a learned strength.
      shared_noise: one strength for both places, as conditional Projected GANs have.
      deviation: see `InitLayer`.
      dtype: of the arithmetic.
    """

    features: int
    noisy: bool = False
    shared_noise: bool = False
    deviation: float | None = None
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(
        self,
        x: jax.Array,
        train: bool,
        embedded: jax.Array | None = None,
        noise: Sequence[jax.Array] = (),
    ) -> jax.Array:
        """(N, H, W, C) -> (N, 2 H, 2 W, features).

        Args:
          x: features.
          train: batch statistics and a power iteration.
          embedded: (N, D) of labels, or None.
          noise: two arrays (N, 2 H, 2 W, 1) of unit variance; none: no noise is added.
        """
        strengths = self._strengths() if self.noisy else ()
        for index in range(2 if self.noisy else 1):
            conv = SpectralConv(
                *(2 * self.features, 3, "same" if index else "up", False, self.deviation),
                *(self.dtype,),
                name=f"conv{index + 1}",
            )
            x = conv(x, train)
            if noise:
                x = broadcast.add(x, strengths[index] * noise[index])
            norm = Norm(self.deviation or 0.0, name=f"bn{index + 1}")
            x = glu(norm(x, train, embedded))
        return x

    def _strengths(self) -> list[jax.Array]:
        zero = nn.initializers.zeros
        if self.shared_noise:
            return [self.param("noise", zero, (1,))] * 2
        return [self.param(f"noise{index}", zero, (1,)) for index in (1, 2)]


class SkipExcitation(nn.Module):
    """Skip-layer excitation (section 3.1): small features gate the channels of large ones.

    Attributes:
      deviation, dtype: see `InitLayer`.
    """

    deviation: float | None = None
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, small: jax.Array, large: jax.Array, train: bool) -> jax.Array:
        """(N, h, w, c), h and w multiples of 4, and (N, H, W, C) -> (N, H, W, C)."""
        conv = functools.partial(
            SpectralConv, kernel_deviation=self.deviation, dtype=self.dtype, form="valid"
        )
        x = nn.silu(conv(large.shape[-1], 4, name="conv1")(mean_to(small, 4), train))
        return large * nn.sigmoid(conv(large.shape[-1], 1, name="conv2")(x, train))


def mean_to(x: jax.Array, side: int) -> jax.Array:
    """(N, H, W, C), H and W multiples of `side`, -> (N, side, side, C): means over boxes."""
    n, height, width, channels = x.shape
    boxes = x.reshape(n, side, height // side, side, width // side, channels)
    return boxes.mean((2, 4))
