"""How well a model enlarges images, and what it invents: a table with bicubic always in it.

Large images are made small as the model learned it, enlarged again, and compared with what they
were. Intervals are over groups, such as lesions.
"""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from dermgan_jax import registry
from dermgan_jax.data.image_files import grid
from dermgan_jax.data.image_sets import ImageSet, evenly_spaced, open_images, select
from dermgan_jax.data.npz_images import Range
from dermgan_jax.data.pixel_range import to_uint8
from dermgan_jax.errors import UserError
from dermgan_jax.evaluation.predict import probabilities_of, restore_classifier
from dermgan_jax.files import Path
from dermgan_jax.metrics import measurement_json
from dermgan_jax.metrics.measurement import Measurement, MetricValue, by_key
from dermgan_jax.metrics.upscaler_metrics import Enlarged
from dermgan_jax.models import upscaling
from dermgan_jax.models.upscaler import Upscaler
from dermgan_jax.runs.restore import BEST, LATEST, Restored
from dermgan_jax.runs.training_data import TrainingData, split_images
from dermgan_jax.statistics import group_mean
from dermgan_jax.synthesis.upscale import restore_upscaler
from dermgan_jax.train.upscaler_snapshots import bicubic, difference

CLASS_AGREEMENT = "class_agreement"
CAUTION = (
    "warning: fine structure in enlarged images is a guess of the model and must not be read as a "
    "finding; of these numbers consistency and the agreements measure what it invents, as far as "
    "it contradicts the small image or changes an outline or a class"
)


@dataclasses.dataclass(frozen=True)
class Question:
    """What is enlarged and measured.

    Attributes:
      workdir: of a model that enlarges.
      metrics: registered names.
      split: of its data; unused with `source`.
      source: folder or .npz of large images instead, each a group of its own; None: its data.
      num: images at most, evenly spaced.
      seed: of what is random in making images small.
      checkpoint: "latest", "best" or a step.
      classifier: work directory of a classifier, which is asked what each image shows; or None.
      value_range: of floats in an .npz that does not tell it.
    """

    workdir: Path
    metrics: tuple[str, ...]
    split: str = "test"
    source: Path | None = None
    num: int = 2048
    seed: int = 0
    checkpoint: str = LATEST
    classifier: Path | None = None
    value_range: Range | None = None


@dataclasses.dataclass(frozen=True)
class Line:
    """One metric.

    Attributes:
      model, bicubic: its values.
      gain: model − bicubic on the same images.
      interval: 95 % interval of the gain over groups; None with fewer than two groups.
    """

    model: MetricValue
    bicubic: MetricValue
    gain: float
    interval: tuple[float, float] | None

    @property
    def verdict(self) -> str:
        """Whether the model is better than bicubic, and whether that is sure."""
        gain = self.gain if self.model.better == "higher" else -self.gain
        if self.interval is None or not np.isfinite(gain):
            return ""
        if self.interval[0] <= 0 <= self.interval[1]:
            return "not told apart"
        return "better" if gain > 0 else "worse"


@dataclasses.dataclass(frozen=True)
class Table:
    """What was found.

    Attributes:
      title: which images, and how they were made small.
      lines: a metric each.
      sheet: uint8 (H, W, C): small | bicubic | enlarged | true | four-fold difference.
      notes: what a reader has to know.
    """

    title: str
    lines: tuple[Line, ...]
    sheet: np.ndarray
    notes: tuple[str, ...]

    def text(self) -> str:
        """The table and the notes."""
        rows = [("metric", "model", "95 % interval", "bicubic", "model − bicubic", "")]
        for line in self.lines:
            arrow = "↑" if line.model.better == "higher" else "↓"
            rows.append(
                (
                    f"{line.model.name} {arrow}",
                    f"{line.model.value:.4g}",
                    _ends(line.model.interval),
                    f"{line.bicubic.value:.4g}",
                    f"{line.gain:+.4g} ({_ends(line.interval)})",
                    line.verdict,
                )
            )
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        told = [
            "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
            for row in rows
        ]
        return "\n".join([self.title, *told, *self.notes])

    def to_json(self) -> dict[str, Any]:
        """{"images", "metrics": with bicubic as "identity", "gains", "notes"}."""
        measured = by_key(*(Measurement(line.model, identity=line.bicubic) for line in self.lines))
        return {
            "images": self.title,
            "metrics": measurement_json.to_json(measured),
            "gains": {
                line.model.name: {"gain": line.gain, "interval": line.interval}
                for line in self.lines
            },
            "notes": list(self.notes),
        }


