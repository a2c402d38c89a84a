"""Winograd's minimal filtering for 3x3 kernels (Lavin and Gray, 2016, arXiv:1509.09308).

F(2x2, 3x3): sixteen products give four results, where a direct convolution takes 36.
"""

import jax
import jax.numpy as jnp


def convolve_3x3(x: jax.Array, kernel: jax.Array) -> jax.Array:
    """(N, H, W, C) by (3, 3, C, D) to (N, H - 2, W - 2, D), without padding.

    Rounding errors are about twice those of a direct convolution.
    """
    n, height, width, _ = x.shape
    rows, columns = (height - 1) // 2, (width - 1) // 2
    x = jnp.pad(x, ((0, 0), (0, height % 2), (0, width % 2), (0, 0)))
    products = [
        (image.reshape(n * rows * columns, -1) @ taps).reshape(n, rows, columns, -1)
        for image, taps in zip(_input_tiles(x), _kernel_tiles(kernel), strict=True)
    ]
    down = [_output(*products[i::4]) for i in range(4)]
    pairs = [jnp.stack(_output(*(column[i] for column in down)), 3) for i in range(2)]
    y = jnp.stack(pairs, 2).reshape(n, 2 * rows, 2 * columns, -1)
    return y[:, : height - 2, : width - 2]


def _input_tiles(x: jax.Array) -> list[jax.Array]:
    """B^T d B of all overlapping 4x4 tiles d: sixteen (N, H / 2 - 1, W / 2 - 1, C)."""
    rows, columns = x.shape[1] - 3, x.shape[2] - 3
    return [
        tile
        for row in _input(*(x[:, i : i + rows : 2] for i in range(4)))
        for tile in _input(*(row[:, :, i : i + columns : 2] for i in range(4)))
    ]


def _kernel_tiles(kernel: jax.Array) -> list[jax.Array]:
    """G g G^T of the kernel g: sixteen (C, D)."""
    return [tile for row in _taps(*kernel) for tile in _taps(*row)]


def _input(a: jax.Array, b: jax.Array, c: jax.Array, d: jax.Array) -> tuple[jax.Array, ...]:
    return a - c, b + c, c - b, b - d


def _taps(a: jax.Array, b: jax.Array, c: jax.Array) -> tuple[jax.Array, ...]:
    return a, (a + b + c) / 2, (a - b + c) / 2, c


def _output(a: jax.Array, b: jax.Array, c: jax.Array, d: jax.Array) -> tuple[jax.Array, ...]:
    return a + b + c, b - c - d
