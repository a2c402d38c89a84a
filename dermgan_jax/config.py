"""The schema of an experiment's configuration, and what a valid one is.

A file in `configs/` calls `experiment(FAMILY)`, sets fields and returns the result. Every field
exists here or in the family's `default_config()`, with its default; nothing else may be set.
"""

import functools
import json
import math
import re
from collections.abc import Mapping
from typing import Any

from ml_collections import ConfigDict, FrozenConfigDict

from dermgan_jax import registry
from dermgan_jax.data.splits import ALL, SPLIT_RULES, SPLITS
from dermgan_jax.errors import UserError

# Fields that change how a run is carried out but not what it computes, so that a work directory
# may be continued with other values of them.
RUNTIME_FIELDS = frozenset(
    {
        "data.dir",
        "data.synthetic",
        "data.cache",
        "data.prepared_dir",
        "data.workers",
        "train.steps_per_call",
        "train.total_kimg",
        "train.total_epochs",
        "train.patience_kimg",
        "train.log_every_steps",
        "checkpoint.every_kimg",
        "checkpoint.every_epochs",
        "checkpoint.keep_last",
        "checkpoint.keep_best",
        "checkpoint.best_metric",
        "eval.budget_fraction",
    }
)

# Further fields that a work directory may be continued with other values of: how a run is told of
# and measured, which its networks do not learn from. They do count where runs are told apart.
TELLING_FIELDS = frozenset({"title", "eval.grid", "eval.snapshot_kimg", "eval.snapshot_epochs"})
# So may these, unless the family learns from what is measured (`models.contract.Model.observe`).
MEASURING_FIELDS = frozenset(
    {"eval.metrics", "eval.num_images", "eval.every_kimg", "eval.every_epochs"}
)

# Fields that stored configurations of before may lack, and the values that mean what was done then.
# At these they count as absent: neither do configurations differ in them, nor does what a run or a
# result is called depend on them.
YOUNGER_FIELDS = {
    "data.bit_depth": 0,
    "data.group_pattern": "",
    "data.normal": (),
    "data.masks": False,
    "data.mask_values": (),
    "data.synthetic_masks": "",
    "train.init_from": "",
    "train.freeze": (),
    "train.patience_kimg": 0.0,
    "data.resolution": 0,  # of a study's generator: the study's
    "synthesis.checkpoint": "latest",
    "model.diffaugment_cutout": 0.5,
    "model.stddev_channels": 1,
    "model.generator": "skip",
    "model.discriminator": "resnet",
    "model.output_channels": 0,
    "model.constant_kimg": 0.0,
    "model.decay_kimg": 0.0,
}

CACHE_MODES = ("none", "host", "device")
FITS = ("crop", "stretch")
PRECISIONS = ("float32", "bfloat16")

# Groups of fields by the names that stored configurations may have for them -> today's.
RENAMED_GROUPS = {"gan": "model"}  # since version 0.2


