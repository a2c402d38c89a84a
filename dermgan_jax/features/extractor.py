"""What a feature extractor is to the metrics: images in, one row of numbers per image out."""

import collections
import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from dermgan_jax.data.image_sets import ImageSet
from dermgan_jax.errors import UserError

Variables = dict[str, Any]
Features = dict[str, np.ndarray]
Advance = Callable[[int], None]

PIXELS_AT_ONCE = 2**25  # of a batch, over all devices; batches of larger images have fewer
CPU_BATCH = 16  # activations of more images do not stay in the caches
CPU_BATCH_OF_TOKENS = 4  # the same for vision transformers, which keep more of an image at once
IN_FLIGHT = 2  # batches handed to the devices before the first is waited for


@dataclasses.dataclass(frozen=True)
class Extractor:
    """A pretrained network with the preprocessing of one protocol.

    Attributes:
      name: of the protocol; features of different names are not comparable.
      weights_id: the first eight digits of the weights' sha256.
      dim: numbers per image of the features that distances are taken of.
      extract: an image set uint8 (N, H, W, C), C 1 or 3, and what is told the number of images of
        each finished batch -> name of a layer -> float32 (N, its dim). A batch of images is in
        memory at a time. The first call for a size compiles. Raises `UserError` for anything else.
        The result does not depend on how images are divided into calls, up to rounding.
    """

    name: str
    weights_id: str
    dim: int
    extract: Callable[[ImageSet, Advance], Features]


def batched(
    preprocess: Callable[[jax.Array], jax.Array],
    network: Callable[[Variables, jax.Array], dict[str, jax.Array]],
    variables: Variables,
    batch_size: int | None = None,
    devices: Sequence[jax.Device] | None = None,
    *,
    cpu_batch: int = CPU_BATCH,
) -> Callable[[ImageSet, Advance], Features]:
    """The `extract` of an `Extractor`: full batches only, over several devices.

    Args:
      preprocess: uint8 (B, H, W, 3) -> what the network takes, of a size independent of H and W,
        so that the network is compiled once.
      network: variables, preprocessed images -> layer name -> (B, dim).
      variables: of the network.
      batch_size: images per step at most, over all devices; without it, what suits the device.
      devices: of this process; without them, all of its.
      cpu_batch: what suits CPUs.
    """
    devices = jax.local_devices() if devices is None else devices
    mesh = Mesh(np.array(devices), ("image",))
    over_devices = NamedSharding(mesh, PartitionSpec("image"))
    variables = jax.device_put(variables, NamedSharding(mesh, PartitionSpec()))
    prepare = jax.jit(lambda images: preprocess(_as_rgb(images)))
    forward = jax.jit(network)

    most = batch_size or (cpu_batch if devices[0].platform == "cpu" else 64 * mesh.size)

    def extract(images: ImageSet, advance: Advance = lambda num: None) -> Features:
        _check(images)
        size = _batch_size(most, images.shape, mesh.size)
        pending, done = collections.deque(), []
        for start in range(0, len(images), size):
            batch = _fill(images[start : start + size], size)
            pending.append(forward(variables, prepare(jax.device_put(batch, over_devices))))
            if len(pending) > IN_FLIGHT:
                done.append(jax.device_get(pending.popleft()))
                advance(size)
        done += jax.device_get(list(pending))
        return {
            name: np.concatenate([features[name] for features in done])[: len(images)]
            for name in done[0]
        }

    return extract


def _as_rgb(images: jax.Array) -> jax.Array:
    return jnp.broadcast_to(images, (*images.shape[:3], 3))


def _batch_size(most: int, shape: tuple[int, ...], devices: int) -> int:
    """A multiple of the number of devices, within `most` and `PIXELS_AT_ONCE` where possible."""
    fitting = min(most, PIXELS_AT_ONCE // (shape[1] * shape[2]))
    return max(fitting // devices, 1) * devices


def _fill(batch: np.ndarray, size: int) -> np.ndarray:
    return np.pad(batch, ((0, size - len(batch)), (0, 0), (0, 0), (0, 0)))


def _check(images: ImageSet) -> None:
    if images.dtype != np.uint8 or len(images.shape) != 4 or images.shape[3] not in (1, 3):
        raise UserError(
            f"features need uint8 images (N, H, W, 1 or 3); these are {images.dtype} {images.shape}"
        )
    if 0 in images.shape:
        raise UserError("there are no images to extract features from")
