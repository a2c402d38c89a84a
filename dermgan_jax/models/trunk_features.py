"""What a frozen trunk makes of images, computed once and kept on disk for every run that asks.

A set of activations is found by the images' own bytes, the trunk, its weights, and the augmented
view that was taken of every image, so that one changed pixel or weight means a new computation.
Real and synthetic images are sets of their own: runs that add other synthetic images to the same
real ones share what the real ones gave.
"""

import collections
import dataclasses
import functools
import hashlib
import pathlib
from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec
from ml_collections import FrozenConfigDict

from dermgan_jax import files
from dermgan_jax.augment.classical import Amounts, augment_each
from dermgan_jax.cache import cache_dir
from dermgan_jax.data.catalogue import Catalogue
from dermgan_jax.data.image_sets import ImageSet, digest, select
from dermgan_jax.data.pipeline import Feed, to_devices
from dermgan_jax.data.pixel_range import to_signed
from dermgan_jax.data.prepare import prepare
from dermgan_jax.features.extractor import CPU_BATCH, IN_FLIGHT
from dermgan_jax.models.classifier_networks import Trunk
from dermgan_jax.progress_bar import progress_bar

GPU_BATCH = 64
VERSION = 1  # of the arithmetic that files hold; a new one means new files


@dataclasses.dataclass(frozen=True)
class AugmentedView:
    """One augmented look at every image of a set. Hashable.

    Attributes:
      amounts: of the augmentation; None: the images as they are.
      number: views of one image differ by it.
      seed: of the augmentation.
    """

    amounts: Amounts | None = None
    number: int = 0
    seed: int = 0


PLAIN = AugmentedView()


def activations(
    trunk: Trunk,
    variables: Mapping[str, Any],
    images: ImageSet,
    view: AugmentedView = PLAIN,
    title: str = "images",
) -> np.ndarray:
    """What the trunk gives out of images uint8 (N, H, W, C): float16 (N, …), memory-mapped.

    Read back if kept before. Augmentation of image i depends on (seed, view, i) only. A bar with
    the remaining time goes to standard error.

    Args:
      trunk: the network.
      variables: its weights.
      images: read a batch at a time, at least one.
      view: how they are augmented.
      title: what the images are, for the bar.
    """
    path = _place(trunk, variables, images, view)
    if not path.is_file():
        compute = functools.partial(_compute, trunk, variables, images, view, title)
        files.write_once(path, compute)
    return np.load(path, mmap_mode="r")


def weights_digest(variables: Mapping[str, Any]) -> str:
    """Hexadecimal SHA-256 of all arrays, by their names."""
    found = hashlib.sha256()
    for path, leaf in jax.tree.leaves_with_path(jax.device_get(variables)):
        found.update(jax.tree_util.keystr(path).encode())
        found.update(np.ascontiguousarray(leaf))
    return found.hexdigest()


def _place(
    trunk: Trunk, variables: Mapping[str, Any], images: ImageSet, view: AugmentedView
) -> pathlib.Path:
    facts = (VERSION, trunk, weights_digest(variables), digest(images), view)
    name = hashlib.sha256(repr(facts).encode()).hexdigest()[:32]
    return cache_dir() / "trunk_features" / f"{trunk.name}-{name}.npy"


def _compute(
    trunk: Trunk,
    variables: Mapping[str, Any],
    images: ImageSet,
    view: AugmentedView,
    title: str,
    path: pathlib.Path,
) -> None:
    device = jax.local_devices()[0]
    size = CPU_BATCH if device.platform == "cpu" else GPU_BATCH
    variables = jax.device_put(jax.device_get(variables), device)
    key = jax.random.fold_in(jax.random.key(view.seed), view.number)
    pending: collections.deque[jax.Array] = collections.deque()
    kept, done = None, 0
    with progress_bar(len(images), f"{trunk.name} activations of {title}") as bar:
        for first in [*range(0, len(images), size), *[None] * IN_FLIGHT]:
            if first is not None:
                batch = np.asarray(images[first : first + size])
                filled = np.resize(batch, (size, *batch.shape[1:]))
                pending.append(
                    _forward(trunk, view.amounts, variables, filled, key, np.int32(first))
                )
            if pending and (first is None or len(pending) > IN_FLIGHT):
                rows = jax.device_get(pending.popleft())[: len(images) - done]
                if kept is None:
                    shape = (len(images), *rows.shape[1:])
                    kept = np.lib.format.open_memmap(path, "w+", np.float16, shape)
                kept[done : done + len(rows)] = rows
                done += len(rows)
                bar.update(len(rows))
    kept.flush()


@functools.partial(jax.jit, static_argnames=("trunk", "amounts"))
def _forward(trunk, amounts, variables, images, key, first):
    images = to_signed(images)
    if amounts is not None:
        numbers = first + jnp.arange(len(images))
        keys = jax.vmap(functools.partial(jax.random.fold_in, key))(numbers)
        images = augment_each(keys, images, amounts)
    return trunk.apply(variables, images).astype(jnp.float16)


class TrunkFeed(Feed):
    """Activations of the training images instead of the images.

    Every epoch shows each image once, in the view whose number is that of the epoch modulo the
    number of views. With `data.cache` "device" they lie on every device, otherwise in host memory.

    Args:
      config: of the run.
      catalogue: whose split `data.split` is fed.
      mesh: of the devices.
      trunk: the network.
      variables: its weights.
      views: of every image; at least one.
    """

    def __init__(
        self,
        config: FrozenConfigDict,
        catalogue: Catalogue,
        mesh: Mesh,
        trunk: Trunk,
        variables: Mapping[str, Any],
        views: tuple[AugmentedView, ...],
    ):
        super().__init__(config, catalogue, mesh)
        self.views = views
        # Classes shown equally often have images whose rows are repeated.
        rows, self.places = np.unique(self.sources["image"].rows, return_inverse=True)
        self.labels = catalogue.labels[rows]
        images = prepare(catalogue, config.data).images
        synthetic = np.array([catalogue.records[row].synthetic for row in rows])
        self.activations = np.empty(0, np.float16)
        for kind, here in (("real", ~synthetic), ("synthetic", synthetic)):
            for number, view in enumerate(views if here.any() else ()):
                title = f"{kind} training images, view {number + 1} of {len(views)}"
                of_view = activations(trunk, variables, select(images, rows[here]), view, title)
                if not self.activations.size:
                    shape = (len(rows), len(views), *of_view.shape[1:])
                    self.activations = np.empty(shape, np.float16)
                self.activations[here, number] = of_view

    @functools.cached_property
    def rows(self) -> dict[str, np.ndarray]:
        """A row per image and view, those of one image together."""
        flat = self.activations.reshape(-1, *self.activations.shape[2:])
        return {"image": flat, "label": np.repeat(self.labels, len(self.views))}

    def resident(self, image_size: tuple[int, int]) -> dict[str, jax.Array]:
        del image_size
        if self.config.data.cache != "device":
            return {}
        return to_devices(self.rows, NamedSharding(self.mesh, PartitionSpec()))

    def take(self, start, shape, image_size):
        del image_size
        source = self.sources["image"]
        images = self.places[source.local_stream(start, shape)]
        positions = np.arange(start, start + np.prod(shape)).reshape(shape)
        first = jax.process_index() * images.shape[2]
        epochs = positions[:, :, first : first + images.shape[2]] // len(source.rows)
        places = (images * len(self.views) + epochs % len(self.views)).astype(np.int32)
        if self.config.data.cache == "device":
            return to_devices({"image": places, "label": places}, self.by_batch)
        return to_devices({k: rows[places] for k, rows in self.rows.items()}, self.by_batch)
