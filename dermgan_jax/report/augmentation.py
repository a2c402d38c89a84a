"""The report of an augmentation study: one HTML file, and its figures as files for papers."""

import io
import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from markupsafe import Markup, escape
from matplotlib.figure import Figure
from PIL import Image

from dermgan_jax.data.image_files import grid
from dermgan_jax.errors import UserError
from dermgan_jax.report import augmentation_figures
from dermgan_jax.report import augmentation_tables as tables
from dermgan_jax.report.augmentation_tables import Result, arm_title
from dermgan_jax.report.html import environment, picture
from dermgan_jax.report.style import INK, STYLE, to_svg
from dermgan_jax.runs.workdir import write_atomically

RESULT_FILE, REPORT_FILE, FIGURES = "augmentation.json", "report.html", "figures"
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
        "In brackets the lesions in the test set: few lesions, wide intervals. Filled: told from "
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
    "leakage": ("What leaking lesions would have shown", "Lines are 95 % intervals."),
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
    if not (path / RESULT_FILE).is_file():
        raise UserError(
            f"{path} holds no finished augmentation study: {RESULT_FILE} is missing; run the study "
            "to its end first"
        )
    result = json.loads((path / RESULT_FILE).read_text())
    figures = augmentation_figures.draw(result)
    titles = {name: caption(result, name)[0] for name in figures}
    svgs = {name: Markup(to_svg(figures[name], escape(titles[name]))) for name in figures}
    folder = path / FIGURES
    folder.mkdir(exist_ok=True)
    for name, figure in figures.items():
        write_atomically(folder / f"{name}.svg", standalone(figure, titles[name], result))
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
            examples=examples(path, result),
            sheets=filter_sheets(path),
            figures={
                name: {"title": titles[name], "svg": svgs[name], "note": caption(result, name)[1]}
                for name in figures
            },
            arm_title=arm_title,
            configuration=json.dumps(
                {key: result.get(key) for key in ("data", "classifier", "generator")}, indent=2
            ),
        )
    )
    write_atomically(path / REPORT_FILE, html)
    return path / REPORT_FILE


def caption(result: Result, name: str) -> tuple[str, str]:
    """Title and note of a figure."""
    if name.startswith("confusion_"):
        return f"Confusion matrix, {arm_title(name.removeprefix('confusion_'))}", ""
    title, note = CAPTIONS[name]
    return (f"{title}, {result['target']}" if name == "target" else title), note


def standalone(figure: Figure, title: str, result: Result) -> str:
    """A figure as an SVG file: ink on white, in fixed colours, which papers need."""
    if result.get("phantom"):
        place = {"rotation": "vertical", "ha": "right", "va": "center"}
        figure.text(0.995, 0.5, "drawn phantoms, not real skin", fontsize=7, color=INK, **place)
        figure.get_layout_engine().set(rect=(0, 0, 0.96, 1))
    buffer = io.StringIO()
    with matplotlib.rc_context(STYLE):
        nothing = dict.fromkeys(("Creator", "Date", "Format", "Type"))
        metadata = {**nothing, "Title": f"{result['title']}: {title}"}
        figure.savefig(buffer, format="svg", facecolor="white", metadata=metadata)
    return buffer.getvalue()


def examples(path: Path, result: Result) -> list[dict[str, Any]]:
    """A sheet of real and one of synthetic images for each class that has synthetic ones."""
    found = result.get("examples") or {}
    real, made = (found.get(kind) or {} for kind in ("real", "synthetic"))
    pairs = [
        (name, {"real": _sheet(path, real.get(name, ())), "synthetic": _sheet(path, made[name])})
        for name in result["classes"]
        if made.get(name)
    ]
    return [{"name": name, **sheets} for name, sheets in pairs if sheets["synthetic"]]


def _sheet(path: Path, names: Sequence[str]) -> dict[str, Any] | None:
    """The images that are there, as large as the first of them."""
    files = [path / name for name in names[:SHOWN] if (path / name).is_file()]
    if not files:
        return None
    images = []
    for file in files:
        with Image.open(file) as image:
            size = images[0].shape[1::-1] if images else image.size
            images.append(np.asarray(image.convert("RGB").resize(size, Image.Resampling.LANCZOS)))
    rows = math.ceil(len(images) / COLUMNS)
    return picture(Image.fromarray(grid(np.stack(images), rows, COLUMNS)), WIDTH)


def filter_sheets(path: Path) -> list[tuple[str, dict[str, Any]]]:
    """Which of the filter's contact sheets are there: ("best" or "worst", picture)."""
    found = []
    for which in ("best", "worst"):
        file = path / "synthetic" / f"filtered_{which}.png"
        if file.is_file():
            with Image.open(file) as image:
                found.append((which, picture(image, WIDTH)))
    return found
