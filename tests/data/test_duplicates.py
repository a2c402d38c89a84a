"""Pictures of one lesion are found however they were taken, and others are not."""

import io

import numpy as np
import pytest
from PIL import Image
from scipy import ndimage

from dermgan_jax.data import keypoint_index
from dermgan_jax.data.datasets import phantom
from dermgan_jax.data.duplicates import SAME, Pair, across, alike_pairs, alike_throughout, groups
from dermgan_jax.data.keypoint_index import likely_pairs
from dermgan_jax.data.keypoints import keypoints, mirrored
from dermgan_jax.data.same_scene import agreement


@pytest.fixture(scope="module")
def drawn():
    """Phantoms of 192 pixels, uint8 (40, 192, 192, 3)."""
    return np.stack([phantom.draw(0, i, 192).image for i in range(40)])


@pytest.fixture(scope="module")
def known(drawn):
    return [keypoints(image) for image in drawn]


def resized(image, side):
    return np.asarray(Image.fromarray(image).resize((side, side), Image.Resampling.BICUBIC))


def turned(image, degrees):
    return ndimage.rotate(image, degrees, reshape=False, order=1, mode="reflect")


def saved_again(image):
    data = io.BytesIO()
    Image.fromarray(image).save(data, "JPEG", quality=40)
    return np.asarray(Image.open(data))


CHANGES = {
    "same": lambda image: image,
    "saved again": saved_again,
    "smaller": lambda image: resized(image, 120),
    "zoomed": lambda image: resized(image[30:162, 30:162], 192),
    "cropped aside": lambda image: image[10:160, 35:185],
    "a quarter turn": lambda image: np.rot90(image).copy(),
    "turned": lambda image: turned(image, 25),
    "darker": lambda image: (image * 0.7).astype(np.uint8),
    "brighter": lambda image: (image * 0.8 + 50).astype(np.uint8),
    "reddish": lambda image: (image * [1.0, 0.85, 0.7]).astype(np.uint8),
    "grey": lambda image: image.mean(-1, keepdims=True).astype(np.uint8),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_a_picture_taken_otherwise_is_known_again(drawn, known, change):
    for row in range(6):
        again = keypoints(change(drawn[row]))
        found = [agreement(each, again) for each in known[:12]]
        assert np.argmax(found) == row
        assert found[row] > SAME


def test_the_mirror_image_is_that_of_the_picture_left_to_right(drawn, known):
    for row in range(4):
        found = keypoints(np.ascontiguousarray(drawn[row][:, ::-1]))
        assert agreement(found, mirrored(known[row])) > 5 * SAME
        assert agreement(found, mirrored(known[row])) > 5 * agreement(found, known[row])


def test_other_pictures_are_not_taken_for_it(known):
    groups = [phantom.draw(0, i, 32).group for i in range(40)]
    found = [
        agreement(known[i], known[j]) for i in range(40) for j in range(i) if groups[i] != groups[j]
    ]
    assert np.mean(np.array(found) > SAME) < 0.01


@pytest.mark.parametrize("shape", [(1, 1, 3), (4, 200, 1), (64, 64, 3)])
def test_plain_pictures_have_no_keypoints_and_are_like_none(known, shape):
    plain = keypoints(np.full(shape, 120, np.uint8))
    assert len(plain.places) == len(plain.descriptors) == 0
    assert agreement(plain, known[0]) == agreement(plain, plain) == 0
    assert alike_pairs([plain, plain]) == []


def test_pairs_of_many_pictures_are_found_without_comparing_all(drawn, known, monkeypatch):
    monkeypatch.setattr(keypoint_index, "LIKELY", 5)
    copies = [
        keypoints(resized(drawn[0][20:170, 20:170], 192)),
        keypoints(turned(drawn[1], 40)),
        keypoints(np.ascontiguousarray(drawn[2][:, ::-1])),
        keypoints(np.full((9, 9, 3), 7, np.uint8)),
    ]
    pictures = [*known, *copies]
    likely = likely_pairs(pictures)
    assert len(likely) <= 5 * len(pictures) < len(pictures) * (len(pictures) - 1) // 2
    found = {
        (pair.first, pair.second): pair for pair in alike_pairs(pictures) if pair.agreement > 9
    }
    assert {(0, 40), (1, 41), (2, 42)} <= set(found)
    assert [found[i, 40 + i].mirrored for i in range(3)] == [False, False, True]
    assert not any(43 in rows for rows in found)


def test_nothing_depends_on_threads_or_on_the_time(known):
    assert alike_pairs(known[:15], 1) == alike_pairs(known[:15], 3)


def pairs(*rows, agreement=SAME):
    return [Pair(first, second, False, agreement) for first, second in rows]


def test_pairs_make_groups():
    assert groups(6, pairs((0, 3), (3, 4), (1, 5))) == [0, 1, 2, 0, 0, 1]
    assert groups(3, pairs((0, 2), agreement=SAME - 0.01)) == [0, 1, 2]
    assert groups(0, []) == []


def test_a_chain_does_not_grow_into_one_large_group():
    chain = pairs(*((i, i + 1) for i in range(19)))
    sizes = np.bincount(groups(20, chain))
    assert sizes.max() <= 6
    every = pairs(*((i, j) for j in range(20) for i in range(j)))
    assert set(groups(20, every)) == {0}


def test_pictures_that_are_alike_throughout_are_told_from_copies():
    chain = pairs(*((i, i + 1) for i in range(39)), *((i, i + 7) for i in range(33)))
    assert alike_throughout(40, chain)
    cliques = pairs(*((5 * g + i, 5 * g + j) for g in range(8) for j in range(5) for i in range(j)))
    assert not alike_throughout(40, cliques)
    frames = pairs(*((i, j) for j in range(40) for i in range(j)))
    assert not alike_throughout(40, frames)
    assert not alike_throughout(40, [])


def test_the_best_pairs_join_first():
    chain = pairs(*((i, i + 1) for i in range(11)))
    chain[5] = chain[5]._replace(agreement=99.0)
    found = groups(12, chain)
    assert found[5] == found[6]


def test_given_groups_are_kept_and_never_joined():
    given = ["p", "", "p", "q", "", "q"]
    found = groups(6, pairs((0, 3), (1, 2), (1, 4)) + pairs((3, 4), agreement=99.0), given)
    assert found[0] == found[2] == found[1]
    assert found[3] == found[5] == found[4]
    assert found[0] != found[3]


def test_pairs_across_splits_are_of_other_groups():
    found = pairs((0, 1), (0, 2), (1, 3)) + pairs((2, 3), agreement=1.0)
    parts, named = ["train", "test", "test", "val"], ["a", "b", "a", "c"]
    assert across(found, parts, named) == pairs((0, 1), (1, 3))


def test_pictures_that_show_nothing_are_like_no_other():
    plain = [keypoints(np.full((32, 32, 3), level, np.uint8)) for level in range(40)]
    assert likely_pairs(plain) == []
    one = keypoints(phantom.draw(0, 0, 192).image)
    single = one._replace(places=one.places[:1], descriptors=one.descriptors[:1])
    assert likely_pairs([*plain, single]) == []
    assert [pair[:2] for pair in likely_pairs([*plain, single, single])] == [(40, 41)]
