"""Normalisation layers of the image translation networks, as PyTorch computes them."""

from typing import Literal

import jax
import jax.numpy as jnp
from flax import linen as nn
from jax import lax

Norm = Literal["instance", "batch", "none"]

EPSILON = 1e-5
MOMENTUM = 0.1  # share of the newest batch in the running statistics


def instance_norm(x: jax.Array) -> jax.Array:
    """Zero mean and unit variance per image and channel (Ulyanov et al., 2016), not affine.

    The statistics are float32; the result has the dtype of `x`, (N, H, W, C).
    """
    wide = x.astype(jnp.float32)
    centred = wide - wide.mean((1, 2), keepdims=True)
    variance = jnp.square(centred).mean((1, 2), keepdims=True)
    return (centred * lax.rsqrt(variance + EPSILON)).astype(x.dtype)


class BatchNorm(nn.Module):
    """Batch normalisation (Ioffe and Szegedy, 2015) that keeps the unbiased running variance.

    Batches are normalised by their biased variance. Under `jax.jit` the statistics are those of the
    global batch however it is sharded. Collection `batch_stats` holds `mean` and `var`.

    Attributes:
      affine: whether a scale and a bias follow.
      scale_deviation: of the scales around 1 in the beginning.
      epsilon: added to the variance.
      momentum: share of the newest batch in the running statistics.
    """

    affine: bool = True
    scale_deviation: float = 0.02
    epsilon: float = EPSILON
    momentum: float = MOMENTUM

    @nn.compact
    def __call__(self, x: jax.Array, train: bool) -> jax.Array:
        """(N, H, W, C) -> the same, dtype of `x`; statistics are float32.

        Args:
          x: features.
          train: normalise by this batch and, if `batch_stats` is mutable, update the running
            statistics; else normalise by those.
        """
        shape = (x.shape[-1],)
        scale, bias = 1.0, 0.0
        if self.affine:
            scale = self.param("scale", _around_one(self.scale_deviation), shape)
            bias = self.param("bias", nn.initializers.zeros, shape)
        running_mean = self.variable("batch_stats", "mean", jnp.zeros, shape)
        running_var = self.variable("batch_stats", "var", jnp.ones, shape)
        wide = x.astype(jnp.float32)
        if train:
            mean = wide.mean((0, 1, 2))
            var = jnp.square(wide - mean).mean((0, 1, 2))
            if self.is_mutable_collection("batch_stats") and not self.is_initializing():
                count = x.size // x.shape[-1]
                unbiased = var * (count / max(count - 1, 1))
                for running, batch in ((running_mean, mean), (running_var, unbiased)):
                    running.value += self.momentum * (lax.stop_gradient(batch) - running.value)
        else:
            mean, var = running_mean.value, running_var.value
        return ((wide - mean) * (scale * lax.rsqrt(var + self.epsilon)) + bias).astype(x.dtype)


def _around_one(deviation: float) -> nn.initializers.Initializer:
    def init(rng: jax.Array, shape: tuple[int, ...]) -> jax.Array:
        return 1.0 + deviation * jax.random.normal(rng, shape)

    return init


def normalize(kind: Norm, x: jax.Array, train: bool, name: str) -> jax.Array:
    """Applies the layer `kind`, named `name` where it has parameters; "none" returns `x`."""
    if kind == "batch":
        return BatchNorm(name=name)(x, train)
    return instance_norm(x) if kind == "instance" else x
