"""Who is chosen: shares of subgroups before and after a choice, against chance and a reference.

Whether a value of a column, such as skin tone = dark, is chosen as often as all the others is asked
by Fisher's exact test (1922), two-sided; p-values are corrected by Holm (1979) over all values of
all columns. The two values of a column are one question. Whether a value that only the reference
has is missing by chance is asked by the same test, one-sided, of both sides put together, so that a
small reference proves little; these p-values are corrected on their own.
"""

import dataclasses
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from scipy.stats import fisher_exact, hypergeom

from dermgan_jax.statistics.intervals import wilson
from dermgan_jax.statistics.multiple_tests import holm

LEVEL = 0.05


@dataclasses.dataclass(frozen=True)
class Accepted:
    """The images of one value of a column, and how many of them were chosen.

    Attributes:
      column, value: which.
      n: images to choose from.
      total: of all values.
      chosen: of them.
      by_chance: that would have been chosen if all values had equal chances.
      low, high: 95 % interval of chosen / n (Wilson); 0 and 1 where n is 0.
      p: corrected; 1 where there is nothing to compare.
      share, share_chosen: of all images that have a value, and of the chosen ones.
      reference: the share of a reference, such as the real images; None if it is not known.
      p_missing: of a value that only the reference has, corrected; else 1.
    """

    column: str
    value: str
    n: int
    total: int
    chosen: int
    by_chance: float
    low: float
    high: float
    p: float
    share: float
    share_chosen: float
    reference: float | None = None
    p_missing: float = 1.0

    @property
    def disfavoured(self) -> bool:
        """Whether fewer were chosen than chance explains."""
        return self.p < LEVEL and self.chosen < self.by_chance

    @property
    def missing(self) -> bool:
        """Whether there was none to choose from, and chance does not explain it."""
        return self.p_missing < LEVEL

    def to_json(self) -> dict[str, Any]:
        """JSON values."""
        return dataclasses.asdict(self)


def acceptance(
    chosen: np.ndarray,
    columns: Mapping[str, np.ndarray],
    reference: Mapping[str, np.ndarray] | None = None,
    order: Sequence[str] = (),
) -> list[Accepted]:
    """Shares of every value of every column before and after a choice.

    Args:
      chosen: bool (n,).
      columns: column -> n names; columns of one value that the reference does not divide either
        are left out.
      reference: column -> names of other images, of any number.
      order: of values; others follow by alphabet.
    """
    ranks = {value: rank for rank, value in enumerate(order)}
    reference = reference or {}
    rows = []
    for column, of_images in columns.items():
        of_images = np.asarray(of_images)
        others = reference.get(column)
        others = np.asarray([] if others is None else others)
        values = sorted({*map(str, of_images), *map(str, others)})
        values.sort(key=lambda value: ranks.get(value, len(ranks)))
        if len(values) > 1:
            rows += [_row(column, value, of_images, chosen, others) for value in values]
    missing = holm(np.array([row.p_missing for row in rows]))
    return [
        dataclasses.replace(row, p=p, p_missing=float(missing[i]))
        for i, (row, p) in enumerate(zip(rows, _corrected(rows), strict=True))
    ]


def _corrected(rows: Sequence[Accepted]) -> list[float]:
    """p-values of rows, for as many questions as they ask."""
    divides = [row for row in rows if 0 < row.n < row.total]
    values = Counter(row.column for row in divides)

    def question(row: Accepted) -> tuple[str, str]:
        return row.column, row.value if values[row.column] > 2 else ""

    asked = {question(row): row.p for row in divides}
    corrected = dict(zip(asked, holm(np.array([*asked.values()])), strict=True))
    return [float(corrected.get(question(row), 1.0)) if row.n else 1.0 for row in rows]


def _row(
    column: str, value: str, of_images: np.ndarray, chosen: np.ndarray, others: np.ndarray
) -> Accepted:
    has = of_images == value
    n, kept, total, all_kept = int(has.sum()), int(chosen[has].sum()), len(has), int(chosen.sum())
    of_others = int((others == value).sum()) if len(others) else 0
    table = [[kept, n - kept], [all_kept - kept, total - n - (all_kept - kept)]]
    low, high = wilson(kept, n) if n else (0.0, 1.0)
    return Accepted(
        column=column,
        value=value,
        n=n,
        total=total,
        chosen=kept,
        by_chance=n * all_kept / total,
        low=low,
        high=high,
        p=float(fisher_exact(table).pvalue),
        share=n / total,
        share_chosen=kept / all_kept if all_kept else 0.0,
        reference=of_others / len(others) if len(others) else None,
        p_missing=1.0 if n else float(hypergeom.pmf(0, total + len(others), of_others, total)),
    )
