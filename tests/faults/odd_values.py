"""Values that no field of a configuration should have, and some that it may."""

import math
from collections.abc import Iterator
from typing import Any

from ml_collections import ConfigDict

from dermgan_jax import config

NUMBERS = (math.nan, math.inf, -math.inf, -1, -0.5, 0, 0.0, 1e-30, 0.5, 1, 3, 1e9, 10**9, 1e300)
TEXTS = ("", "no such", "a\nb", "\x1b[31m", "x" * 1000)
OTHERS = (None, True, "x", 7, (), ((),), {"a": 1}, b"x")
NEVER = {"model.name"}  # another family has other fields


def odd_values(experiment: ConfigDict) -> Iterator[tuple[str, Any]]:
    """(field, value) for every field of an experiment, each time one that is not its own."""
    for key, usual in config.flatten(experiment).items():
        if key in NEVER:
            continue
        for value in _values(usual):
            if value != usual or type(value) is not type(usual):
                yield key, value


def _values(usual: Any) -> tuple[Any, ...]:
    if isinstance(usual, bool):
        return (not usual, *OTHERS)
    if isinstance(usual, int | float):
        return (*NUMBERS, *OTHERS)
    if isinstance(usual, tuple):
        singles = (*NUMBERS, "x", None, ("x",), (1,), (0, -1))
        return (*((value,) for value in singles), *OTHERS, tuple(range(100)))
    return (*TEXTS, *OTHERS)


def with_value(experiment: ConfigDict, key: str, value: Any) -> ConfigDict:
    """The experiment with one other value, of any type."""
    return config.unflatten(config.flatten(experiment) | {key: value})
