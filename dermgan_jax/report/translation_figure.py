"""One metric of a translator over training: every direction and split, between its yardsticks."""

from collections.abc import Sequence
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from dermgan_jax.report import figures, hover, metric_values
from dermgan_jax.report.metric_values import Row
from dermgan_jax.report.style import INK, SERIES, STYLE
from dermgan_jax.report.translation_series import YARDSTICKS

Curve = tuple[str, str, Sequence[Row]]

LINES = {"identity": "-.", "mean colour": ":", "real vs real": (0, (6, 2))}  # of yardsticks
WIDE_RANGE = 10  # largest over smallest value from which on the axis is logarithmic
LABEL_GAP = 0.07  # of the height, between labels of horizontal lines
LEGEND_LINE = 0.2  # inches
MARGIN = 0.05  # of the height, between a horizontal line and the edge


def curves(
    series: Sequence[Curve], name: str, label: str, *, epoch: int | None, main: str
) -> Figure:
    """The figure.

    Args:
      series: (direction, kind of images, rows {"images", "metrics"} that all have the metric).
      name: of the metric.
      label: of the vertical axis.
      epoch: images in an epoch; None for an axis in thousands of images.
      main: the kind of images that is drawn boldly, and whose yardsticks are drawn.
    """
    directions = list(dict.fromkeys(direction for direction, _, _ in series))
    with matplotlib.rc_context(STYLE):
        figure, axes = figures.new_figure(label)
        figure.set_figheight(figures.HEIGHT + LEGEND_LINE * len(series))
        axes.set_xlabel("epochs" if epoch else figures.IMAGES_AXIS)
        drawn = []
        for direction, kind, rows in series:
            x = [row["images"] / (epoch or 1000) for row in rows]
            values = [row["metrics"][name].value for row in rows]
            text, colour = f"{direction}, {kind}", SERIES[directions.index(direction)]
            if kind == main:
                bold = {"linewidth": 2, "marker": "o", "markersize": 4, "clip_on": False}
                figures.with_interval(axes, x, values, colour, label=text, **bold)
            else:
                pale = {"linewidth": 1.2, "linestyle": "--", "marker": ".", "clip_on": False}
                numbers = [value.value for value in values]
                (line,) = axes.plot(x, numbers, color=colour, label=text, **pale)
                hover.tell(line, [metric_values.with_spread(value) for value in values])
            drawn += values
        wide = _is_wide(axes)
        lines = _horizontal_lines(series, name, directions, main)
        for value, _, colour, style in lines:
            axes.axhline(value, color=colour, linestyle=style, linewidth=0.9)
        last = max(row["images"] for _, _, rows in series for row in rows) / (epoch or 1000)
        axes.set_xlim(0, last or 1)
        lower = drawn[-1].better == "lower"
        if lower and figures.all_positive(axes, drawn) and wide:
            figures.log_axis(axes)
        else:
            _make_room(axes, [value for value, *_ in lines])
        _label_lines(axes, lines)
        figure.legend(loc="outside upper left", handlelength=2.2, fontsize=9.5)
    return figure


def _horizontal_lines(
    series: Sequence[Curve], name: str, directions: Sequence[str], main: str
) -> list[tuple[float, str, str, Any]]:
    """(value, text, colour, line style) of the yardsticks; one if all directions have the same."""
    found: dict[tuple[float, str], list[str]] = {}
    for direction, kind, rows in series:
        for text, yardstick in YARDSTICKS.items() if kind == main else ():
            value = yardstick(rows[-1]["metrics"][name])
            if value is not None and value.is_finite:
                found.setdefault((round(value.value, 6), text), []).append(direction)
    return [
        (value, text, _colour(of, directions), LINES[text]) for (value, text), of in found.items()
    ]


def _colour(of: Sequence[str], directions: Sequence[str]) -> str:
    """A direction's, or ink for what is not of one direction alone."""
    alone = len(of) == 1 and len(directions) > 1
    return SERIES[directions.index(of[0])] if alone else INK


def _is_wide(axes: Axes) -> bool:
    """Whether the curves, yardsticks aside, would crowd at the foot of a linear axis."""
    values = np.concatenate([np.asarray(line.get_ydata(), float) for line in axes.lines])
    values = values[np.isfinite(values)]
    return len(values) > 0 and values.max() > WIDE_RANGE * values.min()


def _make_room(axes: Axes, heights: Sequence[float]) -> None:
    """Keeps horizontal lines off the edges of a linear axis."""
    low, high = axes.get_ylim()
    room = MARGIN * (high - low)
    axes.set_ylim(
        min([low, *(height - room for height in heights)]),
        max([high, *(height + room for height in heights)]),
    )


def _label_lines(axes: Axes, lines: Sequence[tuple[float, str, str, Any]]) -> None:
    """Labels to the right of the lines, pushed up where they would lie upon each other."""
    to_axes = axes.transData + axes.transAxes.inverted()
    lowest = -np.inf
    for value, text, colour, _ in sorted(lines, key=lambda line: line[0]):
        height = max(to_axes.transform((1, value))[1], lowest + LABEL_GAP)
        axes.annotate(
            text,
            (1.01, height),
            xycoords="axes fraction",
            va="center",
            color=colour,
            fontsize=8,
            annotation_clip=False,
        )
        lowest = height
