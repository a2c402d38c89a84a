"""The report's plots: from rows of metrics.jsonl to figures.

Every plot has the thousands of real images shown on its horizontal axis; vertical hairlines mark
where a stage of the curriculum begins, and a grey band where new layers are being faded in. Long
series are averaged into at most 150 points, with a pale band from the least to the largest value.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.ticker import LogLocator, NullFormatter

from dermgan_jax.metrics.measurement import MetricValue
from dermgan_jax.report import hover, metric_values
from dermgan_jax.report.style import DASHES, FADE, HAIRLINE, INK, SERIES, STYLE

Rows = Sequence[Mapping[str, Any]]

IMAGES_AXIS = "thousand training images shown"
MAX_POINTS = 150
WIDTH, HEIGHT = 5.2, 3.1  # inches; half the report's width
EDGE_PERCENTILE = 0.5  # of points beyond either end of the vertical axis


class StageSpan(NamedTuple):
    """A stretch of training in one stage, in thousand images; fading up to `faded`."""

    name: str
    begin: float
    end: float
    faded: float


def stage_spans(rows: Rows) -> list[StageSpan]:
    """The curriculum as it was trained, from the train rows. One span if there is no curriculum."""
    spans: list[StageSpan] = []
    last = 0.0
    for row in _of_kind(rows, "train"):
        kimg = row["images"] / 1000
        if not spans or spans[-1].name != row["stage"]:
            spans.append(StageSpan(row["stage"], last, kimg, last))
        fading = row["traced"].get("alpha", 1.0) < 1.0
        span = spans[-1]
        spans[-1] = span._replace(end=kimg, faded=kimg if fading else span.faded)
        last = kimg
    return spans


def losses(rows: Rows) -> Figure | None:
    """Each phase's loss. None without train rows, as for every figure here."""
    return _metrics_figure(rows, {name: name for name in _metric_names(rows, "/loss")}, "loss")


def training_and_validation(rows: Rows, name: str, trained: str, label: str) -> Figure | None:
    """A metric of a classifier in training and of its validation images.

    Args:
      rows: of metrics.jsonl.
      name: of the evaluated metric, such as "loss".
      trained: the same in the train rows, such as "classify/loss".
      label: of the vertical axis.
    """
    kimg, values = _series(rows, lambda row: row["metrics"].get(trained))
    measured = having(rows, name)
    if not len(kimg):
        return None
    with matplotlib.rc_context(STYLE):
        figure, axes = new_figure(label)
        _draw(axes, kimg, values, SERIES[0], "training, with dropout and augmentation")
        found = [row["metrics"][name].value for row in measured]
        (line,) = axes.plot(
            [row["images"] / 1000 for row in measured],
            [value.value for value in found],
            color=SERIES[1],
            label="validation",
        )
        hover.tell(line, [metric_values.with_spread(value) for value in found])
        _finish(axes, rows)
    return figure


def confusion(rows: Rows) -> Figure | None:
    """Which classes the latest evaluation takes for which: counts, shaded by the share of a row."""
    measured = [row["metrics"]["accuracy"] for row in having(rows, "accuracy")]
    found = [one.confusion for one in measured if one.confusion is not None]
    if not found:
        return None
    counts, names = np.array(found[-1].counts), found[-1].classes
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    side = range(len(names))
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(WIDTH, max(HEIGHT, 0.45 * len(names))), layout="constrained")
        axes = figure.subplots()
        for true in side:
            for said in side:
                place = (said - 0.5, true - 0.5)
                share = float(shares[true, said])
                axes.add_patch(Rectangle(place, 1, 1, color=SERIES[0], alpha=share, linewidth=0))
                text = f"{counts[true, said]:,}"
                axes.text(said, true, text, ha="center", va="center", fontsize=8)
        axes.set(xlim=(-0.5, len(names) - 0.5), ylim=(len(names) - 0.5, -0.5))
        axes.set_xticks(side, names, rotation=30 if len(names) > 4 else 0)
        axes.set_yticks(side, names)
        axes.set(xlabel="taken for", ylabel="true class")
    return figure


