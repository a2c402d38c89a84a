"""Which values the fields of a configuration may have; `config` says which fields there are."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from dermgan_jax import config_bounds, registry
from dermgan_jax.data import frames
from dermgan_jax.data.splits import ALL, GROUP_RULES, HALVES, SPLIT_RULES, SPLITS, TRAIN

CACHE_MODES = ("none", "host", "device")
FITS = ("crop", "stretch")
SEEDS = 2**32  # how many there are
_OWN_ELEMENTS = ("data.mask_values",)  # fields whose elements are looked at more closely
PRECISIONS = ("float32", "bfloat16")


def element_faults(key: str, default: tuple[Any, ...], value: Any) -> list[str]:
    """What is wrong with the types in a tuple: a line, or none.

    Args:
      key: of the field.
      default: its elements are of the right type; of an empty one they are text.
      value: the field's.
    """
    if key in _OWN_ELEMENTS or not isinstance(value, tuple):
        return []
    example = default[0] if default else ""
    wrong = [element for element in value if not _fits(example, element)]
    if not wrong:
        return []
    return [
        f"{key} is {value!r}; {wrong[0]!r} is a {type(wrong[0]).__name__}, expected "
        + (f"something like {example!r}" if default else "text in quotes")
    ]


def _fits(example: Any, value: Any) -> bool:
    if isinstance(example, tuple):
        alike = isinstance(value, tuple) and len(value) == len(example)
        return alike and all(map(_fits, example, value))
    return same_kind(example, value)


def seed_faults(seeds: Sequence[Any]) -> list[str]:
    """What is wrong with the seeds of a study."""
    fine = all(type(seed) is int and 0 <= seed < SEEDS for seed in seeds)
    if seeds and fine and len(set(seeds)) == len(seeds):
        return []
    return [f"seeds is {tuple(seeds)}; expected different whole numbers from 0 to {SEEDS - 1}"]


def same_kind(default: Any, value: Any) -> bool:
    """Whether a value may stand where a default stood; whole numbers may where others did."""
    if isinstance(default, bool) or isinstance(value, bool):
        return isinstance(default, bool) and isinstance(value, bool)
    if isinstance(default, float):
        return isinstance(value, int | float)
    if isinstance(default, tuple | list):
        return isinstance(value, tuple | list)
    return isinstance(value, type(default))


def value_faults(
    config: Mapping[str, Any], flat: Mapping[str, Any], usual: Mapping[str, Any]
) -> list[str]:
    """Every value that has no meaning, as a line; numbers beyond their bounds first.

    Args:
      config: complete, of the right types.
      flat: the same, by "group.key".
      usual: the defaults of its family.
    """
    data, train, evaluation = config["data"], config["train"], config["eval"]
    family = registry.load("model", config["model"]["name"])
    found = config_bounds.faults(flat, config_bounds.with_own(family.bounds))

    def require(holds: bool, message: str) -> None:
        if not holds:
            found.append(message)

    def require_name(kind: str, name: str, key: str) -> None:
        wrong = registry.fault(kind, name)
        require(wrong is None, f"{key}: {wrong}")

    require_name("dataset", data["dataset"], "data.dataset")
    for metric in evaluation["metrics"]:
        require_name(family.metric_kind, metric, "eval.metrics")
    for tracker in train["trackers"]:
        require_name("tracker", tracker, "train.trackers")
    if not family.averaged:
        for key, value in config["ema"].items():
            require(
                value == usual["ema"][key],
                f"ema.{key} is {value}, but {config['model']['name']} averages no weights: leave "
                f"it at {usual['ema'][key]}",
            )
    for key, value, known in (
        ("data.cache", data["cache"], CACHE_MODES),
        ("data.fit", data["fit"], FITS),
        ("precision", config["precision"], PRECISIONS),
        ("data.split", data["split"], (*SPLITS, ALL)),
        ("data.split_by", data["split_by"], SPLIT_RULES),
        ("data.groups", data["groups"], GROUP_RULES),
        ("data.half", data["half"], ("", *HALVES)),
    ):
        names = ", ".join(name or "nothing" for name in known)
        require(value in known, f"{key} is {value!r}; expected one of {names}")
    require(
        not data["half"] or data["split"] == TRAIN,
        f"data.half is of the training split, data.split is {data['split']!r}: leave one of them",
    )
    require(
        frames.is_frame(data["frame"]),
        f"data.frame is {data['frame']!r}; expected {', '.join(frames.NAMES)}, a number from 1, or "
        "nothing",
    )
    require(
        data["load_resolution"] == 0 or data["load_resolution"] >= data["resolution"],
        f"data.load_resolution is {data['load_resolution']}; expected 0 or at least "
        f"data.resolution={data['resolution']}",
    )
    require(
        bool(data["synthetic"]) or not data["only_synthetic"],
        "data.only_synthetic needs images: set data.synthetic",
    )
    found += _domain_faults(data) + _mask_faults(data) + _group_faults(data)
    fractions = tuple(data["split_fractions"])
    require(
        len(fractions) == 3 and min(fractions) >= 0 and abs(sum(fractions) - 1) < 1e-6,
        f"data.split_fractions is {fractions}; expected three shares that add up to 1",
    )
    require(
        train["total_kimg"] > 0 or train["total_epochs"] > 0,
        f"train.total_kimg is {train['total_kimg']}; set it, or train.total_epochs, above 0",
    )
    require(
        len(evaluation["grid"]) == 2,
        f"eval.grid is {tuple(evaluation['grid'])}; expected rows and columns",
    )
    checkpoint = config["checkpoint"]
    require(
        checkpoint["every_kimg"] > 0 or checkpoint["every_epochs"] > 0,
        "checkpoint.every_kimg or checkpoint.every_epochs must be above 0",
    )
    return found


def _domain_faults(data: Mapping[str, Any]) -> list[str]:
    domain_a, domain_b = tuple(data["domain_a"]), tuple(data["domain_b"])
    found = []
    for missing, given in (("domain_a", domain_b), ("domain_b", domain_a)):
        if given and not data[missing]:
            found.append(f"data.{missing} is empty: name both domains, or neither")
    for name in domain_a:
        if name in domain_b:
            found.append(
                f"data.domain_a and data.domain_b both name {name!r}: leave it out of one of them"
            )
    if data["paired"] and not (domain_a or domain_b):
        found.append("data.paired needs two domains: set data.domain_a and data.domain_b")
    return found


def _group_faults(data: Mapping[str, Any]) -> list[str]:
    pattern = data["group_pattern"]
    if not pattern:
        return []
    if not data["dataset"].startswith("image_folder"):
        return [
            f"data.group_pattern is for image_folder and image_folders; {data['dataset']} has "
            "groups of its own: leave it empty"
        ]
    try:
        re.compile(pattern)
    except re.error as error:
        return [f"data.group_pattern is {pattern!r}, no regular expression ({error}): correct it"]
    return []


def _mask_faults(data: Mapping[str, Any]) -> list[str]:
    values, found = tuple(data["mask_values"]), []
    if values and not data["masks"]:
        found.append("data.mask_values needs masks: set data.masks")
    if values and (len(values) < 2 or len(set(values)) < len(values)):
        found.append(f"data.mask_values is {values}; expected two or more different values")
    if any(not isinstance(value, int) for value in values):
        found.append(f"data.mask_values is {values}; expected whole numbers from 0 to 255")
    if data["masks"] and data["domain_a"]:
        found.append("data.masks is for images of one domain: leave data.domain_a empty")
    if data["masks"] and data["synthetic"] and not data["synthetic_masks"]:
        found.append("data.masks is set: name the masks of data.synthetic in data.synthetic_masks")
    if data["synthetic_masks"] and not data["synthetic"]:
        found.append("data.synthetic_masks needs images: set data.synthetic")
    return found
