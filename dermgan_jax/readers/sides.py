"""The two sides of a study, real and synthetic, opened so that any of their images can be chosen.

Sides are named as for `dermgan evaluate`. Here the images of a folder may differ in size: every
image is fitted to the study's square in the same way.
"""

import dataclasses
from collections.abc import Callable, Sequence

import numpy as np
from ml_collections import FrozenConfigDict

from dermgan_jax import files
from dermgan_jax.data.class_folders import class_of
from dermgan_jax.data.decode import find_images, header_size, read_image
from dermgan_jax.data.image_sets import ImageSet
from dermgan_jax.data.squares import to_square
from dermgan_jax.errors import UserError
from dermgan_jax.evaluation.image_sources import (
    ImageSource,
    Opening,
    config_of_a_workdir,
    is_folder_of_images,
    is_workdir,
    open_fake,
    open_real,
)
from dermgan_jax.registry import DRAWN_DATASETS
from dermgan_jax.runs.restore import LATEST
from dermgan_jax.runs.workdir import WorkDir
from dermgan_jax.synthesis import made_by
from dermgan_jax.synthesis.drawing import Drawing
from dermgan_jax.synthesis.made_by import MadeBy

EVERY_IMAGE = 10**9
FORMATS = {".jpg": "JPEG", ".jpeg": "JPEG", ".tif": "TIFF", ".tiff": "TIFF"}


@dataclasses.dataclass(frozen=True)
class Side:
    """Images of a source.

    Attributes:
      name: as given.
      origins: N names of files, or positions.
      classes: N names of classes; "" where not known.
      sizes: int (N, 2), height and width before they are fitted.
      read: position -> uint8 (H, W, 3).
      formats: of their files, such as "JPEG"; empty where they are arrays or were prepared.
      made_by: what made the images, if they say so.
      phantom: they are drawn by a program.
    """

    name: str
    origins: Sequence[str]
    classes: Sequence[str]
    sizes: np.ndarray
    read: Callable[[int], np.ndarray]
    formats: frozenset[str] = frozenset()
    made_by: MadeBy | None = None
    phantom: bool = False

    def __len__(self) -> int:
        return len(self.origins)

    @property
    def workdir(self) -> str:
        """The run that made the images, as it was named; "" if they do not say."""
        return self.made_by.workdir if self.made_by else ""

    def fitted(self, position: int, side: int) -> np.ndarray:
        """The central square of an image, resized: uint8 (side, side, 3)."""
        return to_square(self.read(position), side)


def open_real_side(name: str, config: FrozenConfigDict | None, seed: int) -> Side:
    """All images of a source of real images.

    Raises:
      UserError: if there is no such source, or its images are synthetic and say so.
    """
    if is_workdir(name) or (made_by.place(files.to_path(name)).is_file()):
        raise UserError(f"--real={name} holds what a model makes: name real images")
    if is_folder_of_images(name):
        return _folder(name)
    return _of_source(open_real(name, Opening(EVERY_IMAGE, Drawing(seed=seed), config)))


def open_fake_side(
    name: str, num: int, config: FrozenConfigDict | None, seed: int, checkpoint: str | None
) -> Side:
    """The images of a source of synthetic ones; of a work directory, `num` samples.

    Raises:
      UserError: if there is no such source, or it is a split of real images.
    """
    if is_folder_of_images(name):
        return _folder(name)
    drawing = Drawing(seed=seed, checkpoint=checkpoint or LATEST)
    num = num if is_workdir(name) else EVERY_IMAGE
    source = open_fake(name, Opening(num, drawing, config))
    if source.split is not None:
        raise UserError(f"--fake={name} is a split of a data set, whose images are real")
    return _of_source(source)


def configuration(
    config: FrozenConfigDict | None, sources: Sequence[str]
) -> FrozenConfigDict | None:
    """The configuration by which splits are prepared: as given, or of a run among the sources."""
    return config or config_of_a_workdir(*sources)


def _folder(name: str) -> Side:
    path = files.to_path(name)
    paths = find_images(path)
    if not paths:
        raise UserError(f"{name} holds no images")
    told = made_by.read(path)
    several = len({each.parent for each in paths}) > 1
    return Side(
        name,
        [str(each.relative_to(path)) for each in paths],
        [class_of(each.parent.name) if several else "" for each in paths],
        np.array([header_size(each) for each in paths]),
        lambda position: read_image(paths[position], 3),
        frozenset(FORMATS.get(each.suffix.lower(), each.suffix[1:].upper()) for each in paths),
        told,
        _learned_phantoms(told.workdir) if told else False,
    )


def _of_source(source: ImageSource) -> Side:
    images: ImageSet = source.compared
    names = [""] * len(images)
    if source.labelling is not None:
        found = source.labelling
        labels = found.labels[found.rows]
        names = [found.classes[label] if label >= 0 else "" for label in labels]
    workdir = source.made_by.workdir if source.made_by else ""
    return Side(
        source.name,
        [str(position) for position in range(len(images))],
        names,
        np.tile(images.shape[1:3], (len(images), 1)),
        lambda position: _three_channels(np.asarray(images[np.array([position])])[0]),
        made_by=source.made_by,
        phantom=source.phantom or _learned_phantoms(workdir),
    )


def _three_channels(image: np.ndarray) -> np.ndarray:
    return np.broadcast_to(image, (*image.shape[:2], 3))


def _learned_phantoms(workdir: str) -> bool:
    """Whether the run that made some images learned from phantoms, as far as it can be told."""
    if not workdir or not is_workdir(workdir):
        return False
    config = WorkDir(files.to_path(workdir)).read_config()
    return config.data.dataset in DRAWN_DATASETS
