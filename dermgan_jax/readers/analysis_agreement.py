"""How far readers agree: on real or fake, and on how realistic an image is."""

import dataclasses

import numpy as np

from dermgan_jax.readers.votes import StudyVotes
from dermgan_jax.statistics import agreement, crossed, intervals
from dermgan_jax.statistics.agreement import GwetAc1
from dermgan_jax.statistics.crossed import Panel
from dermgan_jax.statistics.intervals import Estimate
from dermgan_jax.statistics.intraclass import IntraclassCorrelation, intraclass_correlation

ALL = "all"  # readers, and images
KINDS = ("real", "fake", ALL)
MOST_ANSWERED_BY_ALL = 2 / 3  # of the images; with fewer, pairs of readers are looked at


@dataclasses.dataclass(frozen=True)
class Agreement:
    """Of a group of readers on images of one kind.

    Attributes:
      images: how many, that all of the group answered.
      kappa: of Fleiss; None where it is undefined, as with one reader or one answer only.
      guessing: half-width of the 95 % interval in which kappa would lie if readers guessed.
      ac1: of Gwet, with its 95 % interval over images.
      pairs: whether too few images were answered by all, so that `images` are those that two or
        more answered, and all pairs of readers count who answered the same one.
    """

    images: int
    kappa: float | None
    guessing: float | None
    ac1: Estimate | None
    pairs: bool = False


@dataclasses.dataclass(frozen=True)
class RealismOfSide:
    """Mean rating of the images of a side; readers and images are both random."""

    side: str
    truth: str
    images: int
    mean: Estimate


@dataclasses.dataclass(frozen=True)
class Likert:
    """Ratings of realism.

    Attributes:
      icc: on the images that all readers rated; None if there are too few of either.
      sides: mean ratings.
    """

    icc: IntraclassCorrelation | None
    sides: tuple[RealismOfSide, ...]


def agreements(votes: StudyVotes) -> dict[str, dict[str, Agreement]]:
    """Of each group and of ALL readers: "real", "fake" and ALL images -> agreement."""
    members = {
        name: [j for j, group in enumerate(votes.groups) if group == name]
        for name in votes.group_names
    }
    members[ALL] = list(range(len(votes.readers)))
    kinds = {"real": votes.real, "fake": ~votes.real, ALL: np.ones_like(votes.real)}
    found = {}
    for name, readers in members.items():
        answers = votes.called_real[:, readers]
        answered = ~np.isnan(answers)
        seen = votes.asked[:, readers].any(axis=1).sum()
        pairs = len(readers) > 2 and answered.all(axis=1).sum() < MOST_ANSWERED_BY_ALL * seen
        found[name] = {
            kind: of_answers(answers[images], pairs=bool(pairs)) for kind, images in kinds.items()
        }
    return found


def of_answers(called_real: np.ndarray, *, pairs: bool = False) -> Agreement:
    """Agreement on answers (n, m), 1 or 0, NaN where there is none; `pairs` as of `Agreement`."""
    real, fake = (called_real == 1).sum(axis=1), (called_real == 0).sum(axis=1)
    table = np.stack([fake, real], axis=1)
    readers = called_real.shape[1]
    kept = table[real + fake >= (2 if pairs else readers)]
    if len(kept) == 0 or readers < 2:
        return Agreement(len(kept), None, None, None, pairs)
    kappa = agreement.fleiss_kappa_of_some if pairs else agreement.fleiss_kappa
    fleiss = kappa(table if pairs else kept)
    defined = np.isfinite(fleiss.kappa)
    return Agreement(
        images=len(kept),
        kappa=fleiss.kappa if defined else None,
        guessing=float(intervals.Z * fleiss.standard_error) if defined else None,
        ac1=_interval(agreement.gwet_ac1(table if pairs else kept)),
        pairs=pairs,
    )


def _interval(found: GwetAc1) -> Estimate | None:
    return Estimate(found.ac1, found.low, found.high) if np.isfinite(found.low) else None


def likert(votes: StudyVotes, panel: Panel) -> Likert | None:
    """Ratings of realism; None if nobody was asked."""
    ratings = votes.realism
    if np.isnan(ratings).all():
        return None
    complete = ratings[~np.isnan(ratings).any(axis=1)]
    icc = None
    if complete.shape[0] > 1 and complete.shape[1] > 1 and np.ptp(complete) > 0:
        icc = intraclass_correlation(complete)
    sides = np.array([image.side or image.truth for image in votes.images])
    found = []
    for side in dict.fromkeys(sides):
        images = (sides == side) & ~np.isnan(ratings).all(axis=1)
        values = np.where(images[:, None], ratings, np.nan)
        mean = crossed.estimate(
            crossed.uncertainty(panel, crossed.share_of(values), images), images, share=False
        )
        if mean is not None:
            truth = votes.images[int(np.argmax(sides == side))].truth
            found.append(RealismOfSide(str(side), truth, int(images.sum()), mean))
    return Likert(icc, tuple(found))
