"""What the step makes of the bytes it is fed: look-up, crops, flips."""

import types

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dermgan_jax.train.load_batches import load_batches, random_crop
from dermgan_jax.train.sharding import data_mesh

SIDE, CROP = 12, 8


def recipe(paired, mirror=True):
    data = types.SimpleNamespace(paired=paired, mirror=mirror)
    model = types.SimpleNamespace(config=types.SimpleNamespace(data=data))
    return types.SimpleNamespace(model=model, mesh=data_mesh(jax.devices()[:1]))


def places():
    """Images (1, 16, 12, 12, 1) whose pixels say where they are: 12 row + column."""
    where = np.arange(SIDE * SIDE, dtype=np.uint8).reshape(SIDE, SIDE, 1)
    return np.broadcast_to(where, (1, 16, SIDE, SIDE, 1))


def loaded(paired, resident=None):
    batches = {"a": places(), "b": places()}
    rng = jax.random.key(0)
    found = load_batches(recipe(paired), batches, resident or {}, rng, (CROP, CROP))
    return {name: np.rint((np.asarray(x)[0, ..., 0] + 1) * 127.5) for name, x in found.items()}


@pytest.mark.parametrize("paired", [True, False])
def test_pairs_are_cropped_and_flipped_alike_and_others_are_not(paired):
    found = loaded(paired)
    corners = {name: x[:, 0, 0] for name, x in found.items()}
    assert len(np.unique(corners["a"])) > 8
    assert np.array_equal(corners["a"], corners["b"]) == paired


def test_crops_are_whole_pieces_flipped_half_of_the_time():
    across = np.diff(loaded(False)["a"], axis=2)
    down = np.diff(loaded(False)["a"], axis=1)
    assert (down == SIDE).all()
    assert (np.abs(across) == 1).all()
    flipped = (across < 0).all(axis=(1, 2))
    assert ((across > 0).all(axis=(1, 2)) ^ flipped).all()
    assert 2 < flipped.sum() < 14


def test_positions_are_looked_up_in_what_is_resident():
    stored = {"image": np.stack([places()[0, 0] + i for i in range(3)])}
    chosen = np.array([[2, 0]], np.int32)
    batches = {"image": chosen}
    found = load_batches(
        recipe(False, mirror=False), batches, stored, jax.random.key(0), (SIDE, SIDE)
    )
    pixels = np.rint((np.asarray(found["image"])[0] + 1) * 127.5)
    np.testing.assert_array_equal(pixels, stored["image"][[2, 0]])


def test_crop_reaches_every_corner():
    images = jnp.asarray(np.broadcast_to(places()[0, 0], (1, 400, SIDE, SIDE, 1)))
    corners = np.asarray(random_crop(images, (CROP, CROP), jax.random.key(1)))[0, :, 0, 0, 0]
    last = SIDE - CROP
    assert {0, last, last * SIDE, last * SIDE + last} <= set(corners.tolist())
    assert corners.max() == last * SIDE + last


def test_masks_are_cropped_and_flipped_with_their_images():
    batches = {"image": places(), "mask": places()}
    found = load_batches(recipe(False), batches, {}, jax.random.key(0), (CROP, CROP))
    pixels = np.rint((np.asarray(found["image"])[0, ..., 0] + 1) * 127.5)
    assert found["mask"].dtype == jnp.int32
    np.testing.assert_array_equal(found["mask"][0], pixels)
