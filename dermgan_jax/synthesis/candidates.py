"""Synthetic images to choose among, with the classes they were made to show."""

import dataclasses
import json

import numpy as np

from dermgan_jax import files
from dermgan_jax.data import image_marks
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
from dermgan_jax.synthesis import manifest
from dermgan_jax.synthesis.made_by import PNG_KEY, MadeBy
from dermgan_jax.synthesis.marked_images import MarkedImages

OF_NOBODY = "synthetic image, made by a model that is not known"


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


def write_kept(
    candidates: Candidates,
    kept: np.ndarray,
    restored: Restored,
    out: Path,
    told: MadeBy | None = None,
) -> list[manifest.Row]:
    """Writes the images at `kept`, bool (N,): files as they are, floats as they are.

    Args:
      candidates: to choose among.
      kept: which.
      restored: the model that knows their classes.
      out: a folder, or a file ending in .npz.
      told: what made them, if they say so.

    Returns:
      What is known of each, for `made_by.end`; nothing of files of which no table tells.
    """
    chosen = np.flatnonzero(kept)
    if out.suffix == ".npz":
        return _write_arrays(candidates, chosen, restored, out, told)
    files.make_folder(out)
    names = kept_names(candidates, kept)
    if isinstance(candidates.images, FolderImages):
        known = manifest.read(candidates.source) if told is not None else {}
        for row, name in zip(chosen, names, strict=True):
            files.copy(candidates.images.paths[row], out / name)
        return [known[name] for name in names if name in known]
    made = None if told is None else MarkedImages(told, restored.classes)
    for row, name in zip(chosen, names, strict=True):
        image = candidates.images[row : row + 1][0]
        if made is None:
            facts = image_marks.with_digest({"synthetic": True, "index": int(row)}, image)
            texts = {"Comment": OF_NOBODY, PNG_KEY: json.dumps(facts)}
            save_image(image, out / name, texts)
        else:
            label = candidates.classes[row]
            known_label = restored.classes.index(label) if label in restored.classes else None
            made.save(image, out, name, index=int(row), label=known_label)
    return [] if made is None else made.rows


def _write_arrays(
    candidates: Candidates, chosen: np.ndarray, restored: Restored, out: Path, told: MadeBy | None
) -> list[manifest.Row]:
    images, named = candidates.images, {}
    if isinstance(images, FolderImages):
        floats = to_signed(images[chosen])
    else:
        channels, value_range = images.shape[-1], candidates.value_range
        floats = open_floats(candidates.source, channels, value_range)[chosen]
    if set(candidates.classes) <= set(restored.classes):
        labels = [restored.classes.index(candidates.classes[row]) for row in chosen]
        named["labels"] = np.asarray(labels, np.int32)
    write_npz(floats, out, **named)
    if told is None:
        return []
    made = MarkedImages(told, restored.classes)
    made.note(floats, labels=named.get("labels"), numbers=chosen)
    return made.rows
