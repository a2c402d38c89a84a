"""Layers of StyleGAN2 (Karras et al., CVPR 2020, arXiv:1912.04958).

Kernels are stored with unit variance over the learning-rate multiplier and scaled whenever they are
used. Source: NVlabs/stylegan2-ada-pytorch, training/networks.py.
"""

import math
from typing import Any, Literal

import jax
import jax.numpy as jnp
from flax import linen as nn

from dermgan_jax.nets import broadcast, fir
from dermgan_jax.nets.convolution import convolve, zero_pad

Activation = Literal["linear", "lrelu"]

_EPSILON = 1e-8
_UNIT_NORMAL = nn.initializers.normal(1.0)
_FIRST_POWER_ITERATIONS = 15


def activate(
    x: jax.Array, activation: Activation, gain: float = 1.0, clamp: float = 0.0
) -> jax.Array:
    """Leaky rectification times sqrt(2), or nothing; then the gain; then clipping.

    Args:
      x: any shape.
      activation: "lrelu" (slope 0.2) or "linear".
      gain: multiplies the result, and `clamp` with it.
      clamp: the largest magnitude before the gain; 0 is none.
    """
    scale = gain
    if activation == "lrelu":
        x, scale = nn.leaky_relu(x, 0.2), gain * math.sqrt(2)
    if scale != 1.0:
        x = x * scale
    return jnp.clip(x, -clamp * gain, clamp * gain) if clamp else x


