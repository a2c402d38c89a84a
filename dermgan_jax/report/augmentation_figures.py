"""The figures of an augmentation study, drawn from its result.

Shares are in percent, differences in percentage points, and every interval covers 95 %. The base
arm is grey; the others keep their colour and marker from figure to figure.
"""

import math
import textwrap
from collections.abc import Iterable, Mapping, Sequence

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from dermgan_jax.data.splits import GROUP, IMAGE, TEST, TRAIN, VAL
from dermgan_jax.report import hover
from dermgan_jax.report.augmentation_tables import (
    SCORES,
    UNMEASURED,
    arm_title,
    is_area,
    number,
    score_title,
    splittings,
    told_from_zero,
)
from dermgan_jax.report.style import FADE, HAIRLINE, INK, SERIES, STYLE
from dermgan_jax.statistics.classifier_scores import Score
from dermgan_jax.statistics.comparison import UNDEFINED, Difference
from dermgan_jax.studies.augmentation_arms import ONLY, UNFILTERED, filtered_arms, sweep_times
from dermgan_jax.studies.augmentation_result import AugmentationResult
from dermgan_jax.studies.held_out import LEAD

OVERALL = ("accuracy", LEAD, "f1", "auc", "precision", "specificity")
OF_TARGET = ("precision", "recall", "specificity", "f1")
SPLITS = {TRAIN: (SERIES[0], 0.9), VAL: (SERIES[5], 0.9), TEST: (FADE, 0.6)}
SPLITTINGS = {GROUP: ("o", SERIES[0], -0.14), IMAGE: ("s", SERIES[1], 0.14)}
MARKERS = "os^DvPX"
WIDTH = 4.5  # inches, so that letters are not too small on a phone
ROW, HEAD = 0.21, 0.62  # inches: of a row of a panel, and of its title and axis
STRONGEST = 0.55  # opacity of a full cell, on which text can still be read
WIDE_COUNT = 10  # from which mean counts lose their decimals
LONG_NAME = 6  # characters from which names of columns are turned
SMALL = 9
STEPS = (1, 2, 2.5, 5, 10)  # between ticks, in any power of ten


def draw(result: AugmentationResult) -> dict[str, Figure]:
    """All figures that the result has the numbers for: file name without suffix -> figure."""
    arms = list(result.scores)
    kept = filtered_arms(arms)
    compared = [arm for arm in (result.base, UNFILTERED) if arm in arms] + list(kept)
    others = [arm for arm in result.versus if arm != ONLY]
    recalls = {
        f"recall/{name}": f"{name} ({result.test.groups_per_class[name]:,})"
        for name in result.classes
    }
    overall = {name: SCORES[name] for name in (LEAD, "accuracy", "f1", "auc")}
    of_target = [f"{name}/{result.target}" for name in OF_TARGET]
    both = ["accuracy", LEAD, "f1", *of_target[:2], of_target[3]]
    with matplotlib.rc_context(STYLE):
        found = {
            "class_distribution": class_distribution(result),
            "differences": differences(result, others, overall),
            "overall": bars(result, arms, OVERALL),
            "target": bars(result, arms, of_target),
            "recall_change": differences(result, others, recalls),
            **{f"confusion_{arm}": confusion(result, arm) for arm in arms},
            "training_curves": training_curves(result),
            "filter": bars(result, compared, both) if kept else None,
            "sweep": sweep(result),
            "reliability": reliability(result, arms),
            "leakage": leakage(result),
        }
    return {name: figure for name, figure in found.items() if figure is not None}


def class_distribution(result: AugmentationResult) -> Figure:
    """Real images per class and split, and below them the synthetic ones of each arm."""
    real, classes = result.counts.real, result.classes
    made = [
        (name, arm, counts[name])
        for name in classes
        for arm, counts in result.counts.synthetic.items()
        if counts.get(name)
    ]
    heights = [HEAD + ROW * len(classes), HEAD + 0.8 * ROW * len(made)][: 2 if made else 1]
    figure = Figure(figsize=(WIDTH, sum(heights) + 0.3), layout="constrained")
    figure.get_layout_engine().set(h_pad=0.07)
    panels = figure.subplots(len(heights), squeeze=False, height_ratios=heights)[:, 0]
    left = np.zeros(len(classes))
    for split, (colour, alpha) in SPLITS.items():
        widths = np.array([real[split].get(name, 0) for name in classes], float)
        panels[0].barh(
            range(len(classes)), widths, left=left, color=colour, alpha=alpha, label=split
        )
        left += widths
    title = "drawn phantoms" if result.phantom else "real images"
    _rows(panels[0], classes, title, [f"{total:,.0f}" for total in left])
    _legend(figure, panels[0])
    if made:
        for row, (_, arm, count) in enumerate(made):
            panels[1].barh(row, count, color=_colour(result, arm), alpha=0.8)
        labels = [
            f"{name}, {arm_title(arm)}" if i == 0 or made[i - 1][0] != name else arm_title(arm)
            for i, (name, arm, _) in enumerate(made)
        ]
        counts = [f"{count:,}" for *_, count in made]
        _rows(panels[1], labels, "synthetic images", counts)
    for axes in panels:
        axes.xaxis.set_major_formatter("{x:,.0f}")
        axes.set_xlim(left=0)
    return figure


