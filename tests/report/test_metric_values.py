import math

import pytest

from dermgan_jax.metrics.measurement import Measurement, MetricValue
from dermgan_jax.report import metric_values


def value(number, name="kid", n=100, **more):
    return MetricValue(name, number, "test", n, {}, "lower", **more)


@pytest.mark.parametrize(
    ("shown", "text"),
    [
        (value(33.2512, interval=(31.23, 35.27)), "33.3 (31.2 … 35.3)"),
        (value(0.00003, interval=(-0.00017, 0.00023)), "0.00003 (−0.00017 … 0.00023)"),
        (value(412.3, interval=(380.0, 444.6)), "412 (380 … 445)"),
        (value(-0.0001, interval=(-0.01, 0.01)), "0.000 (−0.010 … 0.010)"),
        (value(14.021, interval=None, std=1.31), "14.0 ± 1.3"),
        (value(14.021, interval=(math.nan, math.inf), std=None), "14.02"),
        (value(5.0, interval=(5.0, 5.0)), "5 (5 … 5)"),
        (value(14.021), "14.02"),
        (value(math.nan, interval=(1.0, 2.0), std=1.0), "–"),
    ],
)
def test_digits_follow_the_spread(shown, text):
    assert metric_values.with_spread(shown) == text


@pytest.mark.parametrize(
    ("shown", "text"),
    [
        (value(1.0, n=2048), "2,048 images on each side"),
        (value(1.0, n=2048, n_real=2048), "2,048 images on each side"),
        (value(1.0, n=2048, n_real=7008), "2,048 synthetic and 7,008 real images"),
    ],
)
def test_images(shown, text):
    assert metric_values.images(shown) == text
    assert "synthetic" not in metric_values.images(shown, fake="")


def test_only_a_small_fid_is_cautioned():
    def cautions(name, **more):
        return metric_values.cautions(Measurement(value(1.0, name, **more)))

    assert cautions("kid") == []
    assert cautions("fid:tf", n_real=5000)[0].startswith("fid:tf of 100 ")
    assert cautions("fid", n=2048) == []
