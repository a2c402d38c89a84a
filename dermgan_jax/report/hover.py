"""Values of curves when a pointer rests on a figure: SVG titles, which need no script.

A figure of a page is cut into upright strips, one around each x of its curves; the title of a
strip has the value of every curve there. So nobody has to hit a thin line.
"""

import math
import weakref
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from markupsafe import escape
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

MOST_STRIPS = 200  # of a panel
POINTS = 72  # an inch of an SVG file


class _Told(NamedTuple):
    name: str
    values: Sequence[str]


_told: "weakref.WeakKeyDictionary[Line2D, _Told]" = weakref.WeakKeyDictionary()


def tell(line: Line2D, values: Sequence[str] = (), name: str = "") -> None:
    """Has the values of a curve told.

    Args:
      line: in data coordinates.
      values: as words, one for each point; default the numbers.
      name: of the curve; default its label, or that of the vertical axis.
    """
    _told[line] = _Told(name, values)


def number(value: float) -> str:
    """Four digits."""
    return f"{value:.4g}".replace("-", "−")


def strips(figure: Figure) -> str:
    """SVG elements to put at the end of a figure that is laid out; "" if none of its curves tells.

    Args:
      figure: that was just saved as SVG.
    """
    height = figure.get_figheight() * POINTS
    drawn = [_of_panel(axes, height) for axes in figure.axes]
    rects = "".join(drawn)
    return f'<g class="at" fill="none" pointer-events="all">{rects}</g>' if rects else ""


def _of_panel(axes: Axes, height: float) -> str:
    lines = [line for line in axes.lines if line in _told and len(line.get_xdata())]
    scale = POINTS / axes.figure.dpi
    left, bottom, right, top = axes.bbox.extents * scale
    points = [axes.transData.transform(line.get_xydata()) * scale for line in lines]
    every = np.concatenate([at[:, 0] for at in points]) if points else np.array([])
    places = np.unique(every[(every >= left - 1) & (every <= right + 1)].round(2))
    if not len(places):
        return ""
    chosen = np.linspace(0, len(places) - 1, min(len(places), MOST_STRIPS)).round().astype(int)
    places = places[chosen]
    ends = [left, *(places[1:] + places[:-1]) / 2, right]
    rects = []
    for place, begin, end in zip(places, ends, ends[1:], strict=False):
        text = _text(axes, lines, points, place, (begin, end))
        if text and end > begin:
            rects.append(
                f'<rect x="{begin:.1f}" y="{height - top:.1f}" width="{end - begin:.1f}" '
                f'height="{top - bottom:.1f}"><title>{escape(text)}</title></rect>'
            )
    return "".join(rects)


def _text(
    axes: Axes,
    lines: Sequence[Line2D],
    points: Sequence[np.ndarray],
    place: float,
    ends: tuple[float, float],
) -> str:
    """The place on the horizontal axis, then each curve that has a point in the strip."""
    said, x = [], math.nan
    for line, at in zip(lines, points, strict=True):
        inside = (at[:, 0] >= ends[0] - 0.01) & (at[:, 0] <= ends[1] + 0.01)
        near = np.flatnonzero(inside & np.isfinite(line.get_ydata()))
        if not len(near):
            continue
        nearest = near[np.abs(at[near, 0] - place).argmin()]
        name, values = _told[line]
        value = values[nearest] if len(values) else number(line.get_ydata()[nearest])
        own = "" if str(line.get_label()).startswith("_") else str(line.get_label())
        said.append(f"{name or own or axes.get_ylabel()}: {value}")
        if math.isnan(x):
            x = line.get_xdata()[nearest]
    if not said:
        return ""
    labels = [axes.get_xlabel(), *(each.get_xlabel() for each in axes.figure.axes)]
    where = next((label for label in labels if label), axes.figure.get_supxlabel())
    return "\n".join(" ".join(each.split()) for each in [f"{where}: {number(x)}", *said])
