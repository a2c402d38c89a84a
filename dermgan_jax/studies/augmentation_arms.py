"""The arms of an augmentation study: what each one's classifiers learn from."""

from collections.abc import Iterable, Mapping
from typing import Any

from dermgan_jax import registry

REAL, CLASSICAL, FILTERED, UNFILTERED = "real", "classical", "filtered", "unfiltered"
SWEEP, ONLY = "sweep", "synthetic_only"
# Real images reduced to the generator's size and enlarged again, in place of the real ones.
REDUCED = "reduced"
# Filtered by a rule of their own instead of `synthesis.rule`.
FILTERED_BY = {f"{FILTERED}_by_{rule}": rule for rule in registry.names("quality rule")}
DEFAULT_ARMS = (REAL, CLASSICAL, FILTERED, UNFILTERED, SWEEP, ONLY)
ARMS = (*DEFAULT_ARMS, *FILTERED_BY, REDUCED)  # as `arms` of a configuration
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


def filter_rule(arm: str, config: Mapping[str, Any]) -> str | None:
    """The rule by which an arm's synthetic images are filtered; None of arms without a filter."""
    return config["synthesis"]["rule"] if arm == FILTERED else FILTERED_BY.get(arm)


def filtered_arms(arms: Iterable[str]) -> tuple[str, ...]:
    """Those whose synthetic images are filtered."""
    return tuple(arm for arm in arms if arm == FILTERED or arm in FILTERED_BY)


def is_synthetic(arm: str) -> bool:
    """Whether an arm's classifiers see synthetic images."""
    return arm not in (*BASES, REDUCED)