def scores(rows: Rows) -> Figure | None:
    """The discriminator's mean output for real and for synthetic images."""
    series = {
        f"D({kind}){_net(name)}": name
        for kind, suffix in (("real", "/score_real"), ("fake", "/score_fake"))
        for name in _metric_names(rows, suffix)
    }
    return _metrics_figure(rows, series, "mean discriminator score")


def penalty(rows: Rows) -> Figure | None:
    """The gradient penalty, on a logarithmic axis."""
    series = {name: name for name in _metric_names(rows, "/gradient_penalty")}
    return _metrics_figure(rows, series, "gradient penalty", log=True)


def named_metrics(rows: Rows, series: Mapping[str, str], label: str) -> Figure | None:
    """Training metrics by the names that the legend shall show them under; None if none is there.

    Args:
      rows: of metrics.jsonl.
      series: name in the legend -> name of the metric.
      label: of the vertical axis.
    """
    return _metrics_figure(rows, series, label)


def throughput(rows: Rows) -> Figure | None:
    """Training speed on a logarithmic axis, since it changes manyfold with the resolution."""
    kimg, speed = _series(rows, lambda row: row["images_per_second"])
    if not len(kimg):
        return None
    with matplotlib.rc_context(STYLE):
        figure, axes = new_figure("images per second")
        _draw(axes, kimg, speed, SERIES[0], "")
        log_axis(axes)
        _finish(axes, rows)
    return figure


def schedule(rows: Rows) -> Figure | None:
    """Resolution, and below it the fade-in alpha where the GAN has one; None of a single stage."""
    train = _of_kind(rows, "train")
    faded = any("alpha" in row["traced"] for row in train)
    if not faded and len({row["stage"] for row in train}) < 2:
        return None
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(WIDTH, HEIGHT), layout="constrained")
        panels = figure.subplots(
            2 if faded else 1, sharex=True, squeeze=False, height_ratios=(3, 2)[: 1 + faded]
        )[:, 0]
        spans = stage_spans(rows)
        names = list(dict.fromkeys(span.name for span in spans))
        names.sort(key=lambda name: [int(side) for side in re.findall(r"\d+", name)])
        for span in spans:
            level = names.index(span.name)
            ends = (span.begin, span.end), (level, level)
            (line,) = panels[0].plot(*ends, color=SERIES[0], linewidth=3)
            hover.tell(line, 2 * [span.name.replace("x", " × ")])
        panels[0].set_yticks(range(len(names)), [name.replace("x", "×") for name in names])
        panels[0].set_ylim(-0.6, len(names) - 0.4)
        panels[0].set_ylabel("pixels")
        if faded:
            kimg = [row["images"] / 1000 for row in train]
            alpha = [row["traced"].get("alpha", np.nan) for row in train]
            hover.tell(panels[1].plot(kimg, alpha, color=SERIES[1])[0])
            panels[1].set_ylim(-0.08, 1.08)
            panels[1].set_ylabel("alpha (share\nof new layers)")
        for axes in panels:
            _mark_stages(axes, spans, labelled=False)
            axes.set_xlim(0, spans[-1].end)
        panels[-1].set_xlabel(IMAGES_AXIS)
    return figure


