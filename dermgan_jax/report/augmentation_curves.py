"""The curves of an augmentation study: over training, over added images, over confidence."""

import math
from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from dermgan_jax.report import hover
from dermgan_jax.report.augmentation_drawing import (
    WIDTH,
    colour_of,
    ends_of,
    hide_rest,
    legend,
    marker_of,
    signed,
    wrapped,
)
from dermgan_jax.report.augmentation_tables import arm_title, score_title
from dermgan_jax.report.style import FADE, HAIRLINE, INK
from dermgan_jax.statistics.comparison import UNDEFINED
from dermgan_jax.studies.augmentation_arms import UNFILTERED, filtered_arms, sweep_times
from dermgan_jax.studies.augmentation_result import AugmentationResult
from dermgan_jax.studies.held_out import LEAD


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
            line = {"color": colour_of(result, arm), "label": arm_title(arm), "linewidth": 1.3}
            values = factor * np.array(
                getattr(curve, key) or np.full(len(thousands), np.nan), float
            )
            (drawn,) = axes.plot(
                thousands,
                values,
                marker=marker_of(result, arm),
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
    legend(figure, panels[0])
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
        gains = [ends_of(versus[arm].get(name, UNDEFINED), 100) for _, arm in points]
        axes.axhline(0, color=INK, linewidth=0.8)
        line = [(0, 0.0), *((x, gain[0]) for (x, _), gain in zip(points, gains, strict=True))]
        axes.plot(*zip(*line, strict=True), color=FADE, linewidth=1, linestyle="--")
        drawn = list(zip(points, gains, strict=True))
        for arm in filtered_arms(versus):
            found = versus[arm].get(name, UNDEFINED)
            drawn.append(((made(arm), arm), ends_of(found, 100)))
        for (x, arm), (value, low, high) in drawn:
            colour = colour_of(result, arm)
            axes.vlines(x, low, high, color=colour, linewidth=1.3)
            (point,) = axes.plot(
                x,
                value,
                marker=marker_of(result, arm),
                color=colour,
                label=arm_title(arm),
                linestyle="",
            )
            number = hover.number
            hover.tell(point, [f"{number(value)} ({number(low)} … {number(high)})"])
        axes.set_title(f"{score_title(name)}, points gained", loc="left", fontsize=10)
        axes.yaxis.set_major_formatter(signed)
        axes.grid(axis="y")
        axes.margins(0.05, 0.1)
        axes.set_xlim(left=0)
    panels[1].xaxis.set_major_formatter("{x:,.0f}")
    panels[1].set_xlabel("synthetic images added")
    legend(figure, panels[0])
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
            confidence[shown], right[shown], color=colour_of(result, arm), linewidth=1.1
        )
        counts = [f"{share:.3g} of {num:,} images" for share, num in zip(right, count, strict=True)]
        hover.tell(line, [counts[i] for i in np.flatnonzero(shown)], "share that is right")
        area = 5 + 60 * count[shown] / count.max()
        axes.scatter(confidence[shown], right[shown], area, color=colour_of(result, arm), alpha=0.7)
        axes.set_title(wrapped(arm_title(arm)), loc="left", fontsize=10)
        axes.set(xlim=(0, 1), ylim=(0, 1.03), aspect="equal", xticks=(0, 0.5, 1))
        axes.set_yticks((0, 0.5, 1))
    hide_rest(panels, len(found))
    figure.supxlabel("confidence claimed", fontsize=10)
    figure.supylabel("share that is right", fontsize=10)
    return figure
