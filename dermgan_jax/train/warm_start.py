"""Starts a run from the networks of another: of other data, another resolution, other classes.

Tensors of equal name and shape are taken, averaged ones for the average. The rest begins as
always, and so do optimisers, augmentation and the count of images.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import flax
import jax
import jax.numpy as jnp

from dermgan_jax import files
from dermgan_jax.errors import UserError
from dermgan_jax.models.contract import Model
from dermgan_jax.models.detector import Detector
from dermgan_jax.runs import ancestry, restore
from dermgan_jax.runs.ancestry import Ancestor
from dermgan_jax.runs.state import TrainState
from dermgan_jax.runs.workdir import WorkDir

_SHOWN = 4  # layers that a note names


class Taken(NamedTuple):
    """What became of the tensors of one net.

    Attributes:
      taken: names that were taken.
      fresh: names of the new net that begin as always.
      left: names of the source that the new net has no place for, or with another shape.
    """

    taken: tuple[str, ...]
    fresh: tuple[str, ...]
    left: tuple[str, ...]


def require_source(model: Model) -> None:
    """Checks that what `train.init_from` names is a run of the same family, or of a detector's
    sampler.

    Raises:
      UserError: if it is not there, has no such checkpoint or is of another family.
    """
    source = model.config.train.init_from
    if not source:
        return
    path, checkpoint = _parsed(source)
    if not path.is_dir():
        raise UserError(f"train.init_from is {source}, but {path} is no work directory")
    family, own = WorkDir(path).read_config().model.name, model.config.model.name
    wanted = model.starts_from if isinstance(model, Detector) else own
    if family != wanted:
        raise UserError(
            f"train.init_from is {source}, a run of {family}: networks of {own} can only begin "
            f"from a run of {wanted}"
        )
    restore.require_checkpoint(path, checkpoint)


def warm_start(model: Model, state: TrainState) -> tuple[TrainState, dict[str, Taken]]:
    """The initial state with whatever fits of the run that `train.init_from` names.

    Args:
      model: of the new run.
      state: its initial state, on any devices.

    Returns:
      The state in host memory, and net -> what was taken.

    Raises:
      UserError: if nothing fits, or as `require_source`.
    """
    require_source(model)
    source = restore.restored_state(*_parsed(model.config.train.init_from)).state
    # What a detector takes is not trained on, so that it takes what is used: averages.
    given = source.averaged if isinstance(model, Detector) else source.variables
    variables, taken = {}, {}
    for net, own in state.variables.items():
        variables[net], taken[net] = _filled(own, given.get(net, {}))
    ema = {net: _filled(own, source.ema.get(net, {}))[0] for net, own in state.ema.items()}
    if not any(each.taken for each in taken.values()):
        raise UserError(
            f"train.init_from is {model.config.train.init_from}, none of whose tensors has the "
            "name and shape of one of this model's: train from scratch, or choose another run"
        )
    return state.replace(variables=variables, ema=ema), taken


def notes(source: str, taken: Mapping[str, Taken]) -> list[str]:
    """One line per net."""
    lines = []
    for net, (same, fresh, left) in taken.items():
        line = f"{net}: {len(same)} tensors from {source}"
        for what, names in (("begin as always", fresh), ("of it left", left)):
            if names:
                layers = list(dict.fromkeys(name.rpartition("/")[0] for name in names))
                more = ", …" if len(layers) > _SHOWN else ""
                line += f"; {len(names)} {what} ({', '.join(layers[:_SHOWN])}{more})"
        lines.append(line)
    return lines


def lineage(source: str) -> tuple[Ancestor, ...]:
    """What the networks of `train.init_from` learned from."""
    return ancestry.lineage(*_parsed(source))


def cautions(ancestors: Sequence[Ancestor], split_hash: str) -> list[str]:
    """A line for each ancestor that may have seen images which are held out here."""
    return [
        f"warning: networks of {each.workdir} learned from {each.images}, not from this run's "
        "training split alone: images that are held out here may be among them"
        for each in ancestors
        if each.may_have_seen_held_out(split_hash)
    ]


def write(
    workdir: WorkDir, source: str, ancestors: Sequence[Ancestor], taken: Mapping[str, Taken]
) -> None:
    """Writes init_from.json: what came before, all tensors that were taken, fresh and left."""
    content = {
        "init_from": source,
        "ancestors": ancestry.to_json(ancestors),
        **{net: each._asdict() for net, each in taken.items()},
    }
    files.write_text(workdir.init_from, json.dumps(content, indent=1) + "\n")


def _parsed(source: str) -> tuple[files.Path, str]:
    """WORKDIR[:CHECKPOINT] as a folder and "latest", "best" or a step."""
    path, separator, checkpoint = source.rpartition(":")
    if separator and (checkpoint.isdigit() or checkpoint in (restore.LATEST, restore.BEST)):
        return files.to_path(path), checkpoint
    return files.to_path(source), restore.LATEST


def _filled(own: Mapping[str, Any], source: Mapping[str, Any]) -> tuple[dict[str, Any], Taken]:
    """The variables of one net with those of the source in the places of equal shape."""
    flat = flax.traverse_util.flatten_dict(dict(own), sep="/")
    given = flax.traverse_util.flatten_dict(dict(source), sep="/")
    same = [name for name, leaf in flat.items() if _shape(given.get(name)) == _shape(leaf)]
    # A leaf here may be a list, as the heads of LPIPS are.
    filled = {
        name: jax.tree.map(jnp.asarray, given[name]) if name in same else flat[name]
        for name in flat
    }
    return flax.traverse_util.unflatten_dict(filled, sep="/"), Taken(
        tuple(same),
        tuple(name for name in flat if name not in same),
        tuple(name for name in given if name not in same),
    )


def _shape(leaf: Any) -> Any:
    return jax.tree.map(jnp.shape, leaf)
