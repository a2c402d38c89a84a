"""The report of an augmentation study: one HTML file, and its figures as files for papers."""

import dataclasses
import io
import itertools
import json
import math
from collections.abc import Sequence
from typing import Any

import matplotlib
import numpy as np
from matplotlib.figure import Figure
from PIL import Image

from dermgan_jax import files
from dermgan_jax.data.image_files import grid
from dermgan_jax.files import Path
from dermgan_jax.report import augmentation_figures
from dermgan_jax.report import augmentation_tables as tables
from dermgan_jax.report.augmentation_tables import arm_title
from dermgan_jax.report.html import environment, opened, picture, picture_of
from dermgan_jax.report.style import INK, STYLE, to_svg
from dermgan_jax.runs.workdir import WorkDir
from dermgan_jax.studies import augmentation_result, synthetic_sets
from dermgan_jax.studies.augmentation_arms import filtered_arms
from dermgan_jax.studies.augmentation_result import AugmentationResult

FIGURES = "figures"
WIDTH = 1200  # pixels of a picture, at most
COLUMNS, SHOWN = 4, 8  # of a sheet of examples
CAPTIONS = {
    "class_distribution": (
        "Class distribution",
        "Images in each split, and the synthetic ones that each arm adds to training.",
    ),
    "differences": (
        "Differences from the base arm",
        "Lines: 95 % intervals. Filled: told from zero after correction for several comparisons. "
        "AUC is multiplied by 100.",
    ),
    "overall": ("Overall scores", "Bars start at zero; lines are 95 % intervals."),
    "target": ("Scores of the class in question", "Lines are 95 % intervals."),
    "recall_change": (
        "Change of recall, class by class",
        "In brackets the {noun}s in the test set: few {noun}s, wide intervals. Filled: told from "
        "zero after correction.",
    ),
    "training_curves": (
        "Training curves",
        "On the validation images, first seed of each arm.",
    ),
    "filter": ("Filtered against unfiltered", "Lines are 95 % intervals."),
    "sweep": (
        "Gain by number of synthetic images",
        "Against the base arm, with 95 % intervals. The dashed line joins sets drawn alike.",
    ),
    "reliability": (
        "Reliability",
        "On the thin line, confidence is right; below it, the classifier is too sure of itself. "
        "Larger points are more images.",
    ),
    "leakage": ("What leakage into the test would have shown", "Lines are 95 % intervals."),
}


def build(path: Path) -> Path:
    """Writes STUDY/report.html and STUDY/figures/*.svg from STUDY/augmentation.json.

    Synthetic and real examples are taken from the files that the result names, and the best and
    worst of the filter from STUDY/synthetic; whatever is missing is left out.

    Args:
      path: folder of a finished study.

    Returns:
      The page's path.

    Raises:
      UserError: if the folder holds no finished study.
    """
    result = augmentation_result.read(path)
    figures = augmentation_figures.draw(result)
    titles = {name: caption(result, name)[0] for name in figures}
    svgs = {name: to_svg(figures[name], titles[name]) for name in figures}
    for name, figure in figures.items():
        files.write_text(path / FIGURES / f"{name}.svg", standalone(figure, titles[name], result))
    html = (
        environment()
        .get_template("augmentation.html.jinja")
        .render(
            result=result,
            verdicts=tables.verdicts(result),
            scores=tables.scores_table(result),
            differences=tables.differences_table(result),
            by_class=tables.class_table(result),
            leakage=tables.leakage_table(result),
            judged=tables.judged_table(result),
            learned_from=tables.learned_from(result),
            subgroups=tables.subgroups_table(result),
            drift=tables.drift_rows(result),
            accept_rates=tables.accept_rates(result),
            noun=result.group_noun,
            examples=examples(path, result),
            sheets=filter_sheets(path, result.arms),
            figures={
                name: {"title": titles[name], "svg": svgs[name], "note": caption(result, name)[1]}
                for name in figures
            },
            arm_title=arm_title,
            configuration=configuration(result),
        )
    )
    report = WorkDir(path).report
    files.write_text(report, html)
    return report


def configuration(result: AugmentationResult) -> str:
    """Of data and classifier, and what is known of the generator, as JSON text."""
    generator = dataclasses.asdict(result.generator) if result.generator else None
    told = {"data": result.data, "classifier": result.classifier, "generator": generator}
    return json.dumps(told, indent=2)


def caption(result: AugmentationResult, name: str) -> tuple[str, str]:
    """Title and note of a figure."""
    if name.startswith("confusion_"):
        return f"Confusion matrix, {arm_title(name.removeprefix('confusion_'))}", ""
    title, note = CAPTIONS[name]
    if name == "target":
        title = f"{title}, {result.target}"
    return title, note.format(noun=result.group_noun)


def standalone(figure: Figure, title: str, result: AugmentationResult) -> str:
    """A figure as an SVG file: ink on white, in fixed colours, which papers need."""
    if result.phantom:
        place = {"rotation": "vertical", "ha": "right", "va": "center"}
        figure.text(0.995, 0.5, "drawn phantoms, not real skin", fontsize=7, color=INK, **place)
        figure.get_layout_engine().set(rect=(0, 0, 0.96, 1))
    buffer = io.StringIO()
    with matplotlib.rc_context(STYLE):
        nothing = dict.fromkeys(("Creator", "Date", "Format", "Type"))
        metadata = {**nothing, "Title": f"{result.title}: {title}"}
        figure.savefig(buffer, format="svg", facecolor="white", metadata=metadata)
    return buffer.getvalue()


def examples(path: Path, result: AugmentationResult) -> list[dict[str, Any]]:
    """A sheet of real and one of synthetic images for each class that has synthetic ones."""
    real, made = result.examples.real, result.examples.synthetic
    pairs = [
        (name, {"real": _sheet(path, real.get(name, ())), "synthetic": _sheet(path, made[name])})
        for name in result.classes
        if made.get(name)
    ]
    return [{"name": name, **sheets} for name, sheets in pairs if sheets["synthetic"]]


def _sheet(path: Path, names: Sequence[str]) -> dict[str, Any] | None:
    """The images that are there, as large as the first of them."""
    present = [path / name for name in names[:SHOWN] if (path / name).is_file()]
    if not present:
        return None
    images: list[np.ndarray] = []
    for each in present:
        with opened(each) as image:
            size = images[0].shape[1::-1] if images else image.size
            images.append(np.asarray(image.convert("RGB").resize(size, Image.Resampling.LANCZOS)))
    rows = math.ceil(len(images) / COLUMNS)
    return picture(Image.fromarray(grid(np.stack(images), rows, COLUMNS)), WIDTH)


def filter_sheets(path: Path, arms: Sequence[str]) -> list[tuple[str, dict[str, Any]]]:
    """Which contact sheets of the first filtered arm are there: ("best" or "worst", picture)."""
    found = []
    for arm, which in itertools.product(filtered_arms(arms)[:1], ("best", "worst")):
        # Images smaller than the study's were filtered before they were enlarged.
        made = path / "synthetic" / synthetic_sets.NATIVE
        sheet = (made if made.is_dir() else made.parent) / f"{arm}_{which}.png"
        if sheet.is_file():
            found.append((which, picture_of(sheet, WIDTH)))
    return found
