"""Layers whose weights are divided by their largest singular value, as PyTorch does it.

Miyato et al., ICLR 2018, arXiv:1802.05957; torch.nn.utils.spectral_norm: every training forward
makes one power iteration, which moves both singular vectors, and no gradient flows through them;
at test time the vectors are used as they are. Collection `spectral` holds `u`, one number per
output, and `v`, one per weight of an output in PyTorch's order (inputs, rows, columns).
"""

import math
from collections.abc import Callable
from typing import Any, Literal

import jax
import jax.numpy as jnp
from flax import linen as nn

from dermgan_jax.nets import broadcast, convolution
from dermgan_jax.nets.depthwise import depthwise

Initializer = Callable[..., jax.Array]

_EPSILON = 1e-12


def uniform_fan_in(fan_in: int) -> Initializer:
    """PyTorch's default for weights and biases: uniform in ± 1 / sqrt(fan-in)."""
    bound = 1 / math.sqrt(fan_in)

    def init(rng: jax.Array, shape: tuple[int, ...]) -> jax.Array:
        return jax.random.uniform(rng, shape, minval=-bound, maxval=bound)

    return init


def unit(vector: jax.Array) -> jax.Array:
    """A vector over its length, which is taken to be 1e-12 at least."""
    return vector / jnp.maximum(jnp.linalg.norm(vector), _EPSILON)


def power_iteration(matrix: jax.Array, u: jax.Array) -> tuple[jax.Array, jax.Array]:
    """One step (u, v) towards the singular vectors of a matrix (inputs, outputs).

    Args:
      matrix: (I, O), PyTorch's transposed.
      u: (O,), of unit length.
    """
    v = unit(matrix @ u)
    return unit(v @ matrix), v


def normalized(layer: nn.Module, kernel: jax.Array, train: bool) -> jax.Array:
    """A kernel over its spectral norm, the vectors of which are kept by the layer.

    Args:
      layer: called inside its compact method.
      kernel: (rows, columns, inputs, outputs) or (inputs, outputs).
      train: make a power iteration, which is kept if `spectral` is mutable.
    """
    matrix = kernel.reshape(-1, kernel.shape[-1])
    sides = kernel.shape[:-2]

    u = layer.variable("spectral", "u", _start, matrix.shape[1])
    v = layer.variable("spectral", "v", _start, matrix.shape[0])
    left, right = u.value, _own_order(v.value, sides)
    if train:
        left, right = power_iteration(jax.lax.stop_gradient(matrix), jax.lax.stop_gradient(left))
        if layer.is_mutable_collection("spectral") and not layer.is_initializing():
            u.value, v.value = left, _torch_order(right, sides)
    left, right = jax.lax.stop_gradient((left, right))
    return kernel / (right @ matrix @ left)


def _start(size: int) -> jax.Array:
    """A vector that no kernel is likely to be at a right angle to; compiles faster than noise."""
    return unit(jnp.cos(jnp.arange(size, dtype=jnp.float32)))


def _own_order(v: jax.Array, sides: tuple[int, ...]) -> jax.Array:
    """Inputs come first in PyTorch, rows and columns here."""
    return v.reshape(-1, math.prod(sides)).T.reshape(-1)


def _torch_order(v: jax.Array, sides: tuple[int, ...]) -> jax.Array:
    return v.reshape(math.prod(sides), -1).T.reshape(-1)


def _project(z: jax.Array, kernel: jax.Array) -> jax.Array:
    """A transposed convolution of one pixel: (N, 1, 1, D) to (N, k, k, C)."""
    return jnp.einsum("nd,hwdc->nhwc", z[:, 0, 0], kernel)


def _same(x: jax.Array, kernel: jax.Array) -> jax.Array:
    return convolution.convolve(convolution.zero_pad(x, kernel.shape[0] // 2), kernel)


_FORMS = {
    "valid": convolution.convolve,
    "same": _same,
    "down": convolution.convolve_down,
    "up": convolution.convolve_upsampled,
    "project": _project,
}


class SpectralConv(nn.Module):
    """Convolution with spectral normalisation.

    Attributes:
      features: output channels.
      kernel_size: side of the kernel.
      form: "valid": without padding; "same": zero-padded to keep the size; "down": stride 2,
        zero-padded by 1; "up": on an image enlarged twice by repeating pixels, zero-padded by 1;
        "project": the transposed convolution of one pixel.
      use_bias: whether there is a bias.
      kernel_deviation: of the normal distribution that kernels begin with; None: PyTorch's default.
      zero_bias: whether biases begin at 0; else by PyTorch's default.
      dtype: of the arithmetic and the result; parameters are float32.
    """

    features: int
    kernel_size: int
    form: Literal["valid", "same", "down", "up", "project"] = "same"
    use_bias: bool = False
    kernel_deviation: float | None = None
    zero_bias: bool = False
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array, train: bool) -> jax.Array:
        """(N, H, W, C) -> (N, H', W', features)."""
        shape = (self.kernel_size, self.kernel_size, x.shape[-1], self.features)
        # PyTorch takes the second axis for the inputs, also of transposed convolutions.
        inputs = self.features if self.form == "project" else x.shape[-1]
        fan_in = inputs * self.kernel_size**2
        init = uniform_fan_in(fan_in)
        if self.kernel_deviation is not None:
            init = nn.initializers.normal(self.kernel_deviation)
        kernel = normalized(self, self.param("kernel", init, shape), train)
        y = _FORMS[self.form](x.astype(self.dtype), kernel.astype(self.dtype))
        if not self.use_bias:
            return y
        bias_init = nn.initializers.zeros if self.zero_bias else uniform_fan_in(fan_in)
        bias = self.param("bias", bias_init, (self.features,))
        return broadcast.add(y, bias)


class SpectralDepthwiseConv(nn.Module):
    """3x3 convolution of every channel by itself, zero-padded, with spectral normalisation."""

    @nn.compact
    def __call__(self, x: jax.Array, train: bool) -> jax.Array:
        """(N, H, W, C) -> the same."""
        kernel = self.param("kernel", uniform_fan_in(9), (3, 3, 1, x.shape[-1]))
        return depthwise(x, normalized(self, kernel, train).astype(x.dtype), 1)


class SpectralDense(nn.Module):
    """Dense layer with bias and spectral normalisation.

    Attributes:
      features: outputs.
    """

    features: int

    @nn.compact
    def __call__(self, x: jax.Array, train: bool) -> jax.Array:
        """(N, C) -> (N, features)."""
        init = uniform_fan_in(x.shape[-1])
        kernel = self.param("kernel", init, (x.shape[-1], self.features))
        bias = self.param("bias", init, (self.features,))
        return x @ normalized(self, kernel, train) + bias
