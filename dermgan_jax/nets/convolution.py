"""Plain, strided and transposed convolutions whose gradients are fast on every platform.

On CPUs no convolution here, nor any in their gradients, dilates its input: XLA's code for those is
more than ten times slower there. Transposed convolutions and the input gradients of strided ones
are one matrix product and a sum of shifted phases (sub-pixel form), at every order of
differentiation. Other platforms have dilated convolutions of their own.
"""

import functools

import jax
import jax.numpy as jnp
from jax import lax

from dermgan_jax.nets import winograd

_NHWC = ("NHWC", "HWIO", "NHWC")
_NARROW = 8  # channels, at most, with which a matrix product per pixel wastes the CPU's vectors
_FEW_PIXELS = 256  # below, products with a border of unused places cost more than they save
_WIDE = 32  # channels, at least, for which Winograd's transforms pay


def reflect_pad(x: jax.Array, size: int) -> jax.Array:
    """(N, H, W, C) -> (N, H + 2 size, W + 2 size, C), mirrored without repeating the edge."""
    return jnp.pad(x, ((0, 0), (size, size), (size, size), (0, 0)), mode="reflect")


def zero_pad(x: jax.Array, size: int) -> jax.Array:
    """(N, H, W, C) -> (N, H + 2 size, W + 2 size, C)."""
    return jnp.pad(x, ((0, 0), (size, size), (size, size), (0, 0)))


@jax.custom_vjp
def convolve(x: jax.Array, kernel: jax.Array) -> jax.Array:
    """(N, H, W, C) by (k, k, C, D) to (N, H - k + 1, W - k + 1, D), without padding."""
    return lax.platform_dependent(x, kernel, cpu=_cpu_form, default=_direct)