def evaluation(rows: Rows, name: str, label: str, whole: str = "") -> Figure | None:
    """A metric over training with its 95 % interval, its parts, and real against real.

    Args:
      rows: of metrics.jsonl.
      name: of the metric, such as "swd".
      label: of the vertical axis.
      whole: what the value is of its parts, such as "average"; without it they are not drawn.
    """
    measured = having(rows, name)
    if not measured:
        return None
    kimg = [row["images"] / 1000 for row in measured]
    values = [row["metrics"][name].value for row in measured]
    bounds = [row["metrics"][name].real_against_real for row in measured]
    with matplotlib.rc_context(STYLE):
        figure, axes = new_figure(label)
        parts = list(dict.fromkeys(part for value in values for part in value.details))
        for i, part in enumerate(parts if whole else ()):
            (line,) = axes.plot(
                kimg,
                [value.details.get(part, np.nan) for value in values],
                color=SERIES[1 + i % (len(SERIES) - 1)],
                linestyle=DASHES[i // (len(SERIES) - 1) % len(DASHES)],
                linewidth=1.0,
                marker=".",
                clip_on=False,
                label=part.replace("x", "×"),
            )
            hover.tell(line)
        curve = {"linewidth": 2, "marker": "o", "markersize": 4, "clip_on": False}
        with_interval(axes, kimg, values, SERIES[0], label=whole or "value", **curve)
        if any(bound is not None and bound.is_finite for bound in bounds):
            with_interval(
                axes, kimg, bounds, INK, label="real vs real", linestyle="--", linewidth=1
            )
        if values[-1].better == "lower" and all_positive(axes, values + bounds):
            log_axis(axes)
        _finish(axes, rows)
    return figure


def with_interval(
    axes: Axes,
    kimg: Sequence[float],
    values: Sequence[MetricValue | None],
    colour: str,
    **line: Any,
) -> None:
    """A curve in the band of its 95 % intervals; of a single point the interval is a bar."""
    nothing = (np.nan, np.nan)
    numbers = [value.value if value else np.nan for value in values]
    (drawn,) = axes.plot(kimg, numbers, color=colour, **line)
    hover.tell(drawn, [metric_values.with_spread(value) if value else "" for value in values])
    ends = [(value and metric_values.interval(value)) or nothing for value in values]
    low, high = np.array(ends).T
    if not np.isfinite(low).any():
        return
    axes.fill_between(kimg, low, high, color=colour, alpha=0.15, linewidth=0)
    if len(kimg) == 1:
        axes.vlines(kimg, low, high, color=colour, alpha=0.6, linewidth=2, clip_on=False)


def all_positive(axes: Axes, values: Sequence[MetricValue | None]) -> bool:
    """Whether everything drawn, down to the ends of intervals, fits on a logarithmic axis."""
    lowest = [np.nanmin(np.asarray(line.get_ydata(), float), initial=np.inf) for line in axes.lines]
    lowest += [ends[0] for value in values if value and (ends := metric_values.interval(value))]
    return min(lowest) > 0


def evaluations(rows: Rows) -> list[Mapping[str, Any]]:
    """The eval rows in order; of several at one step (a run finished twice), the last."""
    return list({row["step"]: row for row in _of_kind(rows, "eval")}.values())


def having(rows: Rows, key: str) -> list[Mapping[str, Any]]:
    """The eval rows that have a measurement."""
    return [row for row in evaluations(rows) if key in row["metrics"]]


def _of_kind(rows: Rows, kind: str) -> list[Mapping[str, Any]]:
    return [row for row in rows if row["kind"] == kind]


def _number(value: float | None) -> float:
    return np.nan if value is None else value


def _net(name: str) -> str:
    """What tells the discriminators of a GAN with several apart; empty for a plain "d/..."."""
    phase = name.partition("/")[0]
    return "" if phase == "d" else f", {phase}"


def _metric_names(rows: Rows, suffix: str) -> list[str]:
    names = {name: None for row in _of_kind(rows, "train") for name in row["metrics"]}
    return sorted(name for name in names if name.endswith(suffix))


def _series(rows: Rows, pick: Any) -> tuple[np.ndarray, np.ndarray]:
    """(thousand images, value) of the train rows in which `pick` finds a finite number."""
    pairs = [(row["images"] / 1000, _number(pick(row))) for row in _of_kind(rows, "train")]
    array = np.array(pairs, float).reshape(-1, 2)
    array = array[np.isfinite(array[:, 1])]
    return array[:, 0], array[:, 1]


def _metrics_figure(
    rows: Rows, series: Mapping[str, str], label: str, log: bool = False
) -> Figure | None:
    """Curves of the metrics in `series` (legend label -> metric name)."""
    curves = {
        text: _series(rows, lambda row, name=name: row["metrics"].get(name))
        for text, name in series.items()
    }
    curves = {text: curve for text, curve in curves.items() if len(curve[0])}
    if not curves:
        return None
    with matplotlib.rc_context(STYLE):
        figure, axes = new_figure(label)
        for i, (text, (kimg, values)) in enumerate(curves.items()):
            _draw(axes, kimg, values, SERIES[i % len(SERIES)], text if len(curves) > 1 else "")
        values = np.concatenate([values for _, values in curves.values()])
        low, high = np.percentile(values, (EDGE_PERCENTILE, 100 - EDGE_PERCENTILE))
        if log and values.min() > 0:
            log_axis(axes)
            axes.set_ylim(low / 1.3, high * 1.3)
        elif high > low:
            axes.set_ylim(low - 0.06 * (high - low), high + 0.06 * (high - low))
        _finish(axes, rows)
    return figure


def new_figure(label: str) -> tuple[Figure, Axes]:
    """An empty figure of half the report's width; `label` is of the vertical axis."""
    figure = Figure(figsize=(WIDTH, HEIGHT), layout="constrained")
    axes = figure.subplots()
    axes.set_ylabel(label)
    axes.set_xlabel(IMAGES_AXIS)
    axes.grid(axis="y")
    axes.set_axisbelow(True)
    return figure, axes


def _draw(axes: Axes, kimg: np.ndarray, values: np.ndarray, colour: str, label: str) -> None:
    """A line; if it is long, of means over equal numbers of points in a band of their extremes."""
    bins = np.array_split(np.arange(len(kimg)), min(len(kimg), MAX_POINTS))
    mean_kimg = [kimg[i].mean() for i in bins]
    mean = [values[i].mean() for i in bins]
    told = [hover.number(value) for value in mean]
    if len(kimg) > MAX_POINTS:
        least, largest = [values[i].min() for i in bins], [values[i].max() for i in bins]
        ends = zip(map(hover.number, least), map(hover.number, largest), strict=True)
        told = [f"{value} ({low} … {high})" for value, (low, high) in zip(told, ends, strict=True)]
        axes.fill_between(mean_kimg, least, largest, color=colour, alpha=0.2, linewidth=0)
    marker = "o" if len(bins) == 1 else ""
    (line,) = axes.plot(mean_kimg, mean, color=colour, label=label or None, marker=marker)
    hover.tell(line, told)


def log_axis(axes: Axes) -> None:
    """Logarithmic, with ticks at 1, 2, 5, 10 and so on, or powers of ten if the range is wide."""
    axes.set_yscale("log")
    low, high = axes.get_ylim()
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5) if high < 100 * low else (1,)))
    axes.yaxis.set_major_formatter("{x:g}")
    axes.yaxis.set_minor_formatter(NullFormatter())