def experiment(model: str) -> ConfigDict:
    """The complete default configuration of an experiment with one family of models, locked.

    Raises:
      UserError: if no such family is registered.
    """
    config = ConfigDict(
        {
            "title": "",  # one line for the report
            "seed": 0,
            "precision": "float32",  # of the networks' arithmetic; parameters are float32
            "data": {
                "dataset": "phantom",
                "dir": "",  # where the original download lies; unused by phantom
                "csv": "",  # image_folder: table with path, label, group, relative to dir
                # image_folder*: a regular expression that finds the patient in paths below dir: its
                # first group, or all of it; empty: folders within classes, or the table, say it
                "group_pattern": "",
                "resolution": 32,  # images become squares of this side
                "load_resolution": 0,  # prepared at this side, cropped at random; 0: resolution
                "fit": "crop",  # to a square: crop (the centre) | stretch (the aspect is lost)
                "channels": 3,
                # Of 16-bit files and DICOM: bits that are used, 9 to 16; 0: all, and files that
                # seem to use 12 are refused.
                "bit_depth": 0,
                "classes": (),  # keep only these classes; empty keeps all
                # Detection: the normal classes. The training split keeps no others, val and test
                # keep all.
                "normal": (),
                # Translation: the kinds of picture, or classes, of each side; both empty otherwise.
                "domain_a": (),
                "domain_b": (),
                "paired": False,  # every image has its partner in the other domain
                "num_images": 0,  # phantom*: how many to draw; others: at most so many; 0 = all
                "split": "train",  # the split the model learns from
                "split_fractions": (0.7, 0.15, 0.15),  # train, val, test; by group
                "split_seed": 0,
                "split_by": "group",  # group | image: groups leak into the test split, to show it
                "synthetic": "",  # DIR/CLASS/*.png, images that join the training split
                "only_synthetic": False,  # ... and replace it
                "synthetic_masks": "",  # their masks, by the same names
                "masks": False,  # every image comes with its mask
                # Values of the classes 0, 1, … in mask files; empty: two, by luminance.
                "mask_values": (),
                "balance": False,  # classes are shown equally often, rare ones repeated
                "mirror": True,  # random horizontal flips
                "cache": "device",  # none | host | device
                "prepared_dir": "",  # empty: $DERMGAN_CACHE or ~/.cache/dermgan_jax
                "workers": 0,  # decoding threads; 0 = one per core
            },
            "ema": {
                "decay": 0.999,  # per iteration
                "half_life_kimg": 0.0,  # instead, if not 0: thousands of images
                "ramp_up": 0.0,  # if not 0: at most this share of the images seen
            },
            "train": {
                "total_kimg": 0.0,  # thousands of real images shown
                "total_epochs": 0.0,  # instead, if not 0; of two domains, the larger one counts
                "batch_size": 16,  # over all devices; families with a curriculum set their own
                # Iterations per dispatch, inside one lax.scan. For accelerators: on CPU, XLA runs
                # convolutions in a loop ten times slower.
                "steps_per_call": 1,
                # WORKDIR[:CHECKPOINT] of a run: a new one begins with its networks, as far as names
                # and shapes agree.
                "init_from": "",
                # Ends training when checkpoint.best_metric has not improved for so many thousand
                # images; 0: never.
                "patience_kimg": 0.0,
                "freeze": (),  # layers that keep their weights, such as "d/b64"
                "schedule_interval": 1,  # iterations between two looks at the curriculum
                "log_every_steps": 50,
            },
            "checkpoint": {
                "every_kimg": 10.0,
                "every_epochs": 0.0,  # instead, if not 0; so everywhere
                "keep_last": 2,
                "keep_best": 1,
                # Key of a measured value, such as "kid" or "AtoB/test/kid"; empty: the first of
                # eval.metrics, of translations from A to B, of held-out images if there are any.
                "best_metric": "",
            },
            "eval": {
                "every_kimg": 0.0,  # 0: only at the end
                "every_epochs": 0.0,
                "metrics": ("swd",),
                "num_images": 2048,
                "budget_fraction": 0.2,  # of training time; evaluations beyond it are left out
                "grid": (4, 8),  # rows and columns of the sample sheets
                "snapshot_kimg": 0.0,  # sample sheets; 0: as often as evaluation
                "snapshot_epochs": 0.0,
            },
        }
    )
    config.model = ConfigDict({"name": model})
    for key, value in registry.load("model", model).default_config().items():
        if key in config:
            config[key].update(value)
        else:
            config[key] = value
    return config.lock()


def faults(config: Mapping[str, Any]) -> list[str]:
    """Every key of `config` that is unknown, missing or of the wrong type, and bad values."""
    found = []
    given = flatten(config)
    if "model.name" not in given:
        return ["model.name is missing: start a configuration with config.experiment(NAME)"]
    known = flatten(experiment(given["model.name"]))
    for key in sorted(given.keys() - known.keys()):
        found.append(f"unknown key {key!r}{registry.did_you_mean(key, tuple(known))}")
    for key in sorted(known.keys() - given.keys()):
        found.append(f"missing key {key!r}")
    for key in sorted(known.keys() & given.keys()):
        if not _same_kind(known[key], given[key]):
            found.append(
                f"{key} is {given[key]!r}, a {type(given[key]).__name__}; "
                f"expected a {type(known[key]).__name__}"
            )
    return found or _bad_values(config)


