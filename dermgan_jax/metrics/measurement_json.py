"""Measurements as JSON values, and back: the only place where either is made.

A set of measurements is an object by key, such as "swd" or "AtoB/test/kid". Each entry has the
fields of its value, "direction", "split", and under "yardsticks" the values that it is read
against. Numbers that are not finite are null.

Versions before 0.2 kept yardsticks as entries of their own, told by the end of their key; such
objects are read too.
"""

import dataclasses
import math
from collections.abc import Mapping
from typing import Any, Literal, NotRequired, TypedDict

from dermgan_jax import stored_json
from dermgan_jax.errors import UserError
from dermgan_jax.metrics.measurement import (
    ClassPair,
    Confusion,
    Measurement,
    Measurements,
    MetricValue,
)

YARDSTICKS = ("real_against_real", "identity", "mean_colour")
CLASS_PAIRS = "class_pairs"

# How the keys of yardsticks ended before version 0.2.
_OLD_ENDS = {
    "_lower_bound": "real_against_real",
    "_class_yardstick": CLASS_PAIRS,
    "_identity": "identity",
    "_mean_colour": "mean_colour",
}


class _StoredValue(TypedDict):
    name: str
    value: float | None
    protocol: str
    n: int
    details: dict[str, float | None]
    better: NotRequired[Literal["lower", "higher"]]
    n_real: NotRequired[int | None]
    std: NotRequired[float | None]
    interval: NotRequired[tuple[float | None, float | None] | None]


class _StoredPair(TypedDict):
    classes: tuple[str, str]
    value: float | None
    n: int


class _StoredYardsticks(TypedDict):
    real_against_real: NotRequired[_StoredValue]
    identity: NotRequired[_StoredValue]
    mean_colour: NotRequired[_StoredValue]
    class_pairs: NotRequired[list[_StoredPair]]


class _StoredMeasurement(_StoredValue):
    yardsticks: _StoredYardsticks
    direction: NotRequired[Literal["", "AtoB", "BtoA"]]
    split: NotRequired[str]
    classes: NotRequired[list[str]]
    confusion: NotRequired[list[list[int]]]


def to_json(measured: Measurements) -> dict[str, Any]:
    """What `json` can write, without NaN."""
    return {key: _measurement_to_json(one) for key, one in measured.items()}


def from_json(plain: Mapping[str, Any]) -> Measurements:
    """The inverse of `to_json`.

    Raises:
      UserError: if this is not an object of measurements.
    """
    try:
        if not all("yardsticks" in value for value in plain.values()):
            plain = _from_old_keys(plain)
        stored = stored_json.structure(plain, dict[str, _StoredMeasurement])
        found = {key: _measurement_from_json(value) for key, value in stored.items()}
        for key, one in found.items():
            if one.key != key:
                raise ValueError(f"what is called {key!r} is {one.key!r}")
        return found
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise UserError(f"these are no measurements ({error}): {str(plain)[:80]}") from error


def value_to_json(value: MetricValue) -> dict[str, Any]:
    """The fields of a value."""
    interval = None if value.interval is None else [_finite(end) for end in value.interval]
    kept = dataclasses.asdict(dataclasses.replace(value, influence=None))
    del kept["influence"]
    return {
        **kept,
        "value": _finite(value.value),
        "details": {part: _finite(number) for part, number in value.details.items()},
        "std": _finite(value.std),
        "interval": None if interval is None or None in interval else interval,
    }


def value_from_json(plain: Mapping[str, Any]) -> MetricValue:
    """The inverse of `value_to_json`. Early versions knew neither intervals nor directions.

    Raises:
      ValueError: if this is no value.
    """
    plain = stored_json.structure(plain, _StoredValue)
    return _value(plain)


def _value(plain: Mapping[str, Any]) -> MetricValue:
    interval = plain.get("interval")
    return MetricValue(
        name=plain["name"],
        value=_number(plain["value"]),
        protocol=plain["protocol"],
        n=plain["n"],
        details={part: _number(number) for part, number in plain["details"].items()},
        better=plain.get("better", "lower"),
        n_real=plain.get("n_real"),
        std=plain.get("std"),
        interval=None if interval is None or None in interval else tuple(interval),
    )


def _measurement_to_json(one: Measurement) -> dict[str, Any]:
    found = {**value_to_json(one.value), "direction": one.direction, "split": one.split}
    found["yardsticks"] = {
        name: value_to_json(value)
        for name in YARDSTICKS
        if (value := getattr(one, name)) is not None
    }
    if one.class_pairs:
        found["yardsticks"][CLASS_PAIRS] = [
            {"classes": list(pair.classes), "value": _finite(pair.value), "n": pair.n}
            for pair in one.class_pairs
        ]
    if one.confusion is not None:
        found["classes"] = list(one.confusion.classes)
        found["confusion"] = [list(row) for row in one.confusion.counts]
    return found


def _measurement_from_json(plain: Mapping[str, Any]) -> Measurement:
    yardsticks = plain["yardsticks"]
    confusion = None
    if "confusion" in plain:
        confusion = Confusion(tuple(plain["classes"]), tuple(map(tuple, plain["confusion"])))
        number = len(confusion.classes)
        if [len(row) for row in confusion.counts] != [number] * number:
            raise ValueError(f"the confusions of {number} classes are no square")
    return Measurement(
        _value(plain),
        direction=plain.get("direction", ""),
        split=plain.get("split", ""),
        class_pairs=tuple(
            ClassPair(tuple(pair["classes"]), _number(pair["value"]), pair["n"])
            for pair in yardsticks.get(CLASS_PAIRS, ())
        ),
        confusion=confusion,
        **{name: _value(yardsticks[name]) for name in YARDSTICKS if name in yardsticks},
    )


def _from_old_keys(plain: Mapping[str, Any]) -> dict[str, Any]:
    """An object of before version 0.2 in today's form."""
    found: dict[str, Any] = {}
    for key, value in plain.items():
        direction, split, _ = key.split("/") if key.count("/") == 2 else ("", "", key)
        if not any(key.endswith(end) for end in _OLD_ENDS):
            found[key] = {**value, "direction": direction, "split": split, "yardsticks": {}}
    for key, value in plain.items():
        end = next((end for end in _OLD_ENDS if key.endswith(end)), None)
        of = key.removesuffix(end) if end else ""
        if of in found:
            name = _OLD_ENDS[end]
            found[of]["yardsticks"][name] = value["pairs"] if name == CLASS_PAIRS else value
    return found


def _finite(number: float | None) -> float | None:
    return number if number is not None and math.isfinite(number) else None


def _number(value: float | None) -> float:
    return math.nan if value is None else value
