"""Synthetic images to choose among, with the classes they were made to show."""

import dataclasses

import numpy as np

from dermgan_jax import files
from dermgan_jax.data.class_folders import class_of, folder_of
from dermgan_jax.data.image_files import save_image, write_npz
from dermgan_jax.data.image_sets import (
    FolderImages,
    ImageSet,
    open_images,
)
from dermgan_jax.data.npz_images import Range, open_floats, read_labels
from dermgan_jax.data.pixel_range import to_signed
from dermgan_jax.errors import UserError
from dermgan_jax.files import Path
from dermgan_jax.registry import did_you_mean
from dermgan_jax.runs.restore import Restored


@dataclasses.dataclass(frozen=True)
class Candidates:
    """Synthetic images to choose among.

    Attributes:
      source: folder or .npz.
      images: uint8 (N, H, W, C).
      names: N, unique: paths relative to the folder, or numbers.
      classes: N names, "" where none is known.
      value_range: of floats in an .npz that does not tell it.
    """

    source: Path
    images: ImageSet
    names: tuple[str, ...]
    classes: tuple[str, ...]
    value_range: Range | None = None


def read_candidates(
    source: Path, restored: Restored, value_range: Range | None = None
) -> Candidates:
    """The images of a folder or .npz with their classes; `value_range` as of `Candidates`.

    Raises:
      UserError: if there are none, they are not of the model's size, or labels are at fault.
    """
    data = restored.model.data
    images = open_images(source, data.channels, value_range=value_range)
    if images.shape[1:3] != (data.height, data.width):
        raise UserError(
            f"the images of {source} are {images.shape[2]}x{images.shape[1]} pixels, those of the "
            f"model {data.width}x{data.height}: filter what dermgan generate wrote of this model"
        )
    if not isinstance(images, FolderImages):
        names = tuple(f"{i:06d}" for i in range(len(images)))
        classes = _npz_classes(source, len(images), restored)
        return Candidates(source, images, names, classes, value_range)
    paths = [path.relative_to(source) for path in images.paths]
    folders = ["" if len(path.parts) == 1 else class_of(path.parent.name) for path in paths]
    strange = sorted(set(folders) - set(restored.classes) - {""})
    if restored.model.conditional and strange:
        hint = did_you_mean(strange[0], restored.classes)
        raise UserError(f"{source}: the folder {strange[0]!r} is no class of the model{hint}")
    return Candidates(source, images, tuple(path.as_posix() for path in paths), tuple(folders))


def _npz_classes(source: Path, num: int, restored: Restored) -> tuple[str, ...]:
    labels = read_labels(source, num, len(restored.classes)) if restored.classes else None
    if labels is None:
        return ("",) * num
    return tuple(restored.classes[label] for label in labels)


def kept_names(candidates: Candidates, kept: np.ndarray) -> list[str]:
    """Where `write_kept` puts images, relative to its folder."""
    if isinstance(candidates.images, FolderImages):
        return [candidates.names[row] for row in np.flatnonzero(kept)]
    folders = [folder_of(name) + "/" if name else "" for name in candidates.classes]
    return [f"{folders[row]}{row:06d}.png" for row in np.flatnonzero(kept)]


def write_kept(candidates: Candidates, kept: np.ndarray, restored: Restored, out: Path) -> None:
    """Writes the images at `kept`, bool (N,): files as they are, floats as they are."""
    rows = np.flatnonzero(kept)
    images = candidates.images
    if out.suffix == ".npz":
        if isinstance(images, FolderImages):
            floats = to_signed(images[rows])
        else:
            channels, value_range = images.shape[-1], candidates.value_range
            floats = open_floats(candidates.source, channels, value_range)[rows]
        named = {}
        if set(candidates.classes) <= set(restored.classes):
            labels = [restored.classes.index(candidates.classes[row]) for row in rows]
            named["labels"] = np.asarray(labels, np.int32)
        write_npz(floats, out, **named)
        return
    files.make_folder(out)
    for row, name in zip(rows, kept_names(candidates, kept), strict=True):
        if isinstance(images, FolderImages):
            files.copy(images.paths[row], out / name)
        else:
            save_image(images[row : row + 1][0], out / name)
