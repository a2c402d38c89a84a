import hashlib
import tracemalloc
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from dermgan_jax.data.splits import SPLITS, assign, hash_order, split_hash, strata

FRACTIONS = (0.7, 0.15, 0.15)
# What work directories hold.
PINNED_HAM = "1c0b9e16d8d69be2eeb6676d49b2a812d99fa313d2116ae4daec6178c7c6f072"
PINNED_KINDS = "21eb6a5e8769b7a8459e7c3fcd4615ecaf7cfb13bb9b45270b4ac1adf58c1c91"
PINNED_ORDER = "f3af19002766a3897ada6b12f359c62edf6350eb8c2d922a33251a05ae269ade"
# Lesion and class (alphabetical order of dx) of each of the 10,015 rows of HAM10000_metadata.csv;
# lesions are renumbered at random and no image id is kept. Tschandl et al. 2018,
# doi:10.7910/DVN/DBW86T, CC BY-NC 4.0.
HAM10000 = Path(__file__).parents[1] / "golden" / "splits" / "ham10000_lesions.npz"


def ham10000():
    with np.load(HAM10000) as arrays:
        return arrays["label"].astype(int), [f"lesion {i}" for i in arrays["lesion"]]


def made_up(num_groups=200, seed=0):
    rng = np.random.default_rng(seed)
    sizes = rng.integers(1, 5, num_groups)
    groups = np.repeat(np.arange(num_groups), sizes)
    return rng.integers(0, 4, num_groups)[groups], [f"g{i}" for i in groups]


def test_no_lesion_of_ham10000_crosses_splits():
    labels, lesions = ham10000()
    splits = assign(labels, lesions, FRACTIONS, seed=0)
    assert len(labels) == 10015
    assert len(set(lesions)) == 7470
    assert len(set(zip(lesions, splits.tolist(), strict=True))) == 7470


def test_every_class_of_ham10000_has_its_shares():
    labels, lesions = ham10000()
    splits = assign(labels, lesions, FRACTIONS, seed=0)
    for label in range(7):
        counts = np.array([np.sum((labels == label) & (splits == split)) for split in SPLITS])
        # a split may miss or exceed its share by part of the two lesions on its borders
        np.testing.assert_allclose(counts, np.array(FRACTIONS) * counts.sum(), atol=6)


def test_order_of_rows_does_not_matter():
    labels, groups = made_up()
    order = np.random.default_rng(1).permutation(len(labels))
    shuffled = assign(labels[order], [groups[i] for i in order], FRACTIONS, seed=0)
    np.testing.assert_array_equal(shuffled, assign(labels, groups, FRACTIONS, seed=0)[order])


def test_other_classes_do_not_matter():
    labels, groups = made_up()
    own = np.flatnonzero(labels == 2)
    alone = assign(labels[own], [groups[i] for i in own], FRACTIONS, seed=0)
    np.testing.assert_array_equal(alone, assign(labels, groups, FRACTIONS, seed=0)[own])


def test_seed_changes_the_assignment():
    labels, groups = made_up()
    assert np.any(assign(labels, groups, FRACTIONS, 0) != assign(labels, groups, FRACTIONS, 1))


def test_share_of_zero_gets_nothing():
    labels, groups = made_up()
    assert set(assign(labels, groups, (0.5, 0.0, 0.5), seed=0)) == {"train", "test"}
    assert set(assign(labels, groups, (1.0, 0.0, 0.0), seed=0)) == {"train"}


def test_group_of_several_labels_stays_whole():
    splits = assign(np.arange(20) % 3, ["one"] * 10 + ["other"] * 10, (0.5, 0.25, 0.25), seed=0)
    assert len(set(splits[:10])) == len(set(splits[10:])) == 1


def test_single_group_of_a_class_goes_to_training():
    assert assign(np.zeros(3, int), ["g"] * 3, FRACTIONS, seed=0).tolist() == ["train"] * 3


def test_split_hash_depends_on_pairs_not_on_order():
    reference = split_hash(["a", "b"], ["train", "val"])
    assert split_hash(["b", "a"], ["val", "train"]) == reference
    assert split_hash(["a", "b"], ["val", "train"]) != reference
    assert len(reference) == 64


def test_splits_are_those_of_earlier_versions():
    """Work directories are continued only on the split that they began with."""
    labels, lesions = ham10000()
    ids = [f"ISIC_{i:07}" for i in range(len(labels))]
    assert split_hash(ids, assign(labels, lesions, FRACTIONS, seed=0)) == PINNED_HAM
    domains = [("", "clinical")[i % 3 == 0] for i in range(len(labels))]
    by_kind = assign(strata(labels, domains), lesions, FRACTIONS, seed=7)
    assert split_hash(ids, by_kind) == PINNED_KINDS
    order = hash_order(ids, seed=3).tolist()
    assert hashlib.sha256(str(order).encode()).hexdigest() == PINNED_ORDER


def test_group_counts_under_its_most_frequent_then_lowest_label():
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 5, 600)
    groups = [f"g{i}" for i in rng.integers(0, 90, 600)]
    votes = {name: Counter() for name in groups}
    for name, label in zip(groups, labels, strict=True):
        votes[name][int(label)] += 1
    counts_as = {n: min(v, key=lambda label: (-v[label], label)) for n, v in votes.items()}
    told = assign(np.array([counts_as[name] for name in groups]), groups, FRACTIONS, seed=1)
    np.testing.assert_array_equal(assign(labels, groups, FRACTIONS, seed=1), told)


@pytest.mark.parametrize("kind", ["many classes", "a long name"])
def test_memory_grows_with_the_images_alone(kind):
    count = 20_000
    groups = [f"g{i}" for i in range(count)]
    labels = np.arange(count) % (2000 if kind == "many classes" else 7)
    if kind == "a long name":
        groups[17] = "g" * 10_000
    tracemalloc.start()
    try:
        assign(labels, groups, FRACTIONS, seed=0)
        assert tracemalloc.get_traced_memory()[1] < 50e6
    finally:
        tracemalloc.stop()
