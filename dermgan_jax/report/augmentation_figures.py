"""The figures of an augmentation study, drawn from its result.

Shares are in percent, differences in percentage points, and every interval covers 95 %. The base
arm is grey; the others keep their colour and marker from figure to figure. Those of curves are in
`augmentation_curves`.
"""

import math
from collections.abc import Iterable, Mapping, Sequence

import matplotlib
import numpy as np
from matplotlib.figure import Figure

from dermgan_jax.data.splits import GROUP, IMAGE, TEST, TRAIN, VAL
from dermgan_jax.report.augmentation_curves import reliability, sweep, training_curves
from dermgan_jax.report.augmentation_drawing import (
    HEAD,
    ROW,
    SMALL,
    WIDTH,
    colour_of,
    ends_of,
    legend,
    name_rows,
    panels_in_pairs,
    point,
    signed,
    wrapped,
)
from dermgan_jax.report.augmentation_tables import (
    SCORES,
    UNMEASURED,
    arm_title,
    is_area,
    score_title,
    splittings,
    told_from_zero,
)
from dermgan_jax.report.style import FADE, INK, SERIES, STYLE
from dermgan_jax.statistics.comparison import UNDEFINED
from dermgan_jax.studies.augmentation_arms import ONLY, UNFILTERED, filtered_arms
from dermgan_jax.studies.augmentation_result import AugmentationResult
from dermgan_jax.studies.held_out import LEAD

OVERALL = ("accuracy", LEAD, "f1", "auc", "precision", "specificity")
OF_TARGET = ("precision", "recall", "specificity", "f1")
SPLITS = {TRAIN: (SERIES[0], 0.9), VAL: (SERIES[5], 0.9), TEST: (FADE, 0.6)}
SPLITTINGS = {GROUP: ("o", SERIES[0], -0.14), IMAGE: ("s", SERIES[1], 0.14)}
STRONGEST = 0.55  # opacity of a full cell, on which text can still be read
WIDE_COUNT = 10  # from which mean counts lose their decimals
LONG_NAME = 6  # characters from which names of columns are turned


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
    name_rows(panels[0], classes, title, [f"{total:,.0f}" for total in left])
    legend(figure, panels[0])
    if made:
        for row, (_, arm, count) in enumerate(made):
            panels[1].barh(row, count, color=colour_of(result, arm), alpha=0.8)
        labels = [
            f"{name}, {arm_title(arm)}" if i == 0 or made[i - 1][0] != name else arm_title(arm)
            for i, (name, arm, _) in enumerate(made)
        ]
        counts = [f"{count:,}" for *_, count in made]
        name_rows(panels[1], labels, "synthetic images", counts)
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
    figure, panels = panels_in_pairs(len(names), len(arms))
    for axes, name in zip(panels, names, strict=False):
        factor, decimals, unit = (1, 3, "") if is_area(name) else (100, 1, ",\N{NO-BREAK SPACE}%")
        texts = []
        for row, arm in enumerate(arms):
            value, low, high = ends_of(scores[arm].get(name, UNMEASURED), factor)
            axes.barh(row, value, height=0.72, color=colour_of(result, arm), alpha=0.6)
            axes.hlines(row, low, high, color=INK, linewidth=1.3)
            texts.append(f"{value:.{decimals}f}" if math.isfinite(value) else "–")
        name_rows(axes, [arm_title(arm) for arm in arms], "", texts)
        axes.set_title(wrapped(score_title(name) + unit), loc="left", fontsize=10)
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
    figure, panels = panels_in_pairs(len(arms), len(names), sharex=True)
    for axes, arm in zip(panels, arms, strict=False):
        axes.axvline(0, color=INK, linewidth=0.8)
        for row, name in enumerate(names):
            found = versus[arm].get(name, UNDEFINED)
            point(axes, row, ends_of(found, 100), colour_of(result, arm), told_from_zero(found))
        name_rows(axes, list(names.values()), "")
        axes.set_title(wrapped(arm_title(arm)), loc="left", fontsize=10)
        axes.xaxis.set_major_formatter(signed)
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
            ends = ends_of(side.base.get(name, UNMEASURED), 100)
            point(panels[0], row, ends, colour, True, **style)
            for below, arm in enumerate(arms):
                ends = ends_of(side.versus.get(arm, {}).get(name, UNDEFINED), 100)
                point(panels[1 + row], below, ends, colour, True, **style)
    name_rows(panels[0], [score_title(name) for name in names], "")
    for axes, name in zip(panels[1:], names, strict=True):
        axes.axvline(0, color=INK, linewidth=0.8)
        name_rows(axes, [arm_title(arm) for arm in arms], "")
        axes.set_title(f"{score_title(name)}, points gained", loc="left", fontsize=10)
        axes.xaxis.set_major_formatter(signed)
    legend(figure, panels[0])
    return figure
