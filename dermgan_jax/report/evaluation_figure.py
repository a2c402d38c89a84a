"""The figure of `--mode=evaluate`: examples of both sides, and a panel per metric.

Every metric has an axis of its own. On it lie the value and its 95 % interval, real against real
as the yardstick of what can be reached, and pairs of real classes as that of what would matter.
"""

import math
import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure
from matplotlib.offsetbox import AnnotationBbox, TextArea

from dermgan_jax import registry
from dermgan_jax.errors import UserError
from dermgan_jax.report import metric_texts, metric_values
from dermgan_jax.report.style import FADE, INK, SERIES, STYLE

SUFFIXES = (".png", ".svg", ".pdf")
MOST_EXAMPLES = 8
WIDTHS = {1: 7.0, 2: 9.5, 3: 12.5}  # inches, by panels in a row
TITLE_CHARACTERS = {1: 60, 2: 38, 3: 32}  # that fit above a panel
KEY = "Dots and lines: values and 95 % intervals."
KEY_OF_CLASSES = " Ticks: pairs of classes of the real side; the pair least apart is named."
MARGIN = 0.15  # of the span of values, on either side of a panel
LINE = 0.19  # inches, of the warnings
DPI = 150

Values = Mapping[str, Mapping[str, Any]]


def draw(result: Mapping[str, Any], real: np.ndarray, fake: np.ndarray, path: Path) -> None:
    """Writes the figure of an evaluation as PNG, SVG or PDF, by the suffix of the file.

    Args:
      result: {"real", "fake": names of the sides, "metrics": see `evaluate.evaluate_arrays`,
        "warnings": texts}.
      real, fake: examples, uint8 (K, H, W, C), C 1 or 3; at most eight are shown, none if K is 0.
      path: of the file; its folder is made.

    Raises:
      UserError: if the suffix is another.
    """
    if path.suffix.lower() not in SUFFIXES:
        raise UserError(f"{path}: a figure is a file that ends in {', '.join(SUFFIXES)}")
    figure = evaluation_figure(result, real, fake)
    path.parent.mkdir(parents=True, exist_ok=True)
    # Letters as outlines: a file that stands alone cannot choose the reader's fonts.
    with matplotlib.rc_context({**STYLE, "svg.fonttype": "path"}):
        undated = {"Date": None} if path.suffix.lower() == ".svg" else None
        figure.savefig(path, dpi=DPI, metadata=undated)


def evaluation_figure(result: Mapping[str, Any], real: np.ndarray, fake: np.ndarray) -> Figure:
    """The figure that `draw` writes; see there."""
    metrics = metric_values.names(result["metrics"])
    columns = 2 if len(metrics) == 4 else min(max(len(metrics), 1), max(WIDTHS))
    width = WIDTHS[columns]
    strips = [
        (side_name("real", result["real"], width), real[:MOST_EXAMPLES]),
        (side_name("fake", result["fake"], width), fake[:MOST_EXAMPLES]),
    ]
    strips = [(name, images) for name, images in strips if len(images)]
    rows = math.ceil(len(metrics) / columns)
    classes = any(metric_values.class_yardstick(result["metrics"], name) for name in metrics)
    below = [
        (line, colour)
        for text, colour in [
            (KEY + KEY_OF_CLASSES * classes, FADE),
            *((text, SERIES[1]) for text in result["warnings"]),
        ]
        for line in textwrap.wrap(text, round(14 * width))
    ]
    heights = {
        "strips": sum(0.4 + _strip_height(images, width) for _, images in strips),
        "panels": rows * (2.45 if classes else 2.0),
        "below": 0.12 + LINE * len(below),
    }
    heights = {part: height for part, height in heights.items() if height}
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(width, sum(heights.values())), layout="constrained")
        figure.get_layout_engine().set(w_pad=0.12, h_pad=0.06, hspace=0.0, wspace=0.04)
        drawn = figure.subfigures(len(heights), squeeze=False, height_ratios=[*heights.values()])
        parts = dict(zip(heights, drawn[:, 0], strict=True))
        if strips:
            _draw_strips(parts["strips"], strips, width)
        if metrics:
            panels = parts["panels"].subplots(rows, columns, squeeze=False).ravel()
            for axes, name in zip(panels, metrics, strict=False):
                _draw_metric(axes, result["metrics"], name, classes)
                title = textwrap.wrap(
                    metric_texts.of(name).title, TITLE_CHARACTERS[columns], break_on_hyphens=False
                )
                axes.set_title("\n".join([*title, ""]), loc="left", fontsize=10, fontweight="bold")
            for axes in panels[len(metrics) :]:
                axes.remove()
        for i, (line, colour) in enumerate(below):
            y = 1 - (0.05 + LINE * i) / heights["below"]
            parts["below"].text(0.12 / width, y, line, va="top", fontsize=9, color=colour)
    return figure


