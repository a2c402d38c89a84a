"""Sheets of pairs of images that are alike, side by side, so that people can judge."""

from collections.abc import Sequence

import numpy as np
from PIL import Image

from dermgan_jax.data.contact_sheet import contact_sheet
from dermgan_jax.data.duplicates import Pair
from dermgan_jax.data.image_files import PAPER
from dermgan_jax.data.records import Dataset
from dermgan_jax.errors import printable

SIDE = 160  # pixels of each image
COLUMNS = 4
NAME = 24  # characters of a name that are shown, its last ones


def pairs_sheet(dataset: Dataset, pairs: Sequence[Pair], notes: Sequence[str] = ()) -> np.ndarray:
    """The images of each pair beside each other, whole, names and agreement below: uint8 (H, W, 3).

    Args:
      dataset: whose records pairs are positions in.
      pairs: at least one.
      notes: a line more for each pair.
    """
    cells, captions = [], []
    for row, pair in enumerate(pairs):
        sides = [dataset.records[position] for position in pair[:2]]
        pictures = [_whole(dataset.read(record)) for record in sides]
        if pair.mirrored:
            pictures[0] = pictures[0][:, ::-1]
        cells.append(np.concatenate(pictures, axis=1))
        names = [printable(record.id, but="")[-NAME:] for record in sides]
        how = f"agreement {pair.agreement:.1f}" + ", mirrored" * pair.mirrored
        captions.append("\n".join([*names, how, *notes[row : row + 1]]))
    used = np.flatnonzero((np.stack(cells) != PAPER).any((0, 2, 3)))
    cells = [cell[used[0] : used[-1] + 1] for cell in cells] if len(used) else cells
    return contact_sheet(cells, captions, COLUMNS)


def _whole(image: np.ndarray) -> np.ndarray:
    """An image on a square of `SIDE`: uint8 (SIDE, SIDE, 3)."""
    height, width = image.shape[:2]
    factor = SIDE / max(height, width)
    size = max(round(width * factor), 1), max(round(height * factor), 1)
    picture = Image.fromarray(np.ascontiguousarray(np.broadcast_to(image, (height, width, 3))))
    square = np.full((SIDE, SIDE, 3), PAPER, np.uint8)
    small = np.asarray(picture.resize(size, Image.Resampling.BICUBIC))
    top, left = (SIDE - size[1]) // 2, (SIDE - size[0]) // 2
    square[top : top + size[1], left : left + size[0]] = small
    return square