def bars(result: AugmentationResult, arms: Sequence[str], names: Iterable[str]) -> Figure | None:
    """A panel for each score, with a bar from zero for each arm."""
    scores = result.scores
    names = [name for name in names if any(name in scores[arm] for arm in arms)]
    if not names:
        return None
    figure, panels = _panels(len(names), len(arms))
    for axes, name in zip(panels, names, strict=False):
        factor, decimals, unit = (1, 3, "") if is_area(name) else (100, 1, ",\N{NO-BREAK SPACE}%")
        texts = []
        for row, arm in enumerate(arms):
            value, low, high = _ends(scores[arm].get(name, UNMEASURED), factor)
            axes.barh(row, value, height=0.72, color=_colour(result, arm), alpha=0.6)
            axes.hlines(row, low, high, color=INK, linewidth=1.3)
            texts.append(f"{value:.{decimals}f}" if math.isfinite(value) else "–")
        _rows(axes, [arm_title(arm) for arm in arms], "", texts)
        axes.set_title(_wrapped(score_title(name) + unit), loc="left", fontsize=10)
        axes.set(xlim=(0, factor), xticks=(0, factor / 2, factor))
        axes.xaxis.set_major_formatter("{x:g}")
    return figure


def differences(
    result: AugmentationResult, arms: Sequence[str], names: Mapping[str, str]
) -> Figure | None:
    """A panel for each arm: its differences from the base arm; filled if told from zero.

    Args:
      result: of the study.
      arms: to draw.
      names: score -> label of its row.
    """
    versus = result.versus
    names = {n: label for n, label in names.items() if any(n in versus[arm] for arm in arms)}
    if not names:
        return None
    figure, panels = _panels(len(arms), len(names), sharex=True)
    for axes, arm in zip(panels, arms, strict=False):
        axes.axvline(0, color=INK, linewidth=0.8)
        for row, name in enumerate(names):
            found = versus[arm].get(name, UNDEFINED)
            _point(axes, row, _ends(found, 100), _colour(result, arm), told_from_zero(found))
        _rows(axes, list(names.values()), "")
        axes.set_title(_wrapped(arm_title(arm)), loc="left", fontsize=10)
        axes.xaxis.set_major_formatter(_signed)
    figure.supxlabel(f"percentage points more than {arm_title(result.base)}", fontsize=10)
    return figure


def confusion(result: AugmentationResult, arm: str) -> Figure:
    """Share of each true class (row) that is called a class (column), above the mean count."""
    counts, classes = np.array(result.confusion[arm], float), result.classes
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1e-9)
    side = 0.42 * len(classes) + 0.85
    figure = Figure(figsize=(side, side), layout="constrained")
    axes = figure.subplots()
    for (row, column), share in np.ndenumerate(shares):
        cell = matplotlib.patches.Rectangle((column - 0.5, row - 0.5), 1, 1, linewidth=0)
        cell.set(facecolor=SERIES[0], alpha=STRONGEST * float(np.nan_to_num(share)))
        axes.add_patch(cell)
        count = counts[row, column]
        if count > 0:
            text = f"{count:,.0f}" if count >= WIDE_COUNT else f"{count:.1f}".removesuffix(".0")
            weight = "bold" if row == column else "normal"
            middle = {"ha": "center", "va": "center"}
            shown = f"{100 * share:.0f}"
            axes.text(column, row - 0.17, shown, fontsize=SMALL, weight=weight, **middle)
            axes.text(column, row + 0.23, text, fontsize=7.5, **middle)
    turned = {"rotation": 45, "ha": "right", "rotation_mode": "anchor"}
    long = max(map(len, classes)) >= LONG_NAME
    axes.set_xticks(range(len(classes)), classes, fontsize=SMALL, **(turned if long else {}))
    axes.set_yticks(range(len(classes)), classes, fontsize=SMALL)
    axes.set(xlim=(-0.5, len(classes) - 0.5), ylim=(len(classes) - 0.5, -0.5), aspect="equal")
    axes.tick_params(length=0)
    axes.set_xlabel("called")
    axes.set_ylabel("true class")
    axes.set_title(f"{arm_title(arm)}, % of each row", loc="left", fontsize=10)
    axes.spines[:].set_visible(False)
    return figure


