"""Generator, discriminator and encoder of f-AnoGAN: residual ones, and plain convolutional ones.

Residual: tSchlegl/f-AnoGAN, wgangp_64x64.py and z_encoding_izif.py (Schlegl et al., Medical Image
Analysis 2019), which are those of WGAN-GP (Gulrajani et al., 2017). The original is for 64 px;
other sides have as many blocks as it takes between them and 4×4. Convolutions next to a change of
size are fused with it (`nets.resampling`), which changes nothing but the time. The others are XLA's
own: with so few channels as a CPU has time for, their second derivatives are the fastest.

Convolutional: A03ki/f-AnoGAN, mvtec_ad/model.py. Its batch normalisations have an epsilon of 0.8,
as `BatchNorm2d(c, 0.8)` means.
"""

from typing import Any, Literal

import jax
import jax.numpy as jnp
from flax import linen as nn

from dermgan_jax.nets import broadcast, convolution, resampling
from dermgan_jax.nets.dense import Dense
from dermgan_jax.nets.feature_norm import BatchNorm

COARSEST = 4  # side of the coarsest features of the residual networks, in pixels
WIDEST = 8  # times the width of the layers next to the image
TF_EPSILON, TF_MOMENTUM = 1e-3, 0.01  # of tf.layers.batch_normalization, whose share is of the new
TORCH_EPSILON = 0.8
CONV_LEVELS = 4  # strided convolutions of the plain discriminator and encoder
SLOPE, DROPOUT = 0.2, 0.25

_GLOROT = nn.initializers.variance_scaling(1.0, "fan_avg", "uniform")
_HE = nn.initializers.variance_scaling(2.0, "fan_avg", "uniform")  # tflib's `he_init`
_TORCH = nn.initializers.variance_scaling(1 / 3, "fan_in", "uniform")

Resample = Literal["up", "down"] | None


def generator_widths(side: int, width: int) -> tuple[int, ...]:
    """Channels at 4×4, 8×8, … side × side of the residual generator."""
    levels = (side // COARSEST).bit_length() - 1
    return tuple(width * min(WIDEST, 1 << level) for level in reversed(range(levels + 1)))


def discriminator_widths(side: int, width: int) -> tuple[int, ...]:
    """Channels at side × side, half of it, … 4×4 of the residual discriminator and encoder."""
    return tuple(reversed(generator_widths(side, width)))


class Conv(nn.Module):
    """Zero-padded convolution of odd size, before or after which the size is doubled or halved.

    Attributes:
      features: output channels.
      kernel_size: 3, or 1.
      resample: "up" repeats the pixels first, "down" averages boxes of 2×2 last.
      use_bias: whether there is a bias.
      kernel_init: of the kernel; biases begin at 0.
      dtype: of the arithmetic and the result; parameters are float32.
    """

    features: int
    kernel_size: int = 3
    resample: Resample = None
    use_bias: bool = True
    kernel_init: Any = _GLOROT
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """(N, H, W, C) -> (N, H', W', features)."""
        shape = (self.kernel_size, self.kernel_size, x.shape[-1], self.features)
        kernel = self.param("kernel", self.kernel_init, shape).astype(self.dtype)
        y = self._convolve(x.astype(self.dtype), kernel)
        if not self.use_bias:
            return y
        bias = self.param("bias", nn.initializers.zeros, (self.features,))
        return broadcast.add(y, bias)

    def _convolve(self, x: jax.Array, kernel: jax.Array) -> jax.Array:
        if self.kernel_size == 1:  # commutes with both, and is cheaper where there are fewer pixels
            x = resampling.box_down(x) if self.resample == "down" else x
            y = jnp.einsum("nhwc,cd->nhwd", x, kernel[0, 0])
            return resampling.nearest_up(y) if self.resample == "up" else y
        if self.resample == "up":
            return resampling.up_conv(x, kernel)
        if self.resample == "down":
            return resampling.down_conv(x, kernel)
        return resampling.conv(x, kernel)


class ResidualBlock(nn.Module):
    """norm, ReLU, conv, norm, ReLU, conv, beside a 1×1 convolution; one of both sizes is changed.

    Attributes:
      features: output channels; inside there are as many going up, those of the input going down.
      resample: "up" at the first convolution or "down" at the second.
      norm: "batch" (TensorFlow's) or "layer", over the whole of an image's features.
      dtype: of the arithmetic; parameters and statistics are float32.
    """

    features: int
    resample: Literal["up", "down"]
    norm: Literal["batch", "layer"]
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array, train: bool) -> jax.Array:
        """(N, H, W, C) -> (N, H', W', features)."""
        up = self.resample == "up"
        inside = self.features if up else x.shape[-1]
        y = nn.relu(normalized(self.norm, x, train, "norm1"))
        options = {"kernel_init": _HE, "dtype": self.dtype}
        y = Conv(inside, 3, "up" if up else None, use_bias=False, name="conv1", **options)(y)
        y = nn.relu(normalized(self.norm, y, train, "norm2"))
        y = Conv(self.features, 3, None if up else "down", name="conv2", **options)(y)
        shortcut = Conv(self.features, 1, self.resample, dtype=self.dtype, name="shortcut")
        return shortcut(x) + y


def normalized(norm: Literal["batch", "layer"], x: jax.Array, train: bool, name: str) -> jax.Array:
    """Batch normalisation as TensorFlow's, or layer normalisation over height, width and channels.

    Both have one scale and one bias per channel; the result has the dtype of `x`.
    """
    if norm == "batch":
        options = {"scale_deviation": 0.0, "epsilon": TF_EPSILON, "momentum": TF_MOMENTUM}
        return BatchNorm(name=name, **options)(x, train)
    layer = nn.LayerNorm(
        epsilon=1e-5,
        reduction_axes=(1, 2, 3),
        feature_axes=-1,
        use_fast_variance=False,
        dtype=jnp.float32,
        name=name,
    )
    return layer(x).astype(x.dtype)


