"""What the metrics of paired images share: the sets they take, batching, and summing up.

A pair is an image and its reconstruction, its translation, or another sample of the same model.
"""

import dataclasses
import math
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.sharding import Mesh, NamedSharding, PartitionSpec
from scipy import stats

from dermgan_jax.data.image_sets import ImageSet
from dermgan_jax.data.pixel_range import to_signed
from dermgan_jax.errors import UserError

CONFIDENCE = 0.95


@dataclasses.dataclass(frozen=True)
class Summary:
    """The values of independent pairs of images.

    Attributes:
      values: float64 (N,), one per pair.
      mean: over the finite values; infinite if there are none.
      std: of the finite values, with N - 1 below; None if they are fewer than two.
      standard_error: of the mean; None likewise.
      interval: 95 % confidence interval of the mean by Student's t; None likewise.
      num_infinite: pairs whose value is infinite, which the figures above leave out.
    """

    values: np.ndarray
    mean: float
    std: float | None
    standard_error: float | None
    interval: tuple[float, float] | None
    num_infinite: int


def summarise(values: np.ndarray) -> Summary:
    """Mean, deviation and interval of values (N,), N >= 1."""
    values = np.asarray(values, np.float64)
    finite = values[np.isfinite(values)]
    n, num_infinite = len(finite), len(values) - len(finite)
    mean = float(finite.mean()) if n > 0 else math.inf
    if n < 2:
        return Summary(values, mean, None, None, None, num_infinite)
    std = float(finite.std(ddof=1))
    standard_error = std / math.sqrt(n)
    margin = float(stats.t.ppf((1 + CONFIDENCE) / 2, n - 1)) * standard_error
    return Summary(values, mean, std, standard_error, (mean - margin, mean + margin), num_infinite)


def check_pairs(
    metric: str, a: ImageSet | np.ndarray, b: ImageSet | np.ndarray, smallest_side: int
) -> None:
    """Makes sure that two sets of images can be compared pair by pair.

    Args:
      metric: its name, for the message.
      a, b: an image set, or an array of floats in [-1, 1]; (N, H, W, C) with C 1 or 3.
      smallest_side: in pixels, of the images.

    Raises:
      UserError: saying in what the sets differ, or what else is wrong with them.
    """
    for images in (a, b):
        _check_images(metric, images, smallest_side)
    if a.shape != b.shape:
        raise UserError(
            f"{metric}: the sets are {a.shape} and {b.shape} (number, height, width, channels); "
            "pairs need the same of each"
        )


def _check_images(metric: str, images: ImageSet | np.ndarray, smallest_side: int) -> None:
    if len(images.shape) != 4 or images.shape[-1] not in (1, 3):
        raise UserError(
            f"{metric}: an array of shape {images.shape}; expected "
            "(number, height, width, channels) with 1 or 3 channels"
        )
    if len(images) == 0:
        raise UserError(f"{metric}: there are no images")
    if min(images.shape[1:3]) < smallest_side:
        raise UserError(
            f"{metric}: images of {images.shape[1]}x{images.shape[2]} are too small; it needs "
            f"{smallest_side}x{smallest_side} pixels"
        )
    if images.dtype == np.uint8:
        return
    if not np.issubdtype(images.dtype, np.floating):
        raise UserError(f"{metric}: images of type {images.dtype}; expected uint8 or float")
    if not np.abs(images).max() <= 1.01:  # also says no to nan
        raise UserError(f"{metric}: float images have values outside [-1, 1], or nan")


def as_signed(images: Array) -> Array:
    """uint8 -> float32 in [-1, 1]; float images are in it already."""
    return to_signed(images) if images.dtype == jnp.uint8 else jnp.float32(images)


def to_bytes_scale(images: Array) -> Array:
    """uint8, or float in [-1, 1] -> float32 in [0, 255], not rounded."""
    return jnp.float32(images if images.dtype == jnp.uint8 else (images + 1) * 127.5)


def of_pairs(
    measure: Callable[[Array, Array], Array],
    a: ImageSet | np.ndarray,
    b: ImageSet | np.ndarray,
    batch_size: int,
) -> np.ndarray:
    """Values (N,) of N pairs, a batch at a time, spread over the devices of this process.

    Args:
      measure: jitted; two batches (B, H, W, C) -> values (B,), each of its own pair.
      a, b: (N, H, W, C), N >= 1.
      batch_size: pairs per batch, rounded up to a multiple of the devices.
    """
    devices = jax.local_devices()
    sharding = NamedSharding(Mesh(np.array(devices), ("pairs",)), PartitionSpec("pairs"))
    size = math.ceil(min(batch_size, len(a)) / len(devices)) * len(devices)
    values = []
    for start in range(0, len(a), size):
        # The last batch is filled up with its last pair, so that there is one shape to compile.
        indices = np.minimum(np.arange(start, start + size), len(a) - 1)
        values.append(measure(*jax.device_put((a[indices], b[indices]), sharding)))
        if len(values) > 1:  # the host stays one batch ahead, and memory is bounded
            values[-2] = np.asarray(values[-2])
    return np.concatenate(values)[: len(a)]
