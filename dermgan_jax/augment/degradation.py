"""The second-order degradation of Real-ESRGAN (Wang et al., 2021, arXiv:2107.10833), on the device.

Twice: blur, resizing by a random factor, noise and JPEG; then a sinc filter, before or after the
last JPEG. Settings are those of its options file (train_realesrgan_x4plus.yml). Images of random
sizes lie in a corner of a canvas of fixed size, so that one program does for all. Poisson noise is
drawn by its normal approximation.
"""

import math

import jax
import jax.numpy as jnp
import numpy as np

from dermgan_jax.augment import blur_kernels, jpeg

_LUMA = np.array([0.299, 0.587, 0.114], np.float32)
_MARGIN = blur_kernels.SIZE // 2
# Of the first and the second time: up, down or keep, and the largest and the smallest factor.
_DIRECTIONS = (np.array([0.2, 0.7, 0.1], np.float32), np.array([0.3, 0.4, 0.3], np.float32))
_FACTORS = ((0.15, 1.5), (0.3, 1.2))
_WIDEST = (3.0, 1.5)  # deviations of blur kernels, pixels
_GAUSSIAN = ((1.0, 30.0), (1.0, 25.0))  # deviation of the noise, of 255
_POISSON = ((0.05, 3.0), (0.05, 2.5))  # times the noise of counting 255 photons
_GAUSSIAN_SHARE, _GREY_SHARE = 0.5, 0.4
_SINC_SHARE, _SECOND_BLUR_SHARE, _LAST_SINC_SHARE = 0.1, 0.8, 0.8
_QUALITY = (30.0, 95.0)

Size = tuple[jax.Array | int, jax.Array | int]


def second_order(images: jax.Array, rng: jax.Array, scale: int) -> jax.Array:
    """Small, blurred, noisy and compressed images, of values in [0, 1] that are not yet rounded.

    Args:
      images: (N, H, W, C) in [0, 1], C 1 or 3; sides multiples of the scale.
      rng: of everything random; image i depends on the key and i only.
      scale: how much smaller they become.

    Returns:
      (N, H / scale, W / scale, C).
    """
    keys = jax.vmap(lambda i: jax.random.fold_in(rng, i))(jnp.arange(len(images)))
    return jax.vmap(lambda image, key: _degraded(image, key, scale))(images, keys)


