"""Makes the folder of a reader study: chooses images, makes their files alike, tests them."""

import dataclasses
import secrets
from collections.abc import Iterable, Iterator, Sequence

import numpy as np
from ml_collections import FrozenConfigDict
from PIL import Image

from dermgan_jax import files
from dermgan_jax.data.image_sets import ImageSet
from dermgan_jax.errors import GateError, UserError
from dermgan_jax.evaluation.image_sources import is_workdir, require_checkpoint_means_something
from dermgan_jax.readers import (
    encoding,
    order,
    pages,
    planning,
    selection,
    self_test,
    sides,
    synthetic_sources,
)
from dermgan_jax.readers.design import CLASS, FAKE, REAL, Design
from dermgan_jax.readers.folder import KeyRow, StudyFolder
from dermgan_jax.readers.planning import Plan
from dermgan_jax.readers.request import Asked, design_of, question_names, questions_of
from dermgan_jax.readers.selection import Chosen
from dermgan_jax.readers.self_test import SelfTest
from dermgan_jax.readers.sides import Side
from dermgan_jax.runs.training_data import TrainingData

JPEG = "JPEG"
LEAST_SIDE = 16
SEEDS = 2**32  # of samples; a study's own seed may be larger
GREY = 2  # largest difference of R, G and B in an image that counts as grey


@dataclasses.dataclass(frozen=True)
class Made:
    """A study that was made.

    Attributes:
      folder: where.
      design: as readers meet it.
      plan: what it can show.
      tested: its self-test.
      notes: what was done to the images, and what to know of them.
    """

    folder: StudyFolder
    design: Design
    plan: Plan
    tested: SelfTest
    notes: tuple[str, ...]


