"""What a run writes down about itself: its data, its environment, its parameters."""

import dataclasses
import importlib.metadata
import json
import platform
from collections.abc import Mapping, Sequence
from typing import Any, NotRequired, TypedDict

import jax
import numpy as np
from clu import parameter_overview

from dermgan_jax import __version__, files, stored_json
from dermgan_jax import config as config_schema
from dermgan_jax.data.catalogue import Catalogue
from dermgan_jax.data.records import DataSpec
from dermgan_jax.data.splits import ALL, EACH_ITS_OWN, SPLITS
from dermgan_jax.errors import UserError
from dermgan_jax.files import Path
from dermgan_jax.models.contract import Model, Variables
from dermgan_jax.runs.workdir import WorkDir

IMPORTED = "imported"  # in place of the split of networks that were trained elsewhere
PACKAGES = ("jax", "jaxlib", "flax", "optax", "orbax-checkpoint", "numpy", "pillow")


def checkpoint_facts(model: Model, data: Catalogue) -> dict[str, Any]:
    """What every checkpoint carries beside the state, as JSON values."""
    return _facts(model, data.split_hash, data.synthetic_hash, data.classes)


def imported_facts(model: Model, classes: Sequence[str] = ()) -> dict[str, Any]:
    """`checkpoint_facts` of networks whose training data are not known."""
    return _facts(model, IMPORTED, "", classes)


def _facts(
    model: Model, split_hash: str, synthetic_hash: str, classes: Sequence[str]
) -> dict[str, Any]:
    return {
        "config": json.loads(config_schema.to_json(model.config)),
        "split_hash": split_hash,
        "synthetic_hash": synthetic_hash,
        "classes": list(classes),
        "data_spec": dataclasses.asdict(model.data),
        "dermgan_jax": __version__,
    }


class _Facts(TypedDict):
    split_hash: str
    classes: list[str]
    data_spec: DataSpec
    config: NotRequired[dict[str, Any]]
    synthetic_hash: NotRequired[str]
    untrained: NotRequired[list[str]]


def facts_fault(facts: Any) -> str:
    """Why these are no facts of a checkpoint; "" if they are."""
    try:
        stored_json.structure(facts, _Facts)
    except ValueError as error:
        return f"what was saved beside the state is not that of a run: {error}"
    return ""


def require_same_data(facts: Mapping[str, Any], data: Catalogue, workdir: Path) -> None:
    """Checks that the data are still those that a checkpoint was trained on.

    Raises:
      UserError: if records or synthetic images were added, removed or moved since.
    """
    trained_on = facts["split_hash"]
    if trained_on != data.split_hash:
        raise UserError(
            f"{workdir} was trained on split {trained_on[:12]}, but the data now give split "
            f"{data.split_hash[:12]}: records were added, removed or moved. Restore the data set, "
            "or start a new work directory." + _ungrouped(data)
        )
    if facts.get("synthetic_hash", data.synthetic_hash) != data.synthetic_hash:
        raise UserError(
            f"{workdir} was trained with other synthetic images than data.synthetic now has: "
            "restore them, or start a new work directory."
        )


def _ungrouped(data: Catalogue) -> str:
    """How folders within classes are read as they were before they became patients."""
    if not data.dataset.name.startswith("image_folder"):
        return ""
    return (
        f" If folders within others were no patients then, --config.data.group_pattern="
        f"{EACH_ITS_OWN!r} reads them as before."
    )


def data_card(data: Catalogue) -> dict[str, Any]:
    """Data set, licence, and images per class and split, as JSON values.

    "num_examples" is SPLIT -> {"unpaired", "paired"}: images in an epoch, by `data.paired`.
    """
    counts = {
        name: {
            split: int(np.sum((data.labels == label) & (data.splits == split))) for split in SPLITS
        }
        for label, name in enumerate(data.classes)
    }
    num_examples = {
        split: {
            "unpaired": max(data.domain_counts(split), default=len(data.indices(split))),
            "paired": len(data.pairs(split)[0]),
        }
        for split in (*SPLITS, ALL)
    }
    return {
        "dataset": data.dataset.name,
        "licence": data.dataset.licence,
        "synthetic": data.dataset.synthetic,
        "synthetic_images": sum(record.synthetic for record in data.records),
        "classes": counts,
        "num_examples": num_examples,
        "split_hash": data.split_hash,
        "num_groups": len({record.group for record in data.records}),
        "group_noun": data.dataset.group_noun,
        "grouping": data.dataset.grouping,
    }


def environment() -> dict[str, Any]:
    """Versions and devices, as JSON values."""
    return {
        "dermgan_jax": __version__,
        "python": platform.python_version(),
        **{name: importlib.metadata.version(name) for name in PACKAGES},
        "platform": jax.default_backend(),
        "devices": f"{jax.device_count()} × {jax.devices()[0].device_kind}",
        "processes": jax.process_count(),
    }


def parameter_counts(variables: Variables) -> str:
    """One line: how many parameters each net has."""
    counts = {
        net: sum(leaf.size for leaf in jax.tree.leaves(nets["params"]))
        for net, nets in variables.items()
    }
    return ", ".join(f"{net} has {count:,} parameters" for net, count in counts.items())


def parameters(variables: Variables) -> str:
    """A table of all parameters, net by net."""
    return "\n\n".join(
        f"{net}\n{parameter_overview.get_parameter_overview(_without_lists(nets['params']))}"
        for net, nets in variables.items()
    )


def _without_lists(params: Any) -> Any:
    """The same with {"0": …, "1": …} for lists, as the heads of LPIPS are."""
    if isinstance(params, list | tuple):
        params = {str(index): value for index, value in enumerate(params)}
    if not isinstance(params, Mapping):
        return params
    return {name: _without_lists(value) for name, value in params.items()}


def write(workdir: WorkDir, data: Catalogue, variables: Variables) -> None:
    """Writes data_card.json, environment.json, parameters.txt and the groups that were found."""
    files.write_text(workdir.data_card, json.dumps(data_card(data), indent=2))
    if data.dataset.group_table is not None:
        for ending, target in ((".csv", workdir.groups), (".png", workdir.groups_sheet)):
            source = data.dataset.group_table.with_suffix(ending)
            if source.is_file():
                files.copy(source, target)
    write_environment(workdir, variables)


def write_environment(workdir: WorkDir, variables: Variables) -> None:
    """Writes environment.json and parameters.txt."""
    files.write_text(workdir.environment, json.dumps(environment(), indent=2))
    files.write_text(workdir.parameters, parameters(variables))
