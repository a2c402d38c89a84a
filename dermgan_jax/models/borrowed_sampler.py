"""A trained sampler as a part of another model: what it is, as text within a configuration.

Its networks are built from this text and from nothing else, so that a checkpoint of the other model
needs no folder of the sampler's.
"""

import functools
import json

from ml_collections import FrozenConfigDict

from dermgan_jax import config as config_schema
from dermgan_jax import registry, stored_json
from dermgan_jax.data.records import DataSpec
from dermgan_jax.errors import UserError
from dermgan_jax.models.contract import Sampler

END = 2**31 - 1  # images seen: the last stage of any curriculum


def as_text(config: FrozenConfigDict, data_spec: dict) -> str:
    """A sampler's configuration and facts of its data, to be kept in a field of a configuration.

    Args:
      config: of its run.
      data_spec: the fields of its `DataSpec`, as a checkpoint's facts have them.
    """
    plain = {"config": json.loads(config_schema.to_json(config)), "data_spec": data_spec}
    return json.dumps(plain, sort_keys=True)


@functools.lru_cache(maxsize=8)
def from_text(text: str) -> Sampler:
    """The inverse of `as_text`.

    Raises:
      UserError: if the text is none of `as_text`, or of no sampler.
    """
    try:
        plain = stored_json.parse(text)
        config = config_schema.from_json(json.dumps(plain["config"]))
        family = registry.load("model", config.model.name)
        spec = stored_json.structure(plain["data_spec"], DataSpec)
    except (ValueError, KeyError, TypeError) as error:
        raise UserError(
            f"model.sampler is no description of a sampler ({error!r}): it is written by the "
            "configurations that take a run's folder as their variant"
        ) from error
    if not issubclass(family, Sampler):
        raise UserError(
            f"model.sampler describes a {config.model.name}, which draws nothing from noise"
        )
    return family(config, spec)


def learned_classes(sampler: Sampler) -> tuple[str, ...]:
    """The classes that a sampler was restricted to; empty: all there were, or data without any."""
    data = sampler.config.data
    return tuple(data.normal) or tuple(data.classes)
