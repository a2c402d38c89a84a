"""What a measured value is: the number, how it was measured, and what it is read against.

Metrics on images, uint8 (N, H, W, C) with C 1 or 3, take `mirror`: it says that the model was
trained on randomly flipped images, so the real ones are flipped here too. Everything random follows
from a seed. `metrics.named_metrics` names the metrics, `metrics.yardstick` says what values mean.
`metrics.measurement_json` writes and reads all of this.
"""

import dataclasses
import math
from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple

import numpy as np

# Fréchet distances grow as images get fewer; of FID it is known below how many it cannot be
# believed: its covariance has 2048 dimensions.
FRECHET_DISTANCES = (
    *("fid", "fid:tf", "fid:clean", "fd_lite0", "fd_classifier", "mifid"),
    *("fd", "mifd"),  # in any feature space, as "fd:lite0"
)
FID_PROTOCOLS = ("fid", "fid:tf", "fid:clean")
ENOUGH_FOR_FID = 2048


def is_frechet(name: str) -> bool:
    """Whether a value of this name is a Fréchet distance."""
    return name in FRECHET_DISTANCES or name.partition(":")[0] in FRECHET_DISTANCES[-2:]


class Influence(NamedTuple):
    """How a value moves, to first order, with the weight of each image; both have mean 0.

    Of other draws of as many images the variance is real.var() / n_real + fake.var() / n. Two fake
    sides measured against the same real images share the first part, which is what makes intervals
    of their difference narrow.

    Attributes:
      real: float64 (n_real,), in the order of the real images.
      fake: float64 (n,).
    """

    real: np.ndarray
    fake: np.ndarray

    @property
    def standard_error(self) -> float:
        """Of the value."""
        return float(np.sqrt(sum(side.var(ddof=1) / len(side) for side in self)))


class Published(NamedTuple):
    """What a run says it will measure: the name of a value, and of which images.

    Attributes:
      name: of the metric's value.
      direction: of a translation, "AtoB" or "BtoA"; "" where nothing is translated.
      split: of the data, that the images belong to or are compared with; "" if they have none.
    """

    name: str
    direction: str = ""
    split: str = ""

    @property
    def key(self) -> str:
        """What tells it from the others of one evaluation, as "swd" or "AtoB/test/kid"."""
        return f"{self.direction}/{self.split}/{self.name}" if self.direction else self.name


def automatic_best(published: Sequence[Published]) -> str:
    """The key that says which checkpoint is best where the configuration does not.

    The first value of the first direction, of the split that comes last, which is held out if any
    is; "" if nothing is measured.
    """
    first = [one for one in published if one.direction == published[0].direction]
    return next((one.key for one in first if one.split == first[-1].split), "")


@dataclasses.dataclass(frozen=True)
class MetricValue:
    """One measured number and what is needed to compare it with another.

    Attributes:
      name: of the metric, as published.
      value: the number; NaN or infinite where the images do not define it.
      protocol: how it was measured; only values of equal protocol and `n` are comparable.
      n: images on each side.
      details: parts of the number by name, such as the distance per resolution.
      better: the direction of better values.
      n_real: real images, where their number may differ from `n`, which then counts the fake ones.
      std: the spread published with this metric (KID: over subsets, Inception Score: over splits);
        the standard error where none is.
      interval: 95 % confidence interval (low, high) for other draws of as many images.
      influence: of each image, where the metric has one; it is not stored.
    """

    name: str
    value: float
    protocol: str
    n: int
    details: Mapping[str, float]
    better: Literal["lower", "higher"]
    n_real: int | None = None
    std: float | None = None
    interval: tuple[float, float] | None = None
    influence: Influence | None = dataclasses.field(default=None, compare=False, repr=False)

    @property
    def is_finite(self) -> bool:
        """Whether there is a number to show and to compare."""
        return math.isfinite(self.value)

    @property
    def lower_is_better(self) -> float:
        """The value, its sign changed where more is better; infinite where it is not finite."""
        if not self.is_finite:
            return math.inf
        return self.value if self.better == "lower" else -self.value

    @property
    def fewest(self) -> int:
        """Images on the smaller side."""
        return min(self.n, self.n_real or self.n)


@dataclasses.dataclass(frozen=True)
class ClassPair:
    """A metric between real images of two classes, `n` of each."""

    classes: tuple[str, str]
    value: float
    n: int

    @property
    def name(self) -> str:
        """Both classes, as "mel – nv"."""
        return " – ".join(self.classes)


@dataclasses.dataclass(frozen=True)
class Confusion:
    """How many images of each class (rows) a classifier took for each class (columns)."""

    classes: tuple[str, ...]
    counts: tuple[tuple[int, ...], ...]


@dataclasses.dataclass(frozen=True)
class Measurement:
    """A value, of which images it is, and its yardsticks.

    Attributes:
      value: what was measured.
      direction: of a translation, "AtoB" or "BtoA"; "" where nothing is translated.
      split: of the data, that the images belong to or are compared with; "" if they have none.
      real_against_real: the same between real images: what a perfect model would get.
      class_pairs: the same between real images of two classes, the pair least apart first.
      identity: of translations, the same for images left as they are; of enlarged images, the same
        for bicubic enlargement.
      mean_colour: of translations, the same for the mean colour of the target.
      confusion: of a classifier's accuracy.
    """

    value: MetricValue
    direction: str = ""
    split: str = ""
    real_against_real: MetricValue | None = None
    class_pairs: tuple[ClassPair, ...] = ()
    identity: MetricValue | None = None
    mean_colour: MetricValue | None = None
    confusion: Confusion | None = None

    @property
    def name(self) -> str:
        """Of the metric."""
        return self.value.name

    @property
    def published(self) -> Published:
        """Its name, and of which images it is."""
        return Published(self.name, self.direction, self.split)

    @property
    def key(self) -> str:
        """What tells it from the others of one evaluation."""
        return self.published.key

    def with_yardsticks_of(self, other: "Measurement") -> "Measurement":
        """This value beside the yardsticks of an earlier measurement of the same real images."""
        return dataclasses.replace(
            self,
            real_against_real=other.real_against_real,
            class_pairs=other.class_pairs,
            identity=other.identity,
            mean_colour=other.mean_colour,
        )

    @property
    def finite_class_pairs(self) -> tuple[ClassPair, ...]:
        """The pairs of classes with a finite value, the pair least apart first."""
        return tuple(pair for pair in self.class_pairs if math.isfinite(pair.value))

    @property
    def nearest_classes(self) -> ClassPair | None:
        """The two classes least apart, if classes were compared."""
        return next(iter(self.finite_class_pairs), None)


Measurements = dict[str, Measurement]  # by `Measurement.key`, in the order of measuring


def by_key(*measured: Measurement) -> Measurements:
    """Measurements by their keys."""
    return {one.key: one for one in measured}