class ResidualGenerator(nn.Module):
    """A dense layer onto 4×4, blocks that double the size, and a convolution onto the image.

    Attributes:
      widths: of `generator_widths`.
      channels: of the images.
      dtype: of the arithmetic; parameters, statistics and images are float32.
    """

    widths: tuple[int, ...]
    channels: int
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, latents: jax.Array, train: bool) -> jax.Array:
        """Images float32 (N, S, S, channels) in [-1, 1] of latents (N, D)."""
        first, *others = self.widths
        size = COARSEST * COARSEST * first
        x = Dense(size, kernel_init=_GLOROT, dtype=self.dtype, name="input")(latents)
        x = x.reshape(len(x), COARSEST, COARSEST, first)
        for i, width in enumerate(others, 1):
            x = ResidualBlock(width, "up", "batch", self.dtype, name=f"block{i}")(x, train)
        x = nn.relu(normalized("batch", x, train, "output_norm"))
        return jnp.tanh(Conv(self.channels, dtype=self.dtype, name="output")(x).astype(jnp.float32))


class ResidualDiscriminator(nn.Module):
    """A convolution, blocks that halve the size down to 4×4 features, and a dense layer onto them.

    As the encoder of f-AnoGAN it has batch in place of layer normalisation, and as many outputs as
    a latent has numbers.

    Attributes:
      widths: of `discriminator_widths`.
      norm: see `ResidualBlock`.
      outputs: numbers per image.
      dtype: of the arithmetic; parameters, statistics and results are float32.
    """

    widths: tuple[int, ...]
    norm: Literal["batch", "layer"] = "layer"
    outputs: int = 1
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, images: jax.Array, train: bool) -> tuple[jax.Array, jax.Array]:
        """(outputs (N, outputs), the features they are read from (N, F)), both float32."""
        first, *others = self.widths
        x = Conv(first, dtype=self.dtype, name="input")(images)
        for i, width in enumerate(others, 1):
            x = ResidualBlock(width, "down", self.norm, self.dtype, name=f"block{i}")(x, train)
        features = x.reshape(len(x), -1)
        dense = Dense(self.outputs, kernel_init=_GLOROT, dtype=self.dtype, name="output")
        return dense(features).astype(jnp.float32), features.astype(jnp.float32)


class ConvGenerator(nn.Module):
    """A dense layer onto a quarter of the side, and two doublings, each with a convolution.

    Attributes:
      side: of the images, a multiple of 4.
      width: channels of all layers but the last before the image, which has half as many; 128.
      channels: of the images.
      dtype: of the arithmetic; parameters, statistics and images are float32.
    """

    side: int
    width: int
    channels: int
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, latents: jax.Array, train: bool) -> jax.Array:
        """Images float32 (N, S, S, channels) in [-1, 1] of latents (N, D)."""
        start = self.side // 4
        options = {"kernel_init": _TORCH, "dtype": self.dtype}
        x = Dense(start * start * self.width, name="input", **options)(latents)
        x = x.reshape(len(x), start, start, self.width)
        x = BatchNorm(scale_deviation=0.0, name="norm0")(x, train)
        for i, width in enumerate((self.width, self.width // 2), 1):
            x = Conv(width, 3, "up", name=f"up{i}", **options)(x)
            x = BatchNorm(scale_deviation=0.0, epsilon=TORCH_EPSILON, name=f"norm{i}")(x, train)
            x = nn.leaky_relu(x, SLOPE)
        return jnp.tanh(Conv(self.channels, name="output", **options)(x).astype(jnp.float32))


class ConvDiscriminator(nn.Module):
    """Four convolutions with stride 2, and a dense layer; also the encoder, whose output is tanh's.

    Attributes:
      width: channels of the first convolution, doubled by each that follows; 16.
      outputs: numbers per image.
      dropout: share of channels left out in training, by the random stream "dropout".
      dtype: of the arithmetic; parameters, statistics and results are float32.
    """

    width: int
    outputs: int = 1
    dropout: float = DROPOUT
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, images: jax.Array, train: bool) -> tuple[jax.Array, jax.Array]:
        """(outputs (N, outputs), the features they are read from (N, F)), both float32."""
        x = images
        for i in range(CONV_LEVELS):
            x = StridedConv(self.width << i, self.dtype, name=f"down{i}")(x)
            x = nn.leaky_relu(x, SLOPE)
            x = nn.Dropout(self.dropout, broadcast_dims=(1, 2))(x, deterministic=not train)
            if i:
                norm = BatchNorm(scale_deviation=0.0, epsilon=TORCH_EPSILON, name=f"norm{i}")
                x = norm(x, train)
        features = x.reshape(len(x), -1)
        dense = Dense(self.outputs, kernel_init=_TORCH, dtype=self.dtype, name="output")
        return dense(features).astype(jnp.float32), features.astype(jnp.float32)


class StridedConv(nn.Module):
    """3×3 with stride 2 after zero-padding by 1, and a bias.

    Attributes:
      features: output channels.
      dtype: of the arithmetic and the result; parameters are float32.
    """

    features: int
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """(N, H, W, C) -> (N, H / 2, W / 2, features)."""
        kernel = self.param("kernel", _TORCH, (3, 3, x.shape[-1], self.features))
        bias = self.param("bias", nn.initializers.zeros, (self.features,))
        y = convolution.convolve_down(x.astype(self.dtype), kernel.astype(self.dtype))
        return broadcast.add(y, bias)
