"""Metrics within classes and other subgroups: the same values of parts of both sides.

A subgroup of one value of a column, such as tone "dark", is compared with the synthetic images of
that value where both sides have the column: classes by their folders, skin tone and brightness by
their pixels. A column that only real images record, such as sex, says nothing of synthetic images:
its subgroups are compared with all of them, and only recall and coverage mean something then.
"""

import dataclasses
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np

from dermgan_jax.data.image_sets import FolderImages, ImageSet
from dermgan_jax.errors import UserError
from dermgan_jax.evaluation.image_sources import ImageSource
from dermgan_jax.metrics.measure import Impossible, Request, measure_parts
from dermgan_jax.metrics.measurement import MetricValue
from dermgan_jax.metrics.measurement_table import columns_of_text
from dermgan_jax.registry import did_you_mean
from dermgan_jax.statistics.subgroups import UNKNOWN
from dermgan_jax.synthesis.subgroup_columns import CLASS, MEASURED, ORDER, Classed, measured

ENOUGH = 50  # images of either side; a Fréchet distance needs more than its features have numbers
WIDTH = 100  # characters of a terminal
OF_REALS = ("recall", "coverage")  # values that ask of each real image whether it is reached


@dataclasses.dataclass(frozen=True)
class Cell:
    """A value of a subgroup, or why there is none."""

    value: MetricValue | None
    reason: str = ""

    def text(self) -> str:
        """Value and interval, or the reason."""
        if self.value is None:
            return self.reason
        interval = self.value.interval
        ends = "" if interval is None else f" [{interval[0]:.3g}, {interval[1]:.3g}]"
        return f"{self.value.value:.3g}{ends}"


@dataclasses.dataclass(frozen=True)
class Subgroup:
    """Images of one value of a column, and what is measured of them.

    `n_fake` counts all synthetic images where these do not have the column.
    """

    column: str
    value: str
    n_real: int
    n_fake: int
    both: bool
    cells: Mapping[str, Cell]

    def to_json(self) -> dict[str, Any]:
        """JSON values; a cell is {"value", "interval"} or {"reason"}."""
        cells = {
            name: {"reason": cell.reason}
            if cell.value is None
            else {"value": cell.value.value, "interval": cell.value.interval}
            for name, cell in self.cells.items()
        }
        return {**dataclasses.asdict(dataclasses.replace(self, cells={})), "cells": cells}


def subgroup_values(
    real: ImageSet,
    fake: ImageSet,
    columns: Mapping[str, tuple[np.ndarray, np.ndarray | None]],
    request: Request,
) -> list[Subgroup]:
    """All metrics of the request within each value of each column.

    Args:
      real, fake: uint8 (N, H, W, C).
      columns: name -> values of the real images (N,), and of the fake ones or None.
      request: metrics; paired ones cannot be had of parts.

    Raises:
      UserError: as `measure`.
    """
    parts = {}
    everyone = np.arange(len(fake))
    for column, (of_real, of_fake) in columns.items():
        for value in sorted(np.unique(of_real), key=_place):
            rows = np.flatnonzero(of_real == value)
            others = everyone if of_fake is None else np.flatnonzero(of_fake == value)
            parts[column, str(value), of_fake is not None] = rows, others
    large = {name: rows for name, rows in parts.items() if min(map(len, rows)) >= ENOUGH}
    found_in = measure_parts(real, fake, request, large) if large else {}
    published = [name for metric in request.found() for name in metric.publishes]
    found = []
    for (column, value, both), rows in parts.items():
        values = found_in.get((column, value, both), {})
        cells = {name: _cell(name, values.get(name), rows, both) for name in published}
        found.append(Subgroup(column, value, *map(len, rows), both, cells))
    return found


def _place(value: str) -> tuple[int, str]:
    """Tones from dark to light, others by name, the unknown ones last."""
    place = ORDER.index(value) if value in ORDER else len(ORDER)
    return place + (value == UNKNOWN), str(value)


def columns_of(
    real: ImageSource, fake: ImageSource, wanted: Sequence[str]
) -> dict[str, tuple[np.ndarray, np.ndarray | None]]:
    """Columns of both sides: "class", "tone", "brightness", and what a data set records.

    Raises:
      UserError: if the real images have no such column, or one is named twice.
    """
    if twice := sorted({name for name in wanted if list(wanted).count(name) > 1}):
        raise UserError(f"--by names {', '.join(twice)} twice")
    of_real = _classes(real)
    sides = Classed(real.compared, of_real), Classed(fake.images, _classes(fake, set(of_real)))
    found: dict[str, tuple[np.ndarray, np.ndarray | None]] = {
        name: (values, None) for name, values in real.recorded.items()
    }
    if set(wanted) & set(MEASURED):
        of_fake, of_real = measured(sides[1], sides[0])
        found |= {name: (values, of_fake.get(name)) for name, values in of_real.items()}
    for name in wanted:
        if name not in found:
            known = (*found, *(each for each in MEASURED if each != name))
            remedy = "; classes are its subfolders" if name == CLASS else did_you_mean(name, known)
            raise UserError(f"--by={name}: {real.name} does not tell it{remedy}")
    return {name: found[name] for name in wanted}


