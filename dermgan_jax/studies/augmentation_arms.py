"""The arms of an augmentation study: what each one's classifiers learn from."""

from collections.abc import Mapping
from typing import Any

REAL, CLASSICAL, FILTERED, UNFILTERED = "real", "classical", "filtered", "unfiltered"
SWEEP, ONLY = "sweep", "synthetic_only"
# Real images reduced to the generator's size and enlarged again, in place of the real ones.
REDUCED = "reduced"
DEFAULT_ARMS = (REAL, CLASSICAL, FILTERED, UNFILTERED, SWEEP, ONLY)
ARMS = (*DEFAULT_ARMS, REDUCED)  # as `arms` of a configuration
BASES = (REAL, CLASSICAL)  # arms without synthetic images, which others may be held against


def arm_names(config: Mapping[str, Any]) -> tuple[str, ...]:
    """The arms, each multiple of the sweep being one: "sweep_1", "sweep_2"."""
    names: list[str] = []
    for arm in config["arms"]:
        if arm == SWEEP:
            names += [sweep_name(times) for times in config["synthesis"]["sweep"]]
        else:
            names.append(arm)
    return tuple(names)


def sweep_name(times: float) -> str:
    """The arm with so many synthetic images for each real one."""
    return f"{SWEEP}_{times:g}"


def sweep_times(arm: str) -> float | None:
    """The inverse of `sweep_name`; None of any other arm."""
    head, _, times = arm.rpartition("_")
    return float(times) if head == SWEEP else None


def is_synthetic(arm: str) -> bool:
    """Whether an arm's classifiers see synthetic images."""
    return arm not in (*BASES, REDUCED)
