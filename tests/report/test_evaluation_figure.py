import itertools

import numpy as np
import pytest
from matplotlib.axis import Tick
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.text import Text
from PIL import Image

from dermgan_jax.errors import UserError
from dermgan_jax.evaluation.evaluate import warnings
from dermgan_jax.report import evaluation_figure, metric_texts
from dermgan_jax.report.evaluation_figure import draw, shorten, side_name

TWELVE = list(metric_texts.METRICS)[:12]


def metric(value, half=None, n=500, n_real=700, better="lower"):
    interval = None if half is None else [value - half, value + half]
    return {
        "value": value,
        "interval": interval,
        "std": None,
        "n": n,
        "n_real": n_real,
        "details": {},
        "better": better,
        "protocol": "test",
    }


def with_yardsticks(name, value, better="lower"):
    pairs = [
        {"classes": list(pair), "value": value * (2 + i), "n": 115}
        for i, pair in enumerate(itertools.combinations(("mel", "nv", "df"), 2))
    ]
    return {
        name: metric(value, value / 10, better=better),
        f"{name}_lower_bound": metric(value / 4, value / 20, n=350, n_real=350, better=better),
        f"{name}_class_yardstick": {**metric(2 * value, n=115, better=better), "pairs": pairs},
    }


def images(num, channels=3):
    shape = (num, 16, 16, channels)
    return np.random.default_rng(num).integers(0, 256, shape, np.uint8)


def figure_of(metrics, real="ham10000:test", fake="runs/ham", num=3):
    measured = {name: value for name, value in metrics.items() if "_" not in name}
    result = {"real": real, "fake": fake, "metrics": metrics, "warnings": warnings(measured)}
    return evaluation_figure.evaluation_figure(result, images(num), images(num, channels=1))


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
    metrics = {}
    for name in TWELVE:
        metrics |= with_yardsticks(name, 80.0)
    figure = figure_of(metrics, real="/data/" + "folder/" * 60, fake="x" * 500)
    shown = texts(figure)
    assert len(metric_axes(figure)) == len(TWELVE)
    assert {metric_texts.METRICS[name].title for name in TWELVE} <= set(shown)
    first_fid = shown.index("Fréchet Inception distance (FID)")
    assert first_fid > shown.index("Kernel Inception distance (KID)")


def test_values_that_are_missing():
    figure = figure_of({"psnr": metric(None), "ssim": metric(0.5)}, num=0)
    shown = texts(figure)
    assert shown.count("no finite value") == 1
    assert shown.count("not measured") == 2
    assert "0.5" in shown
    for axes in metric_axes(figure):
        labels = [label.get_text() for label in axes.get_yticklabels()]
        assert labels == ["fake vs real", "real vs real"]


@pytest.mark.parametrize(
    ("role", "side", "label"),
    [
        ("real", "phantom:test", "real: phantom:test (drawn phantoms, not real skin)"),
        ("fake", "phantom:test", "fake: phantom:test (drawn phantoms, not real skin)"),
        ("fake", "ham10000:test", "fake: ham10000:test"),
        ("fake", "samples.npz", "fake: samples.npz (synthetic images)"),
    ],
)
def test_sides_are_called_what_they_are(role, side, label):
    assert side_name(role, side, width=7.0) == label


def test_shorten_keeps_both_ends():
    assert shorten("abcdefghij", 10) == "abcdefghij"
    assert shorten("abcdefghij", 5) == "ab…ij"
    assert shorten("abcdefghij", 6) == "ab…hij"


@pytest.mark.parametrize(
    ("name", "begins"), [("a.png", b"\x89PNG"), ("a.SVG", b"<?xml"), ("a.pdf", b"%PDF")]
)
def test_file_is_of_its_suffix(tmp_path, name, begins):
    path = tmp_path / "new" / name
    result = {"real": "a", "fake": "b", "metrics": {"swd": metric(9.0)}, "warnings": []}
    draw(result, images(9), images(2), path)
    assert path.read_bytes().startswith(begins)
    if name == "a.png":
        with Image.open(path) as image:
            assert image.width == 7.0 * evaluation_figure.DPI


def test_other_suffixes_are_refused(tmp_path):
    with pytest.raises(UserError, match=r"ends in \.png, \.svg, \.pdf"):
        draw({}, images(1), images(1), tmp_path / "figure.jpeg")
