"""What the figures of an augmentation study share: colours, panels, rows, legends."""

import math
import textwrap
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from dermgan_jax.report.augmentation_tables import number
from dermgan_jax.report.style import FADE, INK, SERIES
from dermgan_jax.statistics.classifier_scores import Score
from dermgan_jax.statistics.comparison import Difference
from dermgan_jax.studies.augmentation_result import AugmentationResult

MARKERS = "os^DvPX"
WIDTH = 4.5  # inches, so that letters are not too small on a phone
ROW, HEAD = 0.21, 0.62  # inches: of a row of a panel, and of its title and axis
SMALL = 9
STEPS = (1, 2, 2.5, 5, 10)  # between ticks, in any power of ten


def wrapped(title: str) -> str:
    """On lines that a panel has room for."""
    return textwrap.fill(title, 18)


def colour_of(result: AugmentationResult, arm: str) -> str:
    """Grey of the base arm; the others keep theirs from figure to figure."""
    others = [name for name in result.arms if name != result.base]
    colours = (*SERIES, INK)
    return FADE if arm not in others else colours[others.index(arm) % len(colours)]


def marker_of(result: AugmentationResult, arm: str) -> str:
    """The same in every figure."""
    return MARKERS[result.arms.index(arm) % len(MARKERS)]


def ends_of(found: Score | Difference, factor: float) -> tuple[float, float, float]:
    """The number and its interval, NaN where there is none."""
    value = found.value if isinstance(found, Score) else found.difference
    return factor * number(value), factor * number(found.low), factor * number(found.high)


def point(
    axes: Axes,
    row: float,
    ends: tuple[float, float, float],
    colour: str,
    filled: bool,
    *,
    marker: str = "o",
    label: str = "",
    offset: float = 0.0,
) -> None:
    """A value with its interval in a row of a panel; `label` once for each axes."""
    value, low, high = ends
    labels = axes.get_legend_handles_labels()[1]
    axes.hlines(row + offset, low, high, color=colour, linewidth=1.6)
    axes.plot(
        value,
        row + offset,
        marker=marker,
        markersize=5.5,
        color=colour,
        linestyle="",
        fillstyle="full" if filled else "none",
        label=label if label and label not in labels else None,
    )


def panels_in_pairs(count: int, rows: int, sharex: bool = False) -> tuple[Figure, list[Axes]]:
    """Panels side by side in pairs, whose rows have one name, written at the left."""
    columns = min(2, count)
    lines = math.ceil(count / columns)
    height = lines * (HEAD + ROW * rows) + (0.25 if sharex else 0)
    figure = Figure(figsize=(WIDTH, height), layout="constrained")
    panels = figure.subplots(lines, columns, sharey=True, sharex=sharex, squeeze=False)
    figure.get_layout_engine().set(h_pad=0.07)
    hide_rest(panels, count)
    return figure, list(panels.flat[:count])


def hide_rest(panels: np.ndarray, count: int) -> None:
    """Hides the panels after the first `count`; those above them name the ticks instead."""
    columns = panels.shape[1]
    for i, axes in enumerate(panels.flat):
        if i >= count:
            axes.set_axis_off()
            panels.flat[i - columns].tick_params(labelbottom=True)


def name_rows(axes: Axes, labels: Sequence[str], unit: str, texts: Sequence[str] = ()) -> None:
    """Names the rows of a panel, from the top, and writes a text at the right end of each."""
    axes.set_yticks(range(len(labels)), labels)
    axes.set_ylim(len(labels) - 0.4, -0.6)
    axes.tick_params(axis="y", length=0)
    axes.xaxis.set_major_locator(MaxNLocator(4, steps=STEPS))
    axes.grid(axis="x")
    axes.set_axisbelow(True)
    axes.spines["left"].set_visible(False)
    if unit:
        axes.set_title(unit, loc="left", fontsize=10)
    for row, text in enumerate(texts):
        place = axes.get_yaxis_transform()
        axes.text(1.03, row, text, transform=place, va="center", fontsize=SMALL)


def legend(figure: Figure, axes: Axes) -> None:
    """Above a figure, of what a panel shows."""
    handles, labels = axes.get_legend_handles_labels()
    figure.legend(
        handles,
        labels,
        loc="outside upper left",
        ncols=3 if max(map(len, labels), default=0) < 18 and len(labels) != 4 else 2,
        handlelength=1.6,
        columnspacing=1.2,
        fontsize=9.5,
    )


def signed(value: float, _: int) -> str:
    """A tick of an axis of differences."""
    return f"{value:+g}".replace("-", "−") if value else "0"