def conv(x: jax.Array, kernel: jax.Array) -> jax.Array:
    """(N, H, W, C) by (k, k, C, D), k odd, to (N, H, W, D), zero-padded."""
    if kernel.shape[0] == 1:
        return x @ kernel[0, 0]
    return convolve(zero_pad(x, kernel.shape[0] // 2), kernel)


def modulated_conv(
    x: jax.Array,
    kernel: jax.Array,
    styles: jax.Array,
    demodulate: bool = True,
    up: bool = False,
) -> jax.Array:
    """Convolution of each image by a kernel of its own (section 2.2).

    What the paper does to kernels is done to the inputs and outputs of one convolution for all:
    with a group per image, it takes longer (`benchmarks/modulated_convolution.py`).

    Args:
      x: (N, H, W, C); the result has its dtype.
      kernel: (k, k, C, D); k is 3 where the size changes.
      styles: float32 (N, C), factors of the kernel's input channels.
      demodulate: normalise the kernels of each output channel (equation 3).
      up: double the size, see `fir.up_conv`.

    Returns:
      (N, H, W, D), or (N, 2 H, 2 W, D).
    """
    y = (fir.up_conv if up else conv)(
        broadcast.multiply(x, styles[:, None, None]), kernel.astype(x.dtype)
    )
    if not demodulate:
        return y
    squares = jnp.square(styles) @ jnp.square(kernel).sum((0, 1))
    return broadcast.multiply(y, jax.lax.rsqrt(squares + _EPSILON)[:, None, None])


def spectrally_normalized(layer: nn.Module, kernel: jax.Array) -> jax.Array:
    """A kernel over its largest singular value (Miyato et al., 2018, arXiv:1802.05957).

    One power iteration per call starts from the vector "u" in the layer's collection "spectral",
    which follows where that collection is mutable.

    Args:
      layer: whose kernel it is; called inside its compact method.
      kernel: (..., D), a matrix with D columns.
    """
    vector = layer.variable(
        "spectral", "u", lambda: _UNIT_NORMAL(layer.make_rng("params"), kernel.shape[-1:])
    )
    iterations = _FIRST_POWER_ITERATIONS if layer.is_initializing() else 1
    value, right = singular_value(kernel, vector.value, iterations)
    if layer.is_mutable_collection("spectral"):
        vector.value = right
    return kernel / value


def singular_value(
    kernel: jax.Array, vector: jax.Array, iterations: int = 1
) -> tuple[jax.Array, jax.Array]:
    """The largest singular value by power iteration.

    Args:
      kernel: (..., D), a matrix with D columns.
      vector: (D,), what to begin with; no gradient flows into it, nor through the iteration.
      iterations: at least 1.

    Returns:
      The value, float32 scalar, and the right singular vector (D,), of unit length.
    """
    matrix = kernel.reshape(-1, kernel.shape[-1])
    constant, right = jax.lax.stop_gradient((matrix, vector))
    right = jax.lax.fori_loop(
        0, iterations, lambda _, right: _unit(_unit(constant @ right) @ constant), right
    )
    left = _unit(constant @ right)
    return left @ matrix @ right, right


def _unit(vector: jax.Array) -> jax.Array:
    return vector * jax.lax.rsqrt(jnp.square(vector).sum() + 1e-12)


class FullyConnected(nn.Module):
    """Dense layer, in float32.

    Attributes:
      features: outputs.
      activation: see `activate`.
      lr_multiplier: of this layer's learning rate.
      bias_init: every bias before training.
      spectral_norm: divide the kernel by its spectral norm in place of the usual scale.
    """

    features: int
    activation: Activation = "linear"
    lr_multiplier: float = 1.0
    bias_init: float = 0.0
    spectral_norm: bool = False

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """(N, C) -> (N, features)."""
        rate = self.lr_multiplier
        shape = (x.shape[-1], self.features)
        kernel = self.param("kernel", nn.initializers.normal(1 / rate), shape)
        bias = self.param("bias", nn.initializers.constant(self.bias_init), (self.features,))
        if self.spectral_norm:
            kernel = spectrally_normalized(self, kernel)
        else:
            kernel = kernel * (rate / math.sqrt(x.shape[-1]))
        return activate(x.astype(jnp.float32) @ kernel + bias * rate, self.activation)


class ConvLayer(nn.Module):
    """Convolution, bias and activation of the discriminator.

    Attributes:
      features: output channels.
      kernel_size: side of the kernel.
      activation: see `activate`.
      use_bias: whether there is a bias.
      down: halve the size, after the filter of `fir`.
      gain, clamp: see `activate`.
      spectral_norm: divide the kernel by its spectral norm in place of the usual scale.
      dtype: of the arithmetic and the result.
    """

    features: int
    kernel_size: int
    activation: Activation = "lrelu"
    use_bias: bool = True
    down: bool = False
    gain: float = 1.0
    clamp: float = 0.0
    spectral_norm: bool = False
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """(N, H, W, C) -> (N, H, W, features), or half the sides."""
        shape = (self.kernel_size, self.kernel_size, x.shape[-1], self.features)
        kernel = self.param("kernel", _UNIT_NORMAL, shape)
        if self.spectral_norm:
            kernel = spectrally_normalized(self, kernel)
        else:
            kernel = kernel / math.sqrt(math.prod(shape[:3]))
        x, kernel = x.astype(self.dtype), kernel.astype(self.dtype)
        if not self.down:
            y = conv(x, kernel)
        elif self.kernel_size == 1:
            y = conv(fir.downsample(x), kernel)
        else:
            y = fir.down_conv(x, kernel)
        if self.use_bias:
            bias = self.param("bias", nn.initializers.zeros, (self.features,))
            y = broadcast.add(y, bias)
        return activate(y, self.activation, self.gain, self.clamp)


class StyledConv(nn.Module):
    """Modulated 3x3 convolution, noise, bias and activation of the generator.

    The noise that is the same for every image lies in the collection "noise".

    Attributes:
      features: output channels.
      up: double the size.
      clamp, gain: see `activate`.
      dtype: of the arithmetic and the result.
    """

    features: int
    up: bool = False
    clamp: float = 0.0
    dtype: Any = jnp.float32
    gain: float = 1.0

    @nn.compact
    def __call__(self, x: jax.Array, style: jax.Array, noise: str | jax.Array) -> jax.Array:
        """Feature maps (N, H, W, features), or of twice the sides.

        Args:
          x: (N, H, W, C).
          style: w, (N, D).
          noise: "const", "none" or (N, H', W') of the result's sides, of unit variance.
        """
        inputs, side = x.shape[-1], x.shape[1] * (2 if self.up else 1)
        kernel = self.param("kernel", _UNIT_NORMAL, (3, 3, inputs, self.features))
        strength = self.param("noise_strength", nn.initializers.zeros, ())
        bias = self.param("bias", nn.initializers.zeros, (self.features,))
        constant = self.variable(
            "noise",
            "noise_const",
            lambda: _UNIT_NORMAL(self.make_rng("params"), (side, side)),
        )
        factors = FullyConnected(inputs, bias_init=1.0, name="affine")(style)
        x = modulated_conv(x.astype(self.dtype), kernel, factors, up=self.up)
        if isinstance(noise, str):
            noise = None if noise == "none" else constant.value
        if noise is not None:
            x = broadcast.add(x, (noise * strength)[..., None])
        return activate(broadcast.add(x, bias), "lrelu", self.gain, self.clamp)


class ToRgb(nn.Module):
    """Modulated 1x1 convolution onto an image, float32.

    Attributes:
      channels: of the image.
      clamp: see `activate`.
    """

    channels: int
    clamp: float = 0.0

    @nn.compact
    def __call__(self, x: jax.Array, style: jax.Array) -> jax.Array:
        """(N, H, W, C) and w (N, D) -> (N, H, W, channels)."""
        inputs = x.shape[-1]
        kernel = self.param("kernel", _UNIT_NORMAL, (1, 1, inputs, self.channels))
        bias = self.param("bias", nn.initializers.zeros, (self.channels,))
        factors = FullyConnected(inputs, bias_init=1.0, name="affine")(style)
        y = modulated_conv(x, kernel, factors / math.sqrt(inputs), demodulate=False)
        return activate(y.astype(jnp.float32) + bias, "linear", clamp=self.clamp)
