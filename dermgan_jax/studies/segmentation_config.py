"""The configuration of a segmentation study: one segmenter, one painter, three arms."""

from collections.abc import Mapping
from typing import Any

from ml_collections import ConfigDict, FrozenConfigDict

from dermgan_jax import config as config_schema
from dermgan_jax import config_bounds, registry
from dermgan_jax.config_values import seed_faults
from dermgan_jax.runs.restore import BEST, LATEST
from dermgan_jax.studies.experiments import SHARED, completed, field_faults, invalid, without_shared

KIND = "segmentation"
PARTS = ("segmenter", "painter")
BOUNDS = {
    "seeds": config_bounds.SEED,
    "synthesis.per_real": "(0, 1e6]",
    "synthesis.seed": config_bounds.SEED,
    "bootstrap": "[100, 1e6]",
}
REAL, BOTH, ONLY = "real", "real_and_painted", "painted_only"
ARMS = (REAL, BOTH, ONLY)  # REAL is what the others are compared with
OWN_DATA = ("mirror", "cache")  # of the painter; all else in `data` is the study's


def segmentation(title: str, segmenter: ConfigDict, painter: ConfigDict) -> ConfigDict:
    """The configuration of a segmentation study, locked.

    Args:
      title: one line for the report.
      segmenter: its experiment; its data are everyone's.
      painter: the experiment of the model that paints masks, which is trained first unless
        `synthesis.workdir` names one.
    """
    shared = {key: segmenter.to_dict()[key] for key in SHARED}
    config = ConfigDict(
        {
            "study": KIND,
            "title": title,
            **shared,
            "arms": ARMS,
            "seeds": (0, 1, 2),  # a segmenter each, in every arm
            "checkpoint": BEST,  # of each segmenter, by the validation images
            "synthesis": {
                "workdir": "",  # of a painter trained on this very split; empty: trained here
                "checkpoint": LATEST,  # of the painter: latest, best or a step
                "per_real": 1.0,  # painted images for each real training image
                "seed": 1000,
            },
            "bootstrap": 2000,  # resamplings of the test images' groups
            "segmenter": without_shared(segmenter),
            "painter": {
                **without_shared(painter),
                "data": {key: painter.to_dict()["data"][key] for key in OWN_DATA},
            },
        }
    )
    return config.lock()


def painter_experiment(config: Mapping[str, Any]) -> ConfigDict:
    """The experiment of the painter, on the study's data."""
    own = dict(config["painter"])
    data = {f"data.{key}": value for key, value in own.pop("data").items()}
    return completed(own, config, {**data, "data.masks": True})


def segmenter_experiment(
    config: Mapping[str, Any], arm: str, seed: int, images: str = "", masks: str = ""
) -> ConfigDict:
    """The experiment of one segmenter.

    Args:
      config: of the study.
      arm: of `ARMS`.
      seed: of the segmenter.
      images, masks: folders of painted images and of their masks, for the arms that have any.
    """
    changes = {
        "seed": seed,
        "title": f"{config['title']}: {arm}, seed {seed}",
        "data.masks": True,
        "data.synthetic": "" if arm == REAL else images,
        "data.synthetic_masks": "" if arm == REAL else masks,
        "data.only_synthetic": arm == ONLY and bool(images),
    }
    return completed(config["segmenter"], config, changes)


def require_valid(config: Mapping[str, Any]) -> None:
    """Checks all that can be known without looking at the data.

    Raises:
      UserError: naming every fault.
    """
    usual = segmentation("", *map(config_schema.experiment, ("segmenter", "spade")))
    found = field_faults(config, usual, BOUNDS, PARTS) + _own_faults(config)
    for name, experiment in (
        ("painter", painter_experiment(config)),
        ("segmenter", segmenter_experiment(config, REAL, 0)),
    ):
        found += [f"{name}: {fault}" for fault in config_schema.faults(experiment)]
    if found:
        raise invalid(found)


def experiments(config: Mapping[str, Any]) -> dict[str, FrozenConfigDict]:
    """The experiments that a study trains, one of each kind, validated.

    Raises:
      UserError: naming every fault.
    """
    require_valid(config)
    found = {"segmenter": segmenter_experiment(config, REAL, 0)}
    if not config["synthesis"]["workdir"]:
        found["painter"] = painter_experiment(config)
    return {name: config_schema.validate(experiment) for name, experiment in found.items()}


def _own_faults(config: Mapping[str, Any]) -> list[str]:
    arms = tuple(config["arms"])
    train = config["segmenter"]["train"]
    found = seed_faults(config["seeds"]) + [
        f"arms: unknown arm {arm!r}{registry.did_you_mean(arm, ARMS)}"
        for arm in arms
        if arm not in ARMS
    ]
    for holds, message in (
        (REAL in arms and len(arms) > 1, f"arms is {arms}: {REAL}, and at least one other"),
        (
            train["total_kimg"] > 0 and not train["total_epochs"],
            "segmenter.train: set total_kimg, not total_epochs: arms differ in the length of an "
            "epoch but take equally many optimiser steps",
        ),
    ):
        if not holds:
            found.append(message)
    return found
