"""The configuration of a comparison: an experiment per model, data and length shared."""

from collections.abc import Mapping
from typing import Any

from ml_collections import ConfigDict, FrozenConfigDict

from dermgan_jax import config as config_schema
from dermgan_jax import registry
from dermgan_jax.studies.experiments import SHARED, completed, field_faults, invalid, without_shared

KIND = "comparison"
PARTS = ("models",)
BOUNDS = {"total_kimg": "(0, 1e9]", "num_images": "[2, 1e8]"}


def comparison(title: str, models: Mapping[str, ConfigDict], total_kimg: float) -> ConfigDict:
    """The configuration of a comparison, locked.

    Args:
      title: one line for the report.
      models: name -> its experiment. The first one's data, seed and precision are everyone's.
      total_kimg: thousands of real images shown to each model.
    """
    first = next(iter(models.values()))
    config = ConfigDict(
        {
            "study": KIND,
            "title": title,
            **{key: first.to_dict()[key] for key in SHARED},
            "total_kimg": total_kimg,
            "num_images": 10_000,  # samples of each model, or as many as there are real images
            "metrics": ("swd", "kid", "fid"),
            "models": {name: without_shared(model) for name, model in models.items()},
        }
    )
    return config.lock()


def experiments(config: Mapping[str, Any]) -> dict[str, FrozenConfigDict]:
    """Model -> its complete experiment, validated.

    Raises:
      UserError: naming every fault of every model.
    """
    usual = comparison("", {"dcgan": config_schema.experiment("dcgan")}, 1.0)
    faults = field_faults(config, usual, BOUNDS, PARTS)
    found = {}
    for name, model in config["models"].items():
        length = {"train.total_kimg": config["total_kimg"], "train.total_epochs": 0.0}
        experiment = completed(model, config, length)
        found[name] = experiment
        faults += [f"models.{name}: {fault}" for fault in config_schema.faults(experiment)]
    faults += [
        f"metrics: {wrong}"
        for name in config["metrics"]
        if (wrong := registry.fault("metric", name))
    ]
    if faults:
        raise invalid(faults)
    return {name: FrozenConfigDict(experiment) for name, experiment in found.items()}