def training_curves(result: AugmentationResult) -> Figure | None:
    """Loss and balanced accuracy on validation images over training, a curve for each arm."""
    arms = [arm for arm in result.arms if arm in result.curves and result.curves[arm].images]
    if not arms:
        return None
    figure = Figure(figsize=(WIDTH, 4.9), layout="constrained")
    panels = figure.subplots(2, sharex=True)
    for axes, key, factor in zip(panels, ("loss", LEAD), (1, 100), strict=True):
        for arm in arms:
            curve = result.curves[arm]
            thousands = np.array(curve.images, float) / 1000
            line = {"color": _colour(result, arm), "label": arm_title(arm), "linewidth": 1.3}
            values = factor * np.array(
                getattr(curve, key) or np.full(len(thousands), np.nan), float
            )
            (drawn,) = axes.plot(
                thousands,
                values,
                marker=_marker(result, arm),
                markersize=3.5,
                markevery=max(len(values) // 6, 1),
                **line,
            )
            hover.tell(drawn)
        axes.grid(axis="y")
        axes.set_xlim(left=0)
    panels[0].set_ylabel("validation loss")
    panels[1].set_ylabel("balanced accuracy, %")
    panels[1].set_xlabel("thousand training images shown")
    _legend(figure, panels[0])
    return figure


def sweep(result: AugmentationResult) -> Figure | None:
    """Gain over the base arm against the number of synthetic images that were added."""
    made, versus = result.counts.made, result.versus
    swept = [arm for arm in versus if sweep_times(arm) is not None or arm == UNFILTERED]
    points = sorted((made(arm), arm) for arm in swept)
    if len(points) < 2:
        return None
    figure = Figure(figsize=(WIDTH, 4.9), layout="constrained")
    panels = figure.subplots(2, sharex=True)
    for axes, name in zip(panels, (LEAD, f"recall/{result.target}"), strict=True):
        gains = [_ends(versus[arm].get(name, UNDEFINED), 100) for _, arm in points]
        axes.axhline(0, color=INK, linewidth=0.8)
        line = [(0, 0.0), *((x, gain[0]) for (x, _), gain in zip(points, gains, strict=True))]
        axes.plot(*zip(*line, strict=True), color=FADE, linewidth=1, linestyle="--")
        drawn = list(zip(points, gains, strict=True))
        for arm in filtered_arms(versus):
            found = versus[arm].get(name, UNDEFINED)
            drawn.append(((made(arm), arm), _ends(found, 100)))
        for (x, arm), (value, low, high) in drawn:
            colour = _colour(result, arm)
            axes.vlines(x, low, high, color=colour, linewidth=1.3)
            (point,) = axes.plot(
                x,
                value,
                marker=_marker(result, arm),
                color=colour,
                label=arm_title(arm),
                linestyle="",
            )
            number = hover.number
            hover.tell(point, [f"{number(value)} ({number(low)} … {number(high)})"])
        axes.set_title(f"{score_title(name)}, points gained", loc="left", fontsize=10)
        axes.yaxis.set_major_formatter(_signed)
        axes.grid(axis="y")
        axes.margins(0.05, 0.1)
        axes.set_xlim(left=0)
    panels[1].xaxis.set_major_formatter("{x:,.0f}")
    panels[1].set_xlabel("synthetic images added")
    _legend(figure, panels[0])
    return figure


def reliability(result: AugmentationResult, arms: Sequence[str]) -> Figure:
    """Share that is right against the confidence claimed, a panel for each arm."""
    found = {arm: result.reliability[arm] for arm in arms}
    columns = min(3, len(found))
    lines = math.ceil(len(found) / columns)
    size = (WIDTH, 0.35 + lines * (WIDTH - 0.6) / 3 + 0.25 * lines)
    figure = Figure(figsize=size, layout="constrained")
    panels = figure.subplots(lines, columns, sharex=True, sharey=True, squeeze=False)
    for axes, (arm, bins) in zip(panels.flat, found.items(), strict=False):
        confidence, right, count = map(np.array, (bins.confidence, bins.accuracy, bins.count))
        axes.plot((0, 1), (0, 1), color=HAIRLINE, linewidth=1)
        shown = count > 0
        (line,) = axes.plot(
            confidence[shown], right[shown], color=_colour(result, arm), linewidth=1.1
        )
        counts = [f"{share:.3g} of {num:,} images" for share, num in zip(right, count, strict=True)]
        hover.tell(line, [counts[i] for i in np.flatnonzero(shown)], "share that is right")
        area = 5 + 60 * count[shown] / count.max()
        axes.scatter(confidence[shown], right[shown], area, color=_colour(result, arm), alpha=0.7)
        axes.set_title(_wrapped(arm_title(arm)), loc="left", fontsize=10)
        axes.set(xlim=(0, 1), ylim=(0, 1.03), aspect="equal", xticks=(0, 0.5, 1))
        axes.set_yticks((0, 0.5, 1))
    _hide_rest(panels, len(found))
    figure.supxlabel("confidence claimed", fontsize=10)
    figure.supylabel("share that is right", fontsize=10)
    return figure


def leakage(result: AugmentationResult) -> Figure | None:
    """The base arm's level, and what each arm gains, under both ways of splitting."""
    if result.leakage is None:
        return None
    sides = {GROUP: result.leakage.group, IMAGE: result.leakage.image}
    known = {arm for side in sides.values() for arm in side.versus} - {ONLY}
    arms = [arm for arm in result.arms if arm in known]
    names = ("accuracy", LEAD)
    heights = [HEAD + 1.5 * ROW * rows for rows in (len(names), *[max(len(arms), 1)] * len(names))]
    figure = Figure(figsize=(WIDTH, sum(heights) + 0.3), layout="constrained")
    figure.get_layout_engine().set(h_pad=0.07)
    panels = figure.subplots(len(heights), height_ratios=heights)
    panels[0].set_title(f"{arm_title(result.base)}, %", loc="left", fontsize=10)
    for way, side in sides.items():
        marker, colour, offset = SPLITTINGS[way]
        style = {"marker": marker, "label": splittings(result)[way], "offset": offset}
        for row, name in enumerate(names):
            ends = _ends(side.base.get(name, UNMEASURED), 100)
            _point(panels[0], row, ends, colour, True, **style)
            for below, arm in enumerate(arms):
                ends = _ends(side.versus.get(arm, {}).get(name, UNDEFINED), 100)
                _point(panels[1 + row], below, ends, colour, True, **style)
    _rows(panels[0], [score_title(name) for name in names], "")
    for axes, name in zip(panels[1:], names, strict=True):
        axes.axvline(0, color=INK, linewidth=0.8)
        _rows(axes, [arm_title(arm) for arm in arms], "")
        axes.set_title(f"{score_title(name)}, points gained", loc="left", fontsize=10)
        axes.xaxis.set_major_formatter(_signed)
    _legend(figure, panels[0])
    return figure


def _wrapped(title: str) -> str:
    """On lines that a panel has room for."""
    return textwrap.fill(title, 18)


def _colour(result: AugmentationResult, arm: str) -> str:
    others = [name for name in result.arms if name != result.base]
    colours = (*SERIES, INK)
    return FADE if arm not in others else colours[others.index(arm) % len(colours)]


def _marker(result: AugmentationResult, arm: str) -> str:
    return MARKERS[result.arms.index(arm) % len(MARKERS)]


def _ends(found: Score | Difference, factor: float) -> tuple[float, float, float]:
    """The number and its interval, NaN where there is none."""
    value = found.value if isinstance(found, Score) else found.difference
    return factor * number(value), factor * number(found.low), factor * number(found.high)


def _point(
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


def _panels(count: int, rows: int, sharex: bool = False) -> tuple[Figure, list[Axes]]:
    """Panels side by side in pairs, whose rows have one name, written at the left."""
    columns = min(2, count)
    lines = math.ceil(count / columns)
    height = lines * (HEAD + ROW * rows) + (0.25 if sharex else 0)
    figure = Figure(figsize=(WIDTH, height), layout="constrained")
    panels = figure.subplots(lines, columns, sharey=True, sharex=sharex, squeeze=False)
    figure.get_layout_engine().set(h_pad=0.07)
    _hide_rest(panels, count)
    return figure, list(panels.flat[:count])


def _hide_rest(panels: np.ndarray, count: int) -> None:
    """Hides the panels after the first `count`; those above them name the ticks instead."""
    columns = panels.shape[1]
    for i, axes in enumerate(panels.flat):
        if i >= count:
            axes.set_axis_off()
            panels.flat[i - columns].tick_params(labelbottom=True)


def _rows(axes: Axes, labels: Sequence[str], unit: str, texts: Sequence[str] = ()) -> None:
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


def _legend(figure: Figure, axes: Axes) -> None:
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


def _signed(value: float, _: int) -> str:
    return f"{value:+g}".replace("-", "−") if value else "0"
