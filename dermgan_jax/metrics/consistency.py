"""Whether an enlarged image still is the image that was enlarged: |down(SR) − LR|.

0 where shrinking the result gives back the input. What a network invents shows here as far as it
contradicts the input, and only so far: detail that the input leaves open is not seen.
"""

import functools

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from dermgan_jax.data import matlab_resize
from dermgan_jax.data.image_sets import ImageSet
from dermgan_jax.errors import UserError
from dermgan_jax.metrics.paired import Summary, as_signed, of_pairs, summarise

_BATCH_SIZE = 32


def protocol(scale: int) -> str:
    """What values are comparable by."""
    return f"consistency:l1:matlab_bicubic{scale}"


def paired(large: ImageSet | np.ndarray, small: ImageSet | np.ndarray) -> Summary:
    """Mean absolute difference of each pair over pixels and channels, of values in [0, 1].

    Args:
      large: uint8, or float in [-1, 1]; (N, H s, W s, C) with a whole number s.
      small: the same of (N, H, W, C).

    Raises:
      UserError: if the sizes do not fit.
    """
    scale = large.shape[1] // small.shape[1]
    fits = tuple(side * scale for side in small.shape[1:3]) == tuple(large.shape[1:3])
    if scale < 1 or not fits or (len(large), large.shape[-1]) != (len(small), small.shape[-1]):
        raise UserError(
            f"consistency: {large.shape} is no whole multiple of {small.shape} (number, height, "
            "width, channels)"
        )
    measure = functools.partial(per_image, scale=scale)
    return summarise(of_pairs(measure, large, small, _BATCH_SIZE))


@functools.partial(jax.jit, static_argnames="scale")
def per_image(large: Array, small: Array, scale: int) -> Array:
    """float32 (N,); see `paired`."""
    apart = matlab_resize.shrink(as_signed(large), scale) - as_signed(small)
    return jnp.abs(apart).mean(axis=(1, 2, 3)) / 2
