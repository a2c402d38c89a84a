"""Networks of LAPGAN (Denton et al., NeurIPS 2015, arXiv:1506.05751).

Source: facebook/eyescream, train_cifar_*.lua: dense networks for the coarsest images, convolutional
ones for the residuals of all other levels. Labels are judged by projection (Miyato and Koyama, ICLR
2018), in every discriminator.
"""

from typing import Any, Literal

import jax
import jax.numpy as jnp
from flax import linen as nn

from dermgan_jax.nets import broadcast
from dermgan_jax.nets.convolution import convolve, zero_pad
from dermgan_jax.nets.dense import Dense

# Torch's: uniform within ± 1 / sqrt(fan-in), the biases too.
_UNIFORM = nn.initializers.variance_scaling(1 / 3, "fan_in", "uniform")


def smooth_up(images: jax.Array) -> jax.Array:
    """(N, H, W, C) -> (N, 2 H, 2 W, C), bilinear."""
    n, h, w, c = images.shape
    return jax.image.resize(images, (n, 2 * h, 2 * w, c), "bilinear")


class ResidualConv(nn.Module):
    """Convolution and bias.

    Attributes:
      features: output channels.
      kernel_size: side of the kernel, odd.
      layout: "same": zero-padded, keeps the size. "valid": not padded. "strided": not padded,
        stride 2, kernel 5, of maps with even sides.
      dtype: of the arithmetic and the result; parameters are float32.
    """

    features: int
    kernel_size: int
    layout: Literal["same", "valid", "strided"] = "same"
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """(N, H, W, C) -> (N, H', W', features)."""
        shape = (self.kernel_size, self.kernel_size, x.shape[-1], self.features)
        kernel = self.param("kernel", _UNIFORM, shape).astype(self.dtype)
        bias = self.param("bias", _uniform_bias(self.kernel_size**2 * x.shape[-1]), shape[3:])
        x = x.astype(self.dtype)
        if self.layout == "same":
            x = zero_pad(x, self.kernel_size // 2)
        y = _strided(x, kernel) if self.layout == "strided" else convolve(x, kernel)
        return broadcast.add(y, bias)


def _uniform_bias(fan_in: int) -> nn.initializers.Initializer:
    bound = fan_in**-0.5
    return lambda rng, shape, dtype=jnp.float32: jax.random.uniform(
        rng, shape, dtype, minval=-bound, maxval=bound
    )


def _strided(x: jax.Array, kernel: jax.Array) -> jax.Array:
    """(N, 2 H, 2 W, C) by (5, 5, C, D), stride 2, to (N, H - 2, W - 2, D).

    As a plain 3x3 convolution of blocks of 2x2 pixels: its gradients are fast on every platform.
    """
    n, h, w, c = x.shape
    blocks = x.reshape(n, h // 2, 2, w // 2, 2, c).transpose(0, 1, 3, 2, 4, 5)
    padded = jnp.pad(kernel, ((0, 1), (0, 1), (0, 0), (0, 0)))
    taps = padded.reshape(3, 2, 3, 2, c, -1).transpose(0, 2, 1, 3, 4, 5)
    return convolve(blocks.reshape(n, h // 2, w // 2, -1), taps.reshape(3, 3, 4 * c, -1))


def _dense(features: int, stddev: float, dtype: Any, name: str) -> Dense:
    return Dense(features, dtype=dtype, kernel_init=nn.initializers.normal(stddev), name=name)


def _agreement(features: jax.Array, labels: jax.Array) -> jax.Array:
    """Inner products (N,) of features (N, D) with the embeddings of class weights (N, L)."""
    embedding = nn.Dense(
        features.shape[-1],
        use_bias=False,
        kernel_init=nn.initializers.normal(0.02),
        name="embedding",
    )
    return (embedding(labels) * features.astype(jnp.float32)).sum(-1)


class CoarseGenerator(nn.Module):
    """Dense layers `dense0`, followed by ReLU, `dense1`, followed by a sigmoid, and `dense2`.

    Attributes:
      shape: (height, width, channels) of the images.
      units: of both hidden layers.
      dtype: of the arithmetic; parameters and images are float32.
    """

    shape: tuple[int, int, int]
    units: int
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, noise: jax.Array, labels: jax.Array | None) -> jax.Array:
        """Images float32 (N, *shape) of noise (N, D) and labels, one-hot (N, L), or None."""
        height, width, channels = self.shape
        x = noise if labels is None else jnp.concatenate([noise, labels], -1)
        sizes = (self.units, self.units, height * width * channels)
        for i, activation in enumerate((nn.relu, nn.sigmoid, lambda x: x)):
            x = activation(_dense(sizes[i], 0.05, self.dtype, f"dense{i}")(x))
        return x.astype(jnp.float32).reshape(-1, *self.shape)


class CoarseDiscriminator(nn.Module):
    """Three dense layers, `dense0`, `dense1` and `score`, with ReLU and dropout between.

    Attributes:
      units: of both hidden layers.
      dropout: with probability 0.5; takes the rng "dropout".
      dtype: of the arithmetic; parameters and logits are float32.
    """

    units: int
    dropout: bool = True
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, images: jax.Array, labels: jax.Array | None, *, train: bool) -> jax.Array:
        """Logits float32 (N,).

        Args:
          images: (N, H, W, C).
          labels: weights of the classes (N, L), one-hot where the class is known, or None.
          train: dropout is on.
        """
        x = images.reshape(len(images), -1)
        for i in range(2):
            x = nn.relu(_dense(self.units, 0.005, self.dtype, f"dense{i}")(x))
            x = nn.Dropout(0.5 if self.dropout else 0.0)(x, deterministic=not train)
        scores = _dense(1, 0.005, self.dtype, "score")(x)[:, 0].astype(jnp.float32)
        return scores if labels is None else scores + _agreement(x, labels)


class ResidualGenerator(nn.Module):
    """Convolutions `conv0` (7x7), `conv1` (7x7) and `conv2` (5x5), rectified but for the last.

    Attributes:
      channels: of the images.
      width: channels between the layers.
      dtype: of the arithmetic; parameters and residuals are float32.
    """

    channels: int
    width: int = 64
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, noise: jax.Array, low: jax.Array, labels: jax.Array | None) -> jax.Array:
        """Residuals float32 (N, H, W, channels), to be added to `low`.

        Args:
          noise: (N, H, W), one plane per image.
          low: (N, H, W, channels), the coarser image scaled up.
          labels: one-hot (N, L), which become constant planes, or None.
        """
        planes = [noise[..., None], low]
        if labels is not None:
            shape = (*low.shape[:3], labels.shape[-1])
            planes.append(jnp.broadcast_to(labels[:, None, None], shape))
        x = jnp.concatenate(planes, -1)
        for i in range(2):
            x = nn.relu(ResidualConv(self.width, 7, dtype=self.dtype, name=f"conv{i}")(x))
        x = ResidualConv(self.channels, 5, dtype=self.dtype, name="conv2")(x)
        return x.astype(jnp.float32)


class ResidualDiscriminator(nn.Module):
    """Convolutions `conv0` and `conv1` (5x5, the second with stride 2), dropout, dense `score`.

    The original is given the residual and the scaled-up image and begins by adding them; here it is
    given the sum.

    Attributes:
      width: channels between the layers.
      dropout, dtype: as in `CoarseDiscriminator`.
    """

    width: int = 64
    dropout: bool = True
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, images: jax.Array, labels: jax.Array | None, *, train: bool) -> jax.Array:
        """As in `CoarseDiscriminator`; H and W are even and at least 10.

        Labels are judged by features averaged over space.
        """
        x = nn.relu(ResidualConv(self.width, 5, "valid", self.dtype, name="conv0")(images))
        x = nn.relu(ResidualConv(self.width, 5, "strided", self.dtype, name="conv1")(x))
        flat = x.reshape(len(x), -1)
        flat = nn.Dropout(0.5 if self.dropout else 0.0)(flat, deterministic=not train)
        inits = {"kernel_init": _UNIFORM, "bias_init": _uniform_bias(flat.shape[-1])}
        score = Dense(1, dtype=self.dtype, name="score", **inits)
        scores = score(flat)[:, 0].astype(jnp.float32)
        return scores if labels is None else scores + _agreement(x.mean((1, 2)), labels)
