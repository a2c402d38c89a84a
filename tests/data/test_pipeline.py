import itertools
import weakref

import jax
import numpy as np
import pytest

from dermgan_jax.data import pipeline
from dermgan_jax.data.catalogue import catalogue
from dermgan_jax.data.pipeline import downscale, open_feed, stream
from dermgan_jax.data.prepare import decode_record
from dermgan_jax.train.sharding import data_mesh

CACHES = ("none", "host", "device")
# (start, (steps, repeats, batch), image size): read on, jump ahead within the epoch and beyond it,
# go back, change to another stage and return, change the shape.
CALLS = (
    (0, (2, 1, 4), (16, 16)),
    (8, (3, 1, 4), (16, 16)),
    (36, (1, 1, 4), (16, 16)),
    (1003, (2, 1, 4), (16, 16)),
    (8, (1, 1, 4), (16, 16)),
    (12, (2, 1, 4), (8, 8)),
    (20, (2, 1, 4), (4, 4)),
    (28, (1, 1, 4), (16, 16)),
    (32, (1, 3, 2), (16, 16)),
    (38, (2, 2, 4), (16, 16)),
)


# Order


@pytest.mark.parametrize("cuts", [[0, 50], [0, 1, 2, 50], [0, 7, 21, 22, 50], [0, 14, 49, 50]])
def test_stream_is_the_same_however_it_is_cut(cuts):
    whole = stream(seed=(3,), start=0, count=50, num_examples=7)
    parts = [stream((3,), a, b - a, 7) for a, b in itertools.pairwise(cuts)]
    np.testing.assert_array_equal(np.concatenate(parts), whole)
    assert whole.dtype == np.int32


def test_every_epoch_of_the_stream_is_a_permutation_of_its_own():
    epochs = stream(seed=(0,), start=0, count=4 * 30, num_examples=30).reshape(4, 30)
    np.testing.assert_array_equal(np.sort(epochs), np.tile(np.arange(30), (4, 1)))
    assert len(np.unique(epochs, axis=0)) == 4


def test_stream_follows_the_seed():
    streams = [stream((seed,), start=0, count=30, num_examples=30) for seed in range(4)]
    assert len(np.unique(streams, axis=0)) == 4


def test_stream_far_into_a_run():
    late = stream(seed=(0,), start=12_000_000 * 1000, count=10, num_examples=5)
    np.testing.assert_array_equal(np.sort(late.reshape(2, 5)), [np.arange(5)] * 2)


# Reduction


def image(rows):
    """uint8 (1, H, W, 1)."""
    return np.array(rows, np.uint8)[None, :, :, None]


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ([[0, 1], [2, 4]], [[2]]),  # 1.75
        ([[0, 0], [0, 1]], [[0]]),  # 0.25
        ([[0, 0], [1, 1]], [[0]]),  # 0.5: halves go to the even neighbour
        ([[1, 1], [2, 2]], [[2]]),  # 1.5
        ([[2, 2], [3, 3]], [[2]]),  # 2.5
        ([[255, 255], [255, 255]], [[255]]),
        ([[8, 8, 0, 4], [8, 8, 4, 0]], [[8, 2]]),
        ([[9, 0, 0], [0, 9, 0], [0, 0, 9]], [[3]]),
    ],
)
def test_downscale_is_the_rounded_mean_of_boxes(rows, expected):
    reduced = downscale(image(rows), (len(expected), len(expected[0])))
    np.testing.assert_array_equal(reduced, image(expected))
    assert reduced.dtype == np.uint8


def test_downscale_keeps_images_and_channels_apart():
    images = np.zeros((2, 4, 4, 3), np.uint8)
    images[1, :2, 2:, 2] = 100
    reduced = downscale(images, (2, 2))
    assert reduced[1, 0, 1].tolist() == [0, 0, 100]
    assert reduced.sum() == 100


