"""Scores images with a trained detector: a table, heat maps, and sheets of the extremes.

Without images of the user's own, the run's test split is scored, beside all baselines.
"""

import collections
import csv
import dataclasses
import io
import json
from collections.abc import Sequence
from pathlib import PurePath
from typing import Any

import numpy as np

from dermgan_jax import files
from dermgan_jax.data import heat_map, image_marks
from dermgan_jax.data.contact_sheet import contact_sheet
from dermgan_jax.data.decode import SUFFIXES, require_grey
from dermgan_jax.data.image_files import save_image
from dermgan_jax.data.image_sets import CHUNK, ImageSet, open_images, select, spool
from dermgan_jax.data.npz_images import Range
from dermgan_jax.data.prepare import FITS, at_full_size, prepare
from dermgan_jax.data.set_reader import SetReader
from dermgan_jax.errors import UserError
from dermgan_jax.evaluation.anomaly import comparison, result
from dermgan_jax.evaluation.anomaly.baseline import Detected
from dermgan_jax.evaluation.anomaly.protocol import Roles, normal_validation, roles_of
from dermgan_jax.files import Path
from dermgan_jax.models.detector import Detector
from dermgan_jax.runs.restore import LATEST, Restored, restore
from dermgan_jax.runs.training_data import TrainingData
from dermgan_jax.statistics import detection
from dermgan_jax.synthesis import output_folder
from dermgan_jax.synthesis.image_folder import named_images

SCORES_FILE, HEAT_FOLDER = "scores.csv", "heat"
MOST_NORMAL, LEAST_NORMAL = "most_normal.png", "least_normal.png"
SHEET = (4, 6)  # rows and columns
LEAST_SIDE = 256  # pixels; heat maps of smaller images are enlarged
COMMENT = "anomaly map: what the model cannot draw; it is no finding"


@dataclasses.dataclass(frozen=True)
class Scored:
    """Images with what a detector says of them.

    Attributes:
      names: N, unique.
      images: uint8 (N, H, W, C).
      detected: their scores and maps.
      normal: what it says of normal validation images, which thresholds and the scale of the maps
        are taken from; None if these are not known.
      class_names: N, or empty where classes are not known.
      abnormal: bool (N,), or None where that is not known.
    """

    names: Sequence[str]
    images: ImageSet
    detected: Detected
    normal: Detected | None
    class_names: Sequence[str] = ()
    abnormal: np.ndarray | None = None


def restore_detector(workdir: Path, checkpoint: str = LATEST) -> Restored:
    """A detector as its checkpoint holds it.

    Raises:
      UserError: if there is no such checkpoint, it is of no detector, or its curriculum has not
        come to what detection needs.
    """
    found = restore(workdir, checkpoint)
    if not isinstance(found.model, Detector):
        raise UserError(
            f"{workdir} holds a {found.model.config.model.name}, which detects nothing: give the "
            "--workdir of a detector, such as fanogan"
        )
    missing = found.model.not_yet(found.stage)
    if missing:
        raise UserError(f"{workdir}, checkpoint {found.step}: {missing}")
    return found


def detect_images(
    workdir: Path,
    source: Path,
    out: Path,
    checkpoint: str = LATEST,
    overwrite: bool = False,
    value_range: Range | None = None,
) -> None:
    """Scores the images of a folder or an .npz.

    Args:
      workdir: of a detector.
      source: a folder, its subfolders included, of images of any size, cut and resized as those of
        training; or an .npz with the key `images`, of the size of training, in [-1, 1] or uint8.
      out: folder for scores.csv, heat/, most_normal.png and least_normal.png.
      checkpoint: "latest", "best" or a step.
      overwrite: remove what the program wrote to the folder before.
      value_range: of floats in an .npz that does not tell it.

    Raises:
      UserError: if the model or an image is at fault, or the folder holds images of anything else.
    """
    restored = restore_detector(workdir, checkpoint)
    asked = _asked(restored, input=str(files.absolute(source)))
    output_folder.require_room(out, asked, overwrite)
    names, images = _opened(source, restored, value_range)
    detect = comparison.trained_detect(restored)
    scored = Scored(names, images, detect(images), _of_normal(workdir, restored))
    with output_folder.filling(out, asked, _files(names), overwrite) as folder:
        _write(scored, folder, restored)
    print(f"{len(names)} images scored in {out / SCORES_FILE}")


