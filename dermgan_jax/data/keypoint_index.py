"""Which of many pictures may show the same thing, found without comparing all with all.

Keypoints that are alike fall into the same cell, and have alike signatures (Jégou, Douze and Schmid
2008: Hamming embedding). Each such keypoint of another picture votes for it, with the turn and zoom
that it tells; the pictures with most votes of one turn and zoom are compared in detail.

Sums are of whole numbers, so that they are the same on every machine.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from dermgan_jax.data.keypoints import Keypoints, mirrored
from dermgan_jax.progress_bar import progress_bar

LIKELY = 30  # pictures that each is compared with
CENTRES = 128  # in each half of the leading components; cells are pairs of them
LEADING = 24  # components that cells are made of
BITS = 64  # of a signature
APART = 16  # bits in which signatures may differ
SAMPLE = 40_000  # descriptors that components and medians are computed from
TURNS, ZOOMS = 8, 6
STEPS = 1.5  # of zoom in an octave
CHUNK = 50_000  # descriptors at a time


class Likely(NamedTuple):
    """Rows of two pictures that may show the same, `first` below `second`, one of them mirrored?"""

    first: int
    second: int
    mirrored: bool


class _Coded(NamedTuple):
    """Cells int (n, 4), the nearest first, and signatures uint64 (n,), of keypoints."""

    cells: np.ndarray
    signatures: np.ndarray


def likely_pairs(pictures: Sequence[Keypoints]) -> list[Likely]:
    """Pairs that are worth comparing, sorted: all where there are few pictures."""
    if len(pictures) <= LIKELY + 1:
        rows = range(len(pictures))
        return [
            Likely(i, j, turned) for i in rows for j in rows[i + 1 :] for turned in (False, True)
        ]
    if not any(len(each.places) for each in pictures):
        return []
    index = _Index(pictures)
    found = set()
    bar = progress_bar(len(pictures), "looking for pictures worth comparing")
    for row, picture in enumerate(pictures):
        bar.update()
        votes = np.stack([index.votes(picture), index.votes(mirrored(picture))])
        votes[:, row] = 0
        # Equal votes are ordered by row, whatever the sorting.
        best = np.argsort(-votes.ravel(), kind="stable")[:LIKELY]
        for turned, other in zip(*np.divmod(best, len(pictures)), strict=True):
            if votes[turned, other]:
                found.add(Likely(*sorted((row, int(other))), bool(turned)))
    bar.close()
    return sorted(found)


class _Index:
    """Keypoints of many pictures by their cell."""

    def __init__(self, pictures: Sequence[Keypoints]):
        self.number = len(pictures)
        descriptors = np.concatenate([each.descriptors for each in pictures])
        self._learn(descriptors[np.linspace(0, len(descriptors) - 1, SAMPLE).astype(np.int64)])
        coded = [
            self._code(part)
            for part in np.split(descriptors, range(CHUNK, len(descriptors), CHUNK))
        ]
        cells = np.concatenate([part.cells[:, 0] for part in coded])
        order = np.argsort(cells, kind="stable")
        self.starts = np.searchsorted(cells[order], np.arange(CENTRES**2 + 1))
        self.signatures = np.concatenate([part.signatures for part in coded])[order]
        counts = [len(each.places) for each in pictures]
        self.pictures = np.repeat(np.arange(self.number), counts)[order]
        places = np.concatenate([each.places for each in pictures])[order]
        self.zooms, self.turns = np.log2(places[:, 2]), places[:, 3] / (2 * np.pi)

    def _learn(self, sample: np.ndarray) -> None:
        """Components, centres and medians of descriptors uint8 (n, 128)."""
        rng = np.random.default_rng(0)
        self.middle = np.rint(sample.mean(0))
        variances, axes = np.linalg.eigh(np.cov(sample.T, dtype=np.float64))
        variances, axes = variances[: -BITS - 1 : -1], axes[:, : -BITS - 1 : -1]
        axes = axes * np.sign(axes[np.abs(axes).argmax(0), np.arange(BITS)])
        self.axes = np.rint(64 * axes)
        scaled = axes / np.sqrt(np.maximum(variances, 1e-9))
        mixing = rng.choice([-1.0, 1.0], (BITS, BITS))
        self.mixed = np.rint(512 * scaled @ mixing / np.abs(scaled @ mixing).max())
        leading = (sample - self.middle) @ self.axes[:, :LEADING]
        some = rng.choice(len(sample), (2, CENTRES))
        self.centres = [leading[rows, half::2] for half, rows in enumerate(some)]
        self.medians = np.median((sample - self.middle) @ self.mixed, axis=0)

    def _code(self, descriptors: np.ndarray) -> _Coded:
        centred = descriptors - self.middle
        leading = centred @ self.axes[:, :LEADING]
        nearest = []
        for half, centres in enumerate(self.centres):
            closeness = 2 * leading[:, half::2] @ centres.T - (centres**2).sum(1)
            nearest.append(np.argsort(-closeness, axis=1, kind="stable")[:, :2])
        cells = nearest[0][:, :, None] * CENTRES + nearest[1][:, None]
        bits = np.packbits(centred @ self.mixed > self.medians, axis=1)
        return _Coded(cells.reshape(len(cells), 4), bits.view(np.uint64).ravel())

    def votes(self, picture: Keypoints) -> np.ndarray:
        """How much of a turn and zoom speaks for each picture: float64 (number of pictures,)."""
        cells, signatures = self._code(picture.descriptors)
        first, last = self.starts[cells.ravel()], self.starts[cells.ravel() + 1]
        counts = last - first
        where = np.arange(counts.sum()) + np.repeat(first - np.cumsum(counts) + counts, counts)
        ours = np.repeat(np.repeat(np.arange(len(cells)), 4), counts)
        apart = np.bitwise_count(self.signatures[where] ^ signatures[ours])
        near = apart <= APART
        where, ours, apart = where[near], ours[near], apart[near]
        scales, directions = picture.places[ours, 2], picture.places[ours, 3] / (2 * np.pi)
        turn = np.floor((self.turns[where] - directions) % 1 * TURNS).astype(np.int64) % TURNS
        zoom = np.floor((self.zooms[where] - np.log2(scales)) * STEPS) + ZOOMS // 2
        zoom = np.clip(zoom, 0, ZOOMS - 1).astype(np.int64)
        place = (self.pictures[where] * TURNS + turn) * ZOOMS + zoom
        weights = (BITS // 2 - apart.astype(np.int64)) ** 2
        found = np.bincount(place, weights, self.number * TURNS * ZOOMS)
        found = found.reshape(self.number, TURNS, ZOOMS)
        return (found + np.roll(found, 1, 1)).max((1, 2))
