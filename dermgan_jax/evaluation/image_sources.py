"""What can be measured: a folder, an .npz, a data set's split, or samples of a work directory."""

import dataclasses
from collections.abc import Mapping

import numpy as np
from ml_collections import FrozenConfigDict

from dermgan_jax import files, registry
from dermgan_jax.data.catalogue import catalogue
from dermgan_jax.data.image_sets import (
    FolderImages,
    ImageSet,
    Resized,
    choose,
    evenly_spaced,
    open_images,
    select,
    size_text,
)
from dermgan_jax.data.labelling import Labelling
from dermgan_jax.data.npz_images import Range
from dermgan_jax.data.prepare import at_full_size, prepare
from dermgan_jax.data.splits import ALL, SPLITS
from dermgan_jax.errors import UserError
from dermgan_jax.files import Path
from dermgan_jax.runs.restore import checkpoint_facts, run_id
from dermgan_jax.runs.workdir import SCHEMES, WorkDir
from dermgan_jax.statistics import subgroups
from dermgan_jax.synthesis import made_by
from dermgan_jax.synthesis.drawing import Drawing
from dermgan_jax.synthesis.made_by import MadeBy
from dermgan_jax.synthesis.trained_sampler import sample_for_evaluation
from dermgan_jax.synthesis.translate import RECONSTRUCTED


@dataclasses.dataclass(frozen=True)
class ImageSource:
    """Images under the name that the user gave.

    Attributes:
      name: as given.
      images: uint8 (N, H, W, C).
      labelling: their classes, if known.
      made_by: what made them, if they are synthetic and say so.
      split: of a data set, that they are; None of anything else.
      phantom: they are real images' stand-ins, drawn by a program.
      recorded: what a data set records of the compared images, such as sex: column -> values.
    """

    name: str
    images: ImageSet
    labelling: Labelling | None = None
    made_by: MadeBy | None = None
    split: "SplitName | None" = None
    phantom: bool = False
    recorded: Mapping[str, np.ndarray] = dataclasses.field(default_factory=dict)

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


@dataclasses.dataclass(frozen=True)
class Opening:
    """How sources are opened.

    Attributes:
      num: samples drawn of a work directory, and fake images at most.
      drawing: of these samples; its seed also chooses among the images of a data set.
      config: says how DATASET:SPLIT is prepared, and how many channels files are read with.
      side: brings all images to this size; 0 leaves them as they are.
      value_range: of floats in an .npz that does not tell it.
    """

    num: int
    drawing: Drawing
    config: FrozenConfigDict | None = None
    side: int = 0
    value_range: Range | None = None


@dataclasses.dataclass(frozen=True)
class SplitName:
    """DATASET:SPLIT or DATASET:SPLIT:CLASS, taken apart.

    Attributes:
      dataset, split: their names.
      label: of the class, or None.
    """

    dataset: str
    split: str
    label: str | None = None


def split_name(name: str) -> SplitName | None:
    """The parts of a source that is a split of a data set; None if it is something else.

    Raises:
      UserError: if it begins with a data set but goes on in another way.
    """
    dataset, colon, rest = name.partition(":")
    if dataset not in registry.names("dataset") or not colon:
        return None
    split, *labels = rest.split(":")
    if split not in (*SPLITS, ALL) or len(labels) > 1:
        raise UserError(
            f"{name!r} is not DATASET:SPLIT or DATASET:SPLIT:CLASS with a split of "
            f"{', '.join((*SPLITS, ALL))}"
        )
    return SplitName(dataset, split, labels[0] if labels else None)


def open_real(name: str, opening: Opening) -> ImageSource:
    """All images of a source, so that real against real has a choice, or samples of a run.

    Args:
      name: a folder (of class folders or not), an .npz, DATASET:SPLIT, DATASET:SPLIT:CLASS, or a
        work directory, which is sampled.
      opening: how.

    Raises:
      UserError: if there is no such source, it is empty, or needs a configuration.
    """
    split = split_name(name)
    if split is not None:
        return _open_split(name, split, opening)
    if is_workdir(name):
        return _sampled(name, opening)
    source = _open_files(name, opening, None)
    if isinstance(source.images, FolderImages):
        classes, labels = source.images.classes()
        if len(classes) > 1:
            return dataclasses.replace(source, labelling=Labelling(classes, labels))
    return source


def open_fake(name: str, opening: Opening) -> ImageSource:
    """As `open_real`, but `opening.num` images at most: random ones of a data set, evenly spaced
    files."""
    split = split_name(name)
    if split is not None:
        source = _open_split(name, split, opening)
        chosen = choose(source.compared, opening.num, opening.drawing.seed)
        return dataclasses.replace(source, images=chosen, labelling=None, recorded={})
    if is_workdir(name):
        return _sampled(name, opening)
    return _open_files(name, opening, opening.num)


def require_one_size(first: ImageSource, *others: ImageSource) -> None:
    """Checks that images can be compared.

    Raises:
      UserError: naming two sources whose images differ in height, width or channels.
    """
    for other in others:
        if other.images.shape[1:] != first.images.shape[1:]:
            raise UserError(
                f"images of {first.name} are {size_text(first.images)}, those of {other.name} "
                f"{size_text(other.images)} (height x width x channels): bring both to one "
                "size (evaluate does it with --resize=SIDE)"
            )


def is_workdir(name: str) -> bool:
    """Whether a source is the folder of a training run."""
    path = files.to_path(name)
    return split_name(name) is None and files.scheme(path) in SCHEMES and WorkDir(path).exists