def _finish(axes: Axes, rows: Rows) -> None:
    """Stage marks, and a legend above them if there is anything to tell apart."""
    spans = stage_spans(rows)
    _mark_stages(axes, spans, labelled=True)
    right = max(row["images"] for row in rows if row["kind"] != "event") / 1000
    axes.set_xlim(0, right or 1)
    handles, _ = axes.get_legend_handles_labels()
    if len(handles) > 1:
        axes.figure.legend(
            loc="outside upper left", ncols=4, handlelength=1.3, columnspacing=1.2, fontsize=9.5
        )


def _mark_stages(axes: Axes, spans: list[StageSpan], labelled: bool) -> None:
    for span in spans:
        if span.begin > 0:
            axes.axvline(span.begin, color=HAIRLINE, linewidth=0.8, zorder=0)
        if span.faded > span.begin:
            axes.axvspan(span.begin, span.faded, color=FADE, alpha=0.12, linewidth=0, zorder=0)
        wide_enough = span.end - span.begin > 0.08 * spans[-1].end
        if labelled and len(spans) > 1 and wide_enough:
            axes.annotate(
                span.name.replace("x", "×"),
                ((span.begin + span.end) / 2, 1.0),
                xycoords=("data", "axes fraction"),
                xytext=(0, 3),
                textcoords="offset points",
                ha="center",
                fontsize=8,
            )
