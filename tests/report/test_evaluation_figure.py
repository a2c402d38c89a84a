import itertools
import math

import numpy as np
import pytest
from matplotlib.axis import Tick
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.text import Text
from PIL import Image

from dermgan_jax.errors import UserError
from dermgan_jax.evaluation.image_sources import ImageSource, SplitName
from dermgan_jax.evaluation.question import Evaluation
from dermgan_jax.metrics.measurement import ClassPair, Measurement, MetricValue, by_key
from dermgan_jax.metrics.measurement_table import warnings
from dermgan_jax.report import evaluation_figure, metric_texts
from dermgan_jax.report.evaluation_figure import draw, shorten, source_name

TWELVE = list(metric_texts.METRICS)[:12]
SPLIT = SplitName("ham10000", "test")
PHANTOM = {"split": SplitName("phantom", "test"), "phantom": True}


def metric(name, value, half=None, n=500, n_real=700, better="lower"):
    interval = None if half is None else (value - half, value + half)
    return MetricValue(name, value, "test", n, {}, better, n_real, interval=interval)


def with_yardsticks(name, value, better="lower"):
    """Pairs are as `yardstick` gives them, the one least apart first."""
    pairs = [
        ClassPair(pair, value * (2 + i), 115)
        for i, pair in enumerate(itertools.combinations(("mel", "nv", "df"), 2))
    ]
    return Measurement(
        metric(name, value, value / 10, better=better),
        real_against_real=metric(name, value / 4, value / 20, n=350, n_real=350, better=better),
        class_pairs=tuple(pairs if better == "lower" else pairs[::-1]),
    )


def images(num, channels=3):
    shape = (num, 16, 16, channels)
    return np.random.default_rng(num).integers(0, 256, shape, np.uint8)


def evaluation(*measured, real="ham10000:test", fake="runs/ham", num=3):
    return Evaluation(
        real=ImageSource(real, images(num), split=SPLIT),
        fake=ImageSource(fake, images(num, channels=1)),
        seed=0,
        measured=by_key(*measured),
        warnings=tuple(warnings(measured)),
    )


def figure_of(*measured, **sources):
    return evaluation_figure.evaluation_figure(evaluation(*measured, **sources))


def texts(figure):
    """Everything written but the ticks; none of it may hang over the edge."""
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    width, height = canvas.get_width_height()
    ticks = [tick.label1 for tick in figure.findobj(Tick)]
    shown = [text for text in figure.findobj(Text) if text.get_text() and text not in ticks]
    for text in shown:
        box = text.get_window_extent()
        assert box.x0 >= 0, text
        assert box.x1 <= width, text
        assert box.y0 >= 0, text
        assert box.y1 <= height, text
    return [" ".join(text.get_text().split()) for text in shown]


def metric_axes(figure):
    return [
        axes for axes in figure.findobj(lambda x: hasattr(x, "get_xlabel")) if axes.get_xlabel()
    ]


def test_one_metric_with_everything():
    shown = texts(figure_of(with_yardsticks("fid", 80.0)))
    for text in (
        "real: ham10000:test",
        "fake: runs/ham (synthetic images)",
        "Fréchet Inception distance (FID)",
        "500 fake and 700 real images; biased",
        "80.0 (72.0 … 88.0)",
        "20.0 (16.0 … 24.0), n = 350",
        "mel – nv: 160.0, n = 115",
        "FID ← lower is better",
    ):
        assert text in shown, text
    assert any(text.startswith("warning: fid of 500 images is biased") for text in shown)


def test_marks_are_where_the_numbers_are():
    (axes,) = metric_axes(figure_of(with_yardsticks("kid", 0.04)))
    assert [tuple(line.get_xydata()[0]) for line in axes.lines] == [(0.04, 0), (0.01, 1)]
    segments = [segment for marks in axes.collections for segment in marks.get_segments()]
    ends = sorted(tuple(np.round(segment[:, 0], 6)) for segment in segments)
    assert ends == [(0.008, 0.012), (0.036, 0.044), (0.08, 0.08), (0.12, 0.12), (0.16, 0.16)]
    low, high = axes.get_xlim()
    assert low < 0.008
    assert high > 0.16


def test_nearest_classes_are_the_most_alike_where_higher_is_better():
    shown = texts(figure_of(with_yardsticks("recall", 0.2, better="higher")))
    assert "nv – df: 0.800, n = 115" in shown
    assert "share of real images higher is better →" in shown


def test_twelve_metrics_have_an_axis_each():
    measured = [with_yardsticks(name, 80.0) for name in TWELVE]
    figure = figure_of(*measured, real="/data/" + "folder/" * 60, fake="x" * 500)
    shown = texts(figure)
    assert len(metric_axes(figure)) == len(TWELVE)
    assert {metric_texts.METRICS[name].title for name in TWELVE} <= set(shown)
    first_fid = shown.index("Fréchet Inception distance (FID)")
    assert first_fid > shown.index("Kernel Inception distance (KID)")


def test_values_that_are_missing():
    values = metric("psnr", math.nan), metric("ssim", 0.5)
    figure = figure_of(*map(Measurement, values), num=0)
    shown = texts(figure)
    assert shown.count("no finite value") == 1
    assert shown.count("not measured") == 2
    assert "0.5" in shown
    for axes in metric_axes(figure):
        labels = [label.get_text() for label in axes.get_yticklabels()]
        assert labels == ["fake vs real", "real vs real"]


@pytest.mark.parametrize(
    ("role", "name", "told", "label"),
    [
        ("real", "phantom:test", PHANTOM, "real: phantom:test (drawn phantoms, not real skin)"),
        ("fake", "phantom:test", PHANTOM, "fake: phantom:test (drawn phantoms, not real skin)"),
        ("fake", "ham10000:test", {"split": SPLIT}, "fake: ham10000:test"),
        ("real", "skin/", {}, "real: skin/"),
        ("fake", "samples.npz", {}, "fake: samples.npz (synthetic images)"),
    ],
)
def test_sources_are_called_what_they_are(role, name, told, label):
    assert source_name(role, ImageSource(name, images(1), **told), width=7.0) == label


def test_shorten_keeps_both_ends():
    assert shorten("abcdefghij", 10) == "abcdefghij"
    assert shorten("abcdefghij", 5) == "ab…ij"
    assert shorten("abcdefghij", 6) == "ab…hij"


@pytest.mark.parametrize(
    ("name", "begins"), [("a.png", b"\x89PNG"), ("a.SVG", b"<?xml"), ("a.pdf", b"%PDF")]
)
def test_file_is_of_its_suffix(tmp_path, name, begins):
    path = tmp_path / "new" / name
    draw(evaluation(Measurement(metric("swd", 9.0))), path)
    assert path.read_bytes().startswith(begins)
    if name == "a.png":
        with Image.open(path) as image:
            assert image.width == 7.0 * evaluation_figure.DPI


def test_other_suffixes_are_refused(tmp_path):
    with pytest.raises(UserError, match=r"ends in \.png, \.svg, \.pdf"):
        draw(evaluation(), tmp_path / "figure.jpeg")
