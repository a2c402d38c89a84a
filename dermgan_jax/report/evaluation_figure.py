"""The figure of an evaluation: examples of both sides, and a panel per metric.

Every metric has an axis of its own. On it lie the value and its 95 % interval, real against real
as the yardstick of what can be reached, and pairs of real classes as that of what would matter.
"""

import math
import textwrap
from collections.abc import Sequence

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure
from matplotlib.offsetbox import AnnotationBbox, TextArea

from dermgan_jax import files
from dermgan_jax.errors import UserError
from dermgan_jax.evaluation.image_sources import ImageSource
from dermgan_jax.evaluation.question import Evaluation
from dermgan_jax.files import Path
from dermgan_jax.metrics.measurement import ClassPair, Measurement, MetricValue
from dermgan_jax.metrics.measurement_table import kid_before_fid
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


def draw(evaluation: Evaluation, path: Path) -> None:
    """Writes the figure of an evaluation as PNG, SVG or PDF, by the suffix of the file.

    Raises:
      UserError: if the suffix is another.
    """
    require_known(path)
    figure = evaluation_figure(evaluation)
    kind = path.suffix.lower().removeprefix(".")
    # Letters as outlines: a file that stands alone cannot choose the reader's fonts.
    with matplotlib.rc_context({**STYLE, "svg.fonttype": "path"}), files.replacing(path) as file:
        undated = {"Date": None} if kind == "svg" else None
        figure.savefig(file, format=kind, dpi=DPI, metadata=undated)


def require_known(path: Path) -> None:
    """Checks that a figure can be written in a format.

    Raises:
      UserError: if the suffix is another.
    """
    if path.suffix.lower() not in SUFFIXES:
        raise UserError(f"{path}: a figure is a file that ends in {', '.join(SUFFIXES)}")


def evaluation_figure(evaluation: Evaluation) -> Figure:
    """The figure that `draw` writes: at most eight examples of each side, and every metric."""
    metrics = kid_before_fid(evaluation.measured.values())
    columns = 2 if len(metrics) == 4 else min(max(len(metrics), 1), max(WIDTHS))
    width = WIDTHS[columns]
    strips = [
        (source_name("real", evaluation.real, width), evaluation.real.examples(MOST_EXAMPLES)),
        (source_name("fake", evaluation.fake, width), evaluation.fake.examples(MOST_EXAMPLES)),
    ]
    rows = math.ceil(len(metrics) / columns)
    classes = any(one.class_pairs for one in metrics)
    below = [
        (line, colour)
        for text, colour in [
            (KEY + KEY_OF_CLASSES * classes, FADE),
            *((text, SERIES[1]) for text in evaluation.warnings),
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
        _draw_strips(parts["strips"], strips, width)
        panels = parts["panels"].subplots(rows, columns, squeeze=False).ravel()
        for axes, one in zip(panels, metrics, strict=False):
            _draw_metric(axes, one, classes)
            title = textwrap.wrap(
                metric_texts.of(one.name).title, TITLE_CHARACTERS[columns], break_on_hyphens=False
            )
            axes.set_title("\n".join([*title, ""]), loc="left", fontsize=10, fontweight="bold")
        for axes in panels[len(metrics) :]:
            axes.remove()
        for i, (line, colour) in enumerate(below):
            y = 1 - (0.05 + LINE * i) / heights["below"]
            parts["below"].text(0.12 / width, y, line, va="top", fontsize=9, color=colour)
    return figure


def source_name(role: str, source: ImageSource, width: float) -> str:
    """What stands above examples of a side, such as "fake: runs/ham (synthetic images)"."""
    if source.phantom:
        note = " (drawn phantoms, not real skin)"
    else:
        note = "" if role == "real" or source.split is not None else " (synthetic images)"
    return f"{role}: {shorten(source.name, round(11 * width) - len(role + note))}{note}"


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


def _draw_metric(axes: Axes, one: Measurement, classes: bool) -> None:
    """One metric: fake and real against real, and pairs of classes if any metric has them."""
    value, bound, pairs = one.value, one.real_against_real, one.finite_class_pairs
    text, better = metric_texts.of(one.name), value.better
    levels = {"fake vs real": 0, "real vs real": 1}
    if classes:
        levels["class vs class"] = 2
    axes.set_xlim(*_limits(value, bound, pairs))
    axes.set_ylim(max(levels.values()) + 0.5, -0.75)
    axes.set_yticks([*levels.values()], [*levels], fontsize=9)
    axes.tick_params(axis="y", length=0)
    axes.tick_params(axis="x", labelsize=9)
    axes.spines["left"].set_visible(False)
    axes.locator_params(axis="x", nbins=5)
    axes.grid(axis="x")
    axes.set_axisbelow(True)
    caution = metric_values.cautions(one)
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
        _draw_value(axes, bound, 1, INK, f", n = {bound.n:,}" if bound.n != value.n else "")
    if pairs:
        _draw_pairs(axes, pairs, value)
    elif classes:
        _note(axes, 2, "not measured")
    if not (pairs or any(shown and shown.is_finite for shown in (value, bound))):
        axes.set_xticks([])


def _draw_value(axes: Axes, value: MetricValue, level: int, colour: str, note: str = "") -> None:
    """A dot, its 95 % interval as a line, and both in digits above."""
    if not value.is_finite:
        _note(axes, level, "no finite value")
        return
    if ends := metric_values.interval(value):
        axes.hlines(level, *ends, color=colour, linewidth=3, alpha=0.4)
    axes.plot(value.value, level, "o", color=colour, markersize=5)
    _label(axes, value.value, level, metric_values.with_spread(value) + note, colour)


def _draw_pairs(axes: Axes, pairs: Sequence[ClassPair], like: MetricValue) -> None:
    """Light ticks, and a dark one for the pair least apart, which is named."""
    nearest = pairs[0]
    others = [pair.value for pair in pairs[1:]]
    axes.vlines(others, 1.9, 2.2, color=FADE, alpha=0.55, linewidth=1)
    axes.vlines(nearest.value, 1.85, 2.25, color=INK, linewidth=1.8)
    number = metric_values.digits(nearest.value, like)
    text = f"{shorten(nearest.name, 24)}: {number}, n = {nearest.n:,}"
    _label(axes, nearest.value, 2, text, INK)


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


def _limits(
    value: MetricValue, bound: MetricValue | None, pairs: Sequence[ClassPair]
) -> tuple[float, float]:
    """Ends of an axis that shows all values and intervals; from 0 to 1 if there are none."""
    shown = [one for one in (value, bound) if one is not None and one.is_finite]
    ends = [pair.value for pair in pairs] + [one.value for one in shown]
    ends += [end for one in shown for end in metric_values.interval(one) or ()]
    if not ends:
        return 0.0, 1.0
    low, high = min(ends), max(ends)
    span = high - low or 0.2 * abs(high) or 1.0
    return low - MARGIN * span, high + MARGIN * span
