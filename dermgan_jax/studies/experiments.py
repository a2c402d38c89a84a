"""Experiments as parts of a study: read from their files, and completed by what all parts share."""

import importlib.util
import pathlib
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any

from ml_collections import ConfigDict, FrozenConfigDict

from dermgan_jax import config as config_schema
from dermgan_jax import config_bounds
from dermgan_jax.data.catalogue import Catalogue, catalogue
from dermgan_jax.errors import UserError
from dermgan_jax.train.start import build_model, require_weights

SHARED = ("data", "seed", "precision")  # fields of an experiment that all parts have in common


def read_experiment(path: pathlib.Path, variant: str = "") -> ConfigDict:
    """The experiment of a configuration file, for a study that builds on it."""
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.get_config(variant)


def without_shared(experiment: ConfigDict) -> dict[str, Any]:
    """The fields that are a part's own."""
    return {key: value for key, value in experiment.to_dict().items() if key not in SHARED}


def completed(
    part: Mapping[str, Any], shared: Mapping[str, Any], changes: Mapping[str, Any]
) -> ConfigDict:
    """A part's own fields with the shared ones, then changed.

    Args:
      part: of `without_shared`.
      shared: `SHARED` -> its value.
      changes: "group.key" -> value.
    """
    fields = config_schema.flatten({**part, **{key: shared[key] for key in SHARED}})
    return config_schema.unflatten(fields | dict(changes))


def field_faults(
    config: Mapping[str, Any],
    usual: Mapping[str, Any],
    bounds: Mapping[str, str],
    parts: Collection[str],
) -> list[str]:
    """What is wrong with the numbers of a study's own fields, as a line each.

    Args:
      config: of the study.
      usual: a study of the kind as it comes.
      bounds: of its numbers, as in `config_bounds`.
      parts: groups that are experiments, which are looked at as such.

    Raises:
      UserError: if fields are missing or of other types, so that nothing else can be looked at.
    """
    lost = [part for part in parts if not isinstance(config.get(part), Mapping | ConfigDict)]
    if lost:
        raise invalid(f"{part} is {config.get(part)!r}; expected an experiment" for part in lost)
    known, given = (
        {
            key: value
            for key, value in config_schema.flatten(study).items()
            if key.partition(".")[0] not in (*parts, *SHARED)
        }
        for study in (usual, config)
    )
    if faults := config_schema.kind_faults(known, given):
        raise invalid(faults)
    return config_bounds.faults(given, bounds)


def invalid(faults: Iterable[str]) -> UserError:
    """What is raised for a study with faults."""
    return UserError("the study is not valid:\n" + "\n".join(f"  {line}" for line in faults))


def require_trainable(
    experiments: Mapping[str, FrozenConfigDict],
    listed: Callable[[FrozenConfigDict], Catalogue] = lambda config: catalogue(config.data),
) -> None:
    """Checks that every part of a study could be trained: its data, its model and its weights.

    Args:
      experiments: by the names of the parts.
      listed: finds the data of an experiment; by default without a look into images.

    Raises:
      UserError: naming the part at fault.
    """
    for name, experiment in experiments.items():
        try:
            require_weights(build_model(experiment, listed(experiment)))
        except UserError as error:
            raise UserError(f"{name}: {error}") from error
