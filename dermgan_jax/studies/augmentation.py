"""Do synthetic images make a classifier better, and is the gain real?

One generator, one split, several arms of training images, several classifiers in each arm, the same
test images for all. Every classifier has its own work directory, STUDY/ARM/seedN, as if it had been
trained alone: the study can be stopped anywhere and continues with the same command. The same study
by another way of splitting lies under STUDY/by_image.
"""

import csv
import json
from pathlib import Path

import numpy as np
from ml_collections import FrozenConfigDict

from dermgan_jax import config as config_schema
from dermgan_jax.data.image_sets import FolderImages, select
from dermgan_jax.data.prepare import at_full_size, prepare
from dermgan_jax.evaluation.predict import predict
from dermgan_jax.report.build import build
from dermgan_jax.runs.workdir import write_arrays, write_atomically
from dermgan_jax.studies import synthetic_sets
from dermgan_jax.studies.augmentation_config import (
    arm_names,
    classifier_experiment,
    generator_experiment,
    require_valid,
)
from dermgan_jax.studies.augmentation_part import (
    PREDICTIONS,
    Part,
    open_part,
    require_answerable,
)
from dermgan_jax.studies.augmentation_result import analyse, table
from dermgan_jax.studies.study_folder import adopt, key_of, read_json
from dermgan_jax.train.loop import FINISHED, train

RESULT_FILE, TABLE_FILE = "augmentation.json", "table.csv"
# Between two runs of a study: none of these changes a classifier that is there already.
CHANGEABLE = ("title", "bootstrap", "threshold", "target", "data.dir", "arms", "seeds", "split_by")


def run(config: FrozenConfigDict, path: Path, weights: Path | None = None) -> str:
    """Trains every classifier, compares the arms, writes augmentation.json and table.csv.

    Args:
      config: of `augmentation_config.augmentation`.
      path: the study's folder, new or of the same configuration.
      weights: folder where pretrained weights are looked for first.

    Returns:
      "finished" or "preempted", as training does.

    Raises:
      UserError: if the configuration, the data, the GAN or the folder is at fault.
    """
    require_valid(config)
    parts = [open_part(config, path, split_by, weights) for split_by in config.split_by]
    for part in parts:
        require_answerable(part)
    adopt(config, path, CHANGEABLE)
    for part in parts:
        if train_part(part) != FINISHED:
            return "preempted"
    result = analyse(parts)
    write_atomically(path / RESULT_FILE, json.dumps(result, indent=1) + "\n")
    with (path / TABLE_FILE).open("w", newline="") as file:
        csv.writer(file).writerows(table(result))
    return FINISHED


def train_part(part: Part) -> str:
    """Trains the GAN if none is given, makes the synthetic images, trains all classifiers."""
    if part.sets:
        if part.generator.parent == part.folder:
            outcome = _train_generator(part)
            if outcome != FINISHED:
                return outcome
        synthetic_sets.make(
            part.config, part.data, part.generator, part.folder / "synthetic", part.weights
        )
    for arm in arm_names(part.config):
        for seed in part.config.seeds:
            outcome = train_one(part, arm, seed)
            if outcome != FINISHED:
                return outcome
    return FINISHED


def _train_generator(part: Part) -> str:
    done = part.folder / "generator" / "report.html"
    if done.is_file():
        return FINISHED
    print("== generator")
    experiment = config_schema.validate(generator_experiment(part.config, part.split_by))
    outcome = train(experiment, part.folder / "generator")
    if outcome == FINISHED:
        build(part.folder / "generator")
    return outcome


def train_one(part: Part, arm: str, seed: int) -> str:
    """Trains one classifier and keeps what it says about the test images.

    Returns:
      "finished" or "preempted".
    """
    config, workdir = part.config, part.workdir(arm, seed)
    synthetic = str(part.sets.get(arm, ""))
    experiment = config_schema.validate(
        classifier_experiment(config, arm, seed, part.split_by, synthetic)
    )
    key = _key(part, arm, experiment)
    if _has(workdir / PREDICTIONS, key):
        return FINISHED
    print(f"== {arm}, seed {seed}" + (" (split by image)" if part.split_by == "image" else ""))
    outcome = train(experiment, workdir)
    if outcome != FINISHED:
        return outcome
    build(workdir)
    rows = part.data.indices("test")
    images = prepare(part.data, at_full_size(experiment.data)).images
    said = {"test": predict(workdir, select(images, rows), config.checkpoint)}
    if arm == config.base:
        for name, folder in part.sets.items():
            made = FolderImages(folder, experiment.data.channels)
            said[name] = predict(workdir, made, config.checkpoint)
    write_arrays(workdir / PREDICTIONS, **said, key=np.array(key))
    return FINISHED


def _key(part: Part, arm: str, experiment: FrozenConfigDict) -> str:
    """What a classifier's answers depend on."""
    made = read_json(part.folder / "synthetic" / synthetic_sets.MADE)["keys"] if part.sets else {}
    seen = made if arm == part.config.base else made.get(arm)  # judged, or learned from
    computed = config_schema.computed_fields(experiment)
    return key_of(
        computed, experiment.train.total_kimg, part.config.checkpoint, part.data.split_hash, seen
    )


def _has(file: Path, key: str) -> bool:
    if not file.is_file():
        return False
    with np.load(file) as arrays:
        return str(arrays["key"]) == key
