"""Images that a caller of the library gives: arrays, folders, work directories, generators."""

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TypeAlias

import numpy as np

from dermgan_jax.data.image_sets import spool
from dermgan_jax.data.npz_images import RANGES, UNSIGNED, Range
from dermgan_jax.data.pixel_range import to_uint8
from dermgan_jax.errors import UserError
from dermgan_jax.evaluation.image_sources import ImageSource, Opening, open_fake, open_real

LARGEST_OVERSHOOT = 1.5  # of floats: generators leave [-1, 1] by little, values of 0 to 255 by far

# A folder, .npz, work directory or DATASET:SPLIT; an array (N, H, W, C), or of grey images
# (N, H, W); batches of arrays; or a function of the number of images that are wanted.
Given: TypeAlias = (
    str | os.PathLike | np.ndarray | Iterable[np.ndarray] | Callable[[int], np.ndarray]
)


def open_given(given: Given, name: str, opening: Opening, *, real: bool) -> ImageSource:
    """The images of a side; grey ones become RGB, as files do, unless the configuration is grey.

    Args:
      given: what the caller gave.
      name: of the side, in messages and results, where it has no path.
      opening: how; functions and batches give `opening.num` images.
      real: whether all images of a path are read, as of `open_real`.

    Raises:
      UserError: if they are no images, or the range of floats is not known.
    """
    if isinstance(given, str | os.PathLike):
        return (open_real if real else open_fake)(os.fspath(given), opening)
    if callable(given):
        given = given(opening.num)
    if hasattr(given, "__array__"):
        given = [np.asarray(given)]
    chunks = _until(given, None if real else opening.num)
    channels = 3 if opening.config is None else opening.config.data.channels
    as_read = (as_bytes(chunk, name, opening.value_range) for chunk in chunks)
    return ImageSource(name, spool(_of_one_size(as_read, name, channels)))


def as_bytes(images: np.ndarray, name: str, value_range: Range | None) -> np.ndarray:
    """Images as uint8 (N, H, W, C).

    Args:
      images: (N, H, W, C) or (N, H, W); uint8, or floats in a range.
      name: of the side, for messages.
      value_range: of floats; without it they are in [-1, 1] if any is below 0, and refused
        otherwise, as nothing tells [0, 1] from [-1, 1] then.

    Raises:
      UserError: if they are something else.
    """
    images = np.asarray(images)
    if images.ndim == 3 and images.shape[-1] in (1, 3, 4):
        raise UserError(
            f"{name}: an array {images.shape} is a single image: give numpy.stack(images)"
        )
    if images.ndim == 3:
        images = images[..., None]
    if images.ndim != 4 or images.shape[-1] not in (1, 3) or 0 in images.shape:
        first = images.ndim == 4 and images.shape[1] in (1, 3)
        remedy = ": channels come last, images.transpose(0, 2, 3, 1)" if first else ""
        raise UserError(f"{name}: an array {images.shape}; expected (N, H, W, 1 or 3){remedy}")
    if images.dtype == np.uint8:
        return images
    if not np.issubdtype(images.dtype, np.floating):
        raise UserError(f"{name}: an array of {images.dtype}; expected uint8 or floats")
    if value_range is not None and tuple(value_range) not in RANGES:
        raise UserError(f"value_range is {value_range}; expected (0, 1) or (-1, 1)")
    lowest, highest = float(images.min()), float(images.max())
    if not np.isfinite([lowest, highest]).all():
        raise UserError(f"{name}: floats with NaN or infinite values")
    if max(-lowest, highest) > LARGEST_OVERSHOOT:
        raise UserError(
            f"{name}: floats from {lowest:g} to {highest:g}; expected [-1, 1] or [0, 1]"
        )
    if value_range is None and lowest >= 0:
        raise UserError(
            f"{name}: no value is below 0, so that they may be in [0, 1] or in [-1, 1]: say it "
            "with value_range=(0, 1) or (-1, 1), or give uint8"
        )
    if value_range is not None and tuple(value_range) == UNSIGNED:
        if lowest < 0 or highest > 1:
            raise UserError(f"{name}: floats from {lowest:g} to {highest:g} are not in [0, 1]")
        images = images * 2 - 1
    return to_uint8(images)


def sides_of(fake: Given | Mapping[str, Given]) -> dict[str, Given]:
    """The fake sides by name."""
    if isinstance(fake, Mapping):
        if not fake:
            raise UserError("fake is empty: name one side at least")
        return dict(fake)
    is_path = isinstance(fake, str | os.PathLike)
    return {os.fspath(fake) if is_path else "fake": fake}


def _of_one_size(chunks: Iterable[np.ndarray], name: str, channels: int) -> Iterator[np.ndarray]:
    """Batches of images, grey ones with their values repeated."""
    size = None
    for chunk in chunks:
        images = np.repeat(chunk, channels, axis=-1) if chunk.shape[-1] == 1 else chunk
        if size not in (None, images.shape[1:]):
            sizes = " and ".join("x".join(map(str, each)) for each in (size, images.shape[1:]))
            raise UserError(f"{name}: batches of {sizes} images: bring all to one size")
        size = images.shape[1:]
        yield images
    if size is None:
        raise UserError(f"{name}: there are no images")


def _until(chunks: Iterable[np.ndarray], num: int | None) -> Iterator[np.ndarray]:
    """Batches up to that number of images."""
    left = num
    for chunk in chunks:
        if left is not None:
            chunk = np.asarray(chunk)[:left]
            left -= len(chunk)
        yield chunk
        if left == 0:
            return
