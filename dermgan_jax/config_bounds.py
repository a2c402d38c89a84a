"""Within which bounds the numbers of a configuration lie: one line per field, in the notation of
intervals, such as "[0, 1)", "0 or [9, 16]" or "1 or 3"."""

import functools
import math
import re
from collections.abc import Iterator, Mapping
from typing import Any

COUNT, AMOUNT, SHARE = "[1, 65536]", "[0, 1e9]", "[0, 1]"
SEED = "[0, 4294967295]"

# Of the fields that every experiment has; * is one part of a key. Families have `bounds` of their
# own for what is below "model.".
BOUNDS = {
    "seed": SEED,
    "data.resolution": "[4, 8192]",
    "data.load_resolution": "0 or [4, 16384]",
    "data.channels": "1 or 3",
    "data.bit_depth": "0 or [9, 16]",
    "data.num_images": AMOUNT,
    "data.split_fractions": SHARE,
    "data.split_seed": SEED,
    "data.mask_values": "[0, 255]",
    "data.workers": "[0, 1024]",
    "ema.decay": "[0, 1)",
    "ema.half_life_kimg": AMOUNT,
    "ema.ramp_up": SHARE,
    "train.total_kimg": AMOUNT,
    "train.total_epochs": AMOUNT,
    "train.batch_size": COUNT,
    "train.steps_per_call": "[1, 10000]",
    "train.patience_kimg": AMOUNT,
    "train.schedule_interval": COUNT,
    "train.log_every_steps": "[1, 1e9]",
    "checkpoint.every_kimg": AMOUNT,
    "checkpoint.every_epochs": AMOUNT,
    "checkpoint.keep_last": "[1, 1e6]",
    "checkpoint.keep_best": "[0, 1e6]",
    "eval.every_kimg": AMOUNT,
    "eval.every_epochs": AMOUNT,
    "eval.num_images": "[1, 1e8]",
    "eval.budget_fraction": AMOUNT,
    "eval.grid": "[1, 100]",
    "eval.snapshot_kimg": AMOUNT,
    "eval.snapshot_epochs": AMOUNT,
    "optimizers.*.learning_rate": "[0, 100]",
    "optimizers.*.b1": "[0, 1)",
    "optimizers.*.b2": "[0, 1)",
    "optimizers.*.eps": "(0, 1]",
}

_INTERVAL = re.compile(r"([\[(])(.+), (.+)([\])])")


def lies_in(bounds: str, value: float) -> bool:
    """Whether a number lies within bounds; NaN and infinity never do."""
    return math.isfinite(value) and any(
        (low < value or (value == low and closed_low))
        and (value < high or (value == high and closed_high))
        for low, high, closed_low, closed_high in _intervals(bounds)
    )


def in_words(bounds: str) -> str:
    """Such as "1 or 3", "0 or a number in [9, 16]"."""
    parts = bounds.split(" or ")
    return " or ".join(f"a number in {p}" if _INTERVAL.fullmatch(p) else p for p in parts)


@functools.cache
def _intervals(bounds: str) -> tuple[tuple[float, float, bool, bool], ...]:
    found = []
    for part in bounds.split(" or "):
        if match := _INTERVAL.fullmatch(part):
            opening, low, high, closing = match.groups()
            found.append((float(low), float(high), opening == "[", closing == "]"))
        else:
            found.append((float(part), float(part), True, True))
    return tuple(found)


def with_own(own: Mapping[str, str]) -> dict[str, str]:
    """The bounds of every field of an experiment, given those of its family, without "model."."""
    return BOUNDS | {f"model.{key}": bounds for key, bounds in own.items()}


def bounds_of(key: str, known: Mapping[str, str]) -> str | None:
    """The bounds of a field such as "optimizers.g.b1"; None where none are declared."""
    if key in known:
        return known[key]
    parts = key.split(".")
    patterns = (".".join((*parts[:i], "*", *parts[i + 1 :])) for i in range(1, len(parts)))
    return next((known[pattern] for pattern in patterns if pattern in known), None)


def faults(flat: Mapping[str, Any], known: Mapping[str, str]) -> list[str]:
    """Every number outside of its bounds, as a line; those without bounds have to be finite.

    Args:
      flat: values of the right types by "group.key", tuples of numbers among them.
      known: as in `bounds_of`.
    """
    found = []
    for key, value in flat.items():
        bounds = bounds_of(key, known)
        for number in _numbers(value):
            if bounds is None and not math.isfinite(number):
                found.append(f"{key} is {_shown(value)}; expected a finite number")
            elif bounds is not None and not lies_in(bounds, number):
                whole = not isinstance(value, tuple | list)
                found.append(
                    f"{key} is {_shown(value)}; "
                    + (f"expected {in_words(bounds)}" if whole else f"{number} is not in {bounds}")
                )
                break
    return found


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}…"


def _numbers(value: Any) -> Iterator[float]:
    if isinstance(value, tuple | list):
        for each in value:
            yield from _numbers(each)
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield value