def judge_on_test_split(
    workdir: Path,
    out: Path,
    checkpoint: str = LATEST,
    baselines: Sequence[str] | None = None,
    weights: Path | None = None,
    overwrite: bool = False,
) -> result.DetectionResult:
    """Scores the run's own test images, and holds the detector against the baselines.

    detection.json is written to `out` and to the work directory, whose report shows it.

    Args:
      workdir: of a detector, whose data set is there.
      out: as of `detect_images`.
      checkpoint: "latest", "best" or a step.
      baselines: names; all by default, none of them by ("none",).
      weights: folder where weights are looked for first.
      overwrite: remove what the program wrote to the folder before.

    Raises:
      UserError: if the model or the data are at fault, the test split has no abnormal images, or
        the folder holds images of anything else.
    """
    names = comparison.baseline_names(baselines)
    restored = restore_detector(workdir, checkpoint)
    asked = _asked(restored, baselines=list(names))
    output_folder.require_room(out, asked, overwrite)
    roles = roles_of(workdir)
    detect = comparison.trained_detect(restored)
    own = comparison.answers_of(
        result.TRAINED, restored.model.config.model.name, restored.model.score_terms, detect, roles
    )
    others, left_out = comparison.baseline_answers(names, roles, weights)
    for name, why in left_out.items():
        print(f"warning: the baseline {name} is left out: {why}")
    data_config = restored.model.config.data
    found = comparison.compare(restored, data_config, roles, [own, *others], left_out)
    scored = _scored(roles, own.test, detect(roles.validation))
    written = [*_files(scored.names), result.RESULT_FILE]
    with output_folder.filling(out, asked, written, overwrite) as folder:
        _write(scored, folder, restored)
        result.write(found, folder)
    result.write(found, workdir)
    return found


def _asked(restored: Restored, **choices: Any) -> dict[str, Any]:
    """What the files depend on, for `output_folder.filling`."""
    return {"command": "detect", "run": restored.run, "checkpoint": restored.step, **choices}


def _files(names: Sequence[str]) -> list[str]:
    """What `_write` writes of images of these names."""
    heat = [f"{HEAT_FOLDER}/{name}" for name in heat_names(names)]
    return [SCORES_FILE, MOST_NORMAL, LEAST_NORMAL, *heat]


def _scored(roles: Roles, detected: Detected, normal: Detected) -> Scored:
    return Scored(roles.names, roles.test, detected, normal, roles.class_names, roles.abnormal)


def _of_normal(workdir: Path, restored: Restored) -> Detected | None:
    """What is said of the run's normal validation images; None, said, where they are not here."""
    try:
        data = TrainingData(workdir)
    except UserError as error:
        print(
            "note: without the run's validation images there is no threshold, and heat maps are "
            f"scaled by these images' own ({error})"
        )
        return None
    rows = normal_validation(data.catalogue)
    images = select(prepare(data.catalogue, at_full_size(data.config)).images, rows)
    return comparison.trained_detect(restored)(images)


def _opened(
    source: Path, restored: Restored, value_range: Range | None
) -> tuple[list[str], ImageSet]:
    """Names, and images as the model takes them."""
    spec, data_config = restored.model.data, restored.model.config.data
    if source.suffix == ".npz":
        images = open_images(source, spec.channels, value_range=value_range)
        if images.shape[1:3] != (spec.height, spec.width):
            raise UserError(
                f"images in {source} are {images.shape[2]}x{images.shape[1]} pixels, and the model "
                f"learned from {spec.width}x{spec.height}: resize them, or give a folder of files"
            )
        return [f"{i:06d}" for i in range(len(images))], images
    named = named_images(source)
    paths = list(named)
    reader = SetReader.of(paths, data_config, spec.channels)

    def read(path: Path) -> np.ndarray:
        if spec.channels == 1:
            require_grey(path, data_config.frame)
        return FITS[data_config.fit](reader(path), spec.height)

    return [name.as_posix() for name in named.values()], spool(read(path)[None] for path in paths)


