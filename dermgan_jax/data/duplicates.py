"""Pictures of one data set that show the same thing, and the groups that they make.

Found are pictures of one lesion at another zoom, cropped, turned, mirrored or brightened, and files
that were saved again: `keypoint_index` says which are worth comparing, `same_scene` compares them.
How many are found, and how many are found wrongly, docs/results.md tells of HAM10000, on half of
whose lesions `SAME` was chosen.
"""

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

from dermgan_jax.data.keypoint_index import likely_pairs
from dermgan_jax.data.keypoints import Keypoints, mirrored
from dermgan_jax.data.same_scene import agreement
from dermgan_jax.progress_bar import progress_bar

VERSION = 1  # raise it whenever other pairs would be found
SAME = 5.5  # agreement from which two pictures show the same thing
SAME_MIRRORED = 10.0  # ... of a mirror image, which only programs make and which is like it in all
LOWEST = 2.0  # agreement of pairs that are kept, so that other limits can be tried
LARGE = 6  # pictures; the groups of lesions in HAM10000 are no larger
LINKED = 0.25  # share of the pairs between two groups that must be found to make a large one
THROUGHOUT = 0.25  # share of pairs that groups divide; of photographs of skin it is near 0
CHUNK = 512  # pairs compared at a time


class Pair(NamedTuple):
    """Two pictures that are alike, `first` below `second`.

    Attributes:
      mirrored: it is the mirror image of one that is like the other.
      agreement: see `same_scene.agreement`; files that are equal have the largest there is.
    """

    first: int
    second: int
    mirrored: bool
    agreement: float


def is_same(pair: Pair) -> bool:
    """Whether two pictures are taken to show the same thing."""
    return pair.agreement >= (SAME_MIRRORED if pair.mirrored else SAME)


def alike_pairs(pictures: Sequence[Keypoints], threads: int = 0) -> list[Pair]:
    """Pairs of an agreement of `LOWEST` and above, by row.

    Args:
      pictures: of the data set.
      threads: that compare at a time; 0: one per core.
    """
    likely = likely_pairs(pictures)
    turned = [mirrored(each) for each in pictures]
    best: dict[tuple[int, int], Pair] = {}

    def compared(start: int) -> list[Pair]:
        some = likely[start : start + CHUNK]
        return [
            Pair(
                *each,
                agreement(
                    (turned if each.mirrored else pictures)[each.first], pictures[each.second]
                ),
            )
            for each in some
        ]

    starts = range(0, len(likely), CHUNK)
    with (
        ThreadPoolExecutor(threads or os.cpu_count()) as pool,
        progress_bar(len(likely), "comparing pictures that may show the same", "pair") as bar,
    ):
        for found in pool.map(compared, starts):
            bar.update(len(found))
            for pair in found:
                before = best.get((pair.first, pair.second))
                if pair.agreement >= LOWEST and (not before or before.agreement < pair.agreement):
                    best[pair.first, pair.second] = pair
    return [best[rows] for rows in sorted(best)]


def groups(number: int, pairs: Sequence[Pair], fixed: Sequence[str] = ()) -> list[int]:
    """The group of each picture, named by its first member.

    Pairs join groups, those that agree most first. Chains of pictures that are alike by chance do
    not grow: groups that together would be larger than `LARGE` join only if `LINKED` of the pairs
    between them are among `pairs`. Two groups that were given never join.

    Args:
      number: of pictures.
      pairs: between them; those that `is_same` takes for the same count.
      fixed: the given group of each picture, or "".
    """
    meant = [pair for pair in pairs if is_same(pair)]
    found = _Groups(number, meant, fixed or [""] * number)
    for pair in sorted(meant, key=lambda pair: (-pair.agreement, pair)):
        found.join(found.of[pair.first], found.of[pair.second])
    return found.of


def alike_throughout(number: int, pairs: Sequence[Pair]) -> bool:
    """Whether pictures look alike throughout, as X-rays do, so that pairs tell nothing.

    What shows the same thing is alike in all pairs. Where many pairs are between groups instead,
    each picture is alike to others that are not alike to each other.

    Args:
      number, pairs: as of `groups`.
    """
    meant = [pair for pair in pairs if is_same(pair)]
    of = groups(number, pairs)
    divided = sum(of[pair.first] != of[pair.second] for pair in meant)
    return divided > THROUGHOUT * len(meant)


class _Groups:
    """Groups that are joined step by step; each is named by its first member."""

    def __init__(self, number: int, pairs: Sequence[Pair], fixed: Sequence[str]):
        self.of = list(range(number))
        self.members = {row: [row] for row in range(number)}
        self.fixed = {row: name for row, name in enumerate(fixed) if name}
        self.partners: dict[int, set[int]] = {row: set() for row in range(number)}
        for pair in pairs:
            self.partners[pair.first].add(pair.second)
            self.partners[pair.second].add(pair.first)
        first: dict[str, int] = {}
        for row, name in enumerate(fixed):
            if name and first.setdefault(name, row) != row:
                self._merge(first[name], row)

    def join(self, one: int, other: int) -> None:
        """Joins two groups unless that would make a chain, or one of two that were given."""
        if one == other or (one in self.fixed and other in self.fixed):
            return
        few, many = sorted((self.members[one], self.members[other]), key=len)
        if len(few) + len(many) > LARGE:
            links = sum(len(self.partners[row].intersection(many)) for row in few)
            if links < LINKED * len(few) * len(many):
                return
        self._merge(min(one, other), max(one, other))

    def _merge(self, one: int, other: int) -> None:
        name = self.fixed.get(one) or self.fixed.pop(other, "")
        self.fixed.pop(other, None)
        if name:
            self.fixed[one] = name
        for row in self.members[other]:
            self.of[row] = one
        self.members[one] += self.members.pop(other)


def across(pairs: Sequence[Pair], parts: Sequence[str], groups: Sequence[str]) -> list[Pair]:
    """Pairs that show the same thing and are in different splits and groups, best first."""
    found = [
        pair
        for pair in pairs
        if is_same(pair)
        and parts[pair.first] != parts[pair.second]
        and groups[pair.first] != groups[pair.second]
    ]
    return sorted(found, key=lambda pair: (-pair.agreement, pair))
