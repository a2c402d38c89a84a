"""Peak signal-to-noise ratio of paired images."""

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from dermgan_jax.metrics.paired import Summary, check_pairs, of_pairs, summarise, to_bytes_scale

PROTOCOL = "psnr:255"
PEAK = 255.0
BATCH_SIZE = 64


def paired(a: np.ndarray, b: np.ndarray) -> Summary:
    """PSNR in decibel of each pair; higher is closer, infinite for equal images.

    Args:
      a, b: uint8, or float in [-1, 1]; (N, H, W, C) of equal shape, C 1 or 3.

    Raises:
      UserError: if the sets cannot be compared.
    """
    check_pairs("PSNR", a, b, smallest_side=1)
    return summarise(of_pairs(per_image, a, b, BATCH_SIZE))


@jax.jit
def per_image(a: Array, b: Array) -> Array:
    """10 log10(255² / mean squared difference) over pixels and channels, float32 (N,)."""
    squared = jnp.square(to_bytes_scale(a) - to_bytes_scale(b))
    return 10 * jnp.log10(PEAK**2 / squared.mean(axis=(1, 2, 3)))
