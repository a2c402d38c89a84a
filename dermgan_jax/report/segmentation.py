"""The report of a segmentation study: one HTML file that needs nothing beside it."""

import matplotlib
import numpy as np
from matplotlib.figure import Figure
from PIL import Image

from dermgan_jax.data.image_files import grid
from dermgan_jax.data.mask_pictures import mask_picture
from dermgan_jax.files import Path
from dermgan_jax.report.figures import new_figure
from dermgan_jax.report.html import arrays, picture, write_page
from dermgan_jax.report.style import SERIES, STYLE, to_svg
from dermgan_jax.runs.workdir import WorkDir
from dermgan_jax.studies import segmentation_result
from dermgan_jax.studies.segmentation_result import (
    EXAMPLES_FILE,
    WORDS,
    SegmentationResult,
    sentence,
)

WIDTH = 1200  # pixels of a picture, at most


def build(path: Path) -> Path:
    """Writes STUDY/report.html from STUDY/segmentation.json and the examples beside it."""
    result = segmentation_result.read(path)
    images, masks = arrays(path / EXAMPLES_FILE, "images", "masks")
    cells = np.concatenate([mask_picture(masks, images.shape[-1]), images])
    sheet = Image.fromarray(grid(cells, 2, len(images)).squeeze())
    parts = {
        "result": result,
        "sentence": sentence(result),
        "words": WORDS,
        "figure": to_svg(figure(result), "Dice of each arm"),
        "sheet": picture(sheet, WIDTH),
    }
    return write_page(WorkDir(path).report, "segmentation.html.jinja", parts)


def figure(result: SegmentationResult) -> Figure:
    """Mean Dice of each arm with its interval, and of each training."""
    with matplotlib.rc_context(STYLE):
        drawn, axes = new_figure("Dice on real test images")
        names = list(result.arms)
        for place, name in enumerate(names):
            arm = result.arms[name]
            axes.plot([place, place], arm.interval, color=SERIES[0], linewidth=2)
            axes.plot(place, arm.dice, "o", color=SERIES[0], markersize=7)
            axes.plot(
                [place + 0.12] * len(arm.seeds), arm.seeds, ".", color=SERIES[1], markersize=6
            )
        labels = [WORDS[name].replace(" images", "\nimages") for name in names]
        axes.set_xticks(range(len(names)), labels)
        axes.set_xlim(-0.5, len(names) - 0.5)
        axes.set_xlabel("")
    return drawn
