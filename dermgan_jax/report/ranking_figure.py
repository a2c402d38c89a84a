"""The figure of several fake sides against one real side: a panel per metric, a line per side."""

import textwrap

import matplotlib
from matplotlib.figure import Figure

from dermgan_jax import files
from dermgan_jax.evaluation.several import Several
from dermgan_jax.files import Path
from dermgan_jax.report import metric_texts, metric_values
from dermgan_jax.report.evaluation_figure import DPI, require_known, shorten
from dermgan_jax.report.style import FADE, INK, SERIES, STYLE

COLUMNS = 3
NOTES = 4  # warnings
TICKS = 4  # on the axis of a panel, at most one more
CHARACTERS = 16  # of an inch
WIDTH, LINE = 4.2, 0.34  # inches, of a panel and of a side in it


def draw(found: Several, path: Path) -> None:
    """Writes the figure as PNG, SVG or PDF, by the suffix of the file.

    Raises:
      UserError: if the suffix is another.
    """
    require_known(path)
    with matplotlib.rc_context(STYLE):
        figure = ranking_figure(found)
        with files.replacing(path) as file:
            figure.savefig(file, format=path.suffix.lower().removeprefix("."), dpi=DPI)


def ranking_figure(found: Several) -> Figure:
    """Values with 95 % intervals, real against real as a line, and how firm each order is.

    Below stands what the marks mean, and against what images the sides were measured.
    """
    sides = list(found.evaluations)
    first = found.evaluations[sides[0]]
    firm = {each.metric: each.survives for each in found.ranks}
    keys = list(first.measured)
    rows = -(-len(keys) // COLUMNS)
    columns = min(COLUMNS, len(keys))
    height = 1.35 + LINE * len(sides)
    below = legend(found, columns)
    height_of_legend = 0.14 * (below.count("\n") + 2)
    size = (WIDTH * columns, height * rows + height_of_legend)
    figure = Figure(figsize=size, layout="constrained")
    panels = figure.subplots(rows, columns, squeeze=False).ravel()
    for axes, key in zip(panels, keys, strict=False):
        for level, side in enumerate(sides):
            one = found.evaluations[side].measured.get(key)
            if one is None or not one.value.is_finite:
                axes.text(
                    *(0.02, level, "no value"),
                    transform=axes.get_yaxis_transform(),
                    fontsize=8,
                    color=FADE,
                )
                continue
            ends = metric_values.interval(one.value)
            if ends:
                axes.hlines(level, *ends, color=SERIES[0], linewidth=3, alpha=0.4)
            axes.plot(one.value.value, level, "o", color=SERIES[0], markersize=5)
        bound = first.measured[key].real_against_real
        if bound is not None and bound.is_finite:
            axes.axvline(bound.value, color=INK, linewidth=1, linestyle=":")
        axes.set_yticks(range(len(sides)), [shorten(side, 26) for side in sides], fontsize=8)
        axes.set_ylim(len(sides) - 0.5, -0.5)
        axes.tick_params(axis="x", labelsize=8)
        axes.locator_params(axis="x", nbins=TICKS)
        axes.grid(axis="x")
        value = first.measured[key].value
        told = f"order survives {firm[value.name]:.0%} of draws" if value.name in firm else ""
        text = metric_texts.of(value.name)
        axes.set_title(f"{text.short}\n{told}", loc="left", fontsize=9)
        arrow = "← lower is better" if value.better == "lower" else "higher is better →"
        axes.set_xlabel(arrow, fontsize=8)
    for axes in panels[len(keys) :]:
        axes.remove()
    figure.supxlabel(below, x=0, ha="left", fontsize=8, color=FADE)
    return figure


def legend(found: Several, columns: int) -> str:
    """What the marks mean, of how many images, and what has to be known, warnings first; as wide as
    the panels."""
    sides = found.evaluations
    first = next(iter(sides.values()))
    numbers = sorted({one.value.n for each in sides.values() for one in each.measured.values()})
    of = f"{numbers[0]:,}" if len(numbers) == 1 else f"{numbers[0]:,} to {numbers[-1]:,}"
    lines = [
        f"Against {shorten(first.real.name, 60)}; {of} synthetic images of each side.",
        "Dots and lines: values and 95 % intervals. Dotted: real images against real ones.",
        "Order survives: share of other samples of as many images with the same order.",
    ]
    told = [
        note
        if all(note in one.warnings for one in sides.values())
        else f"{shorten(name, 26)}: {note}"
        for name, each in sides.items()
        for note in each.warnings
    ]
    told = sorted(dict.fromkeys(told), key=lambda note: "warning: " not in note)
    more = [f"and {len(told) - NOTES} more"] if len(told) > NOTES else []
    characters = int(WIDTH * columns * CHARACTERS)
    lines = (*lines, *told[:NOTES], *more)
    return "\n".join(textwrap.fill(line, characters) for line in lines)
