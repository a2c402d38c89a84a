"""Style mixing: coarse layers of one image, fine layers of another (Karras et al. 2019, figure 3).

Shows what a trained generator keeps in which layers: shape and place of the lesion in the coarse
ones, colour and texture in the fine ones.
"""

import dataclasses

import numpy as np

from dermgan_jax.data.image_files import grid, large_enough
from dermgan_jax.data.pixel_range import to_uint8
from dermgan_jax.errors import UserError
from dermgan_jax.files import Path
from dermgan_jax.models import sampling
from dermgan_jax.models.contract import StyleSampler
from dermgan_jax.synthesis.drawing import Drawing
from dermgan_jax.synthesis.marked_images import save_sheet
from dermgan_jax.synthesis.trained_sampler import TrainedSampler


def mixed(rows: np.ndarray, columns: np.ndarray, crossover: int) -> np.ndarray:
    """Styles (R, C, layers, D): the first `crossover` layers of the row, the others of the column.

    Args:
      rows: styles (R, layers, D).
      columns: styles (C, layers, D).
      crossover: 0 to layers.
    """
    shape = (len(rows), len(columns), *rows.shape[1:])
    styles = np.broadcast_to(columns[None], shape).copy()
    styles[:, :, :crossover] = rows[:, None, :crossover]
    return styles


def mix_styles(
    workdir: Path,
    out: Path,
    num: int,
    drawing: Drawing,
    crossover: int | None = None,
    mark: bool = False,
) -> None:
    """Writes a sheet: sources on the left and on top, their mixtures between.

    Args:
      workdir: a run of a model with styles.
      out: the file, such as sheet.png.
      num: sources on either side.
      drawing: of the sources.
      crossover: layers taken from the left; half of them if not given.
      mark: draw a visible mark into a corner of the sheet, see `corner_mark`.

    Raises:
      UserError: if the model has no styles or not so many layers.
    """
    sampler = TrainedSampler(workdir, drawing)
    model, variables = sampler.model, sampler.variables
    if not isinstance(model, StyleSampler):
        raise UserError(f"{workdir} holds a {model.config.model.name}, which has no styles to mix")
    latents, labels = sampler.latents(2 * num), sampler.labels(2 * num)
    styles = sampling.styles(
        *(model, variables, latents, labels),
        *(drawing.truncation, drawing.truncation_cutoff),
    )
    layers = styles.shape[1]
    crossover = layers // 2 if crossover is None else crossover
    if not 0 < crossover < layers:
        raise UserError(f"--crossover is {crossover}; expected 1 to {layers - 1}")
    left, top = styles[:num], styles[num:]
    between = mixed(left, top, crossover).reshape(num * num, *styles.shape[1:])
    images = sampling.synthesize(model, variables, np.concatenate([styles, between]))
    told = dataclasses.replace(sampler.made_by, corner_mark=mark)
    save_sheet(_sheet(to_uint8(images), num), out, told)
    print(f"synthetic images in {out}: the first {crossover} of {layers} layers from the left")


def _sheet(images: np.ndarray, num: int) -> np.ndarray:
    """Left sources, top sources and mixtures, uint8 (2 N + N², H, W, C), as one sheet
    on which small ones are enlarged."""
    left, top, between = np.split(images, [num, 2 * num])
    blank = np.full_like(images[:1], 255)
    rows = [blank, top]
    for row in range(num):
        rows += [left[row : row + 1], between[row * num : (row + 1) * num]]
    return grid(large_enough(np.concatenate(rows)), num + 1, num + 1)
