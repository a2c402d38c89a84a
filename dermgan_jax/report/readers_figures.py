"""The figures of a reader study, drawn from its result. Shares are in percent."""

import math
from collections.abc import Sequence

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from dermgan_jax.readers.analysis import Analysis
from dermgan_jax.readers.analysis_judges import Judge
from dermgan_jax.readers.analysis_scores import ReaderRow
from dermgan_jax.readers.design import FAKE, REAL
from dermgan_jax.readers.votes import StudyVotes
from dermgan_jax.report import hover
from dermgan_jax.report.style import FADE, HAIRLINE, INK, SERIES, STYLE
from dermgan_jax.statistics import classification

WIDTH, HEIGHT = 4.5, 3.4  # inches
MARKERS = "os^DvPX"
KINDS = {REAL: (SERIES[0], "o", "real"), FAKE: (SERIES[1], "s", "synthetic")}
MOST_STEPS = 10  # between none and all readers
FEWEST_FOR_A_BOX = 3
MOST_NAMED = 12  # readers
APART = 10  # percent, of points that have a label each
LEFT_OF = 60  # percent, beyond which long labels stand left of their point

RocScores = tuple[np.ndarray, np.ndarray]  # truth (n,), and scores for "real" (n, m)


def draw(analysis: Analysis, scores: RocScores | None = None) -> dict[str, Figure]:
    """All figures that the result has the numbers for, by name.

    Args:
      analysis: the result.
      scores: for ROC curves.
    """
    with matplotlib.rc_context(STYLE):
        found = {
            "accuracy": accuracy(analysis),
            "rates": rates(analysis, scores),
            "images": images(analysis),
            "halves": halves(analysis),
            "realism": realism(analysis),
            "ranks": ranks(analysis),
            **{f"judge {judge.name}": judged(analysis, judge) for judge in analysis.judges},
        }
    return {name: figure for name, figure in found.items() if figure is not None}


def roc_scores(votes: StudyVotes, scores: np.ndarray) -> RocScores | None:
    """What `draw` needs for ROC curves; None without confidence."""
    return None if np.isnan(scores).all() else (votes.real, scores)


def accuracy(analysis: Analysis) -> Figure:
    """A box for each group, with a point for each reader."""
    groups = list(analysis.groups)
    figure, axes = _new(height=1.0 + 0.75 * len(groups))
    axes.axvline(50, color=INK, linewidth=0.8, linestyle=":")
    for row, name in enumerate(groups):
        values = [100 * each.acc for each in analysis.finished if each.group == name]
        colour = _colour(row)
        if len(values) >= FEWEST_FOR_A_BOX:
            line = {"color": colour, "linewidth": 1.2}
            axes.boxplot(
                [values],
                positions=[row],
                orientation="horizontal",
                widths=0.5,
                showfliers=False,
                boxprops=line,
                whiskerprops=line,
                capprops=line,
                medianprops={**line, "linewidth": 2.2},
            )
        spread = 0.16 * np.linspace(-1, 1, len(values)) if len(values) > 1 else [0.0]
        axes.plot(
            values, row + np.array(spread), MARKERS[row % len(MARKERS)], color=colour, alpha=0.75
        )
    axes.set_yticks(range(len(groups)), groups)
    axes.set_ylim(len(groups) - 0.5, -0.5)
    axes.set_xlim(*_limits([100 * each.acc for each in analysis.finished]))
    axes.set_xlabel("images about which a reader is right, %")
    axes.grid(axis="x")
    axes.tick_params(axis="y", length=0)
    return figure


def _limits(values: Sequence[float]) -> tuple[float, float]:
    low, high = min(*values, 45), max(*values, 65)
    return max(math.floor(low / 10 - 0.2) * 10, 0), min(math.ceil(high / 10 + 0.2) * 10, 102)


