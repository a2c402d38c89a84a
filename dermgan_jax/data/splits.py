"""Training, validation and test splits: by group, stratified by class, and reproducible."""

import hashlib
from collections.abc import Sequence

import numpy as np

TRAIN, VAL, TEST = SPLITS = ("train", "val", "test")
ALL = "all"  # of them together, where one is asked for
GROUP, IMAGE = SPLIT_RULES = ("group", "image")  # what is never divided
HALVES = ("first", "second")  # of the training groups
AS_GIVEN, AUTO, NONE = GROUP_RULES = ("given", "auto", "none")  # see `found_groups`
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
    # No array of names: each of its elements would be as long as the longest name.
    names = sorted(set(groups))
    position = {name: i for i, name in enumerate(names)}
    group_of_image = np.fromiter((position[name] for name in groups), np.int64, len(groups))
    _, label_of_image = np.unique(labels, return_inverse=True)
    sizes = np.bincount(group_of_image, minlength=len(names))
    class_of_group = _most_frequent(group_of_image, label_of_image)
    order = hash_order(names, seed)
    order = order[np.argsort(class_of_group[order], kind="stable")]

    split_of_group = np.zeros(len(names), np.int64)
    bounds = np.cumsum(fractions)[:-1]
    for members in np.split(order, np.flatnonzero(np.diff(class_of_group[order])) + 1):
        middles = np.cumsum(sizes[members]) - sizes[members] / 2
        shares = middles / sizes[members].sum()
        split_of_group[members] = np.searchsorted(bounds, shares, side="right")
    return np.asarray(SPLITS)[split_of_group[group_of_image]]


def halves(labels: np.ndarray, groups: Sequence[str], seed: int) -> np.ndarray:
    """Divides images in two so that no group is divided and classes are alike in both.

    Args:
      labels, groups, seed: as of `assign`; the halves are independent of its splits.

    Returns:
      str (N,), values in `HALVES`.
    """
    found = assign(labels, [f"half/{group}" for group in groups], (0.5, 0.5, 0.0), seed)
    return np.where(found == TRAIN, *HALVES)


def _most_frequent(groups: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """The most frequent, then lowest label of each group: int (number of groups,).

    Args:
      groups: int (N,), of which each up to the largest occurs.
      labels: int (N,), 0 or above.
    """
    several = labels.max(initial=0) + 1
    pairs, votes = np.unique(groups * several + labels, return_counts=True)
    group, label = np.divmod(pairs, several)
    order = np.lexsort((label, -votes, group))
    return label[order[np.unique(group[order], return_index=True)[1]]]


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
    digests = b"".join(hashlib.sha256(_bytes(f"{seed}/{id}")).digest() for id in ids)
    return np.argsort(np.frombuffer(digests, "S32"))


def split_hash(ids: Sequence[str], splits: Sequence[str]) -> str:
    """Hexadecimal SHA-256 of which image is in which split; the order of rows does not matter."""
    digest = hashlib.sha256()
    for pair in sorted(f"{id}\t{split}\n" for id, split in zip(ids, splits, strict=True)):
        digest.update(_bytes(pair))
    return digest.hexdigest()


def _bytes(text: str) -> bytes:
    """Text in UTF-8, parts of names of files that are none as they are."""
    return text.encode(errors="surrogateescape")
