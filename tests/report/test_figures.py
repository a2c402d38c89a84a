import math

import numpy as np
import pytest

from dermgan_jax.metrics.measurement import Measurement, MetricValue, by_key
from dermgan_jax.report import figures, style


def row(images, stage, alpha=None, **metrics):
    return {
        "kind": "train",
        "step": images,
        "images": images,
        "stage": stage,
        "traced": {} if alpha is None else {"alpha": alpha},
        "images_per_second": 10.0,
        "metrics": {f"d/{name}": value for name, value in metrics.items()},
    }


def test_stage_spans_follow_the_curriculum():
    rows = [
        row(1000, "4x4", 1.0),
        row(2000, "8x8", 0.5),
        row(3000, "8x8", 1.0),
        row(4000, "16x16", 0.5),
    ]
    assert figures.stage_spans(rows) == [
        ("4x4", 0.0, 1.0, 0.0),
        ("8x8", 1.0, 3.0, 2.0),
        ("16x16", 3.0, 4.0, 4.0),
    ]


def test_short_series_are_drawn_as_they_are_without_holes_for_nan():
    rows = [row(1000 * i, "8x8", loss=None if i == 2 else float(i)) for i in range(1, 5)]
    (line,) = [line for line in figures.losses(rows).axes[0].lines if len(line.get_xdata()) > 2]
    np.testing.assert_array_equal(line.get_xydata(), [(1, 1), (3, 3), (4, 4)])


def test_long_series_are_averaged_within_a_band_of_their_extremes():
    values = np.random.default_rng(0).normal(size=30 * figures.MAX_POINTS)
    rows = [row(1000 * i, "8x8", loss=value) for i, value in enumerate(values)]
    axes = figures.losses(rows).axes[0]
    (line,) = axes.lines
    np.testing.assert_allclose(line.get_ydata(), values.reshape(-1, 30).mean(axis=1))
    (band,) = axes.collections
    edges = band.get_paths()[0].vertices[:, 1]
    assert (edges.min(), edges.max()) == (values.min(), values.max())


def test_outliers_do_not_flatten_the_curve():
    rows = [row(1000 * i, "8x8", loss=1e6 if i == 1 else i / 1000) for i in range(1, 1001)]
    assert figures.losses(rows).axes[0].get_ylim()[1] < 2


def test_alpha_has_a_panel_only_where_there_is_one():
    assert len(figures.schedule([row(1, "8x8"), row(2, "16x16")]).axes) == 1
    assert len(figures.schedule([row(1, "8x8", alpha=0.5)]).axes) == 2


def test_a_single_stage_is_no_curriculum():
    assert figures.schedule([row(1, "8x8"), row(2, "8x8")]) is None


def test_nothing_to_draw():
    eval_only = [{"kind": "eval", "step": 1, "images": 16, "seconds": 1.0, "metrics": {}}]
    for rows in ([], eval_only):
        assert figures.losses(rows) is None
        assert figures.schedule(rows) is None
        assert figures.throughput(rows) is None
        assert figures.evaluation(rows, "swd", "SWD") is None


@pytest.mark.parametrize("draw", [figures.losses, figures.schedule, figures.throughput])
def test_svg_adapts_to_the_page(draw):
    svg = style.to_svg(draw([row(1000 * i, "8x8", 0.5, loss=1.0 * i) for i in (1, 2)]), "Title")
    assert svg.startswith('<svg role="img" aria-label="Title" viewBox=')
    assert svg.endswith("</svg>")
    assert "http" not in svg
    assert "currentColor" in svg
    assert "var(--series-1)" in svg
    assert not any(colour in svg for colour in (*style.SERIES, style.INK))
    assert figures.IMAGES_AXIS in svg


def evaluated(images, value, interval=None, bound=None, better="lower"):
    def of(number, ends=None):
        return MetricValue("kid", number, "test", 9, {}, better, interval=ends)

    kid = Measurement(of(value, interval), real_against_real=None if bound is None else of(bound))
    row = {"kind": "eval", "step": images, "images": images, "seconds": 1}
    return {**row, "metrics": by_key(kid)}


def test_band_of_a_metric_is_its_interval():
    rows = [
        evaluated(1000, 9.0, (7.0, 11.5)),
        evaluated(2000, math.nan),
        evaluated(3000, 4.0, (3.0, 5.0)),
        evaluated(4000, 2.0, (1.0, 3.0)),
    ]
    (band,) = figures.evaluation(rows, "kid", "KID").axes[0].collections
    corners = {(x, y) for path in band.get_paths() for x, y in path.vertices}
    assert {(3.0, 3.0), (3.0, 5.0), (4.0, 1.0), (4.0, 3.0)} <= corners
    assert not any(x == 2.0 for x, _ in corners)


def test_single_evaluation_has_a_bar():
    axes = figures.evaluation([evaluated(1000, 9.0, (7.0, 11.5))], "kid", "KID").axes[0]
    bar = axes.collections[-1].get_segments()
    np.testing.assert_array_equal(bar, [[(1.0, 7.0), (1.0, 11.5)]])


@pytest.mark.parametrize(
    ("row", "scale"),
    [
        (evaluated(1000, 9.0, (7.0, 11.5), bound=1.0), "log"),
        (evaluated(1000, 9, (7, 11), bound=1), "log"),
        (evaluated(1000, 9.0, (-1.0, 19.0), bound=1.0), "linear"),
        (evaluated(1000, 9.0, (7.0, 11.5), bound=-0.1), "linear"),
        (evaluated(1000, 0.9, (0.7, 1.0), bound=0.95, better="higher"), "linear"),
    ],
)
def test_axis_is_logarithmic_only_if_all_of_it_fits(row, scale):
    assert figures.evaluation([row], "kid", "KID").axes[0].get_yscale() == scale