def unmatched(columns: Mapping[str, tuple[np.ndarray, np.ndarray | None]]) -> list[str]:
    """Notes of columns that synthetic images do not have, of images whose value could not be
    told, and of synthetic images that are in no subgroup, as no real image has their value."""
    found = []
    for column, (of_real, of_fake) in columns.items():
        if of_fake is None:
            found.append(
                f"note: {column} is known of real images only: all synthetic images are compared "
                f"with each subgroup, and of metrics only {' and '.join(OF_REALS)} say something"
            )
        sides = {"real": of_real, "synthetic": of_real[:0] if of_fake is None else of_fake}
        unknown = {side: int((values == UNKNOWN).sum()) for side, values in sides.items()}
        if any(unknown.values()):
            told = " and ".join(f"{num} {side}" for side, num in unknown.items() if num)
            found.append(
                f"note: {column} could not be told of {told} images, which are {UNKNOWN!r}"
            )
        alone = of_fake[~np.isin(of_fake, of_real)] if of_fake is not None else of_real[:0]
        if len(alone):
            values = ", ".join(repr(str(value)) for value in np.unique(alone))
            found.append(
                f"note: {len(alone)} synthetic images are in no subgroup by {column}: no real "
                f"image is {values}"
            )
    return found


def _classes(source: ImageSource, known: Collection[str] = ()) -> Sequence[str]:
    """The class of each compared image, "" where none is told.

    Args:
      source: of which a single folder is a class only if it is one of `known`.
      known: classes of the other side.
    """
    if source.labelling is not None:
        labels, rows = source.labelling.labels, source.labelling.rows
        return [source.labelling.classes[i] if i >= 0 else "" for i in labels[rows]]
    if isinstance(source.images, FolderImages):
        classes, labels = source.images.classes()
        if len(classes) > 1 or classes[0] in known:
            return [classes[i] for i in labels]
    return [""] * len(source.images)


def text(found: Sequence[Subgroup]) -> str:
    """A line for each subgroup; more metrics than a terminal is wide are tables of their own."""
    names = list(found[0].cells) if found else []
    tables = []
    while names:
        fitting = [names[: i + 1] for i in range(len(names)) if _fits(found, names[: i + 1])]
        taken = fitting[-1] if fitting else names[:1]
        tables.append(_table(found, taken))
        names = names[len(taken) :]
    return "\n".join(tables)


def _fits(found: Sequence[Subgroup], names: Sequence[str]) -> bool:
    return max(map(len, _table(found, names).splitlines())) <= WIDTH


def _table(found: Sequence[Subgroup], names: Sequence[str]) -> str:
    rows = [("subgroup", "n real", "n fake", *names)]
    rows += [
        (
            f"{each.column} {each.value}",
            str(each.n_real),
            f"{each.n_fake}" + ("" if each.both else " (all)"),
            *_texts(each, names),
        )
        for each in found
    ]
    return columns_of_text(rows)


def _texts(subgroup: Subgroup, names: Sequence[str]) -> list[str]:
    """Of each cell; a reason that all share once."""
    found = [subgroup.cells[name].text() for name in names]
    alike = len(set(found)) == 1 and not any(cell.value for cell in subgroup.cells.values())
    return [found[0], *[""] * (len(found) - 1)] if alike else found


def _cell(
    name: str,
    value: MetricValue | Impossible | None,
    rows: tuple[np.ndarray, ...],
    both: bool,
) -> Cell:
    fewest = min(map(len, rows))
    if fewest < ENOUGH:
        return Cell(None, f"too few: {fewest}, needs {ENOUGH}")
    if not both and name.partition(":")[0] not in OF_REALS:
        return Cell(None, "reals only")
    if isinstance(value, Impossible):
        return Cell(None, value.reason)
    if not value.is_finite:
        return Cell(None, "not defined by these images")
    if value.interval is not None and not np.isfinite(value.interval).all():
        value = dataclasses.replace(value, interval=None)
    return Cell(value)