def side_name(role: str, side: str, width: float) -> str:
    """What stands above examples of a side, such as "fake: runs/ham (synthetic images)"."""
    dataset, _, split = side.partition(":")
    what = "" if role == "real" or (split and dataset in registry.names("dataset")) else "synthetic"
    note = " (drawn phantoms, not real skin)" if dataset == "phantom" else ""
    note = f" ({what} images)" if what and not note else note
    return f"{role}: {shorten(side, round(11 * width) - len(role + note))}{note}"


def shorten(text: str, most: int) -> str:
    """At most `most` characters of the text, both ends kept, where paths and names differ."""
    if len(text) <= most:
        return text
    kept = most - 1
    return f"{text[: kept // 2]}…{text[len(text) - (kept - kept // 2) :]}"


def _strip_height(images: np.ndarray, width: float) -> float:
    """Inches, of eight images side by side or of fewer that are no taller."""
    _, height, image_width = images.shape[:3]
    return min((width - 0.3) / MOST_EXAMPLES * height / image_width, 1.6)


def _draw_strips(figure: SubFigure, strips: Sequence[tuple[str, np.ndarray]], width: float) -> None:
    panels = figure.subplots(
        len(strips),
        squeeze=False,
        height_ratios=[0.4 + _strip_height(images, width) for _, images in strips],
    )[:, 0]
    for axes, (name, images) in zip(panels, strips, strict=True):
        axes.imshow(_side_by_side(images))
        axes.set_anchor("W")
        axes.set_axis_off()
        axes.set_title(name, loc="left", fontsize=10)


