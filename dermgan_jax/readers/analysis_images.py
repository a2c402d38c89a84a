"""Which images are taken for real, and of which class: each, by class, and by source."""

import dataclasses

import numpy as np

from dermgan_jax.readers.design import FAKE, REAL
from dermgan_jax.readers.votes import StudyVotes
from dermgan_jax.statistics import crossed
from dermgan_jax.statistics.crossed import Panel
from dermgan_jax.statistics.intervals import Estimate

# P4's names: shares of synthetic, and of real, images taken for real and of their class.
RATES = {FAKE: "SR", REAL: "RR"}


@dataclasses.dataclass(frozen=True)
class ImageRow:
    """What readers made of an image.

    Attributes:
      image, truth, of_class, side, origin: what it is.
      answers: how many readers answered.
      called_real: their share who called it real.
      wrong: their share who were wrong.
      seconds: median.
    """

    image: str
    truth: str
    of_class: str
    side: str
    origin: str
    answers: int
    called_real: float
    wrong: float
    seconds: float | None


@dataclasses.dataclass(frozen=True)
class TakenForReal:
    """Shares of answers to some images; readers and images are both random.

    Attributes:
      rate: SR of synthetic images, RR of real ones.
      truth, side, of_class: which images; "" for all.
      images: how many.
      called_real: share that is taken for real.
      class_seen: share whose class is seen; None if the class was not asked.
      both: share that is taken for real and whose class is seen: SR or RR; None likewise.
    """

    rate: str
    truth: str
    side: str
    of_class: str
    images: int
    called_real: Estimate
    class_seen: Estimate | None
    both: Estimate | None


def image_rows(votes: StudyVotes) -> tuple[ImageRow, ...]:
    """Every image with an answer, those first that misled most readers."""
    rows = []
    for i, image in enumerate(votes.images):
        answered = votes.answered[i]
        if not answered.any():
            continue
        called = float(votes.called_real[i, answered].mean())
        seconds = votes.seconds[i, answered & ~np.isnan(votes.seconds[i])]
        rows.append(
            ImageRow(
                image=image.name,
                truth=image.truth,
                of_class=image.of_class,
                side=image.side,
                origin=image.origin,
                answers=int(answered.sum()),
                called_real=called,
                wrong=1 - called if votes.real[i] else called,
                seconds=float(np.median(seconds)) if len(seconds) else None,
            )
        )
    return tuple(sorted(rows, key=lambda row: (-row.wrong, -row.answers, row.image)))


def taken_for_real(votes: StudyVotes, panel: Panel) -> tuple[TakenForReal, ...]:
    """SR and RR: of all images of a truth, of each class, of each side, and of a side's classes."""
    classes = np.array([image.of_class for image in votes.images])
    sides = np.array([image.side for image in votes.images])
    found = []
    for truth in (FAKE, REAL):
        of_truth = votes.real == (truth == REAL)
        own_sides = _several(sides[of_truth])
        own_classes = _several(classes[of_truth], least=1)
        for side in ("", *own_sides):
            for of_class in ("", *own_classes):
                images = of_truth & ((sides == side) | (side == ""))
                images &= (classes == of_class) | (of_class == "")
                row = _row(votes, panel, images, (truth, side, of_class))
                if row is not None:
                    found.append(row)
    return tuple(found)


def _several(names: np.ndarray, least: int = 2) -> list[str]:
    """The names in order, if there are as many; "" is none."""
    found = [str(name) for name in dict.fromkeys(names) if name]
    return found if len(found) >= least else []


def _row(
    votes: StudyVotes, panel: Panel, images: np.ndarray, of: tuple[str, str, str]
) -> TakenForReal | None:
    truth, side, of_class = of
    images = images & votes.answered.any(axis=1)
    if not images.any():
        return None
    classes = np.array([image.of_class for image in votes.images], object)[:, None]
    asked = votes.answered & (votes.class_answers != "") & (classes != "")
    seen = np.where(asked, votes.class_answers == classes, np.nan)

    def share(values: np.ndarray) -> Estimate | None:
        values = np.where(images[:, None], values, np.nan).astype(float)
        rest = ~np.isnan(values).all(axis=1)
        if not rest.any():
            return None
        found = crossed.uncertainty(panel, crossed.share_of(values), rest)
        return crossed.estimate(found, rest)

    called = share(panel.called_real)
    both = seen.astype(float) * np.where(asked, panel.called_real, np.nan)
    return TakenForReal(
        RATES[truth], truth, side, of_class, int(images.sum()), called, share(seen), share(both)
    )
