"""Training, validation and test splits: by group, stratified by class, and reproducible."""

import hashlib
from collections.abc import Sequence

import numpy as np

TRAIN, VAL, TEST = SPLITS = ("train", "val", "test")
ALL = "all"  # of them together, where one is asked for
GROUP, IMAGE = SPLIT_RULES = ("group", "image")  # what is never divided
EACH_ITS_OWN = ".+"  # the `data.group_pattern` by which every image, or pair, is a group


def assign(
    labels: np.ndarray, groups: Sequence[str], fractions: Sequence[float], seed: int
) -> np.ndarray:
    """Splits images so that no group is divided and each class has the asked-for shares.

    Within a class the groups are ordered by a hash of (seed, group) and laid end to end, each as
    long as it has images; a group goes to the split in whose share its middle lies. What becomes
    of a group hence depends on the groups of its own class only, not on the order of rows.

    Args:
      labels: int (N,), classes or `strata`. A group of several labels counts under its most
        frequent (then lowest) one.
      groups: N names, such as lesions or patients.
      fractions: shares of images for train, val and test, adding up to 1.
      seed: another seed gives another, equally good assignment.

    Returns:
      str (N,), values in `SPLITS`.
    """
    names, group_of_image = np.unique(np.asarray(groups), return_inverse=True)
    label_values, label_of_image = np.unique(labels, return_inverse=True)
    votes = np.zeros((len(names), len(label_values)), np.int64)
    np.add.at(votes, (group_of_image, label_of_image), 1)
    sizes, class_of_group = votes.sum(1), votes.argmax(1)
    order = hash_order(names, seed)

    split_of_group = np.zeros(len(names), np.int64)
    bounds = np.cumsum(fractions)[:-1]
    for index in range(len(label_values)):
        members = order[class_of_group[order] == index]
        middles = np.cumsum(sizes[members]) - sizes[members] / 2
        shares = middles / sizes[members].sum()
        split_of_group[members] = np.searchsorted(bounds, shares, side="right")
    return np.asarray(SPLITS)[split_of_group[group_of_image]]


def strata(labels: Sequence[int], domains: Sequence[str]) -> np.ndarray:
    """What `assign` should balance: classes, apart for each kind of picture: int (N,).

    Args:
      labels: N classes, -1 or above.
      domains: N kinds of picture; where there is one kind, the result is `labels`.
    """
    labels = np.asarray(labels)
    _, kinds = np.unique(np.asarray(domains), return_inverse=True)
    return labels + kinds * (labels.max(initial=0) + 2)


def hash_order(ids: Sequence[str], seed: int) -> np.ndarray:
    """A shuffle of N names that depends on nothing but each name and the seed: int (N,)."""
    return np.argsort([_digest(f"{seed}/{id}") for id in ids])


def split_hash(ids: Sequence[str], splits: Sequence[str]) -> str:
    """Hexadecimal SHA-256 of which image is in which split; the order of rows does not matter."""
    pairs = sorted(f"{id}\t{split}\n" for id, split in zip(ids, splits, strict=True))
    return _digest("".join(pairs))


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
