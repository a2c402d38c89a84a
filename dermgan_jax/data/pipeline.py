"""Batches as a pure function of (seed, images seen): nothing about data order is ever stored.

Training example number `p` of the endless stream is element `p % n` of permutation `p // n`, drawn
from (seed, p // n). A batch is therefore known from the number of images seen before it, on every
process, for every batch size and whatever `data.cache` is:

  none    image files are decoded for every batch by a parallel tf.data pipeline
  host    prepared arrays lie in host memory; a batch is an indexed read
  device  prepared arrays lie in accelerator memory; a batch is a vector of indices

Two domains are two streams: paired ones share their permutations, unpaired ones do not. The shorter
one begins again sooner, so that an epoch is the length of the longer one.
"""

import abc
import dataclasses
import functools
import os
import weakref
from typing import Any

import jax
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec
from ml_collections import FrozenConfigDict

from dermgan_jax.data.catalogue import Catalogue
from dermgan_jax.data.image_sets import ImageSet
from dermgan_jax.data.masks import decode_classes, prepare_masks
from dermgan_jax.data.prepare import decode_record, prepare

BATCHES_AHEAD = 8  # decoded before they are asked for, where files are read


@functools.lru_cache(maxsize=8)
def _permutation(seed: tuple[int, ...], epoch: int, num_examples: int) -> np.ndarray:
    first, *others = seed
    return np.random.default_rng((first, epoch, *others)).permutation(num_examples)


def stream(seed: tuple[int, ...], start: int, count: int, num_examples: int) -> np.ndarray:
    """Which examples stand at positions start … start + count − 1 of the stream.

    Returns:
      int32 (count,), values in [0, num_examples). Every run of `num_examples` positions that
      begins at a multiple of `num_examples` holds each example once.
    """
    positions = np.arange(start, start + count)
    epochs, offsets = np.divmod(positions, num_examples)
    indices = np.empty(count, np.int32)
    for epoch in np.unique(epochs):
        here = epochs == epoch
        indices[here] = _permutation(seed, int(epoch), num_examples)[offsets[here]]
    return indices


@dataclasses.dataclass(frozen=True)
class Source:
    """One stream of images.

    Attributes:
      rows: int64 (n,), positions in the catalogue.
      seed: of its permutations; streams of equal seed and length go in step.
      labels: int32 (n,), or None where labels play no part.
      masks: the stream is of the images' masks.
    """

    rows: np.ndarray
    seed: tuple[int, ...]
    labels: np.ndarray | None = None
    masks: bool = False

    def local_stream(self, start: int, shape: tuple[int, int, int]) -> np.ndarray:
        """This process's columns of the stream laid out as global (steps, repeats, batch): int32.

        Values are positions in `rows`.
        """
        steps, repeats, batch = shape
        indices = stream(self.seed, start, steps * repeats * batch, len(self.rows))
        share = batch // jax.process_count()
        first = jax.process_index() * share
        return indices.reshape(shape)[:, :, first : first + share]


def sources(config: FrozenConfigDict, catalogue: Catalogue) -> dict[str, Source]:
    """Name in a batch -> stream: "image" of the split, or "a" and "b" of its two domains.

    With `data.masks` also "mask", which goes in step with "image".
    """
    data, seed = config.data, config.seed
    if not data.domain_a:
        rows = catalogue.indices(data.split)
        rows = balanced(rows, catalogue.labels[rows]) if data.balance else rows
        found = {"image": Source(rows, (seed,), catalogue.labels[rows])}
        return found | ({"mask": Source(rows, (seed,), masks=True)} if data.masks else {})
    if data.paired:
        of_a, of_b = catalogue.pairs(data.split)
        return {"a": Source(of_a, (seed,)), "b": Source(of_b, (seed,))}
    of_a, of_b = (catalogue.indices(data.split, domain) for domain in ("a", "b"))
    return {"a": Source(of_a, (seed,)), "b": Source(of_b, (seed, 1))}


