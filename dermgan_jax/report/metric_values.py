"""Metric values, as `MetricValue.to_json` left them, in the words and digits that readers see.

Rows of older runs may lack a value's interval, std, direction and number of real images.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from dermgan_jax.evaluation import evaluate

Value = Mapping[str, Any]

BIASED = ("fid", "fd_")
MOST_DECIMALS = 7


def names(values: Iterable[str]) -> list[str]:
    """The metrics among the keys of an evaluation, KID before FID, which is biased."""
    metrics = [name for name in values if not evaluate.is_yardstick(name)]
    return sorted(metrics, key=lambda name: name.startswith(BIASED))


def bound(values: Mapping[str, Value], name: str) -> Value | None:
    """Real against real, if it was measured."""
    return values.get(name + evaluate.LOWER_BOUND)


def class_yardstick(values: Mapping[str, Value], name: str) -> Value | None:
    """Real class against real class, if it was measured."""
    return values.get(name + evaluate.CLASS_YARDSTICK)


def moments(rows: Sequence[Mapping[str, Any]], name: str) -> dict[str, Mapping[str, Any]]:
    """The first, best and latest of some evaluations of a metric.

    Values count as one series only if protocol and number of images agree with the latest's.

    Args:
      rows: in order, at least one, all of which have the metric; {"metrics": {NAME: value}}.
      name: of the metric.

    Returns:
      "first", "best" and "latest" -> a row; "latest" is the last one whatever its value.
    """
    latest = rows[-1]["metrics"][name]
    comparable = [
        row
        for row in rows
        if all(row["metrics"][name][key] == latest[key] for key in ("protocol", "n"))
        and row["metrics"][name]["value"] is not None
    ] or rows[-1:]
    choose = max if direction(latest) == "higher" else min
    best = choose(comparable, key=lambda row: row["metrics"][name]["value"] or 0.0)
    return {"first": comparable[0], "best": best, "latest": rows[-1]}


def interval(value: Value) -> tuple[float, float] | None:
    """The 95 % interval (low, high), if there is a finite one."""
    found = value.get("interval")
    if found is None or not all(end is not None and math.isfinite(end) for end in found):
        return None
    return tuple(found)


def direction(value: Value) -> str:
    """In which direction values are better: "lower" or "higher"."""
    return value.get("better", "lower")


def number(value: Value) -> str:
    """The value to the digits that its spread leaves meaningful; "–" if it is not finite."""
    return _digits(value["value"], _decimals(value))


def spread(value: Value) -> str:
    """The 95 % interval such as "31.2 … 35.0"; without one "± std"; empty if there is neither."""
    decimals, ends, std = _decimals(value), interval(value), value.get("std")
    if value["value"] is None:
        return ""
    if ends is not None:
        return " … ".join(_digits(end, decimals) for end in ends)
    return "" if std is None else f"± {_digits(std, decimals)}"


def with_spread(value: Value) -> str:
    """Number and spread in one: "33.1 (31.2 … 35.0)", "33.1 ± 1.9" or "33.1"."""
    around = spread(value)
    if not around or around.startswith("±"):
        return f"{number(value)} {around}".strip()
    return f"{number(value)} ({around})"


def images(value: Value, fake: str = "synthetic") -> str:
    """How many images were compared; `fake` is empty where they are real on both sides."""
    n, n_real = value["n"], value.get("n_real")
    if n_real is None or n_real == n:
        return f"{n:,} images on each side"
    return " ".join(f"{n:,} {fake} and {n_real:,} real images".split())


def cautions(name: str, value: Value) -> list[str]:
    """What has to stand next to this value, such as that a FID is of too few images."""
    return [
        text.removeprefix("warning: ")
        for text in evaluate.warnings({name: {"n_real": None, **value}})
    ]


def pairs_of_classes(yardstick: Value) -> list[Value]:
    """The pairs {"classes", "value", "n"} with a finite value, least apart first."""
    finite = [pair for pair in yardstick["pairs"] if pair["value"] is not None]
    farther = -1 if direction(yardstick) == "higher" else 1
    return sorted(finite, key=lambda pair: farther * pair["value"])


def pair_name(pair: Value) -> str:
    """Both classes of a pair, as "mel – nv"."""
    return " – ".join(pair["classes"])


def digits(number: float | None, like: Value | None = None) -> str:
    """A number without a spread, to the digits of another value, or else to four."""
    return _digits(number, like and _decimals(like))


def _decimals(value: Value) -> int | None:
    """Places after the point that keep two digits of the spread; None without one."""
    ends, size = interval(value), value.get("std")
    if ends is not None:
        size = (ends[1] - ends[0]) / 2
    if size is None or not (math.isfinite(size) and size > 0):
        return None
    return min(max(1 - math.floor(math.log10(size)), 0), MOST_DECIMALS)


def _digits(number: float | None, decimals: int | None) -> str:
    if number is None or not math.isfinite(number):
        return "–"
    text = f"{number:.4g}" if decimals is None else f"{number:z.{decimals}f}"
    return text.replace("-", "−")
