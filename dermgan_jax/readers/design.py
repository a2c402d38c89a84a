"""What a reader study asks of whom: questions, images, blocks, readers, and rules.

Two designs of the literature are presets: `turing`, the visual Turing test of PGAN on skin lesions
(P1, section 3.4), and `questionnaire`, that of CycleGAN on chest X-rays (P4).
"""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from dermgan_jax import stored_json
from dermgan_jax.errors import UserError
from dermgan_jax.registry import did_you_mean

REAL, FAKE = "real", "fake"
NO_CLASS = "none"
CHOICE, SCALE, TEXT = "choice", "scale", "text"
MOST_BITS = 63  # of a seed
# The questions by name.
TRUTH, CONFIDENCE, CLASS, REALISM, COMMENT = "real", "confidence", "class", "realism", "comment"
CONFIDENCE_STEPS, LIKERT_STEPS = 6, 7


@dataclasses.dataclass(frozen=True)
class Question:
    """A question that is asked of every image.

    Attributes:
      name: of `QUESTIONS`.
      kind: CHOICE of one option, SCALE of numbers from 1, or free TEXT.
      options: the values that can be stored; of a scale "1", "2" and so on; none of a text.
      required: whether the next image waits for an answer.
    """

    name: str
    kind: str
    options: tuple[str, ...] = ()
    required: bool = True


def question(name: str, classes: Sequence[str] = ()) -> Question:
    """A question by its name.

    Args:
      name: `real`: is the image real or synthetic; `confidence`: how sure is the reader of that, 1
        (a guess) to 6 (certain); `class`: which class does it show; `realism`: how realistic is
        it, 1 to 7; `comment`: anything.
      classes: of the images.

    Raises:
      UserError: if there is no such question, or it asks for a class and there are none.
    """
    if name == CLASS and not classes:
        raise UserError(
            "the question 'class' needs classes: sides with a folder for each class, or --classes"
        )
    if name == CLASS and NO_CLASS in classes:
        raise UserError(
            f"a class is called {NO_CLASS!r}, which is the answer to 'class' where none is seen: "
            "give it another name"
        )
    known = {
        TRUTH: Question(TRUTH, CHOICE, (REAL, FAKE)),
        CONFIDENCE: Question(CONFIDENCE, SCALE, _steps(CONFIDENCE_STEPS)),
        CLASS: Question(CLASS, CHOICE, (*classes, NO_CLASS)),
        REALISM: Question(REALISM, SCALE, _steps(LIKERT_STEPS)),
        COMMENT: Question(COMMENT, TEXT, required=False),
    }
    if name not in known:
        raise UserError(f"there is no question {name!r}{did_you_mean(name, tuple(known))}")
    return known[name]


def _steps(num: int) -> tuple[str, ...]:
    return tuple(str(step) for step in range(1, num + 1))


@dataclasses.dataclass(frozen=True)
class Block:
    """A section of a study, with a pause before it.

    Attributes:
      num_real, num_fake: images that each reader sees in it.
      practice: after each answer the reader is told the truth, and the answers do not count.
    """

    num_real: int
    num_fake: int
    practice: bool = False

    @property
    def num(self) -> int:
        """Images of each reader."""
        return self.num_real + self.num_fake


@dataclasses.dataclass(frozen=True)
class Reader:
    """A reader by a name, which may be a code, and a group, such as "dermatologists"."""

    name: str
    group: str = ""


@dataclasses.dataclass(frozen=True)
class Design:
    """A study as readers meet it; not served, as who knows the seed can tell what images are.

    Attributes:
      study: identifies it.
      title: what readers see.
      preset: that it began from.
      seed: of the choice and the order of images.
      readers: with different names.
      questions: in the order of asking; the first is `real`.
      blocks: in order; practice comes first.
      classes: that the images show; empty if not known.
      same_images: whether all readers see the same images, in an order of their own, or each has
        images of their own.
      revisable: whether readers may go back and change an answer.
      time_limit: seconds after which an image is hidden, which can then still be answered; or None.
      size: height, width and channels of every image.
      told: whether readers are told how many images are real.
      phantom: whether images called real are drawn by a program.
      texts: words of the page by name, see `texts.py`.
    """

    study: str
    title: str
    preset: str
    seed: int
    readers: tuple[Reader, ...]
    questions: tuple[Question, ...]
    blocks: tuple[Block, ...]
    classes: tuple[str, ...]
    same_images: bool
    revisable: bool
    time_limit: float | None
    size: tuple[int, int, int]
    told: bool
    phantom: bool
    texts: Mapping[str, str]

    @property
    def counted(self) -> tuple[Block, ...]:
        """The blocks whose answers count."""
        return tuple(block for block in self.blocks if not block.practice)

    @property
    def num_real(self) -> int:
        """Real images that each reader is asked about, practice aside."""
        return sum(block.num_real for block in self.counted)

    @property
    def num_fake(self) -> int:
        """Synthetic images likewise."""
        return sum(block.num_fake for block in self.counted)

    def to_json(self) -> dict[str, Any]:
        """What `json` can write."""
        return dataclasses.asdict(self)

    @classmethod
    def from_json(cls, text: str) -> "Design":
        """A design as `to_json` gave it.

        Raises:
          ValueError: if the text is something else.
        """
        plain = stored_json.parse(text)
        seed = plain.get("seed") if isinstance(plain, dict) else None
        # Secret seeds have more bits than the whole numbers of other files.
        is_secret = type(seed) is int and 0 <= seed < 1 << MOST_BITS
        told = {**plain, "seed": 0} if is_secret else plain
        design = stored_json.structure(told, cls)
        return dataclasses.replace(design, seed=seed) if is_secret else design


@dataclasses.dataclass(frozen=True)
class Preset:
    """What a study is, where flags do not say otherwise.

    Attributes:
      num_real, num_fake: images of each reader.
      sections: blocks of about equal size.
      questions: names.
      readers: as `--readers` names them.
      summary: one line.
    """

    num_real: int
    num_fake: int
    sections: int
    questions: tuple[str, ...]
    readers: str
    summary: str


PRESETS = {
    "turing": Preset(
        50,
        30,
        1,
        (TRUTH,),
        "DLE1:deep learning,DLE2:deep learning,DLE3:deep learning,DLE4:deep learning,"
        "DLE5:deep learning,ED1:dermatologists,ED2:dermatologists,ED3:dermatologists",
        "real or synthetic? 50 and 30 images, 8 readers in two groups (P1)",
    ),
    "questionnaire": Preset(
        20,
        80,
        4,
        (TRUTH, CLASS),
        "E1:experts,E2:experts,E3:experts",
        "real or synthetic, and which class? 20 and 80 images in four sections, 3 readers (P4)",
    ),
}


def split_evenly(num: int, parts: int) -> list[int]:
    """`num` things in `parts` parts that differ by one at most."""
    return [(num * (part + 1)) // parts - (num * part) // parts for part in range(parts)]
