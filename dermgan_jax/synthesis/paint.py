"""Images from a folder of masks: OUT/images/… and, by the same names, the masks in OUT/masks/…"""

import dataclasses
from collections import Counter

import numpy as np

from dermgan_jax import files
from dermgan_jax.data.class_folders import class_of, folder_of
from dermgan_jax.data.decode import SUFFIXES, find_images
from dermgan_jax.data.faults import DataError, lines
from dermgan_jax.data.mask_deformation import deform
from dermgan_jax.data.masks import decode_files, stored_values
from dermgan_jax.data.pixel_range import to_uint8
from dermgan_jax.data.prepare import at_full_size
from dermgan_jax.errors import UserError
from dermgan_jax.files import Path
from dermgan_jax.models.painter import Painter, paint
from dermgan_jax.progress_bar import progress_bar
from dermgan_jax.registry import did_you_mean
from dermgan_jax.runs.restore import Restored, restore
from dermgan_jax.synthesis import made_by, output_folder
from dermgan_jax.synthesis.drawing import Drawing
from dermgan_jax.synthesis.image_folder import synthetic_name
from dermgan_jax.synthesis.marked_images import MarkedImages

IMAGES, MASKS = "images", "masks"  # subfolders of what is written
PART = 64  # masks in memory at a time
MASK_COMMENT = "mask of a synthetic image"


@dataclasses.dataclass(frozen=True)
class Masks:
    """Masks to be painted.

    Attributes:
      paths: of their files.
      names: where each image goes below OUT/images, without a suffix.
      labels: int32 (N,), of the images to be.
    """

    paths: list[Path]
    names: list[Path]
    labels: np.ndarray


def paint_masks(
    workdir: Path,
    masks: Path,
    out: Path,
    drawing: Drawing,
    deformed: bool = False,
    num: int | None = None,
    overwrite: bool = False,
    mark: bool = False,
) -> None:
    """Writes an image for every mask, and the masks as they were painted beside them.

    Of NAME.png both are called synthetic_NAME.png. Masks are cut and resized as the training images
    were.

    Args:
      workdir: of a painter.
      masks: a folder, its subfolders included; where the model is conditional and no class is asked
        for, the mask's folder names it.
      out: folder.
      drawing: which checkpoint, class and seed.
      deformed: paint other shapes than the given ones, see `data.mask_deformation`.
      num: how many; masks begin again where they are fewer. None: as many as there are masks.
      overwrite: remove what the program wrote to the folder before.
      mark: draw a visible mark into a corner of each image, see `corner_mark`.

    Raises:
      UserError: if the model, the class or a mask is at fault, or the folder holds images of
        anything else.
    """
    restored = restored_painter(workdir, drawing.checkpoint)
    found = _listed(masks, restored, drawing.label, num, deformed)
    told = dataclasses.replace(
        made_by.made_by(workdir, restored, drawing),
        input=f"{files.absolute(masks)}{', deformed' if deformed else ''}",
        corner_mark=mark,
    )
    asked = told.asked("generate --masks")
    names = [f"{part}/{name.as_posix()}.png" for part in (IMAGES, MASKS) for name in found.names]
    with output_folder.filling(out, asked, names, overwrite) as folder:
        made_by.begin(folder / IMAGES, told)
        made = MarkedImages(told, restored.classes if restored.model.conditional else ())
        _write(restored, found, folder, drawing.seed, deformed, made)
        made_by.end(folder / IMAGES, told, made.rows)
    print(
        f"{len(found.paths)} synthetic images of checkpoint {told.checkpoint} in {out / IMAGES}, "
        f"their masks in {out / MASKS}"
    )


def _write(
    restored: Restored, found: Masks, out: Path, seed: int, deformed: bool, made: MarkedImages
) -> None:
    """Paints, a part at a time."""
    data = at_full_size(restored.model.config.data)
    masks = MarkedImages(dataclasses.replace(made.told, corner_mark=False), made.classes)
    with progress_bar(len(found.paths), "painting") as bar:
        for first in range(0, len(found.paths), PART):
            part = slice(first, first + PART)
            classes = np.stack([_decoded(path, data) for path in found.paths[part]])
            if deformed:
                classes = deform(classes, seed, first)
            images = paint(
                restored.model, restored.variables, classes, found.labels[part], seed, first
            )
            painted = zip(to_uint8(images), stored_values(classes, data), strict=True)
            for index, (image, mask) in enumerate(painted, first):
                name = f"{found.names[index].as_posix()}.png"
                facts = {"index": index, "label": int(found.labels[index])}
                made.save(image, out / IMAGES, name, **facts)
                masks.save(mask[..., None], out / MASKS, name, comment=MASK_COMMENT, **facts)
            bar.update(len(images))


def restored_painter(workdir: Path, checkpoint: str) -> Restored:
    """A painter as its checkpoint holds it.

    Raises:
      UserError: if there is no such checkpoint, or it is of another kind of model.
    """
    restored = restore(workdir, checkpoint)
    if not isinstance(restored.model, Painter):
        raise UserError(
            f"{workdir} holds a {restored.model.config.model.name}, which paints no masks: leave "
            "--masks out"
        )
    return restored


def _decoded(path: Path, data) -> np.ndarray:
    try:
        return decode_files([path], data)
    except DataError as error:
        raise UserError("\n".join(lines(error.faults))) from error


def _listed(
    folder: Path, restored: Restored, label: str | None, num: int | None, deformed: bool
) -> Masks:
    if not folder.is_dir():
        raise UserError(f"--masks={folder} is not a folder")
    paths = find_images(folder)
    if not paths:
        raise UserError(f"{folder} holds no masks ({', '.join(sorted(SUFFIXES))})")
    asked = len(paths) if num is None else num
    if asked > len(paths) and not deformed:
        raise UserError(
            f"--num={num}, but {folder} holds {len(paths)} masks: add --deform, so that images "
            "are of different shapes"
        )
    rows = np.arange(asked) % len(paths)
    rounds = np.arange(asked) // len(paths)
    labels = _labels(paths, restored, label)[rows]
    conditional = restored.model.conditional
    names = []
    for row, turn, of_image in zip(rows, rounds, labels, strict=True):
        name = paths[row].relative_to(folder).with_suffix("")
        if turn:
            name = name.with_name(f"{name.name}_{turn}")
        name = synthetic_name(name)
        # The layout of image_folder, so that classes are known to whoever reads the images.
        if conditional:
            name = type(name)(folder_of(restored.classes[of_image])) / name.name
        names.append(name)
    twins = sorted(str(name) for name, times in Counter(names).items() if times > 1)
    if twins:
        raise UserError(f"{folder} has several masks that would become {twins[0]}: rename them")
    return Masks([paths[row] for row in rows], names, labels)


def _labels(paths: list[Path], restored: Restored, label: str | None) -> np.ndarray:
    if not restored.model.conditional:
        if label is not None:
            raise UserError("this model was trained without labels: leave --label out")
        return np.zeros(len(paths), np.int32)
    wanted = [class_of(path.parent.name) if label is None else label for path in paths]
    for name, path in zip(wanted, paths, strict=True):
        if name not in restored.classes:
            where = "" if label is not None else f" (the folder of {path})"
            raise UserError(
                f"{name!r}{where} is no class{did_you_mean(name, restored.classes)}: give --label, "
                "or sort the masks into a folder per class"
            )
    return np.array([restored.classes.index(name) for name in wanted], np.int32)
