"""Checksums of a checkpoint: what was read is what was saved, to the last bit."""

import json
import zlib
from collections.abc import Mapping
from typing import Any

import jax
import numpy as np

KEY = "checksums"  # among the facts of a checkpoint


def with_checksums(facts: Mapping[str, Any], state: Any) -> dict[str, Any]:
    """Facts, and beside them the CRC-32 of their JSON text and of every array of the state."""
    return {**facts, KEY: {"facts": _of_facts(facts), "state": _of_state(state)}}


def facts_fault(facts: Mapping[str, Any]) -> str:
    """What is wrong with facts as they were read, in words; "" if nothing.

    Checkpoints of early versions have no checksums, and nothing is found wrong with them.
    """
    if KEY not in facts:
        return ""
    told = facts[KEY]
    rest = {key: value for key, value in facts.items() if key != KEY}
    if not isinstance(told, Mapping) or told.get("facts") != _of_facts(rest):
        return "what is told of the run is not what was saved"
    return ""


def state_fault(facts: Mapping[str, Any], state: Any) -> str:
    """As `facts_fault`, of the state that was read with these facts."""
    if KEY not in facts:
        return ""
    told, found = facts[KEY]["state"], _of_state(state)
    changed = [name for name, value in found.items() if told.get(name) != value]
    if not changed:
        return ""
    others = f" and {len(changed) - 1} more" if len(changed) > 1 else ""
    return f"{changed[0]}{others} is not what was saved"


def _of_facts(facts: Mapping[str, Any]) -> int:
    return zlib.crc32(json.dumps(facts, sort_keys=True).encode())


def _of_state(state: Any) -> dict[str, int]:
    """Name of each array -> CRC-32 of its bytes; its copy on the host is kept with it."""
    return {
        jax.tree_util.keystr(path, simple=True, separator="/"): _of_array(leaf)
        for path, leaf in jax.tree.leaves_with_path(state)
    }


def _of_array(array: jax.Array) -> int:
    if jax.dtypes.issubdtype(array.dtype, jax.dtypes.prng_key):
        array = jax.random.key_data(array)
    return zlib.crc32(np.ascontiguousarray(array).reshape(-1).view(np.uint8))
