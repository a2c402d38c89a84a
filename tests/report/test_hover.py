"""What a pointer learns from a figure."""

import re

import matplotlib
import numpy as np
import pytest
from injected_pages import PAGES
from matplotlib.figure import Figure

from dermgan_jax.report import figures, hover
from dermgan_jax.report.style import STYLE, to_svg

RECT = re.compile(r'<rect x="([\d.]+)" y="([\d.]+)" width="([\d.]+)" height="([\d.]+)">')


def titles(svg):
    return re.findall(r"<title>(.*?)</title>", svg, re.DOTALL)


def drawn(*curves, label="loss", axis="thousand images"):
    """A figure of curves (x, y, name)."""
    with matplotlib.rc_context(STYLE):
        figure = Figure(layout="constrained")
        axes = figure.subplots()
        for x, y, name in curves:
            hover.tell(axes.plot(x, y, label=name)[0])
        axes.plot([0, 1], [0, 1])  # tells nothing
        axes.set(xlabel=axis, ylabel=label)
    return figure


def test_every_x_has_the_values_of_all_curves():
    svg = to_svg(drawn(([1, 2, 4], [0.5, -0.25, 3], "real"), ([1, 2], [7, 8], "fake")), "t")
    assert titles(svg) == [
        "thousand images: 1\nreal: 0.5\nfake: 7",
        "thousand images: 2\nreal: −0.25\nfake: 8",
        "thousand images: 4\nreal: 3",
    ]


def test_strips_lie_around_their_points_and_leave_no_gap():
    figure = drawn(([0, 10, 30], [1, 2, 3], "a"))
    svg = to_svg(figure, "t")
    (axes,) = figure.axes
    found = np.array([[float(number) for number in rect] for rect in RECT.findall(svg)])
    width, height = map(float, re.search(r'viewBox="0 0 ([\d.]+) ([\d.]+)"', svg).groups())
    box = axes.get_position()
    assert found[0, 0] == pytest.approx(box.x0 * width, abs=0.1)
    assert found[-1, 0] + found[-1, 2] == pytest.approx(box.x1 * width, abs=0.1)
    assert found[:-1, 0] + found[:-1, 2] == pytest.approx(found[1:, 0], abs=0.11)
    assert found[:, 1] == pytest.approx((1 - box.y1) * height, abs=0.1)
    assert found[:, 3] == pytest.approx(box.height * height, abs=0.11)
    at = r"([\d.]+) [\d.]+ \n"
    marks = re.search(f'd="M {at}L {at}L {at}" clip', svg).groups()
    for (begin, _, size, _), mark in zip(found, map(float, marks), strict=True):
        assert begin - 0.1 <= mark <= begin + size + 0.1


def test_a_curve_without_a_name_is_called_as_its_axis():
    assert titles(to_svg(drawn(([1], [2], None), label="of\nnew layers"), "t")) == [
        "thousand images: 1\nof new layers: 2"
    ]


def test_names_of_strangers_are_no_markup():
    svg = to_svg(drawn(([1], [2], "</title><script>")), "t")
    assert "<script>" not in svg
    assert "&lt;/title&gt;&lt;script&gt;: 2" in svg


def test_long_curves_have_few_strips_and_missing_values_none():
    x = np.arange(5000.0)
    svg = to_svg(drawn((x, np.where(x == 4999, np.nan, x), "a")), "t")
    assert len(titles(svg)) <= hover.MOST_STRIPS
    assert len(svg) < 100_000
    assert titles(to_svg(drawn(([1.0], [np.nan], "a")), "t")) == []


def test_averages_tell_what_they_span():
    rows = [
        {
            **{"kind": "train", "step": i, "images": 1000 * (i + 1), "stage": "8x8", "traced": {}},
            **{"images_per_second": 1.0, "metrics": {"d/loss": float(i % 2), "g/loss": 5.0}},
        }
        for i in range(2 * figures.MAX_POINTS)
    ]
    said = titles(to_svg(figures.losses(rows), "Losses"))
    assert said[0] == (
        "thousand training images shown: 1.5\nd/loss: 0.5 (0 … 1)\ng/loss: 5 (5 … 5)"
    )


@pytest.mark.parametrize("kind", ["sampler", "translator", "runs compared"])
def test_pages_tell_values_with_their_intervals(kind, tmp_path):
    said = titles(PAGES[kind](tmp_path, str))
    assert any("6.00 (5.50 … 6.50)" in title for title in said)