def test_downscale_to_the_same_size_changes_nothing():
    images = np.random.default_rng(0).integers(0, 256, (2, 5, 7, 3), np.uint8)
    np.testing.assert_array_equal(downscale(images, (5, 7)), images)


@pytest.mark.parametrize("size", [(5, 5), (3, 4), (16, 16), (4, 2), (4, 8)])
def test_downscale_by_no_common_integer_factor(size):
    with pytest.raises(ValueError, match=f"cannot reduce 8x8 images to {size[0]}x{size[1]}"):
        downscale(np.zeros((1, 8, 8, 3), np.uint8), size)


# Feeds


@pytest.fixture
def config(make_config):
    """37 drawings, of which the training split is a part that is in no order of its own."""
    config = make_config("phantom", num_images=37, split_fractions=(0.6, 0.2, 0.2))
    config.data.resolution = 16
    return config


@pytest.fixture
def listed(config):
    return catalogue(config.data)


def opened(config, listed, cache):
    config.data.cache = cache
    return open_feed(config, listed, data_mesh(jax.devices()[:2]))


def taken(feed, start, shape, image_size):
    """(images, labels) of a call, as the training step sees them."""
    batches = jax.device_get(feed.take(start, shape, image_size))
    for name, array in jax.device_get(feed.resident(image_size)).items():
        batches[name] = array[batches[name]]
    return batches["image"], batches["label"]


@pytest.mark.parametrize("cache", CACHES)
def test_feed_delivers_the_stream_wherever_it_is_told_to_go(config, listed, cache):
    rows = listed.indices("train")
    assert 4 < len(rows) < 36
    decoded = np.stack([decode_record(listed, row, config.data) for row in rows])
    feed = opened(config, listed, cache)
    for start, shape, image_size in CALLS:
        images, labels = taken(feed, start, shape, image_size)
        indices = stream((config.seed,), start, int(np.prod(shape)), len(rows)).reshape(shape)
        np.testing.assert_array_equal(images, downscale(decoded, image_size)[indices])
        np.testing.assert_array_equal(labels, listed.labels[rows][indices])
        assert (images.dtype, labels.dtype) == (np.uint8, np.int32)


def test_file_feed_reads_on_without_opening_anew(config, listed):
    feed = opened(config, listed, "none")
    feed.take(0, (2, 1, 4), (8, 8))
    first = feed.images["image"]
    feed.take(8, (5, 1, 4), (8, 8))
    assert feed.images["image"] is first


@pytest.mark.parametrize("cache", CACHES)
def test_batches_are_split_over_the_devices(config, listed, cache):
    for name, array in opened(config, listed, cache).take(0, (3, 2, 4), (8, 8)).items():
        shards = [shard.data.shape[:3] for shard in array.addressable_shards]
        assert shards == [(3, 2, 2)] * 2, name


@pytest.mark.parametrize("cache", CACHES)
def test_shares_of_two_processes_make_up_the_batch_of_one(config, listed, cache, monkeypatch):
    monkeypatch.setattr(pipeline, "to_devices", lambda arrays, sharding: arrays)
    call = (8, (2, 3, 4), (8, 8))
    whole = opened(config, listed, cache).take(*call)
    monkeypatch.setattr(jax, "process_count", lambda: 2)
    shares = []
    for index in range(2):
        monkeypatch.setattr(jax, "process_index", lambda index=index: index)
        shares.append(opened(config, listed, cache).take(*call))
    for name, array in whole.items():
        parts = [share[name] for share in shares]
        assert [part.shape[:3] for part in parts] == [(2, 3, 2)] * 2
        np.testing.assert_array_equal(np.concatenate(parts, axis=2), array)


def test_dropped_file_feed_stops_decoding(config, listed):
    feed = opened(config, listed, "none")
    feed.take(0, (2, 1, 4), (8, 8))
    dropped = weakref.ref(feed)
    del feed
    assert dropped() is None
