"""What imports of networks trained elsewhere share: checking tensors, writing the checkpoint."""

from collections.abc import Collection, Mapping
from typing import Any

import jax
import numpy as np
from ml_collections import FrozenConfigDict

from dermgan_jax import files
from dermgan_jax.errors import UserError
from dermgan_jax.files import Path
from dermgan_jax.interop import torch_names
from dermgan_jax.models.contract import Model
from dermgan_jax.runs import provenance, sessions
from dermgan_jax.runs.checkpoint import Checkpoints
from dermgan_jax.runs.state import TrainState, init_state
from dermgan_jax.runs.workdir import WorkDir

Tensors = Mapping[str, np.ndarray]

LISTED = 3  # tensors that a message names of each kind


def require_empty(path: Path) -> None:
    """Checks that a work directory can be made here.

    Raises:
      UserError: if there is something already.
    """
    if path.exists() and (not path.is_dir() or any(path.iterdir())):
        raise UserError(f"{path} is not an empty folder: import into a new --workdir")


def part(tensors: Tensors, prefix: str) -> dict[str, np.ndarray]:
    """The tensors whose names begin so, without that beginning."""
    return {
        name.removeprefix(prefix): array
        for name, array in tensors.items()
        if name.startswith(prefix)
    }


def require_same(path: Path, what: str, expected: Tensors, found: Tensors) -> None:
    """Checks names and shapes; counters, which came with PyTorch 0.4.1, may be missing.

    Raises:
      UserError: counting what is missing, unexpected and of another shape, with the first of each.
    """
    required = [name for name in expected if not name.endswith(torch_names.COUNTER)]
    missing = [name for name in required if name not in found]
    unexpected = [name for name in found if name not in expected]
    reshaped = [
        name for name in required if name in found and found[name].shape != expected[name].shape
    ]
    if missing or unexpected or reshaped:
        lines = [
            f"  {name}: expected {_shape(expected, name)}, found {_shape(found, name)}"
            for name in (*missing[:LISTED], *unexpected[:LISTED], *reshaped[:LISTED])
        ]
        raise UserError(
            f"{path} is of another architecture than the {what}: of {len(required)} tensors "
            f"{len(missing)} are missing and {len(reshaped)} have another shape, "
            f"{len(unexpected)} others are unexpected\n" + "\n".join(lines)
        )


def _shape(tensors: Tensors, name: str) -> str:
    return str(tensors[name].shape) if name in tensors else "none"


def initial_state(model: Model, without: Collection[str]) -> TrainState:
    """The state before training, but for the variables of some nets and their averages."""

    def init() -> TrainState:
        state = init_state(model)
        kept = {net: state.variables[net] for net in state.variables if net not in without}
        averages = {net: state.ema[net] for net in state.ema if net not in without}
        return state.replace(variables=kept, ema=averages)

    # The generator of random numbers that compiles fast; nobody relies on which numbers these are.
    with jax.default_prng_impl("rbg"):
        return jax.jit(init)()


def write(
    path: Path, config: FrozenConfigDict, state: TrainState, facts: Mapping[str, Any]
) -> None:
    """Writes a work directory with one checkpoint, at step 0.

    Args:
      path: empty or new.
      config: of the networks.
      state: what to save.
      facts: what the checkpoint carries beside it, see `provenance.imported_facts`.

    Raises:
      UserError: if it cannot be written.
    """
    workdir = WorkDir(path)
    try:
        files.make_folder(path)
    except OSError as error:
        raise UserError(f"{path} cannot be used as a work directory: {error.strerror}") from error
    with (
        sessions.recorded(workdir) as session,
        Checkpoints(workdir, config, best_metric="") as checkpoints,
    ):
        checkpoints.save(state, 0, dict(facts))
        checkpoints.wait()
        session.outcome = provenance.IMPORTED
    provenance.write_environment(workdir, state.variables)
    workdir.write_config(config)  # last: without a configuration a folder is no work directory
