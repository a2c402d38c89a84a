"""What an audit writes: its result, a table of all pairs, and a sheet of the closest."""

import csv
import io
import json
from pathlib import PurePosixPath
from typing import Any

import numpy as np

from dermgan_jax import files
from dermgan_jax.data.contact_sheet import contact_sheet
from dermgan_jax.evaluation.copy_detection import (
    CLOSE,
    EXACT,
    NEAR_COPY,
    Compared,
    Distances,
    Findings,
)
from dermgan_jax.files import Path
from dermgan_jax.synthesis.marked_images import save_sheet

SHOWN = 8  # pairs of each kind on the sheet
SHEET_COMMENT = (
    "synthetic images, each beside the real one that is most like it; right of them unseen real "
    "images, likewise"
)


def write(
    out: Path,
    result: dict[str, Any],
    found: Findings,
    train: Compared,
    fake: Compared,
    pairs: np.ndarray,
) -> None:
    """Writes audit.json, pairs.csv (each synthetic image with its nearest) and pairs.png."""
    files.write_text(out / "audit.json", json.dumps(result, indent=2) + "\n")
    typical = float(np.median(found.held_out.nearest))
    table = io.StringIO()
    writer = csv.writer(table, lineterminator="\n")
    writer.writerow(
        ("name", "distance", "ratio", "original", "mirrored", "near_copy_below_1", "verdict")
    )
    for i, row in enumerate(found.distinct):
        index, mirrored, relative = found.match(found.fake, i)
        distance = float(found.fake.nearest[i])
        writer.writerow(
            (
                fake.names[row],
                f"{distance:.6g}",
                f"{distance / typical:.6g}",
                train.names[index],
                int(mirrored),
                f"{relative:.6g}",
                found.verdicts[i],
            )
        )
    files.write_text(out / "pairs.csv", table.getvalue())
    save_sheet(pairs, out / "pairs.png", fake.source.made_by, SHEET_COMMENT)


def sheet(found: Findings, train: Compared, fake: Compared, unseen: Compared) -> np.ndarray:
    """Rows of a synthetic image, its training image, a held-out image and its training image.

    Synthetic ones are sorted by what was found of them, then by likeness; held-out ones are the
    most alike. Below the training image are the feature distance to the nearest one and the second
    distance over its threshold.
    """
    severity = [(EXACT, NEAR_COPY, CLOSE, "").index(verdict) for verdict in found.verdicts]
    likeness = [found.match(found.fake, i)[2] for i in range(len(found.distinct))]
    order = np.lexsort((likeness, severity))[:SHOWN]
    alike = [found.match(found.held_out, i)[2] for i in range(len(found.held_out_rows))]
    beside = np.argsort(alike, kind="stable")[:SHOWN]
    left = [
        _pair(found, found.fake, i, fake, found.distinct[i], found.verdicts[i] or "closest", train)
        for i in order
    ]
    right = [
        _pair(found, found.held_out, i, unseen, found.held_out_rows[i], "held out", train)
        for i in beside
    ]
    blank = [(np.full_like(left[0][0][0], 255), "")] * 2
    images, captions = [], []
    for row in range(max(len(left), len(right))):
        for side in (left, right):
            for image, caption in side[row] if row < len(side) else blank:
                images.append(image)
                captions.append(caption)
    return contact_sheet(images, captions, columns=4)


def _pair(
    found: Findings,
    distances: Distances,
    i: int,
    source: Compared,
    row: int,
    title: str,
    train: Compared,
) -> list[tuple[np.ndarray, str]]:
    """An image and the training image most like it, with their captions."""
    index, mirrored, relative = found.match(distances, i)
    measured = f"{distances.nearest[i]:.3g} / {relative:.2f}" + ", mirrored" * mirrored
    return [
        (
            source.images[np.array([row])][0],
            f"{title}\n{PurePosixPath(source.names[row]).name}",
        ),
        (
            train.images[np.array([index])][0],
            f"{measured}\n{PurePosixPath(train.names[index]).name}",
        ),
    ]
