"""What are painted images worth for learning to segment?

One painter, one split, three arms of training images (real, real and painted, painted only),
several segmenters in each, the same number of steps and the same test images for all. Every
segmenter has its own work directory, STUDY/ARM/seedN: the study can be stopped anywhere and
continues with the same command. Painted images lie in STUDY/painted; their masks are bent from
those of the training images.
"""

import dataclasses

import numpy as np
from ml_collections import FrozenConfigDict

from dermgan_jax import config as config_schema
from dermgan_jax import files
from dermgan_jax.data.catalogue import Catalogue, catalogue
from dermgan_jax.data.class_folders import folder_of
from dermgan_jax.data.image_sets import select
from dermgan_jax.data.mask_deformation import deform
from dermgan_jax.data.masks import num_classes, prepare_masks, stored_values
from dermgan_jax.data.pixel_range import to_uint8
from dermgan_jax.data.prepare import at_full_size, prepare
from dermgan_jax.data.splits import TEST, TRAIN
from dermgan_jax.errors import UserError
from dermgan_jax.files import Path
from dermgan_jax.metrics import segmentation_scores
from dermgan_jax.models.painter import paint
from dermgan_jax.models.segmenter import segment
from dermgan_jax.progress_bar import progress_bar
from dermgan_jax.runs import provenance
from dermgan_jax.runs.metrics_log import FINISHED, PREEMPTED, is_finished
from dermgan_jax.runs.restore import checkpoint_facts, restore
from dermgan_jax.runs.workdir import WorkDir
from dermgan_jax.studies import segmentation_result
from dermgan_jax.studies.experiments import require_trainable
from dermgan_jax.studies.segmentation_config import (
    REAL,
    experiments,
    painter_experiment,
    require_valid,
    segmenter_experiment,
)
from dermgan_jax.studies.segmentation_result import EXAMPLES_FILE, analyse, table
from dermgan_jax.studies.study_folder import (
    Report,
    adopt,
    identity,
    is_study,
    key_of,
    read_json,
    write_table,
)
from dermgan_jax.synthesis import made_by
from dermgan_jax.synthesis.drawing import Drawing
from dermgan_jax.synthesis.marked_images import MarkedImages
from dermgan_jax.synthesis.paint import IMAGES, MASK_COMMENT, MASKS, restored_painter
from dermgan_jax.train.loop import train

CHANGEABLE = ("title", "bootstrap", "data.dir", "arms", "seeds")
MADE, PART, EXAMPLES = "made.json", 64, 8
FOUND, KEY = "dice.npz", "key"  # what a segmenter reached on each test image


@dataclasses.dataclass(frozen=True)
class Study:
    """A segmentation study: its configuration, folder, and real images."""

    config: FrozenConfigDict
    folder: Path
    data: Catalogue

    @property
    def painter(self) -> Path:
        """Work directory of the painter."""
        given = self.config.synthesis.workdir
        return files.to_path(given) if given else self.folder / "painter"

    @property
    def painted(self) -> Path:
        """Where painted images and their masks lie."""
        return self.folder / "painted"

    def workdir(self, arm: str, seed: int) -> Path:
        """Of one segmenter."""
        return self.folder / arm / f"seed{seed}"


def run(config: FrozenConfigDict, path: Path, report: Report, weights: Path | None = None) -> str:
    """Trains every segmenter, compares the arms, writes segmentation.json and table.csv.

    Arguments and result as of `augmentation.run`, the configuration of
    `segmentation_config.segmentation`.

    Raises:
      UserError: if the configuration, the data, the painter or the folder is at fault.
    """
    del weights
    require_valid(config)
    if not is_study(path):
        require_trainable(experiments(config))
    study = Study(config, path, catalogue(painter_experiment(config).data))
    _require_answerable(study)
    adopt(config, path, CHANGEABLE)
    if _train_painter(study, report) != FINISHED:
        return PREEMPTED
    made = _paint(study)
    for arm in config.arms:
        for seed in config.seeds:
            if _train_segmenter(study, arm, seed, made, report) != FINISHED:
                return PREEMPTED
    result = analyse(config, _scores(study), _test_records(study), study.data)
    segmentation_result.write(result, path)
    write_table(path, table(result))
    return FINISHED


def _require_answerable(study: Study) -> None:
    groups = {study.data.records[row].group for row in study.data.indices(TEST)}
    if len(groups) < 2:
        noun = study.data.dataset.group_noun
        raise UserError(
            f"the test split has {len(groups)} {noun}s: no interval can be given; see "
            "data.split_fractions"
        )
    if study.config.synthesis.workdir:
        restored_painter(study.painter, study.config.synthesis.checkpoint)
        facts = checkpoint_facts(study.painter, study.config.synthesis.checkpoint)[1]
        provenance.require_same_data(facts, study.data, study.painter)


