"""Do synthetic images make a classifier better, and is the gain real?

One generator, one split, several arms of training images, several classifiers in each arm, the same
test images for all. Every classifier has its own work directory, STUDY/ARM/seedN, as if it had been
trained alone: the study can be stopped anywhere and continues with the same command. The same study
by another way of splitting lies under STUDY/by_image.
"""

from typing import Any

from ml_collections import FrozenConfigDict

from dermgan_jax import config as config_schema
from dermgan_jax.data.image_sets import FolderImages, select
from dermgan_jax.data.prepare import at_full_size, prepare
from dermgan_jax.data.splits import IMAGE, TEST
from dermgan_jax.evaluation.predict import predict
from dermgan_jax.files import Path
from dermgan_jax.runs.metrics_log import is_finished
from dermgan_jax.runs.workdir import WorkDir
from dermgan_jax.studies import augmentation_result, synthetic_sets
from dermgan_jax.studies.augmentation_analysis import analyse, table
from dermgan_jax.studies.augmentation_arms import arm_names
from dermgan_jax.studies.augmentation_config import (
    classifier_experiment,
    experiments,
    generator_experiment,
    require_valid,
)
from dermgan_jax.studies.augmentation_part import Part, open_part, require_answerable
from dermgan_jax.studies.experiments import require_trainable
from dermgan_jax.studies.study_folder import (
    Report,
    adopt,
    identity,
    is_study,
    key_of,
    read_json,
    write_table,
)
from dermgan_jax.train.loop import FINISHED, PREEMPTED, train

# Between two runs of a study: none of these changes a classifier that is there already.
CHANGEABLE = ("title", "bootstrap", "threshold", "target", "data.dir", "arms", "seeds", "split_by")


def run(config: FrozenConfigDict, path: Path, report: Report, weights: Path | None = None) -> str:
    """Trains every classifier, compares the arms, writes augmentation.json and table.csv.

    Args:
      config: of `augmentation_config.augmentation`.
      path: the study's folder, new or of the same configuration.
      report: writes the report of each work directory once it is trained.
      weights: folder where pretrained weights are looked for first.

    Returns:
      "finished" or "preempted", as training does.

    Raises:
      UserError: if the configuration, the data, the GAN or the folder is at fault.
    """
    require_valid(config)
    if not is_study(path):
        require_trainable(experiments(config))
    parts = [open_part(config, path, split_by, weights) for split_by in config.split_by]
    for part in parts:
        require_answerable(part)
    adopt(config, path, CHANGEABLE)
    for part in parts:
        if train_part(part, report) != FINISHED:
            return PREEMPTED
    result = analyse(parts)
    augmentation_result.write(result, path)
    write_table(path, table(result))
    return FINISHED


def train_part(part: Part, report: Report) -> str:
    """Trains the GAN if none is given, makes the synthetic images, trains all classifiers."""
    if part.sets:
        if part.generator == part.own_generator:
            outcome = _train_generator(part, report)
            if outcome != FINISHED:
                return outcome
        synthetic_sets.make(part.config, part.data, part.generator, part.synthetic, part.weights)
    for arm in arm_names(part.config):
        for seed in part.config.seeds:
            outcome = train_one(part, arm, seed, report)
            if outcome != FINISHED:
                return outcome
    return FINISHED


def _train_generator(part: Part, report: Report) -> str:
    workdir = WorkDir(part.own_generator)
    if not is_finished(workdir):
        print("== generator")
        experiment = config_schema.validate(generator_experiment(part.config, part.split_by))
        outcome = train(experiment, workdir.path)
        if outcome != FINISHED:
            return outcome
        report(workdir.path)
    elif not workdir.report.is_file():
        report(workdir.path)
    return FINISHED


def train_one(part: Part, arm: str, seed: int, report: Report) -> str:
    """Trains one classifier and keeps what it says about the test images.

    Returns:
      "finished" or "preempted".
    """
    config, workdir = part.config, part.workdir(arm, seed)
    experiment = config_schema.validate(
        classifier_experiment(config, arm, seed, part.split_by, part.folder_of(arm))
    )
    key = _key(part, arm, experiment)
    if part.has_predictions(arm, seed, key):
        return FINISHED
    print(f"== {arm}, seed {seed}" + (" (split by image)" if part.split_by == IMAGE else ""))
    outcome = train(experiment, workdir)
    if outcome != FINISHED:
        return outcome
    report(workdir)
    rows = part.data.indices(TEST)
    images = prepare(part.data, at_full_size(experiment.data)).images
    said = {TEST: predict(workdir, select(images, rows), config.checkpoint)}
    if arm == config.base:
        for name, folder in part.sets.items():
            made = FolderImages(folder, experiment.data.channels)
            said[name] = predict(workdir, made, config.checkpoint)
    part.keep_predictions(arm, seed, key, said)
    return FINISHED


def _key(part: Part, arm: str, experiment: FrozenConfigDict) -> str:
    """What a classifier's answers depend on."""
    made: dict[str, Any] = {}
    if part.sets:
        made = read_json(part.synthetic / synthetic_sets.MADE)["keys"]
    seen = made if arm == part.config.base else made.get(arm)  # judged, or learned from
    return key_of(
        identity(experiment),
        experiment.train.total_kimg,
        part.config.checkpoint,
        part.data.split_hash,
        seen,
    )