def _side_by_side(images: np.ndarray) -> np.ndarray:
    """uint8 (K, H, W, C) -> (H, width, 3) with white gaps, as wide as eight images would be."""
    num, height, width, _ = images.shape
    gap = max(1, width // 24)
    row = np.full((height, MOST_EXAMPLES * (width + gap) - gap, 3), 255, np.uint8)
    for i in range(num):
        row[:, i * (width + gap) : i * (width + gap) + width] = images[i]
    return row


def _draw_metric(axes: Axes, values: Values, name: str, classes: bool) -> None:
    """One metric: fake and real against real, and pairs of classes if any metric has them."""
    value, bound = values[name], metric_values.bound(values, name)
    yardstick = metric_values.class_yardstick(values, name)
    pairs = metric_values.pairs_of_classes(yardstick) if yardstick else []
    text, better = metric_texts.of(name), metric_values.direction(value)
    levels = {"fake vs real": 0, "real vs real": 1}
    if classes:
        levels["class vs class"] = 2
    axes.set_xlim(*_limits([value, bound, *pairs]))
    axes.set_ylim(max(levels.values()) + 0.5, -0.75)
    axes.set_yticks([*levels.values()], [*levels], fontsize=9)
    axes.tick_params(axis="y", length=0)
    axes.tick_params(axis="x", labelsize=9)
    axes.spines["left"].set_visible(False)
    axes.locator_params(axis="x", nbins=5)
    axes.grid(axis="x")
    axes.set_axisbelow(True)
    caution = metric_values.cautions(name, value)
    axes.annotate(
        metric_values.images(value, "fake") + ("; biased" if caution else ""),
        (0, 1),
        xycoords="axes fraction",
        xytext=(0, 5),
        textcoords="offset points",
        fontsize=9,
        color=SERIES[1] if caution else FADE,
    )
    arrow = f"← {better} is better" if better == "lower" else f"{better} is better →"
    axes.set_xlabel(f"{text.label}   {arrow}", fontsize=9)
    _draw_value(axes, value, 0, SERIES[0])
    if bound is None:
        _note(axes, 1, "not measured")
    else:
        _draw_value(
            axes, bound, 1, INK, f", n = {bound['n']:,}" if bound["n"] != value["n"] else ""
        )
    if pairs:
        _draw_pairs(axes, pairs, value)
    elif classes:
        _note(axes, 2, "not measured")
    if not any(shown and shown["value"] is not None for shown in (value, bound, *pairs)):
        axes.set_xticks([])


def _draw_value(
    axes: Axes, value: metric_values.Value, level: int, colour: str, note: str = ""
) -> None:
    """A dot, its 95 % interval as a line, and both in digits above."""
    if value["value"] is None:
        _note(axes, level, "no finite value")
        return
    if ends := metric_values.interval(value):
        axes.hlines(level, *ends, color=colour, linewidth=3, alpha=0.4)
    axes.plot(value["value"], level, "o", color=colour, markersize=5)
    _label(axes, value["value"], level, metric_values.with_spread(value) + note, colour)


def _draw_pairs(
    axes: Axes, pairs: Sequence[metric_values.Value], like: metric_values.Value
) -> None:
    """Light ticks, and a dark one for the pair least apart, which is named."""
    nearest = pairs[0]
    axes.vlines(
        [pair["value"] for pair in pairs[1:]], 1.9, 2.2, color=FADE, alpha=0.55, linewidth=1
    )
    axes.vlines(nearest["value"], 1.85, 2.25, color=INK, linewidth=1.8)
    names = shorten(metric_values.pair_name(nearest), 24)
    text = f"{names}: {metric_values.digits(nearest['value'], like)}, n = {nearest['n']:,}"
    _label(axes, nearest["value"], 2, text, INK)


def _label(axes: Axes, x: float, level: int, text: str, colour: str) -> None:
    """Text above a mark, as far to the left of it as the mark is to the right: it stays inside."""
    low, high = axes.get_xlim()
    label = AnnotationBbox(
        TextArea(text, textprops={"fontsize": 8.5, "color": colour}),
        (x, level),
        xybox=(0, 6),
        boxcoords="offset points",
        box_alignment=((x - low) / (high - low), 0),
        pad=0.05,
        bboxprops={"facecolor": "white", "edgecolor": "none", "alpha": 0.85},
    )
    label.set_in_layout(False)
    axes.add_artist(label)


def _note(axes: Axes, level: int, text: str) -> None:
    """Why there is no mark."""
    place = axes.get_yaxis_transform()
    axes.text(0.02, level, text, transform=place, va="center", fontsize=8.5, color=FADE)


def _limits(values: Sequence[metric_values.Value | None]) -> tuple[float, float]:
    """Ends of an axis that shows all values and intervals; from 0 to 1 if there are none."""
    shown = [value for value in values if value is not None and value["value"] is not None]
    if not shown:
        return 0.0, 1.0
    ends = [metric_values.interval(value) or (value["value"], value["value"]) for value in shown]
    low = min(min(low, value["value"]) for (low, _), value in zip(ends, shown, strict=True))
    high = max(max(high, value["value"]) for (_, high), value in zip(ends, shown, strict=True))
    span = high - low or 0.2 * abs(high) or 1.0
    return low - MARGIN * span, high + MARGIN * span