def _train_painter(study: Study, report: Report) -> str:
    if study.config.synthesis.workdir:
        return FINISHED
    workdir = WorkDir(study.painter)
    if not is_finished(workdir):
        print("== painter")
        experiment = config_schema.validate(painter_experiment(study.config))
        outcome = train(experiment, workdir.path)
        if outcome != FINISHED:
            return outcome
        report(workdir.path)
    return FINISHED


def _paint(study: Study) -> str:
    """Paints, unless the images lie there already; returns what identifies them."""
    synthesis, data = study.config.synthesis, study.data
    drawing = Drawing(seed=synthesis.seed, checkpoint=synthesis.checkpoint)
    restored = restore(study.painter, synthesis.checkpoint)
    fields = at_full_size(painter_experiment(study.config).data)
    rows = data.indices(TRAIN)
    rows = rows[np.arange(round(synthesis.per_real * len(rows))) % len(rows)]
    key = key_of(restored.run, restored.step, synthesis.seed, data.split_hash, len(rows))
    done = study.painted / MADE
    if done.is_file() and read_json(done)["key"] == key:
        return key
    files.remove_folder(study.painted)
    told = made_by.made_by(study.painter, restored, drawing)
    made_by.begin(study.painted / IMAGES, told)
    made, of_masks = MarkedImages(told, data.classes), MarkedImages(told, data.classes)
    known, shown = prepare_masks(data, fields), {}
    with progress_bar(len(rows), "painting") as bar:
        for first in range(0, len(rows), PART):
            part = rows[first : first + PART]
            masks = deform(np.asarray(known[part])[..., 0], synthesis.seed, first)
            labels = data.labels[part]
            images = to_uint8(
                paint(restored.model, restored.variables, masks, labels, synthesis.seed, first)
            )
            shown = shown or {"images": images[:EXAMPLES], "masks": masks[:EXAMPLES]}
            for place, image, mask, label in zip(
                range(first, first + len(part)), images, masks, labels, strict=True
            ):
                name = f"{folder_of(data.classes[label])}/{place:06d}.png"
                facts = {"index": place, "label": int(label)}
                made.save(image, study.painted / IMAGES, name, **facts)
                stored = stored_values(mask, fields)[..., None]
                of_masks.save(stored, study.painted / MASKS, name, comment=MASK_COMMENT, **facts)
            bar.update(len(part))
    made_by.end(study.painted / IMAGES, told, made.rows)
    files.write_arrays(study.folder / EXAMPLES_FILE, **shown)
    files.write_text(done, f'{{"key": "{key}"}}\n')
    return key


def _train_segmenter(study: Study, arm: str, seed: int, made: str, report: Report) -> str:
    """Trains one segmenter and keeps its Dice on the test images."""
    workdir = study.workdir(arm, seed)
    experiment = config_schema.validate(
        segmenter_experiment(
            *(study.config, arm, seed),
            *(str(study.painted / IMAGES), str(study.painted / MASKS)),
        )
    )
    key = key_of(
        *(identity(experiment), experiment.train.total_kimg, study.config.checkpoint),
        *(study.data.split_hash, None if arm == REAL else made),
    )
    kept = workdir / FOUND
    if kept.is_file():
        with files.open_arrays(kept) as arrays:
            if str(arrays[KEY]) == key:
                return FINISHED
    print(f"== {arm}, seed {seed}")
    outcome = train(experiment, workdir)
    if outcome != FINISHED:
        return outcome
    report(workdir)
    restored = restore(workdir, study.config.checkpoint)
    fields, rows = at_full_size(experiment.data), study.data.indices(TEST)
    images = select(prepare(study.data, fields).images, rows)
    masks = np.asarray(prepare_masks(study.data, fields)[rows])[..., 0]
    found = segment(restored.model, restored.variables, images)
    dice = segmentation_scores.dice(masks, found, num_classes(experiment.data))
    files.write_arrays(kept, dice=dice, **{KEY: np.array(key)})
    return FINISHED


def _scores(study: Study) -> dict[str, np.ndarray]:
    """Arm -> Dice (seeds, test images)."""

    def of(arm: str, seed: int) -> np.ndarray:
        with files.open_arrays(study.workdir(arm, seed) / FOUND) as arrays:
            return arrays["dice"]

    return {
        arm: np.stack([of(arm, seed) for seed in study.config.seeds]) for arm in study.config.arms
    }


def _test_records(study: Study):
    return [study.data.records[row] for row in study.data.indices(TEST)]