def _gradients(saved: tuple[jax.Array, jax.Array], y: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Of <convolve(x, kernel), y>, with respect to x and kernel."""
    return lax.platform_dependent(*saved, y, cpu=_cpu_gradients, default=_direct_gradients)


convolve.defvjp(lambda x, kernel: (convolve(x, kernel), (x, kernel)), _gradients)


def _direct(x: jax.Array, kernel: jax.Array) -> jax.Array:
    return lax.conv_general_dilated(x, kernel, (1, 1), "VALID", dimension_numbers=_NHWC)


def _direct_gradients(x: jax.Array, kernel: jax.Array, y: jax.Array) -> tuple[jax.Array, jax.Array]:
    return jax.vjp(_direct, x, kernel)[1](y)


def _suits_winograd(x: jax.Array, kernel: jax.Array) -> bool:
    wide = min(kernel.shape[2:]) >= _WIDE
    return kernel.shape[:2] == (3, 3) and wide and x.dtype == jnp.float32


def _cpu_form(x: jax.Array, kernel: jax.Array) -> jax.Array:
    if _suits_winograd(x, kernel):
        return winograd.convolve_3x3(x, kernel)
    if kernel.shape[3] <= _NARROW < kernel.shape[2]:
        return _sum_of_products(x, kernel)
    return _direct(x, kernel)


def _cpu_gradients(x: jax.Array, kernel: jax.Array, y: jax.Array) -> tuple[jax.Array, jax.Array]:
    if _suits_winograd(x, kernel):
        return jax.vjp(winograd.convolve_3x3, x, kernel)[1](y)
    if min(kernel.shape[2:]) > _NARROW:
        return _direct_gradients(x, kernel, y)
    side = kernel.shape[0]
    padded, flipped = zero_pad(y, side - 1), _transposed(kernel)
    if kernel.shape[2] <= kernel.shape[3]:
        return _cpu_form(padded, flipped), _kernel_gradient(x, y, side)
    return _cpu_form(padded, flipped), _transposed(_kernel_gradient(padded, x, side))


def _transposed(kernel: jax.Array) -> jax.Array:
    """The kernel of the input gradient."""
    return kernel[::-1, ::-1].swapaxes(2, 3)


def _sum_of_products(x: jax.Array, kernel: jax.Array) -> jax.Array:
    """`convolve` as one product with all taps, then a sum of shifted images."""
    side, _, inputs, outputs = kernel.shape
    height, width = x.shape[1] - side + 1, x.shape[2] - side + 1
    y = x @ kernel.transpose(2, 0, 1, 3).reshape(inputs, -1)
    taps = jnp.split(y, side * side, axis=-1)
    return functools.reduce(
        jnp.add,
        (
            tap[:, i // side : i // side + height, i % side : i % side + width]
            for i, tap in enumerate(taps)
        ),
    ).reshape(-1, height, width, outputs)


def _kernel_gradient(x: jax.Array, y: jax.Array, side: int, stride: int = 1) -> jax.Array:
    """Kernel (side, side, C, D) gradient of <conv(x, kernel), y> for x with its padding."""
    _, height, width, outputs = y.shape

    def starts(length: int, offset: int) -> slice:
        return slice(offset, offset + stride * (length - 1) + 1, stride)

    columns = jnp.concatenate([x[:, :, starts(width, i)] for i in range(side)], -1)
    rows = [jnp.einsum("nhwc,nhwd->cd", columns[:, starts(height, i)], y) for i in range(side)]
    return jnp.stack(rows).reshape(side, side, x.shape[-1], outputs)


def convolve_upsampled(x: jax.Array, kernel: jax.Array) -> jax.Array:
    """3x3 convolution, zero-padded by 1, of an image enlarged twice by repeating its pixels.

    Each of the four phases of the result sees 2x2 pixels of the image: 4/9 of the multiplications.

    Args:
      x: (N, H, W, C).
      kernel: (3, 3, C, D).

    Returns:
      (N, 2 H, 2 W, D).
    """
    return lax.platform_dependent(
        x, kernel, cpu=_upsampled_products, default=_upsampled_convolution
    )


def _phase_kernels(kernel: jax.Array) -> list[jax.Array]:
    """(3, 3, C, D) -> of the phases (row, column) 00, 01, 10, 11: (2, 2, C, D)."""

    def folded(taps: jax.Array, axis: int) -> list[jax.Array]:
        first, middle, last = jnp.split(taps, 3, axis)
        return [
            jnp.concatenate([first, middle + last], axis),
            jnp.concatenate([first + middle, last], axis),
        ]

    return [taps for rows in folded(kernel, 0) for taps in folded(rows, 1)]


def _interleaved(phases: list[jax.Array]) -> jax.Array:
    """Four (N, H, W, D) -> (N, 2 H, 2 W, D)."""
    n, height, width, channels = phases[0].shape
    rows = [jnp.stack(phases[:2], 3), jnp.stack(phases[2:], 3)]
    return jnp.stack(rows, 2).reshape(n, 2 * height, 2 * width, channels)


def _windows(x: jax.Array, height: int, width: int, row: int, column: int) -> jax.Array:
    """The 2x2 windows of `x` at `height` by `width` places, rows of a matrix."""
    shifted = [
        x[:, row + i : row + i + height, column + j : column + j + width]
        for i in (0, 1)
        for j in (0, 1)
    ]
    return jnp.concatenate(shifted, -1).reshape(-1, 4 * x.shape[-1])


def _upsampled_products(x: jax.Array, kernel: jax.Array) -> jax.Array:
    n, height, width, _ = x.shape
    outputs, padded = kernel.shape[3], zero_pad(x, 1)
    matrices = [taps.reshape(-1, outputs) for taps in _phase_kernels(kernel)]
    places = [(0, 0), (0, 1), (1, 0), (1, 1)]
    if height * width < _FEW_PIXELS:
        phases = [
            (_windows(padded, height, width, *place) @ matrix).reshape(n, height, width, outputs)
            for place, matrix in zip(places, matrices, strict=True)
        ]
        return _interleaved(phases)
    # One product for all phases, each of which leaves out one row and one column of the places.
    windows = _windows(padded, height + 1, width + 1, 0, 0)
    products = (windows @ jnp.concatenate(matrices, -1)).reshape(n, height + 1, width + 1, 4, -1)
    return _interleaved(
        [
            products[:, row : row + height, column : column + width, phase]
            for phase, (row, column) in enumerate(places)
        ]
    )


def _upsampled_convolution(x: jax.Array, kernel: jax.Array) -> jax.Array:
    n, height, width, channels = x.shape
    shape = (n, height, 2, width, 2, channels)
    enlarged = jnp.broadcast_to(x[:, :, None, :, None], shape)
    return _direct(zero_pad(enlarged.reshape(n, 2 * height, 2 * width, channels), 1), kernel)


@jax.custom_vjp
def convolve_down(x: jax.Array, kernel: jax.Array) -> jax.Array:
    """Stride 2 after zero-padding by 1.

    Args:
      x: (N, H, W, C).
      kernel: (k, k, C, D), k 3 or 4.

    Returns:
      (N, H', W', D); H' is H / 2, rounded up for k 3 and down for k 4.
    """
    return _strided(x, kernel)


def _strided(x: jax.Array, kernel: jax.Array) -> jax.Array:
    return lax.conv_general_dilated(
        x, kernel, window_strides=(2, 2), padding=[(1, 1)] * 2, dimension_numbers=_NHWC
    )


def convolve_up(x: jax.Array, kernel: jax.Array) -> jax.Array:
    """The transpose of `convolve_down`: pixel x[i] adds x[i] @ kernel[a] to result 2 i + a - 1.

    PyTorch's ConvTranspose2d with stride 2, padding 1 and, for k 3, output padding 1.

    Args:
      x: (N, H, W, C).
      kernel: (k, k, C, D), k 3 or 4.

    Returns:
      (N, 2 H, 2 W, D).
    """
    return _unstrided(x, kernel.swapaxes(2, 3), (2 * x.shape[1], 2 * x.shape[2]))


@functools.partial(jax.custom_vjp, nondiff_argnums=(2,))
def _unstrided(y: jax.Array, kernel: jax.Array, size: tuple[int, int]) -> jax.Array:
    """The transpose of `convolve_down` for images of `size`: (N, H', W', D) to (N, *size, C)."""
    return lax.platform_dependent(
        y,
        kernel,
        cpu=functools.partial(_sub_pixel, size=size),
        default=functools.partial(_dilated, size=size),
    )


def _dilated(y: jax.Array, kernel: jax.Array, size: tuple[int, int]) -> jax.Array:
    before = len(kernel) - 2
    padding = [
        (before, side - 2 * length + 2) for side, length in zip(size, y.shape[1:3], strict=True)
    ]
    return lax.conv_general_dilated(
        *(y, _transposed(kernel), (1, 1), padding),
        lhs_dilation=(2, 2),
        dimension_numbers=_NHWC,
    )


def _sub_pixel(y: jax.Array, kernel: jax.Array, size: tuple[int, int]) -> jax.Array:
    n, height, width, outputs = y.shape
    side, _, inputs, _ = kernel.shape
    rows, columns = (size[0] + 1) // 2, (size[1] + 1) // 2
    before = side - 3
    margins = ((before, rows + 1 - height), (before, columns + 1 - width))
    y = jnp.pad(y, ((0, 0), *margins, (0, 0)))
    products = (y @ kernel.transpose(3, 0, 1, 2).reshape(outputs, -1)).reshape(
        *y.shape[:3], side, side, inputs
    )
    # Result 2 t takes tap 1 of pixel t and tap 3 of t - 1; 2 t + 1 tap 0 of t + 1 and tap 2 of t.
    even, odd = [(1, 0), (3, -1)][: side - 2], [(0, 1), (2, 0)]

    def phase(vertical: list[tuple[int, int]], horizontal: list[tuple[int, int]]) -> jax.Array:
        shifted = (
            products[:, before + i : before + i + rows, before + j : before + j + columns, a, b]
            for a, i in vertical
            for b, j in horizontal
        )
        return functools.reduce(jnp.add, shifted)

    pairs = [jnp.stack([phase(a, b) for b in (even, odd)], 3) for a in (even, odd)]
    x = jnp.stack(pairs, 2).reshape(n, 2 * rows, 2 * columns, inputs)
    return x[:, : size[0], : size[1]]


def _strided_gradients(
    saved: tuple[jax.Array, jax.Array], y: jax.Array
) -> tuple[jax.Array, jax.Array]:
    """Of <convolve_down(x, kernel), y>, with respect to x and kernel."""

    def on_cpu(x: jax.Array, kernel: jax.Array, y: jax.Array) -> tuple[jax.Array, jax.Array]:
        of_kernel = _kernel_gradient(zero_pad(x, 1), y, len(kernel), 2)
        return _unstrided(y, kernel, x.shape[1:3]), of_kernel

    def elsewhere(x: jax.Array, kernel: jax.Array, y: jax.Array) -> tuple[jax.Array, jax.Array]:
        return jax.vjp(_strided, x, kernel)[1](y)

    return lax.platform_dependent(*saved, y, cpu=on_cpu, default=elsewhere)


def _unstrided_gradients(
    size: tuple[int, int], saved: tuple[jax.Array, jax.Array], x: jax.Array
) -> tuple[jax.Array, jax.Array]:
    """Of <_unstrided(y, kernel), x>, with respect to y and kernel."""

    def on_cpu(y: jax.Array, kernel: jax.Array, x: jax.Array) -> tuple[jax.Array, jax.Array]:
        return convolve_down(x, kernel), _kernel_gradient(zero_pad(x, 1), y, len(kernel), 2)

    def elsewhere(y: jax.Array, kernel: jax.Array, x: jax.Array) -> tuple[jax.Array, jax.Array]:
        return jax.vjp(functools.partial(_dilated, size=size), y, kernel)[1](x)

    return lax.platform_dependent(*saved, x, cpu=on_cpu, default=elsewhere)


convolve_down.defvjp(lambda x, kernel: (convolve_down(x, kernel), (x, kernel)), _strided_gradients)
_unstrided.defvjp(
    lambda y, kernel, size: (_unstrided(y, kernel, size), (y, kernel)), _unstrided_gradients
)
