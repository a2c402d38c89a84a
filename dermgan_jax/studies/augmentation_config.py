"""The configuration of an augmentation study: one classifier, one generator, several arms."""

from collections.abc import Mapping
from typing import Any

from ml_collections import ConfigDict, FrozenConfigDict

from dermgan_jax import config as config_schema
from dermgan_jax import config_bounds, registry
from dermgan_jax.config_values import seed_faults
from dermgan_jax.data.splits import GROUP, SPLIT_RULES
from dermgan_jax.runs.restore import BEST, LATEST
from dermgan_jax.statistics.identification import THRESHOLD
from dermgan_jax.studies.augmentation_arms import (
    ARMS,
    BASES,
    CLASSICAL,
    DEFAULT_ARMS,
    ONLY,
    REAL,
    REDUCED,
    arm_names,
    is_synthetic,
)
from dermgan_jax.studies.experiments import SHARED, completed, field_faults, invalid, without_shared
from dermgan_jax.synthesis.filter import KEEP
from dermgan_jax.synthesis.quality_rules import DISCRIMINATOR, RULES

KIND = "augmentation"
PARTS = ("classifier", "generator")
BOUNDS = {
    "seeds": config_bounds.SEED,
    "synthesis.candidates": "[1, 1e8]",
    "synthesis.keep": "(0, 1]",
    "synthesis.sweep": "(0, 1e6]",
    "synthesis.seed": config_bounds.SEED,
    "bootstrap": "[100, 1e6]",
    "threshold": "(0, 1)",
}
# What a generator has of its own; all else in `data` is the study's.
OWN_DATA = ("classes", "mirror", "load_resolution", "cache")


def augmentation(
    title: str, target: str, classifier: ConfigDict, generator: ConfigDict
) -> ConfigDict:
    """The configuration of an augmentation study, locked.

    Args:
      title: one line for the report.
      target: the class that the question is about.
      classifier: its experiment; its data are everyone's.
      generator: the experiment of the GAN, which is trained first unless
        `synthesis.workdir` names one.
    """
    shared = {key: classifier.to_dict()[key] for key in SHARED}
    config = ConfigDict(
        {
            "study": KIND,
            "title": title,
            "target": target,
            **shared,
            "arms": DEFAULT_ARMS,
            "base": REAL,  # what synthetic images are added to, and every arm is compared with
            "seeds": (0, 1, 2, 3, 4),  # a classifier each, in every arm
            # group: by lesion or patient; image: as in the published study, so that lesions leak.
            # The first one is reported; a second one is set beside it.
            "split_by": SPLIT_RULES,
            "checkpoint": BEST,  # of each classifier, by the validation images
            "synthesis": {
                "workdir": "",  # of a GAN trained on this very split; empty: trained here
                "workdir_by_image": "",  # the same for the split by image
                "checkpoint": LATEST,  # of the GAN: latest, best or a step
                "classes": (target,),  # that images are made of
                "candidates": 1000,  # of each
                "rule": DISCRIMINATOR,  # discriminator | realism | confidence
                "keep": KEEP,
                "features": "lite0",  # of realism and confidence
                "sweep": (1.0, 2.0),  # synthetic images for each real one of those classes
                "seed": 1000,
            },
            "bootstrap": 2000,  # resamplings of the test images' groups
            "threshold": THRESHOLD,  # of the probability from which an image counts as identified
            "classifier": without_shared(classifier),
            "generator": {
                **without_shared(generator),
                "data": {
                    # Side of its images if it is less than the study's, to which they are enlarged.
                    "resolution": 0,
                    **{key: generator.to_dict()["data"][key] for key in OWN_DATA},
                },
            },
        }
    )
    return config.lock()


def generator_experiment(config: Mapping[str, Any], split_by: str) -> ConfigDict:
    """The experiment of the GAN, on the study's data."""
    own = dict(config["generator"])
    data = {f"data.{key}": value for key, value in own.pop("data").items()}
    if not data.get("data.resolution"):
        data.pop("data.resolution", None)
    return completed(own, config, {**data, "data.split_by": split_by})