def _degraded(image: jax.Array, rng: jax.Array, scale: int) -> jax.Array:
    rngs = jax.random.split(rng, 12)
    height, width, _ = image.shape
    target = (height // scale, width // scale)
    kernel = blur_kernels.blur(rngs[0], _WIDEST[0], _SINC_SHARE)
    x = convolved(image, kernel, (height, width))
    x, size = _resized_at_random(x, (height, width), (height, width), rngs[1], 0)
    x = _noisy(x, rngs[2], 0)
    x = _compressed(x, size, rngs[3])
    kernel = blur_kernels.blur(rngs[4], _WIDEST[1], _SINC_SHARE)
    blurred = jax.random.bernoulli(rngs[5], _SECOND_BLUR_SHARE)
    x = convolved(x, jnp.where(blurred, kernel, blur_kernels.identity()), size)
    x, size = _resized_at_random(x, size, target, rngs[6], 1)
    x = _noisy(x, rngs[7], 1)
    rings = jax.random.bernoulli(rngs[8], _LAST_SINC_SHARE)
    kernel = jnp.where(rings, blur_kernels.sinc(rngs[9]), blur_kernels.identity())
    compressed_last = jax.random.bernoulli(rngs[10])
    quality_rng, method_rng = jax.random.split(rngs[11])

    def finished(x: jax.Array, size: Size) -> jax.Array:
        x = resized(x, size, target, _canvas(target, 1.0), _method(method_rng))
        return jnp.clip(convolved(x, kernel, target), 0, 1)

    first = _compressed(finished(x, size), target, quality_rng)
    second = finished(_compressed(x, size, quality_rng), size)
    return jnp.where(compressed_last, first, second)[: target[0], : target[1]]


def _canvas(size: tuple[int, int], factor: float) -> tuple[int, int]:
    """Sides that hold an image of so many times this size, multiples of what JPEG needs."""
    rows, columns = (math.ceil(side * factor / jpeg.MULTIPLE) * jpeg.MULTIPLE for side in size)
    return rows, columns


def _method(rng: jax.Array) -> jax.Array:
    return jax.random.randint(rng, (), 0, 3)


def _resized_at_random(
    x: jax.Array, size: Size, unit: tuple[int, int], rng: jax.Array, time: int
) -> tuple[jax.Array, Size]:
    """An image of `size`, resized to a random multiple of `unit`, and its size."""
    direction_rng, factor_rng, method_rng = jax.random.split(rng, 3)
    smallest, largest = _FACTORS[time]
    direction = jax.random.choice(direction_rng, 3, p=_DIRECTIONS[time])
    share = jax.random.uniform(factor_rng)
    factor = jnp.select(
        [direction == 0, direction == 1],
        [1 + share * (largest - 1), smallest + share * (1 - smallest)],
        1.0,
    )
    new = tuple(jnp.maximum((factor * side).astype(jnp.int32), 1) for side in unit)
    return resized(x, size, new, _canvas(unit, largest), _method(method_rng)), new


def resized(
    x: jax.Array, size: Size, new: Size, canvas: tuple[int, int], method: jax.Array
) -> jax.Array:
    """The upper left `size` of an image, resized to the upper left `new` of another canvas.

    As PyTorch's `interpolate` does it: shrinking by 1 or 2 does not smooth.

    Args:
      x: (H, W, C), of which the upper left part counts.
      size: (rows, columns) of that.
      new: (rows, columns) to become.
      canvas: sides of the result, static, beyond `new` of zeros.
      method: 0 area, 1 bilinear, 2 bicubic.
    """
    rows, columns = (
        weights(length, becomes, limit, out, method)
        for length, becomes, limit, out in zip(size, new, x.shape[:2], canvas, strict=True)
    )
    product = jnp.einsum("hwc,vw->hvc", x, columns, precision=jax.lax.Precision.HIGHEST)
    return jnp.einsum("hvc,uh->uvc", product, rows, precision=jax.lax.Precision.HIGHEST)


def weights(
    size: jax.Array | int, new: jax.Array | int, limit: int, canvas: int, method: jax.Array
) -> jax.Array:
    """The weights (canvas, limit) of the first `size` pixels in the first `new` of a side."""
    out, pixels = jnp.arange(canvas), jnp.arange(limit)
    ratio = size / new
    starts, ends = jnp.floor(out * ratio), jnp.ceil((out + 1) * ratio)
    area = (pixels >= starts[:, None]) & (pixels < ends[:, None])
    area = area / jnp.maximum(ends - starts, 1)[:, None]
    centres = (out + 0.5) * ratio - 0.5
    clipped = jnp.clip(centres, 0, size - 1)
    linear = jnp.maximum(1 - jnp.abs(clipped[:, None] - pixels), 0)
    taps = jnp.floor(centres)[:, None] + jnp.arange(-1, 3)
    places = jnp.clip(taps, 0, size - 1)
    strengths = _cubic(centres[:, None] - taps)
    cubic = (strengths[..., None] * (places[..., None] == pixels)).sum(1)
    chosen = jnp.select([method == 0, method == 1], [area, linear], cubic)
    return jnp.where((out < new)[:, None], chosen, 0)


def _cubic(distance: jax.Array) -> jax.Array:
    """Keys' kernel with a = -3/4, PyTorch's and OpenCV's."""
    x, a = jnp.abs(distance), -0.75
    near = ((a + 2) * x - (a + 3)) * x**2 + 1
    far = a * (((x - 5) * x + 8) * x - 4)
    return jnp.where(x <= 1, near, jnp.where(x < 2, far, 0))


def _mirrored(length: int, size: jax.Array | int) -> jax.Array:
    """Positions from -_MARGIN to length + _MARGIN, mirrored into [0, size), edges not repeated."""
    place = jnp.arange(-_MARGIN, length + _MARGIN)
    period = jnp.maximum(2 * (size - 1), 1)
    place = place % period
    return jnp.minimum(jnp.minimum(place, period - place), size - 1)


def convolved(x: jax.Array, kernel: jax.Array, size: Size) -> jax.Array:
    """The upper left `size` of an image (H, W, C), blurred; beyond it are values of no meaning."""
    height, width, _ = x.shape
    x = x[_mirrored(height, size[0])][:, _mirrored(width, size[1])]
    shape = (height + 2 * _MARGIN, width + 2 * _MARGIN)
    spectrum = jnp.fft.rfft2(kernel, shape)[..., None] * jnp.fft.rfft2(x, axes=(0, 1))
    full = jnp.fft.irfft2(spectrum, shape, axes=(0, 1))
    return full[2 * _MARGIN :, 2 * _MARGIN :]


def _noisy(x: jax.Array, rng: jax.Array, time: int) -> jax.Array:
    """With Gaussian or Poisson noise, of all channels alike in some images; clipped to [0, 1]."""
    kind_rng, grey_rng, strength_rng, noise_rng = jax.random.split(rng, 4)
    share = jax.random.uniform(strength_rng)
    sigma, counting = (
        low + share * (high - low) for low, high in (_GAUSSIAN[time], _POISSON[time])
    )
    is_grey = jax.random.bernoulli(grey_rng, _GREY_SHARE)
    noise = jax.random.normal(noise_rng, x.shape)
    noise = jnp.where(is_grey, noise[..., :1], noise)
    brightness = jnp.clip(x, 0, 1)
    if x.shape[-1] == 3:
        brightness = jnp.where(is_grey, (brightness @ _LUMA)[..., None], brightness)
    deviation = jnp.where(
        jax.random.bernoulli(kind_rng, _GAUSSIAN_SHARE),
        sigma / 255,
        counting * jnp.sqrt(brightness / 255),
    )
    return jnp.clip(x + deviation * noise, 0, 1)


def _compressed(x: jax.Array, size: Size, rng: jax.Array) -> jax.Array:
    """By JPEG of random quality; what lies beyond `size` repeats the last row and column."""
    quality = jax.random.uniform(rng, minval=_QUALITY[0], maxval=_QUALITY[1])
    rows, columns = (
        jnp.minimum(jnp.arange(limit), length - 1)
        for limit, length in zip(_canvas(x.shape[:2], 1.0), size, strict=True)
    )
    return jpeg.compress(jnp.clip(x, 0, 1)[rows][:, columns], quality)
