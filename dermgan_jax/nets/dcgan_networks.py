"""DcganGenerator and discriminator of DCGAN (Radford et al., ICLR 2016, arXiv:1511.06434).

Source: pytorch/examples, dcgan/main.py, at 64 px; other sizes have as many layers as it takes
between 4×4 features and the image, as in martinarjovsky/WassersteinGAN, models/dcgan.py.
"""

from typing import Any, Literal

import jax
import jax.numpy as jnp
from flax import linen as nn

from dermgan_jax.nets.conv_layers import KERNEL_INITIALIZERS, Conv
from dermgan_jax.nets.feature_norm import BatchNorm

CriticNorm = Literal["batch", "layer", "none"]


def widths(side: int, narrowest: int, widest: int) -> tuple[int, ...]:
    """Channels at sides 4, 8, … side / 2: halved each time down to `narrowest`.

    Args:
      side: of the images, a power of two from 8 on.
      narrowest: channels next to the images (the original's ngf and ndf).
      widest: cuts off what is above.
    """
    levels = side.bit_length() - 3
    return tuple(min(narrowest << level, widest) for level in reversed(range(levels)))


class Projection(nn.Module):
    """A 4x4 transposed convolution of one pixel: a dense layer onto 4x4 features, without bias.

    Attributes:
      features: output channels.
      dtype: of the arithmetic and the result; parameters are float32.
    """

    features: int
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, z: jax.Array) -> jax.Array:
        """(N, D) -> (N, 4, 4, features)."""
        shape = (4, 4, z.shape[-1], self.features)
        kernel = self.param("kernel", KERNEL_INITIALIZERS["normal"], shape)
        return jnp.einsum("nd,hwdc->nhwc", z.astype(self.dtype), kernel.astype(self.dtype))


class DcganGenerator(nn.Module):
    """A projection onto 4x4, then transposed 4x4 convolutions with stride 2.

    Layers are `project`, `up0`, `up1`, …, each followed by its `…_norm`, and `to_image`. Collection
    `batch_stats` holds the running statistics.

    Attributes:
      widths: channels at sides 4, 8, … half the image's.
      channels: of the images.
      dtype: of the arithmetic; parameters, statistics and images are float32.
    """

    widths: tuple[int, ...]
    channels: int
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, latents: jax.Array, labels: jax.Array | None, *, train: bool) -> jax.Array:
        """Images float32 (N, S, S, channels) in [-1, 1].

        Args:
          latents: (N, D).
          labels: one-hot (N, L), appended to the latents, or None.
          train: batch statistics are those of the batch.
        """
        z = latents if labels is None else jnp.concatenate([latents, labels], -1)
        x = Projection(self.widths[0], self.dtype, name="project")(z)
        x = nn.relu(BatchNorm(name="project_norm")(x, train))
        for i, width in enumerate(self.widths[1:]):
            x = self._up(width, f"up{i}")(x)
            x = nn.relu(BatchNorm(name=f"up{i}_norm")(x, train))
        return jnp.tanh(self._up(self.channels, "to_image")(x).astype(jnp.float32))

    def _up(self, features: int, name: str) -> Conv:
        return Conv(features, 4, "up", use_bias=False, dtype=self.dtype, name=name)


class DcganDiscriminator(nn.Module):
    """4x4 convolutions with stride 2 down to 4x4 features, then one onto a score.

    Layers are `conv0`, `conv1`, … and `score`; `norm1`, … follow all but the first convolution.
    Labels are judged by projection (Miyato and Koyama, ICLR 2018): the inner product of the label's
    embedding with the features summed over space is added to the score.

    Attributes:
      widths: channels at sides 4, 8, … half the image's.
      norm: "batch" (adds the collection `batch_stats`), "layer" (over an image's whole feature map,
        as in the critics of Gulrajani et al., 2017) or "none", with biases instead.
      dtype: of the arithmetic; parameters, statistics and scores are float32.
    """

    widths: tuple[int, ...]
    norm: CriticNorm = "batch"
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, images: jax.Array, labels: jax.Array | None, *, train: bool) -> jax.Array:
        """Logits float32 (N,) of images (N, S, S, C) in [-1, 1].

        Args:
          images: to be judged.
          labels: weights of the classes (N, L), one-hot where the class is known, or None.
          train: batch statistics are those of the batch.
        """
        x, options = images, {"use_bias": self.norm == "none", "dtype": self.dtype}
        for i, width in enumerate(reversed(self.widths)):
            x = Conv(width, 4, "down", name=f"conv{i}", **options)(x)
            if i:
                x = self._normalize(x, train, f"norm{i}")
            x = nn.leaky_relu(x, 0.2)
        scores = Conv(1, 4, name="score", **options)(x)[:, 0, 0, 0].astype(jnp.float32)
        if labels is None:
            return scores
        normal = KERNEL_INITIALIZERS["normal"]
        embedding = nn.Dense(x.shape[-1], use_bias=False, kernel_init=normal, name="embedding")
        return scores + (embedding(labels) * x.sum((1, 2), dtype=jnp.float32)).sum(-1)

    def _normalize(self, x: jax.Array, train: bool, name: str) -> jax.Array:
        if self.norm == "batch":
            return BatchNorm(name=name)(x, train)
        if self.norm == "none":
            return x
        norm = nn.LayerNorm(
            epsilon=1e-5,
            reduction_axes=(1, 2, 3),
            feature_axes=-1,
            use_fast_variance=False,
            dtype=jnp.float32,
            name=name,
        )
        return norm(x).astype(x.dtype)