def balanced(rows: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Rows repeated so that every class has as many as the largest: int64, ascending.

    Args:
      rows: int (n,).
      labels: int (n,), theirs.
    """
    values, counts = np.unique(labels, return_counts=True)
    repeated = [np.resize(rows[labels == value], counts.max()) for value in values]
    return np.sort(np.concatenate(repeated))


def downscale(images: np.ndarray, image_size: tuple[int, int]) -> np.ndarray:
    """Box-averages uint8 (N, H, W, C) to `image_size` (h, w), rounded to uint8.

    The reduction of the original PGAN's tfrecords (dataset_tool.py: mean, rint).

    Raises:
      ValueError: unless H / h = W / w is an integer.
    """
    (height, width), (h, w) = images.shape[1:3], image_size
    if (h, w) == (height, width):
        return np.asarray(images)
    factor, remainder = divmod(height, h)
    if remainder or (h * factor, w * factor) != (height, width):
        raise ValueError(f"cannot reduce {height}x{width} images to {h}x{w} by an integer factor")
    blocks = images.reshape(len(images), h, factor, w, factor, images.shape[-1])
    return np.rint(blocks.mean((2, 4), dtype=np.float32)).astype(np.uint8)


def to_devices(arrays: Any, sharding: NamedSharding) -> Any:
    """A pytree of NumPy arrays as global arrays; the only way from the host into a training step.

    Args:
      arrays: this process's share along split axes, everything along the others.
      sharding: of the results.
    """
    # JAX counts what several processes put on their devices this way as implicit.
    with jax.transfer_guard_host_to_device("allow"):
        return jax.tree.map(
            lambda array: jax.make_array_from_process_local_data(sharding, array), arrays
        )


def nearest(masks: np.ndarray, image_size: tuple[int, int]) -> np.ndarray:
    """Reduces class indices uint8 (N, H, W, 1) to `image_size` (h, w): the first of each block.

    Raises:
      ValueError: unless H / h and W / w are integers.
    """
    (height, width), (h, w) = masks.shape[1:3], image_size
    if height % h or width % w:
        raise ValueError(f"cannot reduce {height}x{width} masks to {h}x{w} by an integer factor")
    return np.asarray(masks[:, :: height // h, :: width // w])


def prepared_pixels(catalogue: Catalogue, config: FrozenConfigDict) -> dict[bool, ImageSet]:
    """Whether masks -> all of a catalogue's prepared images, or masks if there are to be any."""
    found = {False: prepare(catalogue, config.data).images}
    return found | ({True: prepare_masks(catalogue, config.data)} if config.data.masks else {})


class Feed(abc.ABC):
    """Delivers one process's share of the batches of a call of several iterations."""

    def __init__(self, config: FrozenConfigDict, catalogue: Catalogue, mesh: Mesh):
        self.config = config
        self.mesh = mesh
        self.sources = sources(config, catalogue)

    @property
    def by_batch(self) -> NamedSharding:
        """Of arrays (steps, repeats, batch, …)."""
        return NamedSharding(self.mesh, PartitionSpec(None, None, "data"))

    def delivered(self, image_size: tuple[int, int]) -> tuple[int, int]:
        """(H, W) of what a stage of `image_size` is fed: larger where the step crops it."""
        load = self.config.data.load_resolution
        return (load, load) if load else image_size

    def resident(self, image_size: tuple[int, int]) -> dict[str, jax.Array]:
        """Arrays that stay in device memory during a stage; empty unless the cache is "device"."""
        del image_size
        return {}

    @abc.abstractmethod
    def take(
        self, start: int, shape: tuple[int, int, int], image_size: tuple[int, int]
    ) -> dict[str, jax.Array]:
        """Batches (steps, repeats, batch, …) from stream position `start` on, on the devices."""


class DeviceFeed(Feed):
    """The whole split lies on every device; a batch is its indices."""

    def __init__(self, config: FrozenConfigDict, catalogue: Catalogue, mesh: Mesh):
        super().__init__(config, catalogue, mesh)
        self.prepared = prepared_pixels(catalogue, config)

    def resident(self, image_size: tuple[int, int]) -> dict[str, jax.Array]:
        arrays = {}
        for name, source in self.sources.items():
            reduce = nearest if source.masks else downscale
            pixels = self.prepared[source.masks][source.rows]
            arrays[name] = reduce(pixels, self.delivered(image_size))
            if source.labels is not None:
                arrays["label"] = source.labels
        return to_devices(arrays, NamedSharding(self.mesh, PartitionSpec()))

    def take(self, start, shape, image_size):
        del image_size
        batches = {}
        for name, source in self.sources.items():
            batches[name] = source.local_stream(start, shape)
            if source.labels is not None:
                batches["label"] = batches[name]
        return to_devices(batches, self.by_batch)


class HostFeed(Feed):
    """The split lies in host memory at the size of the current stage."""

    def __init__(self, config: FrozenConfigDict, catalogue: Catalogue, mesh: Mesh):
        super().__init__(config, catalogue, mesh)
        self.prepared = prepared_pixels(catalogue, config)
        self.size = (0, 0)
        self.images: dict[str, np.ndarray] = {}

    def take(self, start, shape, image_size):
        size = self.delivered(image_size)
        if self.size != size:
            self.size = size
            self.images = {
                name: (nearest if source.masks else downscale)(
                    self.prepared[source.masks][source.rows], size
                )
                for name, source in self.sources.items()
            }
        batches = {}
        for name, source in self.sources.items():
            indices = source.local_stream(start, shape)
            batches[name] = self.images[name][indices]
            if source.labels is not None:
                batches["label"] = source.labels[indices]
        return to_devices(batches, self.by_batch)


class FileFeed(Feed):
    """Every batch is decoded from the data set's own files by tf.data."""

    def __init__(self, config: FrozenConfigDict, catalogue: Catalogue, mesh: Mesh):
        super().__init__(config, catalogue, mesh)
        self.catalogue = catalogue
        self.position = -1
        self.key: Any = None
        self.images: dict[str, Any] = {}
        # Left to the interpreter's own end, tf.data would wait for ever for its decoding threads.
        weakref.finalize(self, vars(self).clear)

    def take(self, start, shape, image_size):
        steps, repeats, batch = shape
        size = self.delivered(image_size)
        key = (batch, repeats, size)
        if (self.position, self.key) != (start, key):
            self.images = {
                name: self._open(source, start, (1, repeats, batch), size)
                for name, source in self.sources.items()
            }
            self.key = key
        self.position = start + steps * repeats * batch
        batches = {}
        for name, source in self.sources.items():
            indices = source.local_stream(start, shape)
            images = np.stack([next(self.images[name]) for _ in range(steps)])
            batches[name] = images.reshape(*indices.shape, *images.shape[2:])
            if source.labels is not None:
                batches["label"] = source.labels[indices]
        return to_devices(batches, self.by_batch)

    def _open(
        self, source: Source, start: int, shape: tuple[int, int, int], size: tuple[int, int]
    ) -> Any:
        """An iterator over uint8 (repeats · local batch, H, W, C), one element per iteration."""
        import tensorflow as tf

        tf.config.set_visible_devices([], "GPU")  # the accelerator's memory belongs to JAX
        # The functions hold no reference to the feed, so that dropping it stops the threads.
        catalogue, data = self.catalogue, self.config.data
        local = source.local_stream(start, shape).size
        threads = data.workers or os.cpu_count()

        channels = 1 if source.masks else data.channels

        def decode(index: np.ndarray) -> np.ndarray:
            row = int(source.rows[index])
            if source.masks:
                return nearest(decode_classes(catalogue, row, data)[None], size)[0]
            return downscale(decode_record(catalogue, row, data)[None], size)[0]

        def load(index: tf.Tensor) -> tf.Tensor:
            image = tf.numpy_function(decode, [index], tf.uint8, stateful=False)
            return tf.ensure_shape(image, (*size, channels))

        def locate(position: tf.Tensor) -> tf.Tensor:
            indices = tf.numpy_function(
                lambda p: source.local_stream(int(p), shape).reshape(-1), [position], tf.int32
            )
            return tf.ensure_shape(indices, (local,))

        dataset = tf.data.Dataset.range(start, np.iinfo(np.int64).max, int(np.prod(shape)))
        dataset = dataset.map(locate).unbatch().map(load, num_parallel_calls=threads)
        dataset = dataset.batch(local).prefetch(BATCHES_AHEAD)
        options = tf.data.Options()
        options.autotune.enabled = False  # its thread can hold up the end by a minute
        return dataset.with_options(options).as_numpy_iterator()


FEEDS = {"none": FileFeed, "host": HostFeed, "device": DeviceFeed}


def open_feed(config: FrozenConfigDict, catalogue: Catalogue, mesh: Mesh) -> Feed:
    """The feed that `config.data.cache` names, over the split `config.data.split`."""
    return FEEDS[config.data.cache](config, catalogue, mesh)