def _write(scored: Scored, out: Path, restored: Restored) -> None:
    """scores.csv, heat maps and the two sheets.

    Maps are on the scale of normal validation images: what one of their pixels in two hundred
    exceeds is covered most.
    """
    files.make_folder(out)
    files.write_text(out / SCORES_FILE, _table(scored))
    maps, top = scored.detected.maps, heat_map.top_of((scored.normal or scored.detected).maps)
    pictures = heat_names(scored.names)
    for first in range(0, len(scored.names), CHUNK):
        rows = np.arange(first, min(first + CHUNK, len(scored.names)))
        covered = heat_map.over(np.asarray(scored.images[rows]), maps[rows], top)
        for row, picture in zip(rows, covered, strict=True):
            _save(enlarged(picture), out / HEAT_FOLDER / pictures[row], restored)
    order = np.argsort(scored.detected.scores, kind="stable")
    num = SHEET[0] * SHEET[1] // 2
    for name, rows in ((MOST_NORMAL, order[:num]), (LEAST_NORMAL, order[::-1][:num])):
        _save(_sheet(scored, rows, top), out / name, restored)


def _save(picture: np.ndarray, path: Path, restored: Restored) -> None:
    told = image_marks.with_digest({"run": restored.run, "checkpoint": restored.step}, picture)
    save_image(picture, path, {"Comment": COMMENT, image_marks.KEY: json.dumps(told)})


def heat_names(names: Sequence[str]) -> list[str]:
    """Files of heat maps: the images' names, ending in .png in place of what images end in.

    Of images that differ in their ending only, it is put after that.
    """
    stems = [
        name.removesuffix(suffix) if suffix.lower() in SUFFIXES else name
        for name in names
        for suffix in [PurePath(name).suffix]
    ]
    count = collections.Counter(stems)
    return [
        f"{stem if count[stem] == 1 else name}.png" for name, stem in zip(names, stems, strict=True)
    ]


def enlarged(picture: np.ndarray) -> np.ndarray:
    """uint8 (H, W, C), its pixels repeated until the shorter side has 256."""
    factor = -(-LEAST_SIDE // min(picture.shape[:2]))
    return picture.repeat(factor, 0).repeat(factor, 1)


def _sheet(scored: Scored, rows: np.ndarray, top: float) -> np.ndarray:
    """Images beside their heat maps; captions: score, and class or name."""
    images = np.asarray(scored.images[rows])
    covered = heat_map.over(images, scored.detected.maps[rows], top)
    cells, captions = [], []
    for row, image, heat in zip(rows, images, covered, strict=True):
        title = scored.class_names[row] if scored.class_names else PurePath(scored.names[row]).name
        cells += [np.broadcast_to(image, heat.shape), heat]
        captions += [f"{scored.detected.scores[row]:.4g}\n{title[:20]}", ""]
    return contact_sheet(cells, captions, SHEET[1])


def _table(scored: Scored) -> str:
    """One line per image, in the order of the images.

    "normal_above" is the share of normal validation images whose score is higher: 0.05 and less is
    beyond the threshold.
    """
    header, normal = ["name", "score"], scored.normal and scored.normal.scores
    if normal is not None:
        header += ["normal_above", "abnormal_at_95"]
        threshold = detection.threshold(normal)
    if scored.class_names:
        header += ["class", "abnormal"]
    text = io.StringIO()
    lines = csv.writer(text, lineterminator="\n")
    lines.writerow(header)
    for i, (name, score) in enumerate(zip(scored.names, scored.detected.scores, strict=True)):
        line = [name, f"{score:.6g}"]
        if normal is not None:
            line += [f"{(normal > score).mean():.4f}", "yes" if score > threshold else "no"]
        if scored.class_names:
            line += [scored.class_names[i], "yes" if scored.abnormal[i] else "no"]
        lines.writerow(line)
    return text.getvalue()
