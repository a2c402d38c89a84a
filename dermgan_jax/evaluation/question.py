"""Compares two image sources: what `dermgan evaluate` and the library ask."""

import dataclasses
from collections.abc import Sequence
from typing import Any

from ml_collections import FrozenConfigDict

from dermgan_jax import registry
from dermgan_jax.data.npz_images import Range
from dermgan_jax.errors import UserError
from dermgan_jax.evaluation import against_statistics, cautions, subgroup_values
from dermgan_jax.evaluation.image_sources import (
    ImageSource,
    Opening,
    config_of_a_workdir,
    open_fake,
    open_real,
    require_checkpoint_means_something,
    require_one_size,
)
from dermgan_jax.evaluation.pairing import pairs
from dermgan_jax.evaluation.subgroup_values import Subgroup, columns_of
from dermgan_jax.files import Path
from dermgan_jax.metrics import measurement_json
from dermgan_jax.metrics.measure import Request, measure
from dermgan_jax.metrics.measurement import Measurements, by_key
from dermgan_jax.metrics.measurement_table import table
from dermgan_jax.runs import classifier_features
from dermgan_jax.runs.restore import LATEST
from dermgan_jax.synthesis.drawing import Drawing


@dataclasses.dataclass(frozen=True)
class Evaluation:
    """What `evaluate` found.

    Attributes:
      real, fake: the two sources.
      seed: of samples and metrics.
      measured: the values.
      warnings: what a reader has to know before believing them.
      subgroups: the same metrics within subgroups, if asked for.
    """

    real: ImageSource
    fake: ImageSource
    seed: int
    measured: Measurements
    warnings: tuple[str, ...]
    subgroups: tuple[Subgroup, ...] = ()

    def text(self) -> str:
        """The table of values, that of subgroups and the warnings."""
        of_subgroups = [subgroup_values.text(self.subgroups)] if self.subgroups else []
        return "\n".join([table(self.measured.values()), *of_subgroups, *self.warnings])

    def to_json(self) -> dict[str, Any]:
        """{"real", "fake": names, "seed", "metrics", "warnings", "made_by"}, and "subgroups" where
        they were asked for."""
        found = self._to_json()
        if self.subgroups:
            found["subgroups"] = [each.to_json() for each in self.subgroups]
        return found

    def _to_json(self) -> dict[str, Any]:
        return {
            "real": self.real.name,
            "fake": self.fake.name,
            "seed": self.seed,
            "metrics": measurement_json.to_json(self.measured),
            "warnings": list(self.warnings),
            "made_by": {
                side: source.made_by.to_json()
                for side, source in (("real", self.real), ("fake", self.fake))
                if source.made_by is not None
            },
        }


@dataclasses.dataclass(frozen=True)
class Question:
    """What is compared, and by what.

    Attributes:
      real, fake: the sources; see `image_sources.open_real` for what they can be. All real images
        are read, so that real against real has a choice.
      metrics: registered names.
      num: fake images at most; SWD cuts both sides to one number.
      seed: of samples and metrics.
      checkpoint: of a source that is a work directory: "latest", "best" or a step; None: latest.
      classifier: work directory of a classifier, in whose features distances are taken as well.
      side: both sides are brought to this size, see `squares.to_square`; 0 leaves them.
      value_range: of floats in an .npz that does not tell it.
      by: columns within whose values everything is measured too; see `subgroup_values`.
    """

    real: str
    fake: str
    metrics: Sequence[str]
    num: int = 2048
    seed: int = 0
    checkpoint: str | None = None
    classifier: Path | None = None
    side: int = 0
    value_range: Range | None = None
    by: Sequence[str] = ()


def evaluate(
    question: Question, config: FrozenConfigDict | None = None, weights: Path | None = None
) -> Evaluation:
    """Compares two sources.

    Args:
      question: which, and by what.
      config: says how DATASET:SPLIT is prepared and whether real images are mirrored; the default
        is the configuration of a source that is a work directory.
      weights: folder where pretrained weights are looked for first.

    Raises:
      UserError: if a source cannot be read, sizes differ, a metric is unknown or lacks its weights.
    """
    for name in question.metrics:
        registry.load("metric", name)
    names = question.real, question.fake
    require_checkpoint_means_something(question.checkpoint, *names)
    config = config or config_of_a_workdir(*names)
    drawing = Drawing(seed=question.seed, checkpoint=question.checkpoint or LATEST)
    opening = Opening(question.num, drawing, config, question.side, question.value_range)
    statistics = against_statistics.statistics_named(question.real)
    real = statistics or open_real(question.real, opening)
    against_statistics.require_images(question.fake)
    fake = open_fake(question.fake, opening)
    mirror = config is not None and config.data.mirror
    others = {}
    if question.classifier is not None:
        others = classifier_features.metrics(question.classifier)
    request = Request(tuple(question.metrics), question.seed, mirror, weights, others, keep=True)
    found = compare(real, fake, request, question.by)
    notes = (*_resizing_notes(question.side), *found.warnings)
    return dataclasses.replace(found, warnings=notes)


def compare(
    real: ImageSource | Path, fake: ImageSource, request: Request, by: Sequence[str] = ()
) -> Evaluation:
    """Compares two sources that are open.

    Args:
      real, fake: the sources; for `real` the path of a file of statistics will do.
      request: metrics of sets and of pairs.
      by: see `Question`.

    Raises:
      UserError: if sizes differ, a metric is unknown, lacks its weights or cannot be computed of
        these images, or the real images have no such column.
    """
    if not isinstance(real, ImageSource):
        return _against_statistics(real, fake, request, by)
    require_one_size(real, fake)
    of_pairs = tuple(name for name in request.metrics if registry.load("metric", name).paired)
    of_sets = tuple(name for name in request.metrics if name not in of_pairs)
    request = dataclasses.replace(request, metrics=of_sets)
    columns = columns_of(real, fake, by)
    found, notes, of_values = {}, [], []
    if of_sets or request.others:
        found = measure(real.images, fake.images, request, labelling=real.labelling)
        of_values = cautions.of_values(request.found(), found, len(real.compared), request.weights)
    if of_pairs:
        *sides, notes = pairs(real.compared, fake.images, (real.name, fake.name))
        found |= measure(*sides, dataclasses.replace(request, metrics=of_pairs, others={}))
    split = real.split.split if real.split else ""
    measured = by_key(*(dataclasses.replace(one, split=split) for one in found.values()))
    if columns and of_pairs:
        notes.append(f"note: {', '.join(of_pairs)}: of pairs, so not within subgroups")
    notes += subgroup_values.unmatched(columns)
    to_know = (*notes, *cautions.of_sources(real, fake), *of_values)
    within = subgroup_values.subgroup_values(real.compared, fake.images, columns, request)
    return Evaluation(real, fake, request.seed, measured, to_know, tuple(within))


def _against_statistics(
    path: Path, fake: ImageSource, request: Request, by: Sequence[str]
) -> Evaluation:
    if by:
        raise UserError(f"--by={','.join(by)} needs images, and {path} holds statistics")
    real, found, notes = against_statistics.measure_against(path, fake, request)
    return Evaluation(real, fake, request.seed, found, tuple(notes))


def _resizing_notes(side: int) -> list[str]:
    if not side:
        return []
    return [
        f"note: both sides were brought to {side}x{side} pixels (the central square, Lanczos): "
        "values compare only with others of the same --resize"
    ]
