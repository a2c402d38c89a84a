"""Nearest up-scaling, box down-scaling, and 3x3 convolutions fused with them.

`benchmarks/convolutions.py` compares the fused forms with the separate operations.
"""

import jax
import jax.numpy as jnp
from jax import lax

_NHWC = ("NHWC", "HWIO", "NHWC")


def nearest_up(images: jax.Array, factor: int = 2) -> jax.Array:
    """(N, H, W, C) -> (N, factor * H, factor * W, C), each pixel repeated."""
    n, h, w, c = images.shape
    tiled = jnp.broadcast_to(images[:, :, None, :, None], (n, h, factor, w, factor, c))
    return tiled.reshape(n, h * factor, w * factor, c)


def box_down(images: jax.Array, factor: int = 2) -> jax.Array:
    """(N, H, W, C) -> (N, H / factor, W / factor, C), means over boxes."""
    n, h, w, c = images.shape
    return images.reshape(n, h // factor, factor, w // factor, factor, c).mean((2, 4))


def conv(x: jax.Array, kernel: jax.Array) -> jax.Array:
    """Convolution of (N, H, W, C) by (k, k, C, D), k odd, to (N, H, W, D), zero-padded.

    The result has the dtype of `x`.
    """
    return lax.conv_general_dilated(
        x, kernel.astype(x.dtype), window_strides=(1, 1), padding="SAME", dimension_numbers=_NHWC
    )


def up_conv(x: jax.Array, kernel: jax.Array) -> jax.Array:
    """`conv(nearest_up(x), kernel)` for a 3x3 kernel, with 4/9 of the multiplications.

    The two are one transposed 4x4 convolution with stride 2 (the official code's "fused" layer).
    """
    taps = _overlap(kernel)[::-1, ::-1].swapaxes(2, 3)
    return _unstrided(x, taps.astype(x.dtype))


def down_conv(x: jax.Array, kernel: jax.Array) -> jax.Array:
    """`box_down(conv(x, kernel))` for a 3x3 kernel and even sides, with 4/9 of the multiplications.

    The two are one 4x4 convolution with stride 2 (the official code's "fused" layer).
    """
    taps = _overlap(kernel) / 4
    return _strided(x, taps.astype(x.dtype))


def _overlap(kernel: jax.Array) -> jax.Array:
    """The 4x4 kernel that is the sum of a 3x3 kernel at its four places."""
    taps = jnp.pad(kernel, ((1, 1), (1, 1), (0, 0), (0, 0)))
    taps = taps[1:] + taps[:-1]
    return taps[:, 1:] + taps[:, :-1]


# The gradients of these two are written in terms of the same three convolutions, at every order.
# Left to itself, JAX differentiates the transposed convolution with respect to its kernel by one
# whose window is larger than its input; XLA has no fast CPU code for that.


@jax.custom_vjp
def _strided(x: jax.Array, kernel: jax.Array) -> jax.Array:
    """(N, H, W, C) by (4, 4, C, D) to (N, H / 2, W / 2, D)."""
    return lax.conv_general_dilated(
        x, kernel, window_strides=(2, 2), padding=[(1, 1)] * 2, dimension_numbers=_NHWC
    )


@jax.custom_vjp
def _unstrided(y: jax.Array, kernel: jax.Array) -> jax.Array:
    """The transpose of `_strided`: (N, H, W, D) by (4, 4, C, D) to (N, 2 H, 2 W, C)."""
    return lax.conv_general_dilated(
        y,
        kernel[::-1, ::-1].swapaxes(2, 3),
        window_strides=(1, 1),
        padding=[(2, 2)] * 2,
        lhs_dilation=(2, 2),
        dimension_numbers=_NHWC,
    )


def _kernel_gradient(x: jax.Array, y: jax.Array) -> jax.Array:
    """Of <_strided(x, kernel), y>, which is <x, _unstrided(y, kernel)>: (4, 4, C, D)."""
    return lax.conv_general_dilated(
        x,
        y,
        window_strides=(1, 1),
        padding=[(1, 1)] * 2,
        rhs_dilation=(2, 2),
        dimension_numbers=("CHWN", "IHWO", "HWNC"),
    )


_strided.defvjp(
    lambda x, kernel: (_strided(x, kernel), (x, kernel)),
    lambda saved, y: (_unstrided(y, saved[1]), _kernel_gradient(saved[0], y)),
)
_unstrided.defvjp(
    lambda y, kernel: (_unstrided(y, kernel), (y, kernel)),
    lambda saved, x: (_strided(x, saved[1]), _kernel_gradient(x, saved[0])),
)
