"""Activations of the frozen stages: computed once, found again by what they are of."""

import jax
import numpy as np
import pytest
import tiny_configs

from dermgan_jax import config as config_schema
from dermgan_jax.augment.classical import Amounts, augment_each
from dermgan_jax.data.catalogue import catalogue
from dermgan_jax.data.image_files import write_pngs
from dermgan_jax.data.prepare import prepare
from dermgan_jax.models import trunk_features
from dermgan_jax.models.classifier_networks import Trunk
from dermgan_jax.models.trunk_features import PLAIN, AugmentedView, activations
from dermgan_jax.train import start
from dermgan_jax.train.sharding import data_mesh

TRUNK = Trunk("tiny", 1, 16)
IMAGES = np.random.default_rng(0).integers(0, 256, (20, 16, 16, 3), np.uint8)
AUGMENTED = AugmentedView(Amounts(), number=1)


@pytest.fixture(scope="module")
def variables():
    return TRUNK.init(jax.random.key(0))


@pytest.fixture
def computed(monkeypatch, tmp_path):
    """Numbers of images of the sets that were computed rather than read back."""
    monkeypatch.setenv("DERMGAN_CACHE", str(tmp_path))
    seen, compute = [], trunk_features._compute

    def counted(trunk, variables, images, *others):
        seen.append(len(images))
        return compute(trunk, variables, images, *others)

    monkeypatch.setattr(trunk_features, "_compute", counted)
    return seen


def test_activations_are_the_trunks(variables, computed):
    found = activations(TRUNK, variables, IMAGES)
    expected = TRUNK.apply(variables, IMAGES.astype(np.float32) / 127.5 - 1)
    assert (found.dtype, found.shape) == (np.float16, expected.shape)
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-3)


def test_they_are_computed_once(variables, computed):
    first = activations(TRUNK, variables, IMAGES)
    np.testing.assert_array_equal(activations(TRUNK, variables, IMAGES.copy()), first)
    assert computed == [20]


@pytest.mark.parametrize("what", ["pixel", "weight", "view", "size"])
def test_anything_else_is_computed_anew(what, variables, computed):
    activations(TRUNK, variables, IMAGES)
    other = {"images": IMAGES.copy(), "variables": variables, "view": PLAIN, "trunk": TRUNK}
    if what == "pixel":
        other["images"][7, 3, 3, 0] ^= 1
    elif what == "weight":
        other["variables"] = jax.tree.map(lambda leaf: leaf * np.float32(1.001), variables)
    elif what == "view":
        other["view"] = AUGMENTED
    else:
        other["trunk"] = Trunk("tiny", 1, 20)
    activations(**other)
    assert computed == [20, 20]


def test_views_augment_each_image_by_seed_view_and_place(variables, computed):
    found = activations(TRUNK, variables, IMAGES, AUGMENTED)
    fewer = activations(TRUNK, variables, IMAGES[:3], AUGMENTED)
    np.testing.assert_array_equal(found[:3], fewer)
    key = jax.random.fold_in(jax.random.key(0), 1)
    keys = jax.vmap(lambda i: jax.random.fold_in(key, i))(np.arange(20))
    seen = augment_each(keys, IMAGES.astype(np.float32) / 127.5 - 1, Amounts())
    np.testing.assert_allclose(found, TRUNK.apply(variables, seen), rtol=2e-3, atol=2e-3)
    others = activations(TRUNK, variables, IMAGES, AugmentedView(Amounts(), number=2))
    assert not np.allclose(found, others, atol=1e-2)


def test_a_failed_computation_leaves_nothing(variables, computed, tmp_path):
    class Broken:
        shape, dtype = IMAGES.shape, IMAGES.dtype
        asked = 0

        def __len__(self):
            return len(IMAGES)

        def __getitem__(self, rows):
            self.asked += 1
            if self.asked > 2:
                raise OSError("gone")
            return IMAGES[rows]

    with pytest.raises(OSError, match="gone"):
        activations(TRUNK, variables, Broken())
    assert not (tmp_path / "trunk_features").exists()


def feed_of(tmp_path, synthetic=0, cache="device", num_devices=1, balance=False):
    """(feed of three views, catalogue, model, variables).

    The first of IMAGES, `synthetic` of them, join the training split.
    """
    config = tiny_configs.classifier()
    if synthetic:
        write_pngs(IMAGES[:synthetic], tmp_path / "made" / "nv")
        config.data.synthetic = str(tmp_path / "made")
    config.model.views, config.data.cache, config.data.balance = 3, cache, balance
    config.data.prepared_dir = str(tmp_path / "prepared")
    config = config_schema.validate(config)
    listed = catalogue(config.data)
    model = start.build_model(config, listed)
    variables = jax.device_get(model.init(jax.random.key(0)))
    mesh = data_mesh(jax.devices()[:num_devices])
    return model.open_feed(listed, mesh, variables), listed, model, variables


def taken(feed, start, shape):
    """(images, labels) as the step looks them up."""
    batch, resident = feed.take(start, shape, (16, 16)), feed.resident((16, 16))
    return [
        np.asarray(resident[name][batch[name]] if name in resident else batch[name])
        for name in ("image", "label")
    ]


@pytest.mark.parametrize("cache", ["device", "host"])
def test_every_epoch_shows_each_image_once_in_the_next_view(cache, computed, tmp_path):
    feed, listed, model, variables = feed_of(tmp_path, cache=cache, num_devices=8)
    rows = listed.indices("train")
    num = len(rows) // 8 * 8
    images = prepare(listed, model.config.data).images[rows]
    for epoch in (0, 1, 4):
        view = model.views[epoch % 3]
        of_view = activations(model.trunk, variables["trunk"], images, view)
        start = epoch * len(rows)
        found, labels = taken(feed, start, (1, 1, num))
        order = feed.sources["image"].local_stream(start, (1, 1, num))[0, 0]
        assert len(set(order)) == num
        np.testing.assert_array_equal(found[0, 0], of_view[order])
        np.testing.assert_array_equal(labels[0, 0], listed.labels[rows][order])


def test_classes_shown_equally_often_are_computed_once(computed, tmp_path):
    feed, listed, model, variables = feed_of(tmp_path, balance=True)
    rows = listed.indices("train")
    assert computed == [len(rows)] * 3
    repeated = feed.sources["image"].rows
    assert len(repeated) > len(rows)
    images = prepare(listed, model.config.data).images
    of_view = activations(model.trunk, variables["trunk"], images[rows], model.views[1])
    found, labels = taken(feed, len(repeated), (1, 1, len(repeated)))
    order = feed.sources["image"].local_stream(len(repeated), (1, 1, len(repeated)))[0, 0]
    np.testing.assert_array_equal(found[0, 0], of_view[np.searchsorted(rows, repeated[order])])
    assert set(np.bincount(labels[0, 0])) == {max(listed.class_counts("train"))}


def test_real_images_are_computed_once_whatever_is_added(computed, tmp_path):
    real, listed, _, _ = feed_of(tmp_path)
    num = len(listed.indices("train"))
    feed, _, model, variables = feed_of(tmp_path, synthetic=10)
    assert computed == [num] * 3 + [10] * 3
    np.testing.assert_array_equal(feed.activations[:num], real.activations)
    made = activations(model.trunk, variables["trunk"], IMAGES[:10], model.views[2])
    np.testing.assert_array_equal(feed.activations[num:, 2], made)