def evaluate_upscaler(question: Question) -> Table:
    """Measures a model that enlarges.

    Raises:
      UserError: if the model, its data, a metric's weights or the classifier are not there, or
        images do not fit.
    """
    restored = restore_upscaler(question.workdir, question.checkpoint)
    metrics = {name: registry.load("upscaler_metric", name) for name in question.metrics}
    model = restored.model
    true, groups, title, notes = _images(question, model)
    _require_large_enough(true, metrics, model.scale)
    small = upscaling.degrade(model, true, question.seed)
    large = to_uint8(upscaling.upscale(model, restored.variables, small))
    plain = bicubic(small, model.scale)
    enlarged, beside = Enlarged(true, small, large), Enlarged(true, small, plain)
    lines = []
    for metric in metrics.values():
        values = [metric.values(one) for one in (enlarged, beside)]
        measured = [metric.of_values(each, model.scale, groups) for each in values]
        lines.append(_line(*measured, *values, groups))
    if question.classifier is not None:
        classifier = restore_classifier(question.classifier, BEST)
        lines.append(_class_agreement(classifier, enlarged, beside, groups))
    return Table(title, tuple(lines), _sheet(enlarged, plain), (*notes, CAUTION))


def _images(
    question: Question, model: Upscaler
) -> tuple[ImageSet, Sequence[str], str, tuple[str, ...]]:
    """Large images, their groups, what they are called, and notes on them."""
    step = model.scale * model.multiple
    how = f"made {model.scale} times smaller by {_degradation(model)}"
    if question.source is None:
        found = split_images(*_data_of(question), question.split)
        if not len(found.images):
            raise UserError(f"the split {question.split!r} has no images: see data.split_fractions")
        rows = evenly_spaced(len(found.images), question.num)
        groups = [found.groups[row] for row in rows]
        title = f"{len(rows)} images of {len(set(groups))} groups of the split {question.split!r}"
        return select(found.images, rows), groups, f"{title}, {how}", ()
    data = model.config.data
    true = open_images(
        *(question.source, model.data.channels, question.num, data.bit_depth),
        value_range=question.value_range,
        frame=data.frame,
    )
    height, width = (side // step * step for side in true.shape[1:3])
    if min(height, width) == 0:
        raise UserError(f"{question.source} has images of {true.shape[1:3]}: from {step} pixels on")
    notes = ()
    if (height, width) != tuple(true.shape[1:3]):
        notes = (f"note: images were cut to {height}x{width}, multiples of {step}",)
        true = true[:][:, :height, :width]
    groups = [str(i) for i in range(len(true))]
    return true, groups, f"{len(true)} images of {question.source}, {how}", notes


def _data_of(question: Question) -> tuple[Any, Any]:
    data = TrainingData(question.workdir)
    return data.catalogue, data.config


def _degradation(model: Upscaler) -> str:
    return str(model.config.model.get("degradation", "bicubic"))


def _require_large_enough(true: ImageSet, metrics: Mapping[str, Any], scale: int) -> None:
    side = min(true.shape[1:3])
    for name, metric in metrics.items():
        if metric.least(scale) > side:
            raise UserError(
                f"{name} needs images of {metric.least(scale)} pixels; these have {side}: leave it "
                "out of --metrics"
            )


def _line(
    model: MetricValue,
    plain: MetricValue,
    values: np.ndarray,
    plain_values: np.ndarray,
    groups: Sequence[str],
) -> Line:
    gains = values - plain_values
    finite = gains[np.isfinite(gains)]
    gain = float(finite.mean()) if len(finite) else float("nan")
    return Line(model, plain, gain, group_mean.interval(gains, groups))


def _class_agreement(
    classifier: Restored, enlarged: Enlarged, beside: Enlarged, groups: Sequence[str]
) -> Line:
    """How often a classifier takes the enlarged image for what it takes the true one for."""
    of_true = probabilities_of(classifier, enlarged.true).argmax(-1)
    agreements, measured = [], []
    for one in (enlarged, beside):
        agrees = (probabilities_of(classifier, one.large).argmax(-1) == of_true).astype(np.float64)
        agreements.append(agrees)
        value = MetricValue(
            name=CLASS_AGREEMENT,
            value=float(agrees.mean()),
            protocol=f"argmax:of_true_image:run_{classifier.run}",
            n=len(agrees),
            details={},
            better="higher",
            interval=group_mean.interval(agrees, groups),
        )
        measured.append(value)
    return _line(*measured, *agreements, groups)


def _sheet(enlarged: Enlarged, plain: np.ndarray, rows: int = 6) -> np.ndarray:
    chosen = evenly_spaced(len(enlarged.true), rows)
    true, large = enlarged.true[chosen], enlarged.large[chosen]
    scale = enlarged.scale
    small = to_uint8(enlarged.small[chosen].repeat(scale, 1).repeat(scale, 2))
    columns = [small, plain[chosen], large, true, difference(large, true)]
    images = np.stack(columns, axis=1)
    return grid(images.reshape(-1, *images.shape[2:]), len(chosen), len(columns))


def _ends(interval: tuple[float, float] | None) -> str:
    return "-" if interval is None else f"{interval[0]:.4g} … {interval[1]:.4g}"