def _same_kind(default: Any, value: Any) -> bool:
    if isinstance(default, bool) or isinstance(value, bool):
        return isinstance(default, bool) and isinstance(value, bool)
    if isinstance(default, float):
        return isinstance(value, int | float)
    if isinstance(default, tuple | list):
        return isinstance(value, tuple | list)
    return isinstance(value, type(default))


def _bad_values(config: Mapping[str, Any]) -> list[str]:
    data, train, evaluation = config["data"], config["train"], config["eval"]
    found = [
        f"{key} is {value}; expected a finite number from 0 on"
        for key, value in flatten(config).items()
        if isinstance(value, int | float)
        # A family's own numbers may be below 0 with a meaning of their own.
        and not (math.isfinite(value) if key.startswith("model.") else 0 <= value < math.inf)
    ]
    if found:
        return found

    def require(holds: bool, message: str) -> None:
        if not holds:
            found.append(message)

    def require_name(kind: str, name: str, key: str) -> None:
        known = registry.names(kind)
        require(
            name in known,
            f"{key}: unknown {kind} {name!r}{registry.did_you_mean(name, known)}",
        )

    require_name("dataset", data["dataset"], "data.dataset")
    family = registry.load("model", config["model"]["name"])
    for metric in evaluation["metrics"]:
        require_name(family.metric_kind, metric, "eval.metrics")
    if not family.averaged:
        usual = experiment(config["model"]["name"])["ema"]
        for key, value in config["ema"].items():
            require(
                value == usual[key],
                f"ema.{key} is {value}, but {config['model']['name']} averages no weights: leave "
                f"it at {usual[key]}",
            )
    for key, value, known in (
        ("data.cache", data["cache"], CACHE_MODES),
        ("data.fit", data["fit"], FITS),
        ("precision", config["precision"], PRECISIONS),
        ("data.split", data["split"], (*SPLITS, ALL)),
        ("data.split_by", data["split_by"], SPLIT_RULES),
    ):
        require(value in known, f"{key} is {value!r}; expected one of {', '.join(known)}")
    require(0 <= config["seed"] < 2**32, f"seed is {config['seed']}; from 0 to 4294967295")
    require(data["channels"] in (1, 3), f"data.channels is {data['channels']}; expected 1 or 3")
    require(
        data["bit_depth"] in (0, *range(9, 17)),
        f"data.bit_depth is {data['bit_depth']}; expected 0, or 9 to 16",
    )
    require(data["resolution"] >= 4, f"data.resolution is {data['resolution']}; at least 4")
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
    for key in ("batch_size", "steps_per_call", "schedule_interval", "log_every_steps"):
        require(train[key] >= 1, f"train.{key} is {train[key]}; at least 1")
    require(config["ema"]["decay"] < 1, f"ema.decay is {config['ema']['decay']}; below 1")
    require(evaluation["num_images"] >= 1, "eval.num_images must be at least 1")
    grid = tuple(evaluation["grid"])
    require(
        len(grid) == 2 and min(grid) >= 1, f"eval.grid is {grid}; expected rows and columns from 1"
    )
    checkpoint = config["checkpoint"]
    require(
        checkpoint["every_kimg"] > 0 or checkpoint["every_epochs"] > 0,
        "checkpoint.every_kimg or checkpoint.every_epochs must be above 0",
    )
    require(checkpoint["keep_last"] >= 1, "checkpoint.keep_last must be at least 1")
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
    if any(not isinstance(value, int) or not 0 <= value <= 255 for value in values):
        found.append(f"data.mask_values is {values}; expected whole numbers from 0 to 255")
    if data["masks"] and data["domain_a"]:
        found.append("data.masks is for images of one domain: leave data.domain_a empty")
    if data["masks"] and data["synthetic"] and not data["synthetic_masks"]:
        found.append("data.masks is set: name the masks of data.synthetic in data.synthetic_masks")
    if data["synthetic_masks"] and not data["synthetic"]:
        found.append("data.synthetic_masks needs images: set data.synthetic")
    return found