def classifier_experiment(
    config: Mapping[str, Any], arm: str, seed: int, split_by: str, synthetic: str
) -> ConfigDict:
    """The experiment of one classifier.

    Args:
      config: of the study.
      arm: of `arm_names`.
      seed: of the classifier.
      split_by: "group" or "image".
      synthetic: folder of the arm's synthetic images, or "".
    """
    augmented = arm == CLASSICAL or (arm != REAL and config["base"] == CLASSICAL)
    changes = {
        "seed": seed,
        "title": f"{config['title']}: {arm}, seed {seed}",
        "data.split_by": split_by,
        "data.synthetic": synthetic,
        "data.only_synthetic": arm in (ONLY, REDUCED),
        "model.augment": "classical" if augmented else "none",
    }
    if not augmented:  # views of an image that is not augmented are all the same
        changes["model.views"] = min(config["classifier"]["model"]["views"], 1)
    return completed(config["classifier"], config, changes)


def require_valid(config: Mapping[str, Any]) -> None:
    """Checks all that can be known without looking at the data.

    Raises:
      UserError: naming every fault.
    """
    usual = augmentation(
        "", "", config_schema.experiment("classifier"), config_schema.experiment("dcgan")
    )
    found = field_faults(config, usual, BOUNDS, PARTS) + _own_faults(config)
    for name, experiment in (
        ("generator", generator_experiment(config, GROUP)),
        ("classifier", classifier_experiment(config, REAL, 0, GROUP, "")),
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
    first = config["split_by"][0]
    found = {"classifier": classifier_experiment(config, REAL, 0, first, "")}
    if any(map(is_synthetic, arm_names(config))) and not config["synthesis"]["workdir"]:
        found["generator"] = generator_experiment(config, first)
    return {name: config_schema.validate(experiment) for name, experiment in found.items()}


def _own_faults(config: Mapping[str, Any]) -> list[str]:
    found = []

    def require(holds: bool, message: str) -> None:
        if not holds:
            found.append(message)

    synthesis, train = config["synthesis"], config["classifier"]["train"]
    arms = tuple(config["arms"])
    for arm in arms:
        require(arm in ARMS, f"arms: unknown arm {arm!r}{registry.did_you_mean(arm, ARMS)}")
    require(config["base"] in BASES, f"base is {config['base']!r}; expected real or classical")
    require(config["base"] in arms, f"base is {config['base']!r}, which is none of the arms")
    require(len(arms) > 1, "arms: an arm needs another to be compared with")
    side, own_side = config["data"]["resolution"], config["generator"]["data"].get("resolution", 0)
    require(
        own_side <= side,
        f"generator.data.resolution is {own_side}; at most data.resolution={side}, to which its "
        "images are enlarged",
    )
    if REDUCED in arms:
        require(
            any(map(is_synthetic, arms)),
            f"arms: {REDUCED} shows what the size of synthetic images costs, and no arm has any",
        )
        require(
            bool(synthesis["workdir"]) or 0 < own_side < side,
            f"arms: {REDUCED} needs a generator of smaller images: set generator.data.resolution",
        )
    found += seed_faults(config["seeds"])
    for split_by in config["split_by"]:
        require(split_by in SPLIT_RULES, f"split_by: {split_by!r} is not group or image")
    require(len(config["split_by"]) > 0, "split_by is empty; expected ('group',) at least")
    require(
        train["total_kimg"] > 0 and not train["total_epochs"],
        "classifier.train: set total_kimg, not total_epochs: arms differ in the length of an epoch "
        "but take equally many optimiser steps",
    )
    require(
        not config["classifier"]["model"]["stop_patience"],
        "classifier.model.stop_patience must be 0, so that all arms take equally many steps",
    )
    require(
        synthesis["rule"] in RULES,
        f"synthesis.rule is {synthesis['rule']!r}; expected one of {', '.join(RULES)}",
    )
    return found
