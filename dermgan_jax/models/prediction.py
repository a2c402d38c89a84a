"""Class probabilities of many images, compiled once per network and size of images.

The networks are what a program is compiled for, not the model: classifiers that differ in their
seed or training only share it.
"""

import functools
from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from dermgan_jax.data.image_sets import ImageSet
from dermgan_jax.data.pixel_range import to_signed
from dermgan_jax.features.extractor import CPU_BATCH
from dermgan_jax.models import classifier_networks
from dermgan_jax.models.classifier_networks import Tail, Trunk

BATCH = 64  # on accelerators, and of activations, which take little memory


def of_images(
    trunk: Trunk, tail: Tail, variables: Mapping[str, Any], images: ImageSet
) -> np.ndarray:
    """Probabilities float32 (N, K) of images uint8 (N, H, W, C), read a batch at a time.

    Args:
      trunk, tail: the two parts of the network.
      variables: of "trunk" and "tail", on any devices.
      images: at least one.
    """
    size = CPU_BATCH if jax.local_devices()[0].platform == "cpu" else BATCH
    return _in_batches(functools.partial(_from_images, trunk, tail), variables, images, size)


def of_activations(
    tail: Tail, precision: str, variables: Mapping[str, Any], activations: np.ndarray
) -> np.ndarray:
    """Probabilities float32 (N, K) of what the trunk made of N images."""
    run = functools.partial(_from_activations, tail, precision)
    return _in_batches(run, variables, activations, BATCH)


def _in_batches(
    run: Callable[..., jax.Array],
    variables: Mapping[str, Any],
    inputs: ImageSet | np.ndarray,
    size: int,
) -> np.ndarray:
    """`run(variables, batch)` of every `size` inputs, the last batch filled up."""
    local = jax.device_put(jax.device_get(dict(variables)), jax.local_devices()[0])
    found = []
    for first in range(0, len(inputs), size):
        batch = np.asarray(inputs[first : first + size])
        filled = np.resize(batch, (size, *batch.shape[1:]))
        found.append(np.asarray(run(local, filled))[: len(batch)])
    return np.concatenate(found)


@functools.partial(jax.jit, static_argnums=(0, 1))
def _from_activations(tail, precision, variables, activations):
    logits = tail.apply(*classifier_networks.at_precision(precision, variables, activations))
    return jax.nn.softmax(logits.astype(jnp.float32))


@functools.partial(jax.jit, static_argnums=(0, 1))
def _from_images(trunk, tail, variables, images):
    activations = trunk.apply(variables["trunk"], to_signed(images))
    return _from_activations(tail, trunk.precision, variables["tail"], activations)
