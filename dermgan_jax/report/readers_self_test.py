"""The page of a reader study's self-test: what would give the truth away, and by which images."""

from typing import Any

import numpy as np
from PIL import Image

from dermgan_jax import files
from dermgan_jax.data.decode import read_image
from dermgan_jax.data.image_files import grid
from dermgan_jax.files import Path
from dermgan_jax.readers.build import Made
from dermgan_jax.readers.folder import StudyFolder
from dermgan_jax.readers.separability import Separability
from dermgan_jax.report.html import environment, picture

WIDTH = 900  # pixels of a sheet, at most


def build(made: Made) -> Path:
    """Writes STUDY/private/self_test.html, released or not; returns its path."""
    tested = made.tested
    html = (
        environment()
        .get_template("readers_self_test.html.jinja")
        .render(
            title=made.design.title,
            study=made.design.study,
            phantom=made.design.phantom,
            practice=any(block.practice for block in made.design.blocks),
            tested=tested,
            faults=tested.faults(),
            warnings=tested.warnings(),
            probes=[
                ("files", "what the files tell", _rows(tested.files)),
                ("content", "simple cues in the pixels", _rows(tested.content)),
            ],
            plan=made.plan.text(),
            notes=made.notes,
            size=made.design.size,
            sheets={
                truth: _sheet(made.folder, ids) for truth, ids in tested.relied_on.items() if ids
            },
        )
    )
    page = made.folder.self_test_page
    files.write_text(page, html)
    return page


def _rows(probe: Separability) -> dict[str, Any]:
    """The probe's AUC, the AUC of each feature that varies, and the features that do not."""
    alone = sorted(zip(probe.names, probe.single, strict=True), key=lambda row: -row[1])
    return {
        "auc": f"{probe.auc:.2f}",
        "interval": f"{probe.low:.2f} … {probe.high:.2f}",
        "beats_chance": probe.beats_chance,
        "varying": [(name, f"{area:.2f}") for name, area in alone if name in probe.varying],
        "constant": [name for name in probe.names if name not in probe.varying],
    }


def _sheet(folder: StudyFolder, ids: list[str]) -> dict[str, Any]:
    images = np.stack([read_image(folder.image_file(name), 3) for name in ids])
    return picture(Image.fromarray(grid(images, 1, len(ids))), WIDTH)
