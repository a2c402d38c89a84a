"""What is asked of `dermgan readers_design`, and the design that follows from it."""

import dataclasses
import re
from collections.abc import Mapping, Sequence

from dermgan_jax.errors import UserError
from dermgan_jax.readers import order
from dermgan_jax.readers.design import PRESETS, TRUTH, Block, Design, Question, Reader, question

MOST_READERS = 200
LEAST = 5  # images of either kind, which the self-test can tell something of
ALL = "all"  # readers, in tables of groups
_READER = re.compile(r"\w[\w.-]{0,63}")


@dataclasses.dataclass(frozen=True)
class Asked:
    """What was asked for; None leaves it to the preset.

    Attributes:
      real: a source of real images.
      fake: sources of synthetic ones, of each of which as many are shown.
      preset: of `PRESETS`.
      seed: of choice, ids, order and samples. Who knows it can tell which image is what.
      num_real, num_fake, sections, questions: as in `Preset`.
      readers: NAME or NAME:GROUP with commas between them, or their number.
      practice: images of a practice block, half of them real.
      classes: to show, as many images of each.
      same_images, revisable, time_limit, told: as in `Design`.
      side: of the images, in pixels; None: as large as the smallest one allows.
      recompress: JPEG quality that all images go through, or None.
      title: of the study.
      train: a source of what the generator learned from.
      checkpoint: of work directories that are sampled.
      texts: words of the page.
    """

    real: str
    fake: tuple[str, ...]
    preset: str
    seed: int
    num_real: int | None = None
    num_fake: int | None = None
    sections: int | None = None
    questions: tuple[str, ...] | None = None
    readers: str | None = None
    practice: int = 0
    classes: tuple[str, ...] = ()
    same_images: bool = True
    revisable: bool = True
    time_limit: float | None = None
    told: bool = False
    side: int | None = None
    recompress: int | None = None
    title: str = "Real or synthetic?"
    train: str | None = None
    checkpoint: str | None = None
    texts: Mapping[str, str] = dataclasses.field(default_factory=dict)


def design_of(asked: Asked) -> Design:
    """The design as far as it does not depend on the images.

    Raises:
      UserError: if there are too few images, more sections than images, or readers' names are not
        different ones.
    """
    preset = PRESETS[asked.preset]
    num_real, num_fake, parts = (
        own if own is not None else of_preset
        for own, of_preset in (
            (asked.num_real, preset.num_real),
            (asked.num_fake, preset.num_fake),
            (asked.sections, preset.sections),
        )
    )
    if min(num_real, num_fake) < LEAST:
        raise UserError(
            f"{num_real} real and {num_fake} synthetic images show nothing: ask for {LEAST} of "
            "each at least"
        )
    if parts > min(num_real, num_fake):
        raise UserError(
            f"{parts} sections need as many real and synthetic images at least; there are "
            f"{num_real} and {num_fake}"
        )
    blocks = [Block(*numbers) for numbers in order.sections(num_real, num_fake, parts)]
    if asked.practice:
        blocks.insert(0, Block(asked.practice // 2, -(-asked.practice // 2), practice=True))
    return Design(
        study="",
        title=asked.title,
        preset=asked.preset,
        seed=asked.seed,
        readers=readers(asked.readers or preset.readers),
        questions=(),
        blocks=tuple(blocks),
        classes=(),
        same_images=asked.same_images,
        revisable=asked.revisable,
        time_limit=asked.time_limit,
        size=(0, 0, 0),
        told=asked.told,
        phantom=False,
        texts={},
    )


def questions_of(asked: Asked, classes: Sequence[str]) -> tuple[Question, ...]:
    """The questions, in order.

    Raises:
      UserError: if the first is not `real`, or one is unknown or named twice.
    """
    names = question_names(asked)
    if names[0] != TRUTH:
        raise UserError(f"--questions begins with {TRUTH!r}: what a reader is asked first")
    if len(set(names)) < len(names):
        raise UserError("--questions names one twice")
    return tuple(question(name, classes) for name in names)


def readers(text: str) -> tuple[Reader, ...]:
    """Readers as a flag names them: their number, or NAME or NAME:GROUP with commas between.

    Raises:
      UserError: if a name is not one of letters, digits, ".", "-" and "_", or comes twice.
    """
    if re.fullmatch("[0-9]+", text):
        if not 1 <= int(text) <= MOST_READERS:
            raise UserError(f"--readers={text}: from 1 to {MOST_READERS}")
        width = len(text)
        return tuple(Reader(f"R{number:0{width}d}") for number in range(1, int(text) + 1))
    found = []
    for part in text.split(","):
        name, _, group = (piece.strip() for piece in part.partition(":"))
        if not _READER.fullmatch(name):
            raise UserError(
                f"--readers: {name!r} is no name of up to 64 letters, digits, '.', '-' and '_'; a "
                "group follows a colon"
            )
        found.append(Reader(name, group))
        if group == ALL:
            raise UserError(f"--readers: a group cannot be called {ALL!r}, which stands for all")
    names = [reader.name.casefold() for reader in found]
    if len(set(names)) < len(names):
        raise UserError("--readers names a reader twice")
    return tuple(found)


def question_names(asked: Asked) -> tuple[str, ...]:
    """Names of the questions."""
    return asked.questions or PRESETS[asked.preset].questions