def is_folder_of_images(name: str) -> bool:
    """Whether a source is a folder whose image files are read."""
    return split_name(name) is None and not is_workdir(name) and files.to_path(name).is_dir()


def config_of_a_workdir(*names: str) -> FrozenConfigDict | None:
    """The configuration of the first source that is a work directory, or None.

    Where a split of a data set is named, which cannot be read without one, that of the run that
    made the samples of a source will do as well, if it is here; that is said.
    """
    for name in names:
        if is_workdir(name):
            return WorkDir(files.to_path(name)).read_config()
    splits = [name for name in names if split_name(name) is not None]
    for name in names if splits else ():
        path = files.to_path(name)
        told = None if name in splits else made_by.read(path)
        if workdir := _workdir_that_made(told):
            print(f"note: {splits[0]} is prepared as in {workdir}, which made {name}")
            return WorkDir(workdir).read_config()
    return None


def workdir_of(source: ImageSource) -> Path | None:
    """The work directory of the run that made the images of a source, if it is here."""
    if is_workdir(source.name):
        return files.to_path(source.name)
    return _workdir_that_made(source.made_by)


def _workdir_that_made(told: MadeBy | None) -> Path | None:
    return workdir_of_run(told.workdir, told.run) if told else None


def workdir_of_run(name: str, run: str) -> Path | None:
    """The work directory of a name, if it is here and still of that run."""
    if not name or not is_workdir(name):
        return None
    workdir = files.to_path(name)
    try:
        _, facts = checkpoint_facts(workdir)
        here = run_id(WorkDir(workdir).read_naming_config(), facts)
    except UserError:  # a run that cannot be read is not the one
        return None
    return workdir if here == run else None


def require_checkpoint_means_something(checkpoint: str | None, *names: str) -> None:
    """Refuses a checkpoint where no source is sampled.

    Raises:
      UserError: if one was asked for and none of the sources is a work directory.
    """
    if checkpoint is not None and not any(map(is_workdir, names)):
        raise UserError(
            f"--checkpoint={checkpoint} chooses among those of a work directory, and none of "
            f"{', '.join(names)} is one"
        )


def require_source(name: str) -> None:
    """Checks that a name can be that of a source, without reading any image.

    Raises:
      UserError: if it cannot.
    """
    path = files.to_path(name)
    if split_name(name) is None and not path.is_dir() and path.suffix != ".npz":
        raise UserError(
            f"{name!r} is no folder of images, .npz file, work directory, DATASET:SPLIT or "
            f"DATASET:SPLIT:CLASS (data sets: {', '.join(registry.names('dataset'))}; splits: "
            f"{', '.join((*SPLITS, ALL))})"
        )


def _open_files(name: str, opening: Opening, limit: int | None) -> ImageSource:
    require_source(name)
    path = files.to_path(name)
    if (path / RECONSTRUCTED).is_dir():
        print(f"note: {path / RECONSTRUCTED} is read with {name}: name a folder without it")
    data = None if opening.config is None else opening.config.data
    channels, bit_depth, frame = (data.channels, data.bit_depth, data.frame) if data else (3, 0, "")
    images = open_images(path, channels, limit, bit_depth, opening.value_range, opening.side, frame)
    return ImageSource(name, images, made_by=made_by.read(path))


def _sampled(name: str, opening: Opening) -> ImageSource:
    images, told = sample_for_evaluation(files.to_path(name), opening.num, opening.drawing)
    return ImageSource(name, _at_side(images, opening.side), made_by=told)


def _open_split(name: str, split: SplitName, opening: Opening) -> ImageSource:
    config = opening.config
    if config is None:
        raise UserError(f"{name} needs --config, which says how it is prepared")
    if split.dataset != config.data.dataset:
        raise UserError(
            f"{name} is asked for but the configuration describes {config.data.dataset}: pass a "
            f"--config whose data.dataset is {split.dataset}"
        )
    listed = catalogue(config.data)
    rows = listed.indices(split.split)
    if len(rows) == 0:
        raise UserError(f"{name} holds no images: see data.split_fractions")
    if split.label is not None:
        if split.label not in listed.classes:
            hint = registry.did_you_mean(split.label, listed.classes)
            raise UserError(f"{name}: {split.label!r} is no class{hint}")
        label = listed.classes.index(split.label)
        rows = _class_and_others(rows, listed.labels[rows], label, opening.drawing.seed)
        if not (listed.labels[rows] == label).any():
            raise UserError(f"{name} holds no images: see data.split_fractions")
    images = _at_side(select(prepare(listed, at_full_size(config.data)).images, rows), opening.side)
    labelling = Labelling(listed.classes, listed.labels[rows], split.label)
    told = [listed.records[rows[row]].subgroups for row in labelling.rows]
    return ImageSource(
        name,
        images,
        labelling if len(listed.classes) > 1 else None,
        split=split,
        phantom=listed.dataset.synthetic,
        recorded=subgroups.columns(told),
    )


def _at_side(images: ImageSet, side: int) -> ImageSet:
    return Resized(images, side) if side and images.shape[1:3] != (side, side) else images


def _class_and_others(rows: np.ndarray, labels: np.ndarray, label: int, seed: int) -> np.ndarray:
    """Rows of one class, and of every other class at most as many, at random."""
    generator = np.random.default_rng(seed)
    most = np.sum(labels == label)
    kept = [
        generator.permutation(rows[labels == each])[:most]
        for each in np.unique(labels[labels >= 0])
    ]
    return np.sort(np.concatenate(kept)) if kept else rows[:0]
