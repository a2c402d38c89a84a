"""What a design can show, before anybody has answered.

Near one half, with readers and images both drawn at random, the balanced accuracy, which the
analysis tests, varies by what readers differ in, by what images differ in, and by the rest. How
much, is taken from the visual Turing test of P1: those of its eight readers have a standard
deviation of 0.087, of which 0.058 is guessing at 50 and 30 images; Fleiss' kappa is 0.058.
"""

import dataclasses

import numpy as np
from scipy.special import ndtri

from dermgan_jax.readers.design import Design
from dermgan_jax.statistics import group_bootstrap
from dermgan_jax.statistics.group_bootstrap import Uncertainty

CHANCE = 0.5
READERS_DEVIATION = 0.065
ALIKE = 0.058  # share of an answer's variance that readers have in common on an image
POWER = 0.8


@dataclasses.dataclass(frozen=True)
class Plan:
    """What a design can show.

    Attributes:
      readers, real, fake: numbers; of images those that each reader sees.
      half_width: of the 95 % interval of the mean balanced accuracy, if it is near one half.
      smallest_difference: from one half that is found with a power of 80 %.
      one_reader: half-width of a single reader's interval.
    """

    readers: int
    real: int
    fake: int
    half_width: float
    smallest_difference: float
    one_reader: float

    def text(self) -> str:
        """Two sentences."""
        images = self.real + self.fake
        readers = "1 reader" if self.readers == 1 else f"{self.readers} readers"
        start = f"{readers} × {images} images ({self.real} real, {self.fake} synthetic): "
        if self.smallest_difference >= CHANCE:
            lines = [f"{start}too few to tell anything from chance."]
        else:
            lines = [
                f"{start}the mean balanced accuracy will be known to ±{_points(self.half_width)}; "
                "a difference from chance is found in 8 of 10 such studies from "
                f"{_points(self.smallest_difference)} on, where readers and images vary as in the "
                "visual Turing test of PGAN."
            ]
        lines.append(
            "How well one particular reader tells them apart will be known to "
            f"±{_points(self.one_reader)}; that speaks of nobody else."
        )
        if self.readers == 1:
            lines.append("With one reader nothing is said of other readers.")
        return "\n".join(lines)


def _points(share: float) -> str:
    return f"{100 * share:.1f} points"


def plan(design: Design) -> Plan:
    """What a design can show."""
    return plan_of(len(design.readers), design.num_real, design.num_fake, design.same_images)


def plan_of(readers: int, real: int, fake: int, same_images: bool = True) -> Plan:
    """What so many readers and images can show."""
    variance = CHANCE * (1 - CHANCE) * (1 / real + 1 / fake) / 4
    shared = ALIKE * variance if same_images else 0.0
    own = ((1 - ALIKE) if same_images else 1.0) * variance
    between = READERS_DEVIATION**2
    if readers > 1:
        uncertainty = Uncertainty(
            CHANCE,
            shared,
            (between + own) / readers,
            between / readers,
            group_bootstrap.mean_freedom(np.array([real, fake])),
            readers - 1,
        )
    else:
        uncertainty = Uncertainty(
            CHANCE, own + shared, 0.0, 0.0, group_bootstrap.mean_freedom(np.array([real, fake])), 0
        )
    half = group_bootstrap.half_width(uncertainty)
    error = np.sqrt(uncertainty.groups + uncertainty.seeds)
    return Plan(
        readers,
        real,
        fake,
        half,
        float(half + ndtri(POWER) * error),
        float(ndtri(0.975) * np.sqrt(variance)),
    )