def make(asked: Asked, config: FrozenConfigDict | None, out: files.Path) -> Made:
    """Makes a study; only one that passed its self-test can be served.

    Args:
      asked: what.
      config: says how DATASET:SPLIT is prepared; default that of a run among the sides.
      out: a new folder.

    Raises:
      UserError: if there are too few images, a class is missing, an image stands on both sides, or
        the folder holds a study.
    """
    folder = StudyFolder(files.require_local(out, "readers' answers lie in a database"))
    plain = design_of(asked)
    folder.require_free()
    require_checkpoint_means_something(asked.checkpoint, *asked.fake)
    config = sides.configuration(config, (*asked.fake, asked.real))
    seed = asked.seed % SEEDS
    real_side = sides.open_real_side(asked.real, config, seed)
    needed = order.needed(plain)
    # A few more than needed, as equal samples are passed over.
    drawn = -(-needed[FAKE] // len(asked.fake)) + 8
    fake_sides = [
        sides.open_fake_side(
            name, drawn, config, seed, asked.checkpoint if is_workdir(name) else None
        )
        for name in asked.fake
    ]
    every = [real_side, *fake_sides]
    side, notes = _square(asked.side, every)
    classes = asked.classes
    if CLASS in question_names(asked):
        classes = classes or selection.classes_of(every)
    real = selection.choose([real_side], needed[REAL], side, asked.seed, classes, "real")
    fake = selection.choose(fake_sides, needed[FAKE], side, asked.seed, classes, "synthetic")
    selection.require_different(real, fake)
    notes += [*_copies(fake, asked.train, fake_sides, config, side), *_near(real, fake)]
    pixels = [one.pixels for one in (*real, *fake)]
    if asked.recompress is not None:
        pixels = [encoding.recompress(image, asked.recompress) for image in pixels]
        notes.append(f"all images went through JPEG of quality {asked.recompress}")
    else:
        notes += _formats(real_side, fake_sides)
    images, channels, told = _one_mode(pixels, len(real))
    notes += told
    if any(each.phantom for each in every):
        notes.append("images called real are drawings of a program; readers and reports are told")
    design = dataclasses.replace(
        plain,
        study=secrets.token_hex(8),
        questions=questions_of(asked, classes),
        classes=tuple(classes),
        size=(side, side, channels),
        phantom=any(each.phantom for each in every),
        texts=dict(asked.texts),
    )
    tested = _write(folder, design, real, fake, images)
    return Made(folder, design, planning.plan(design), tested, tuple(notes))


def release(made: Made) -> list[files.Path]:
    """Writes the pages and the design, with which the study exists and can be served.

    Returns:
      The pages.

    Raises:
      GateError: if its files tell the truth.
    """
    if not made.tested.released:
        raise GateError(f"{made.folder.path} may not be shown: {'; '.join(made.tested.faults())}")
    written = pages.write_offline_pages(made.folder, made.design)
    made.folder.write_design(made.design)
    return written


def _square(asked: int | None, every: Sequence[Side]) -> tuple[int, list[str]]:
    """Side of the square that all images are fitted to, and what that does to them."""
    smallest = int(min(each.sizes.min() for each in every))
    side = asked or smallest
    if side < LEAST_SIDE:
        raise UserError(f"images of {side} pixels are too small for readers: {LEAST_SIDE} at least")
    notes = []
    for each in every:
        own = each.sizes.min(axis=1)
        if (own == side).all():
            continue
        low, high = int(own.min()), int(own.max())
        sizes = f"{low} pixels" if low == high else f"{low} to {high} pixels"
        done = "enlarged" if side > high else "reduced" if side < low else "resampled"
        notes.append(f"images of {each.name} are {done} from {sizes} to {side}")
    if len({tuple(np.unique(each.sizes.min(axis=1) == side)) for each in every}) > 1:
        notes.append(
            "one side was resampled and the other was not, which may leave traces: see what the "
            "self-test says of simple cues"
        )
    return side, notes


def _one_mode(images: list[np.ndarray], num_real: int) -> tuple[list[np.ndarray], int, list[str]]:
    """All images grey (H, W, 1) if one side is, else coloured; how many channels; and a note."""
    grey = [int(np.ptp(image, axis=-1).max()) <= GREY for image in images]
    kinds = {"real": grey[:num_real], "synthetic": grey[num_real:]}
    of_one = [name for name, found in kinds.items() if found and all(found)]
    if not of_one:
        return images, 3, []
    luminance = [np.asarray(Image.fromarray(image).convert("L"))[..., None] for image in images]
    notes = []
    if len(of_one) == 1:
        notes.append(f"the {of_one[0]} images are grey, so all are shown in grey")
    return luminance, 1, notes


def _copies(
    fake: list[Chosen],
    train: str | None,
    fake_sides: list[Side],
    config: FrozenConfigDict | None,
    side: int,
) -> list[str]:
    """Warnings of synthetic images that are copies of training images."""
    sources: dict[str, Iterable[np.ndarray]] = {}
    notes = []
    if train is not None:
        known = sides.open_real_side(train, config, 0)
        sources[train] = map(known.read, range(len(known)))
    else:
        for each in fake_sides:
            try:
                sources[each.workdir] = _one_by_one(_learned_from(each))
            except UserError as error:
                notes.append(
                    f"copies of training images were not looked for among {each.name}: {error}; "
                    "--train=SOURCE names them"
                )
    for name, images in sources.items():
        copied = selection.copies(fake, images, side)
        if copied:
            shown = ", ".join(f"{one.side.name}: {one.origin}" for one in copied[:3])
            notes.append(
                f"warning: {len(copied)} synthetic images equal a training image of {name} pixel "
                f"by pixel ({shown}): a reader cannot be right about them"
            )
    return notes


def _one_by_one(images: ImageSet) -> Iterator[np.ndarray]:
    for position in range(len(images)):
        yield images[np.array([position])][0]


def _learned_from(side: Side) -> ImageSet:
    """The training images of the run that made a side's images.

    Raises:
      UserError: if they are not known, or not here.
    """
    if not side.workdir or not is_workdir(side.workdir):
        raise UserError("which run made them is not known")
    return TrainingData(files.to_path(side.workdir)).learned_from().images


def _formats(real: Side, fake: Sequence[Side]) -> list[str]:
    """A warning if one side was compressed by JPEG and the other was not."""
    compressed = [side.name for side in (real, *fake) if JPEG in side.formats]
    if not compressed or all(side.formats == {JPEG} for side in (real, *fake)):
        return []
    return [
        f"warning: files of {', '.join(compressed)} are JPEG and others are not, which leaves a "
        "grid in the pixels that gives them away: --recompress=90 compresses all alike"
    ]


def _near(real: Sequence[Chosen], fake: Sequence[Chosen]) -> list[str]:
    """A warning of images that stand on both sides but for their compression."""
    pairs = selection.near([one.pixels for one in real], [one.pixels for one in fake])
    if not pairs:
        return []
    first = f"{real[pairs[0][0]].origin} and {fake[pairs[0][1]].origin}"
    return [
        f"warning: {len(pairs)} pairs of a real and a synthetic image are nearly the same, such as "
        f"{first}: copies, perhaps compressed again; dermgan audit looks closer"
    ]


def _write(
    folder: StudyFolder,
    design: Design,
    real: Sequence[Chosen],
    fake: Sequence[Chosen],
    images: Sequence[np.ndarray],
) -> SelfTest:
    """Writes all but the design and the pages, and tests what readers would get."""
    practice = [block for block in design.blocks if block.practice]
    left = {
        REAL: sum(block.num_real for block in practice),
        FAKE: sum(block.num_fake for block in practice),
    }
    ids = order.new_ids([True] * len(real) + [False] * len(fake), design.seed)
    key = []
    for name, one, truth in zip(
        ids, (*real, *fake), [REAL] * len(real) + [FAKE] * len(fake), strict=True
    ):
        key.append(
            KeyRow(name, truth, one.of_class, one.side.name, one.origin, practice=left[truth] > 0)
        )
        left[truth] -= 1
    folder.begin()
    encoding.write_images(folder, dict(zip(ids, images, strict=True)))
    synthetic_sources.write(folder, [one.side for one in fake])
    folder.write_key(sorted(key, key=lambda row: row.image))
    folder.write_orders(order.orders(design, key))
    tokens = {reader.name: secrets.token_urlsafe(24) for reader in design.readers}
    folder.write_links(design, tokens)
    tested = self_test.self_test(folder)
    self_test.write(folder, tested)
    return tested
