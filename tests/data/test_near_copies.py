"""Pictures are told to be the same whatever their brightness and contrast, and others are not."""

import io
import time
import tracemalloc

import numpy as np
import pytest
from PIL import Image

from dermgan_jax.data import near_copies as near
from dermgan_jax.data.datasets import phantom
from dermgan_jax.data.near_copies import near_copies, near_copies_once
from dermgan_jax.data.squares import to_square


@pytest.fixture(scope="module")
def drawn():
    """Phantoms of 128 pixels, uint8 (40, 128, 128, 3)."""
    return np.stack([phantom.draw(0, i, 128).image for i in range(40)])


def saved_again(image, side=128, quality=75):
    data = io.BytesIO()
    picture = Image.fromarray(image).resize((side, side), Image.Resampling.BICUBIC)
    picture.save(data, "JPEG", quality=quality)
    return np.asarray(Image.open(data))


@pytest.mark.parametrize(
    "change",
    [
        lambda image: image,
        saved_again,
        lambda image: saved_again(image, quality=30),
        lambda image: saved_again(image, side=64),
        lambda image: saved_again(image, side=300),
        lambda image: (image * 0.7 + 20).astype(np.uint8),
    ],
)
@pytest.mark.parametrize("side", [8, 32, 60])
def test_changed_pictures_are_found_and_no_others(drawn, change, side):
    originals = [to_square(image, side) for image in drawn]
    changed = [to_square(change(image), side) for image in drawn[:5]]
    splits = ["train"] * 20 + ["val"] * 20 + ["test"] * 5
    found = near_copies(np.stack([*originals, *changed]), splits, [str(i) for i in range(45)])
    assert found == [(40 + i, i) for i in range(5)]


def test_crops_mirror_images_and_plain_pictures_are_not_found(drawn):
    image = drawn[0]
    plain = np.full_like(image, 120)
    pictures = [image, plain, to_square(image[:90, :90], 128), image[:, ::-1], plain]
    splits = ["train", "train", "test", "test", "test"]
    assert near_copies(np.stack(pictures), splits, list("abcde")) == []


def test_copies_within_a_split_or_a_group_are_not_meant(drawn):
    pictures = np.stack([drawn[0]] * 3)
    assert near_copies(pictures, ["train", "train", "val"], list("aaa")) == []
    assert near_copies(pictures[:2], ["train", "train"], list("ab")) == []
    assert near_copies(pictures, ["val", "train", "val"], list("aab")) == [(2, 1)]


def test_ten_thousand_images_take_seconds():
    pictures = np.random.default_rng(0).integers(0, 256, (10_000, 16, 16, 1), np.uint8)
    pictures[9_999] = pictures[0]
    splits = np.array(["train", "train", "test"])[np.arange(10_000) % 3]
    splits[9_999] = "test"
    start = time.process_time()
    assert near_copies(pictures, splits, [str(i) for i in range(10_000)]) == [(9_999, 0)]
    assert time.process_time() - start < 60


@pytest.mark.parametrize("noise", [2, 6, 60])
def test_the_nearest_one_counts_however_many_are_near(noise):
    """Of frames of films and of faded X-rays many are alike; of other pictures none."""
    rng = np.random.default_rng(0)
    base = rng.integers(40, 200, (8, 8))
    pictures = (base + rng.normal(0, noise, (600, 8, 8))).clip(0, 255).astype(np.uint8)[..., None]
    splits = np.array(["train", "val"])[np.arange(600) % 3 // 2]
    found = near_copies(pictures, splits, [str(i) for i in range(600)])

    vectors = pictures.reshape(600, -1).astype(float)
    vectors -= vectors.mean(1, keepdims=True)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    train, val = np.flatnonzero(splits == "train"), np.flatnonzero(splits == "val")
    alike = vectors[val] @ vectors[train].T
    rows = np.flatnonzero(alike.max(1) >= 0.99)
    assert found == [(val[row], train[alike[row].argmax()]) for row in rows]
    assert (len(rows) > 0) == (noise < 60)


def test_part_of_large_splits_is_compared(drawn, monkeypatch):
    pictures = np.concatenate([drawn[:20], drawn[:20]])
    splits, groups = ["train"] * 20 + ["test"] * 20, [str(i) for i in range(40)]
    assert near.compared(splits) == 20
    monkeypatch.setattr(near, "COMPARED", 5)
    assert near.compared(splits) == 5
    assert near_copies(pictures, splits, groups) == [(20 + 4 * i, 4 * i) for i in range(5)]


def test_copies_are_looked_for_once(drawn, tmp_path):
    pictures = np.stack([drawn[0], drawn[1], drawn[0]])
    splits, groups = ["train", "train", "test"], list("abc")
    unread = np.empty((3, 0, 0, 3))

    assert near_copies_once(pictures, splits, groups, "12", tmp_path) == [(2, 0)]
    assert near_copies_once(unread, splits, groups, "12", tmp_path) == [(2, 0)]
    assert near_copies_once(pictures, splits, list("aba"), "12", tmp_path) == []
    assert near_copies_once(pictures[[0, 1, 1]], splits, groups, "34", tmp_path) == [(2, 1)]
    (tmp_path / "file").write_text("")
    assert near_copies_once(pictures, splits, groups, "12", tmp_path / "file") == [(2, 0)]


def test_memory_is_that_of_the_small_versions():
    pictures = np.random.default_rng(0).integers(0, 256, (2000, 64, 64, 3), np.uint8)
    tracemalloc.start()
    try:
        near_copies(pictures, ["train", "test"] * 1000, [str(i) for i in range(2000)])
        assert tracemalloc.get_traced_memory()[1] < pictures.nbytes
    finally:
        tracemalloc.stop()
