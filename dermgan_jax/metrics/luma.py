"""PSNR and SSIM as super-resolution publishes them: of the luma, without a border.

Y = 16 + (65.481 R + 128.553 G + 24.966 B) / 255 of R, G and B in [0, 255] (ITU-R BT.601), not
rounded; a border as wide as the scale is left out. The same of RGB, or of OpenCV's Y, which has the
full range, is one to two decibels lower. Source: BasicSR, basicsr/metrics/psnr_ssim.py.
"""

import functools

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from dermgan_jax.data.image_sets import ImageSet
from dermgan_jax.metrics import psnr, ssim
from dermgan_jax.metrics.paired import Summary, check_pairs, of_pairs, summarise, to_bytes_scale

_WEIGHTS = np.array([65.481, 128.553, 24.966], np.float32) / np.float32(255)
_BATCH_SIZE = 32


def psnr_protocol(border: int) -> str:
    """What values are comparable by."""
    return f"psnr:255:y601:border{border}"


def ssim_protocol(border: int) -> str:
    """What values are comparable by."""
    return f"{ssim.PROTOCOL}:y601:border{border}"


def luma(images: Array) -> Array:
    """Y (N, H, W, 1) in [16, 235] of images (N, H, W, C) in [0, 255]; grey ones as they are."""
    if images.shape[-1] == 1:
        return images
    return (images @ _WEIGHTS + 16)[..., None]


def paired_psnr(a: ImageSet | np.ndarray, b: ImageSet | np.ndarray, border: int) -> Summary:
    """PSNR of Y in decibel of each pair, with a peak of 255; infinite for equal images.

    Args:
      a, b: uint8, or float in [-1, 1]; (N, H, W, C) of equal shape, C 1 or 3.
      border: pixels that are left out at each edge.

    Raises:
      UserError: if the sets cannot be compared.
    """
    check_pairs("PSNR-Y", a, b, smallest_side=2 * border + 1)
    return summarise(of_pairs(functools.partial(psnr_per_image, border=border), a, b, _BATCH_SIZE))


def paired_ssim(a: ImageSet | np.ndarray, b: ImageSet | np.ndarray, border: int) -> Summary:
    """SSIM of Y of each pair; 1 for equal images. Arguments and errors as `paired_psnr`."""
    check_pairs("SSIM-Y", a, b, smallest_side=2 * border + ssim.WINDOW)
    return summarise(of_pairs(functools.partial(ssim_per_image, border=border), a, b, _BATCH_SIZE))


def _compared(images: Array, border: int) -> Array:
    height, width = images.shape[1:3]
    inner = images[:, border : height - border, border : width - border]
    return luma(to_bytes_scale(inner))


@functools.partial(jax.jit, static_argnames="border")
def psnr_per_image(a: Array, b: Array, border: int) -> Array:
    """float32 (N,); see `paired_psnr`."""
    squared = jnp.square(_compared(a, border) - _compared(b, border))
    return 10 * jnp.log10(psnr.PEAK**2 / squared.mean(axis=(1, 2, 3)))


@functools.partial(jax.jit, static_argnames="border")
def ssim_per_image(a: Array, b: Array, border: int) -> Array:
    """float32 (N,); see `paired_ssim`."""
    return ssim.similarity(_compared(a, border), _compared(b, border))[0]