def rates(analysis: Analysis, scores: RocScores | None) -> Figure | None:
    """Each reader's TPR against FPR, and ROC curves where confidence was asked."""
    known = [row for row in analysis.finished if row.tpr is not None and row.tnr is not None]
    if not known:
        return None
    figure, axes = _new(height=4.3)
    axes.plot((0, 100), (0, 100), color=FADE, linewidth=0.9, linestyle=":")
    groups = list(analysis.groups)
    if scores is not None:
        for j, row in enumerate(analysis.finished):
            colour = _colour(groups.index(row.group))
            _roc_curve(axes, scores[0], scores[1][:, j], colour, row.reader)
    for position, name in enumerate(groups):
        own = [row for row in known if row.group == name]
        axes.plot(
            [100 * (1 - row.tnr) for row in own],
            [100 * row.tpr for row in own],
            MARKERS[position % len(MARKERS)],
            color=_colour(position),
            label=name,
            clip_on=False,
            zorder=3,
        )
    if len(known) <= MOST_NAMED:
        _name_points(axes, known)
    axes.set(xlim=(0, 100), ylim=(0, 100), aspect="equal")
    axes.set_xlabel("synthetic images called real (FPR), %")
    axes.set_ylabel("real images called real (TPR), %")
    axes.grid(True)
    if len(groups) > 1:
        figure.legend(loc="outside upper left", ncols=2, fontsize=9.5)
    return figure


def _name_points(axes: Axes, rows: Sequence[ReaderRow]) -> None:
    """Names readers beside their points; those of a row of close points share one label."""
    points = sorted((100 * (1 - row.tnr), 100 * row.tpr, row.reader) for row in rows)
    labels: list[tuple[float, float, list[str]]] = []
    for x, y, name in points:
        near = [i for i, (a, b, _) in enumerate(labels) if x - a < APART and abs(y - b) < APART / 2]
        names = labels.pop(near[0])[2] if near else []
        labels.append((x, y, [*names, name]))
    for x, y, names in labels:
        side, offset = ("right", -6) if x > LEFT_OF and len(names) > 1 else ("left", 6)
        place = {"xytext": (offset, -3), "textcoords": "offset points"}
        axes.annotate(", ".join(names), (x, y), **place, ha=side, fontsize=8)


def _roc_curve(axes: Axes, real: np.ndarray, scores: np.ndarray, colour: str, reader: str) -> None:
    known = ~np.isnan(scores)
    if len(np.unique(real[known])) < 2:
        return
    curve = classification.roc_curve(real[known], scores[known], np.ones(known.sum()))
    x, y = 100 * curve.false / curve.false[-1], 100 * curve.true / curve.true[-1]
    hover.tell(axes.plot(x, y, color=colour, linewidth=0.9, alpha=0.55)[0], name=reader)


def images(analysis: Analysis) -> Figure | None:
    """How many images are called real by which share of readers."""
    if not analysis.image_rows:
        return None
    figure, axes = _new()
    steps = min(MOST_STEPS, max(row.answers for row in analysis.image_rows))
    edges = (np.arange(steps + 2) - 0.5) / steps * 100
    shares = {
        truth: [100 * row.called_real for row in analysis.image_rows if row.truth == truth]
        for truth in KINDS
    }
    counts = {truth: np.histogram(values, edges)[0] for truth, values in shares.items()}
    width = (edges[1] - edges[0]) * 0.42
    middle = (edges[:-1] + edges[1:]) / 2
    for (truth, own), side in zip(counts.items(), (-1, 1), strict=True):
        colour, _, label = KINDS[truth]
        axes.bar(middle + side * width / 2, own, width, color=colour, alpha=0.75, label=label)
    axes.set_xlabel("readers who call an image real, %")
    axes.set_ylabel("images")
    axes.grid(axis="y")
    axes.set_axisbelow(True)
    figure.legend(loc="outside upper left", ncols=2, fontsize=9.5)
    return figure


