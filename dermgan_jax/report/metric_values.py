"""Measured values in the words and digits that readers see."""

import math
from collections.abc import Sequence
from typing import Any

from dermgan_jax.metrics import measurement_table
from dermgan_jax.metrics.measurement import Measurement, MetricValue

MOST_DECIMALS = 7

Row = dict[str, Any]  # of an evaluation: {"images", "metrics": Measurements}


def moments(rows: Sequence[Row], key: str) -> dict[str, Row]:
    """The first, best and latest of some evaluations of a metric.

    An untrained model's is not the best: noise is more diverse than any image.

    Values count as one series only if protocol and number of images agree with the latest's.

    Args:
      rows: in order, at least one, all of which have the measurement.
      key: of the measurement.

    Returns:
      "first", "best" and "latest" -> a row; "latest" is the last one whatever its value.
    """
    latest = rows[-1]["metrics"][key].value
    comparable = [
        row
        for row in rows
        if (row["metrics"][key].value.protocol, row["metrics"][key].value.n)
        == (latest.protocol, latest.n)
        and row["metrics"][key].value.is_finite
    ] or rows[-1:]
    trained = [row for row in comparable if row["images"]] or comparable
    best = min(trained, key=lambda row: row["metrics"][key].value.lower_is_better)
    return {"first": comparable[0], "best": best, "latest": rows[-1]}


def interval(value: MetricValue) -> tuple[float, float] | None:
    """The 95 % interval (low, high), if there is a finite one."""
    ends = value.interval
    return ends if ends is not None and all(map(math.isfinite, ends)) else None


def number(value: MetricValue) -> str:
    """The value to the digits that its spread leaves meaningful; "–" if it is not finite."""
    return _digits(value.value, _decimals(value))


def spread(value: MetricValue) -> str:
    """The 95 % interval such as "31.2 … 35.0"; without one "± std"; empty if there is neither."""
    decimals, ends = _decimals(value), interval(value)
    if not value.is_finite:
        return ""
    if ends is not None:
        return " … ".join(_digits(end, decimals) for end in ends)
    return "" if value.std is None else f"± {_digits(value.std, decimals)}"


def with_spread(value: MetricValue) -> str:
    """Number and spread in one: "33.1 (31.2 … 35.0)", "33.1 ± 1.9" or "33.1"."""
    around = spread(value)
    if not around or around.startswith("±"):
        return f"{number(value)} {around}".strip()
    return f"{number(value)} ({around})"


def images(value: MetricValue, fake: str = "synthetic") -> str:
    """How many images were compared; `fake` is empty where they are real on both sides."""
    n, n_real = value.n, value.n_real
    if n_real is None or n_real == n:
        return f"{n:,} images on each side"
    return " ".join(f"{n:,} {fake} and {n_real:,} real images".split())


def cautions(one: Measurement) -> list[str]:
    """What has to stand next to this value, such as that a FID is of too few images."""
    return [text.removeprefix("warning: ") for text in measurement_table.warnings([one])]


def digits(number: float, like: MetricValue | None = None) -> str:
    """A number without a spread, to the digits of another value, or else to four."""
    return _digits(number, like and _decimals(like))


def _decimals(value: MetricValue) -> int | None:
    """Places after the point that keep two digits of the spread; None without one."""
    ends, size = interval(value), value.std
    if ends is not None:
        size = (ends[1] - ends[0]) / 2
    if size is None or not (math.isfinite(size) and size > 0):
        return None
    return min(max(1 - math.floor(math.log10(size)), 0), MOST_DECIMALS)


def _digits(number: float, decimals: int | None) -> str:
    if not math.isfinite(number):
        return "–"
    text = f"{number:.4g}" if decimals is None else f"{number:z.{decimals}f}"
    return text.replace("-", "−")
