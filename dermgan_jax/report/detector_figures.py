"""Figures of a detector's report."""

from collections.abc import Sequence

import matplotlib
from matplotlib.figure import Figure

from dermgan_jax.evaluation.anomaly.result import DetectorResult
from dermgan_jax.report import hover
from dermgan_jax.report.figures import WIDTH
from dermgan_jax.report.style import DASHES, FADE, SERIES, STYLE


def roc(detectors: Sequence[DetectorResult]) -> Figure:
    """The ROC curves of several detectors on the same images, the trained one in bold."""
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(WIDTH, 0.9 * WIDTH), layout="constrained")
        axes = figure.subplots()
        axes.plot((0, 1), (0, 1), color=FADE, linewidth=0.7, linestyle=":")
        for i, one in enumerate(detectors):
            (line,) = axes.plot(
                *(one.curve.false, one.curve.true),
                color=SERIES[i % len(SERIES)],
                linestyle=DASHES[i // len(SERIES) % len(DASHES)],
                linewidth=2.4 if i == 0 else 1.2,
                label=f"{one.title}, {one.scores['auroc'].value:.3f}",
                zorder=3 if i == 0 else 2,
            )
            hover.tell(line)
        axes.set(xlim=(0, 1), ylim=(0, 1.005))
        axes.set(
            xlabel="share of normal images called abnormal",
            ylabel="share of abnormal images found",
        )
        axes.grid(True)
        axes.legend(loc="lower right", fontsize=8, title="area under the curve", title_fontsize=8)
    return figure
