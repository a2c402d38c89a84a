"""C_T, the data-copying test of Meehan, Chaudhuri and Dasgupta (2020).

In each of a few cells of the feature space the distances of fake images to the nearest training
image are compared with those of held-out real ones, by a Mann–Whitney test as a z-score; C_T is the
mean over the cells, weighted by their shares of the held-out images. Far below 0 fake images lie
closer to training images than unseen real ones do, which is what copies do; far above 0 they lie
further away.

As dgm-eval has it: cells by k-means, k = 3, on the training images' first 64 principal components,
and cells with at most 20 fake images are left out. A cell without training or held-out images,
where the original stops, is left out too and told.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy.cluster.vq import kmeans2
from scipy.stats import mannwhitneyu

from dermgan_jax.metrics.feature_arrays import check
from dermgan_jax.metrics.neighbours import centred, squared_distances
from dermgan_jax.statistics import intervals

CELLS = 3
COMPONENTS = 64
TOO_FEW = 20  # fake images of a cell that is left out
STARTS = 10  # of k-means
PROTOCOL = f"ct:pca{COMPONENTS}:cells{CELLS}"


class Cell(NamedTuple):
    """Images of each side in a cell, and its z-score; None where it is left out."""

    train: int
    held_out: int
    fake: int
    z: float | None


class CopyingTest(NamedTuple):
    """C_T; NaN if no cell could be used.

    Attributes:
      value: the statistic, a weighted mean of z-scores.
      interval: 95 %: each cell's z-score has a deviation of 1 where nothing is copied.
      cells: the largest share of held-out images first.
    """

    value: float
    interval: tuple[float, float]
    cells: tuple[Cell, ...]


def copying_test(
    train: np.ndarray, held_out: np.ndarray, fake: np.ndarray, *, seed: int
) -> CopyingTest:
    """C_T of features (n, d), of which the three numbers may differ.

    Args:
      train, held_out, fake: features.
      seed: of k-means.

    Raises:
      UserError: see `feature_arrays.check`.
    """
    check("C_T", train, held_out)
    check("C_T", train, fake)
    sides = _principal_components(train, held_out, fake)
    return in_cells(*sides, _cells(*sides, seed=seed))


def in_cells(
    train: np.ndarray, held_out: np.ndarray, fake: np.ndarray, cells: Sequence[np.ndarray]
) -> CopyingTest:
    """C_T with given cells.

    Args:
      train, held_out, fake: features (n, d).
      cells: of each image of the three sides, int (n,) from 0.
    """
    found = []
    for cell in range(1 + max(int(of.max()) for of in cells)):
        parts = [side[of == cell] for side, of in zip((train, held_out, fake), cells, strict=True)]
        numbers = [len(part) for part in parts]
        used = min(numbers) > 0 and numbers[2] > TOO_FEW
        found.append(Cell(*numbers, z_score(*parts) if used else None))
    used = [each for each in found if each.z is not None]
    shares = np.array([each.held_out for each in used], float)
    value, error = float("nan"), float("nan")
    if used:
        shares /= shares.sum()
        value = float(shares @ [each.z for each in used])
        error = float(np.sqrt(shares @ shares))
    ordered = sorted(found, key=lambda each: -each.held_out)
    return CopyingTest(value, intervals.normal(value, error), tuple(ordered))


def z_score(train: np.ndarray, held_out: np.ndarray, fake: np.ndarray) -> float:
    """Mann–Whitney's U of the two sides' distances to the nearest of `train`, standardised."""
    of_fake, of_held_out = (nearest_distances(side, train) for side in (fake, held_out))
    m, n = len(fake), len(held_out)
    u = mannwhitneyu(of_fake, of_held_out, alternative="less").statistic
    return float((u - (n * m / 2 - 0.5)) / np.sqrt(n * m * (n + m + 1) / 12))


def nearest_distances(points: np.ndarray, train: np.ndarray) -> np.ndarray:
    """Distance (n,) of each of the points (n, d) to the nearest of the training images (m, d)."""
    columns, rows = centred(train, points)
    blocks = range(0, len(rows), 512)
    squares = [squared_distances(rows[i : i + 512], columns).min(axis=1) for i in blocks]
    return np.sqrt(np.concatenate(squares))


def _principal_components(train: np.ndarray, *others: np.ndarray) -> list[np.ndarray]:
    """Coordinates of all sides along the training images' first components, float64."""
    middle = train.mean(axis=0, dtype=np.float64)
    sides = [np.asarray(side, np.float64) - middle for side in (train, *others)]
    if train.shape[1] <= COMPONENTS:
        return sides
    _, _, axes = np.linalg.svd(sides[0], full_matrices=False)
    return [side @ axes[:COMPONENTS].T for side in sides]


def _cells(train: np.ndarray, *others: np.ndarray, seed: int) -> list[np.ndarray]:
    """The cell of each image of each side: the best of several k-means of the training images."""
    generator = np.random.default_rng(seed)
    num = min(CELLS, len(np.unique(train, axis=0)))  # equal images are in one cell
    best, least = train[:num], np.inf
    for _ in range(STARTS):
        centres, of = kmeans2(train, num, minit="++", missing="warn", rng=generator)
        squares = np.square(train - centres[of]).sum()
        if squares < least:
            best, least = centres, squares
    return [np.square(side[:, None] - best).sum(axis=2).argmin(axis=1) for side in (train, *others)]