def validate(config: Mapping[str, Any]) -> FrozenConfigDict:
    """The configuration, frozen.

    Raises:
      UserError: naming every fault at once.
    """
    found = faults(config)
    if found:
        raise UserError("the configuration is not valid:\n" + "\n".join(f"  {f}" for f in found))
    return FrozenConfigDict(config)


def flatten(config: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """{"a": {"b": 1}} -> {"a.b": 1}. Empty groups vanish."""
    flat = {}
    for key, value in config.items():
        if isinstance(value, Mapping | ConfigDict | FrozenConfigDict):
            flat |= flatten(value, f"{prefix}{key}.")
        else:
            flat[prefix + key] = _with_tuples(value)
    return flat


def unflatten(flat: Mapping[str, Any]) -> ConfigDict:
    """The inverse of `flatten`."""
    nested: dict[str, Any] = {}
    for key, value in flat.items():
        *groups, name = key.split(".")
        functools.reduce(lambda group, part: group.setdefault(part, {}), groups, nested)[name] = (
            value
        )
    return ConfigDict(nested)


def _with_tuples(value: Any) -> Any:
    return tuple(map(_with_tuples, value)) if isinstance(value, list | tuple) else value


def to_json(config: Mapping[str, Any]) -> str:
    """The configuration as JSON text, keys sorted."""
    plain = config.to_dict() if isinstance(config, ConfigDict | FrozenConfigDict) else dict(config)
    return json.dumps(plain, indent=2, sort_keys=True) + "\n"


def plain_from_json(text: str) -> dict[str, Any]:
    """A stored configuration as it is but for groups that were renamed since; not validated.

    Raises:
      UserError: if the text is not a JSON object.
    """
    try:
        plain = json.loads(text)
    except json.JSONDecodeError as error:
        raise UserError(f"the stored configuration is not readable: {error}") from error
    if not isinstance(plain, dict):
        raise UserError(f"the stored configuration is not readable: {text[:40]!r} is no object")
    return _with_todays_names(plain)


def _with_todays_names(group: Mapping[str, Any]) -> dict[str, Any]:
    return {
        RENAMED_GROUPS.get(key, key): _with_todays_names(value)
        if isinstance(value, Mapping)
        else value
        for key, value in group.items()
    }


def from_json(text: str) -> FrozenConfigDict:
    """The inverse of `to_json`, validated. Fields younger than the text take their defaults.

    Raises:
      UserError: if the text is not a valid configuration.
    """
    stored = flatten(plain_from_json(text))
    if stored.get("model.name") in registry.names("model"):
        stored = flatten(experiment(stored["model.name"])) | stored
    return validate(unflatten(stored))


def computed_fields(config: Mapping[str, Any]) -> dict[str, Any]:
    """The fields, flat, that change what a run computes.

    See `RUNTIME_FIELDS` and `YOUNGER_FIELDS` for the others.
    """
    return {
        key: value
        for key, value in flatten(config).items()
        if key not in RUNTIME_FIELDS and not _is_absent(key, value)
    }


def _is_absent(key: str, value: Any) -> bool:
    """Whether a field, of an experiment or of a study's part, is as if it were not there."""
    name = ".".join(key.split(".")[-2:])
    return name in YOUNGER_FIELDS and YOUNGER_FIELDS[name] == value


def differences(stored: Mapping[str, Any], given: Mapping[str, Any]) -> list[str]:
    """Fields in which two configurations compute different things, as "key: stored -> given"."""
    return _unequal(computed_fields(stored), computed_fields(given))


def changes(stored: Mapping[str, Any], given: Mapping[str, Any]) -> list[str]:
    """As `differences`, of all fields: also those that change only how a run is carried out."""
    return _unequal(flatten(stored), flatten(given))


def _unequal(left: Mapping[str, Any], right: Mapping[str, Any]) -> list[str]:
    return [
        f"{key}: {left.get(key)!r} -> {right.get(key)!r}"
        for key in sorted(left.keys() | right.keys())
        if left.get(key) != right.get(key)
    ]
