"""The metrics of a detector that `eval.metrics` names, on validation images.

Each is a function of `Judged`. Those of reconstruction look at normal images only, so that a
checkpoint may be chosen by them without having seen anything abnormal.
"""

import dataclasses
import functools

import numpy as np

from dermgan_jax.data.splits import VAL
from dermgan_jax.errors import UserError
from dermgan_jax.metrics.measurement import MetricValue
from dermgan_jax.statistics import detection
from dermgan_jax.statistics.held_out_images import HeldOutImages
from dermgan_jax.statistics.intervals import Estimate

OF_DETECTION = detection.SCORES  # these need abnormal validation images


@dataclasses.dataclass(frozen=True)
class Judged:
    """What a detector says of validation images.

    Attributes:
      images: their classes and groups.
      abnormal: bool (n,).
      scores: (n,), high where abnormal.
      errors: (n,), mean squared differences from the reconstructions, of values in [-1, 1].
      spread: how much the reconstructions of normal images vary, as a share of how much these do.

    All are NaN of a model that cannot detect yet.
    """

    images: HeldOutImages
    abnormal: np.ndarray
    scores: np.ndarray
    errors: np.ndarray
    spread: float

    @functools.cached_property
    def detected(self) -> dict[str, Estimate]:
        """Scores of detection with intervals; NaN where there are not both kinds, or no groups."""
        if not np.isfinite(self.scores).all():
            return dict.fromkeys(OF_DETECTION, Estimate(*[float("nan")] * 3))
        try:
            replicated = detection.replicates(self.images, self.abnormal, self.scores)
        except UserError:
            return dict.fromkeys(OF_DETECTION, Estimate(*[float("nan")] * 3))
        return detection.with_intervals(self.images, self.abnormal, replicated)


def reconstruction_error(judged: Judged) -> MetricValue:
    """Mean squared difference of normal images from their reconstructions."""
    errors = judged.errors[~judged.abnormal]
    return MetricValue(
        name="reconstruction_error",
        value=float(errors.mean()),
        protocol=f"{VAL}:normal:pixel_mse",
        n=len(errors),
        details={},
        better="lower",
    )


def spread(judged: Judged) -> MetricValue:
    """Variation of the reconstructions over that of the images; near 0 the generator collapsed."""
    return MetricValue(
        name="spread",
        value=judged.spread,
        protocol=f"{VAL}:normal:std_ratio",
        n=int((~judged.abnormal).sum()),
        details={},
        better="higher",
    )


def auroc(judged: Judged) -> MetricValue:
    """How often an abnormal image outscores a normal one, ties counting half."""
    return _of_detection("auroc", judged)


def average_precision(judged: Judged) -> MetricValue:
    """`statistics.detection.average_precision`; by chance the share of abnormal images."""
    return _of_detection("average_precision", judged)


def fpr_at_95_tpr(judged: Judged) -> MetricValue:
    """`statistics.detection.fpr_at_tpr`."""
    return _of_detection("fpr_at_95_tpr", judged)


def _of_detection(name: str, judged: Judged) -> MetricValue:
    found = judged.detected[name]
    finite = np.isfinite(found.value)
    return MetricValue(
        name=name,
        value=found.value,
        protocol=f"{VAL}:normal_against_all:{judged.abnormal.sum()}_abnormal",
        n=len(judged.scores),
        details={},
        better="lower" if name in detection.LOWER_IS_BETTER else "higher",
        interval=(found.low, found.high) if finite else None,
    )
