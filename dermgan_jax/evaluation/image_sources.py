"""What can be evaluated: a folder, an .npz, a data set's split, or samples of a work directory."""

import dataclasses
from pathlib import Path

import numpy as np
from ml_collections import FrozenConfigDict

from dermgan_jax import config as config_schema
from dermgan_jax import registry
from dermgan_jax.data.catalogue import catalogue
from dermgan_jax.data.image_sets import (
    FolderImages,
    ImageSet,
    choose,
    evenly_spaced,
    open_images,
    select,
)
from dermgan_jax.data.prepare import at_full_size, prepare
from dermgan_jax.errors import UserError

SPLITS = ("train", "val", "test", "all")


@dataclasses.dataclass(frozen=True)
class Labelling:
    """Classes of real images.

    Attributes:
      classes: their names.
      labels: int32 (N,), positions in `classes`; negative where there is none.
      compared: the class whose images are compared, the others being there for class against class;
        None if all are compared.
    """

    classes: tuple[str, ...]
    labels: np.ndarray
    compared: str | None = None

    @property
    def rows(self) -> np.ndarray:
        """Positions of the images that are compared, int64, ascending."""
        if self.compared is None:
            return np.arange(len(self.labels))
        return np.flatnonzero(self.labels == self.classes.index(self.compared))


@dataclasses.dataclass(frozen=True)
class Side:
    """Images uint8 (N, H, W, C) under the name the user gave, with their classes if known."""

    name: str
    images: ImageSet
    labelling: Labelling | None = None

    @property
    def compared(self) -> ImageSet:
        """The images that are compared."""
        if self.labelling is None or self.labelling.compared is None:
            return self.images
        return select(self.images, self.labelling.rows)

    def examples(self, num: int) -> np.ndarray:
        """`num` of the compared images, evenly spaced, or all: uint8 (n, H, W, C)."""
        images = self.compared
        return images[evenly_spaced(len(images), num)]


def read_real(name: str, num: int, seed: int, config: FrozenConfigDict | None) -> Side:
    """All images of a side, so that real against real has a choice, or `num` samples of a run.

    Args:
      name: a folder (of class folders or not), an .npz, DATASET:SPLIT, DATASET:SPLIT:CLASS, or a
        work directory, which is sampled.
      num: samples drawn of a work directory.
      seed: of these.
      config: says how DATASET:SPLIT is prepared, and how many channels files are read with.

    Raises:
      UserError: if there is no such side, it is empty, or needs a configuration.
    """
    if name.partition(":")[0] in registry.names("dataset") and ":" in name:
        return _read_dataset(name, seed, config)
    if is_workdir(name):
        return Side(name, _sample_workdir(name, num, seed))
    images = _open(name, config, None)
    labelling = None
    if isinstance(images, FolderImages):
        classes, labels = images.classes()
        labelling = Labelling(classes, labels) if len(classes) > 1 else None
    return Side(name, images, labelling)


def read_fake(name: str, num: int, seed: int, config: FrozenConfigDict | None) -> Side:
    """As `read_real`, but `num` images at most: random ones of a data set, evenly spaced files."""
    if name.partition(":")[0] in registry.names("dataset") and ":" in name:
        return Side(name, choose(_read_dataset(name, seed, config).compared, num, seed))
    if is_workdir(name):
        return Side(name, _sample_workdir(name, num, seed))
    return Side(name, _open(name, config, num))


def is_workdir(name: str) -> bool:
    """Whether a side is the folder of a training run."""
    return (Path(name) / "config.json").is_file()


def config_of_a_workdir(*names: str) -> FrozenConfigDict | None:
    """The configuration of the first side that is a work directory, or None."""
    for name in filter(is_workdir, names):
        return config_schema.from_json((Path(name) / "config.json").read_text())
    return None


def _open(name: str, config: FrozenConfigDict | None, limit: int | None) -> ImageSet:
    if not Path(name).is_dir() and Path(name).suffix != ".npz":
        raise UserError(
            f"{name!r} is no folder of images, .npz file, work directory, DATASET:SPLIT or "
            f"DATASET:SPLIT:CLASS (data sets: {', '.join(registry.names('dataset'))}; splits: "
            f"{', '.join(SPLITS)})"
        )
    return open_images(Path(name), 3 if config is None else config.data.channels, limit)


def _sample_workdir(name: str, num: int, seed: int) -> ImageSet:
    # Here, because training, which sampling a work directory builds on, evaluates.
    from dermgan_jax.synthesis.generate import sample_workdir

    # Training evaluates latents of this seed too (train/snapshot.py).
    return sample_workdir(Path(name), num, seed + 1)


def _read_dataset(name: str, seed: int, config: FrozenConfigDict | None) -> Side:
    dataset, split, *rest = name.split(":")
    if split not in SPLITS or len(rest) > 1:
        raise UserError(
            f"{name!r} is not DATASET:SPLIT or DATASET:SPLIT:CLASS with a split of "
            f"{', '.join(SPLITS)}"
        )
    if config is None:
        raise UserError(f"{name} needs --config, which says how it is prepared")
    if dataset != config.data.dataset:
        raise UserError(
            f"{name} is asked for but the configuration describes {config.data.dataset}: pass a "
            f"--config whose data.dataset is {dataset}"
        )
    listed = catalogue(config.data)
    rows = listed.indices(split)
    if len(rows) == 0:
        raise UserError(f"{name} holds no images: see data.split_fractions")
    label = rest[0] if rest else None
    if label is not None and label not in listed.classes:
        raise UserError(
            f"{name}: {label!r} is no class{registry.did_you_mean(label, listed.classes)}"
        )
    if label is not None:
        rows = _class_and_others(rows, listed.labels[rows], listed.classes.index(label), seed)
        if not (listed.labels[rows] == listed.classes.index(label)).any():
            raise UserError(f"{name} holds no images: see data.split_fractions")
    images = select(prepare(listed, at_full_size(config.data)).images, rows)
    labelling = Labelling(listed.classes, listed.labels[rows], label)
    return Side(name, images, labelling if len(listed.classes) > 1 else None)


def _class_and_others(rows: np.ndarray, labels: np.ndarray, label: int, seed: int) -> np.ndarray:
    """Rows of one class, and of every other class at most as many, at random."""
    generator = np.random.default_rng(seed)
    most = np.sum(labels == label)
    kept = [
        generator.permutation(rows[labels == each])[:most]
        for each in np.unique(labels[labels >= 0])
    ]
    return np.sort(np.concatenate(kept)) if kept else rows[:0]
