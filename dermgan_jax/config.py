"""The schema of an experiment's configuration, and what a valid one is.

A file in `configs/` calls `experiment(FAMILY)`, sets fields and returns the result. Every field
exists here or in the family's `default_config()`, with its default; nothing else may be set.
"""

import functools
import json
from collections.abc import Mapping
from typing import Any

from ml_collections import ConfigDict, FrozenConfigDict

from dermgan_jax import config_values, registry, stored_json
from dermgan_jax.data.splits import EACH_ITS_OWN
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
        "train.trackers",
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
    "data.frame": "",
    "data.group_pattern": "",
    "data.groups": "given",
    "data.normal": (),
    "data.half": "",
    "data.masks": False,
    "data.mask_values": (),
    "data.synthetic_masks": "",
    "train.init_from": "",
    "train.freeze": (),
    "train.patience_kimg": 0.0,
    "train.trackers": (),
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
                # given: as the data say | auto: where they say nothing, pictures that show the same
                # thing are found and are one group | none: every image is a group of its own
                "groups": "given",
                "resolution": 32,  # images become squares of this side
                "load_resolution": 0,  # prepared at this side, cropped at random; 0: resolution
                "fit": "crop",  # to a square: crop (the centre) | stretch (the aspect is lost)
                "channels": 3,
                # Of 16-bit files and DICOM: bits that are used, 9 to 16; 0: found from the set.
                "bit_depth": 0,
                # Of files that hold several images: first | middle | last | a number from 1; empty:
                # such files are refused.
                "frame": "",
                "classes": (),  # keep only these classes; empty keeps all
                # Detection: the normal classes. The training split keeps no others, val and test
                # keep all.
                "normal": (),
                # first | second: learns from the images of one half of the training groups, to ask
                # what a model tells of images that it saw (dermgan audit --membership)
                "half": "",
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
                "trackers": (),  # mlflow, wandb: services that keep the numbers of many runs
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
    usual = experiment(given["model.name"])
    found = kind_faults(flatten(usual), given)
    return found or config_values.value_faults(config, given, usual)


def kind_faults(known: Mapping[str, Any], given: Mapping[str, Any]) -> list[str]:
    """Every key that is unknown, missing or of the wrong type.

    Args:
      known: "group.key" -> a value of the right type.
      given: the same of a configuration.
    """
    found = [
        f"unknown key {key!r}{registry.did_you_mean(key, tuple(known))}"
        for key in sorted(given.keys() - known.keys())
    ]
    found += [f"missing key {key!r}" for key in sorted(known.keys() - given.keys())]
    for key in sorted(known.keys() & given.keys()):
        if not config_values.same_kind(known[key], given[key]):
            found.append(
                f"{key} is {given[key]!r}, a {type(given[key]).__name__}; "
                f"expected a {type(known[key]).__name__}"
            )
        elif isinstance(known[key], tuple):
            found += config_values.element_faults(key, known[key], given[key])
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


def with_values(config: Mapping[str, Any], values: Mapping[str, Any]) -> FrozenConfigDict:
    """The configuration with other values of some fields, as of {"data.bit_depth": 12}.

    Raises:
      UserError: as `validate`.
    """
    return validate(unflatten(flatten(config) | values))


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


def plain_from_json(text: str | bytes) -> dict[str, Any]:
    """A stored configuration as it is but for groups that were renamed since; not validated.

    Raises:
      UserError: if the text is not a JSON object.
    """
    try:
        plain = stored_json.parse(text)
    except ValueError as error:
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
        stored = flatten(experiment(stored["model.name"])) | _groups_of_before(stored) | stored
    groups = {key[:at] for key in stored for at, sign in enumerate(key) if sign == "."}
    if values := sorted(groups & stored.keys()):
        raise UserError(
            "the stored configuration is not valid:\n"
            + "\n".join(f"  {key} is {stored[key]!r}; expected a group of fields" for key in values)
        )
    return validate(unflatten(stored))


def _groups_of_before(stored: Mapping[str, Any]) -> dict[str, str]:
    """Folders within classes were no patients before `data.group_pattern`: splits are kept."""
    own = str(stored.get("data.dataset", "")).startswith("image_folder")
    return {"data.group_pattern": EACH_ITS_OWN} if own and not stored.get("data.csv") else {}


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
    if name == "data.group_pattern" and value == EACH_ITS_OWN:
        return True
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
