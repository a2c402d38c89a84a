"""SPADE's encoder of styles, its VAE (Park et al., 2019; models/networks/encoder.py)."""

from typing import Any

import jax
import jax.numpy as jnp
from flax import linen as nn

from dermgan_jax.nets.feature_norm import instance_norm
from dermgan_jax.nets.spade_layers import GAIN, SLOPE, xavier
from dermgan_jax.nets.spectral_norm import SpectralConv

LAST_SIDE = 4  # pixels of the last map


class SpadeEncoder(nn.Module):
    """Images to the mean and logarithmic variance of a normal distribution of latents.

    Attributes:
      width: channels of the first layer; they double up to 8 times as many.
      latent_size: of the distribution; 256 as published.
      side: to which images are resized; 256 as published. A power of 2; each layer halves it,
        down to 4.
      dtype: of the arithmetic; parameters are float32.
    """

    width: int = 64
    latent_size: int = 256
    side: int = 256
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, images: jax.Array, *, train: bool) -> tuple[jax.Array, jax.Array]:
        """(N, H, W, C) in [-1, 1] -> mean and log variance, both float32 (N, latent_size)."""
        size = (len(images), self.side, self.side, images.shape[-1])
        x = jax.image.resize(images, size, "bilinear", antialias=False)
        for i in range((self.side // LAST_SIDE).bit_length() - 1):
            x = x if i == 0 else nn.leaky_relu(x, SLOPE)
            features = self.width * 2 ** min(i, 3)
            conv = SpectralConv(
                *(features, 3, "down"),
                kernel_deviation=xavier(3, x.shape[-1], features),
                dtype=self.dtype,
                name=f"layer{i + 1}",
            )
            x = instance_norm(conv(x, train))
        x = nn.leaky_relu(x, SLOPE).astype(jnp.float32)
        flat = x.transpose(0, 3, 1, 2).reshape(len(x), -1)
        init = nn.initializers.variance_scaling(GAIN**2, "fan_avg", "normal")
        mean = nn.Dense(self.latent_size, kernel_init=init, name="fc_mu")(flat)
        return mean, nn.Dense(self.latent_size, kernel_init=init, name="fc_var")(flat)


def divergence(mean: jax.Array, log_variance: jax.Array) -> jax.Array:
    """Kullback-Leibler divergence from the standard normal distribution, summed up: a scalar."""
    return -0.5 * jnp.sum(1 + log_variance - mean**2 - jnp.exp(log_variance))