def halves(analysis: Analysis) -> Figure | None:
    """Each reader's accuracy in the first and the second half, and the mean of all."""
    if analysis.halves is None:
        return None
    figure, axes = _new()
    axes.axhline(50, color=INK, linewidth=0.8, linestyle=":")
    groups, own = list(analysis.groups), analysis.halves
    drawn = set()
    for row in analysis.finished:
        position = groups.index(row.group)
        label = row.group if len(groups) > 1 and row.group not in drawn else None
        drawn.add(row.group)
        axes.plot(
            (0, 1),
            100 * np.array(own.readers[row.reader]),
            marker=MARKERS[position % len(MARKERS)],
            markersize=4.5,
            color=_colour(position),
            linewidth=0.9,
            alpha=0.7,
            label=label,
        )
    means = [own.before, own.after]
    axes.plot((0, 1), [100 * each.value for each in means], color=INK, linewidth=2.4, label="mean")
    for x, each in enumerate(means):
        axes.vlines(x, 100 * each.low, 100 * each.high, color=INK, linewidth=1.6)
    axes.set_xticks((0, 1), ("first half", "second half"))
    axes.set_xlim(-0.25, 1.25)
    axes.set_ylabel("right, %")
    axes.grid(axis="y")
    figure.legend(loc="outside upper left", ncols=3, fontsize=9.5)
    return figure


def realism(analysis: Analysis) -> Figure | None:
    """Mean rating of each source with its interval."""
    if analysis.likert is None or not analysis.likert.sides:
        return None
    sides = analysis.likert.sides
    figure, axes = _new(height=0.9 + 0.4 * len(sides))
    for row, side in enumerate(sides):
        colour, marker, _ = KINDS[side.truth]
        axes.hlines(row, side.mean.low, side.mean.high, color=colour, linewidth=1.6)
        axes.plot(side.mean.value, row, marker, color=colour)
    axes.set_yticks(range(len(sides)), [_short(side.side) for side in sides])
    axes.set_ylim(len(sides) - 0.5, -0.5)
    axes.set_xlabel("mean rating of realism")
    axes.grid(axis="x")
    axes.tick_params(axis="y", length=0)
    return figure


def ranks(analysis: Analysis) -> Figure | None:
    """The order of synthetic sources by readers, and by each metric; crossing lines disagree."""
    if not analysis.rankings:
        return None
    columns = ["readers", *[ranking.metric for ranking in analysis.rankings]]
    sides = list(dict.fromkeys(s.side for ranking in analysis.rankings for s in ranking.sides))
    places = {side: [math.nan] * len(columns) for side in sides}
    for position, ranking in enumerate(analysis.rankings, start=1):
        for side in ranking.sides:
            places[side.side][0] = side.rank_of_readers
            places[side.side][position] = side.rank_of_metric
    figure, axes = _new(height=1.3 + 0.5 * len(sides))
    for i, (side, own) in enumerate(places.items()):
        axes.plot(
            range(len(columns)), own, marker=MARKERS[i % len(MARKERS)], color=_colour(i), label=side
        )
    axes.set_xticks(range(len(columns)), columns)
    axes.set_yticks(range(1, len(sides) + 1))
    axes.set_ylim(len(sides) + 0.4, 0.6)
    axes.set_xlim(-0.3, len(columns) - 0.7)
    axes.set_ylabel("rank (1: nearest to real)")
    axes.grid(axis="x")
    figure.legend(loc="outside upper left", ncols=2, fontsize=9.5)
    return figure


def judged(analysis: Analysis, judge: Judge) -> Figure:
    """Another judge's score of each image against the share of readers who call it real."""
    truth = {row.image: row.truth for row in analysis.image_rows}
    figure, axes = _new()
    for kind, (colour, marker, label) in KINDS.items():
        own = [point for point in judge.points if truth[point[0]] == kind]
        axes.plot(
            [score for _, score, _ in own],
            [100 * share for *_, share in own],
            marker,
            color=colour,
            markersize=4.5,
            alpha=0.6,
            label=label,
        )
    axes.set_xlabel(judge.name)
    axes.set_ylabel("readers who call it real, %")
    axes.set_ylim(-4, 104)
    axes.grid(True, color=HAIRLINE)
    axes.set_axisbelow(True)
    figure.legend(loc="outside upper left", ncols=2, fontsize=9.5)
    return figure


def _new(height: float = HEIGHT) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(WIDTH, height), layout="constrained")
    axes = figure.subplots()
    axes.set_axisbelow(True)
    return figure, axes


def _colour(position: int) -> str:
    return SERIES[position % len(SERIES)]


def _short(name: str, longest: int = 22) -> str:
    return name if len(name) <= longest else f"…{name[-longest:]}"
