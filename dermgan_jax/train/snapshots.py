"""What is drawn and measured of a model while it trains, from its averaged weights."""

import abc
from typing import Generic, TypeVar

import numpy as np

from dermgan_jax import registry
from dermgan_jax.data.catalogue import Catalogue
from dermgan_jax.data.image_sets import ImageSet
from dermgan_jax.data.prepare import at_full_size, prepare
from dermgan_jax.features import weights
from dermgan_jax.metrics.measurement import Measurements, Published, automatic_best
from dermgan_jax.models.contract import Model, Stage, Variables
from dermgan_jax.runs.workdir import WorkDir

M = TypeVar("M", bound=Model)


class Snapshots(abc.ABC, Generic[M]):
    """Sample sheets and evaluations of one run; there is a subclass for each kind of model.

    Args:
      model: the family, configured.
      data: the catalogue that it learns from.
      workdir: of the run.

    Attributes:
      sheet_comment: what the files of sheets say of themselves.
      sheet_is_made: whether a model made images of a sheet, which then says which one.
    """

    sheet_comment = "sheet of a training: images made by a model beside real ones"
    sheet_is_made = True

    def __init__(self, model: M, data: Catalogue, workdir: WorkDir):
        self.model = model
        self.data = data
        self.workdir = workdir

    @classmethod
    @abc.abstractmethod
    def published(cls, model: M, data: Catalogue) -> tuple[Published, ...]:
        """Everything that `evaluate` will measure, in order; known before the first step."""

    @classmethod
    def faults(cls, model: M, data: Catalogue) -> list[str]:
        """Why the model cannot be measured on these data; empty if it can."""
        return [
            *_paired_faults(model, data),
            *_weights_faults(model),
            *_best_faults(model, cls.published(model, data)),
        ]

    @abc.abstractmethod
    def draw(self, variables: Variables, stage: Stage) -> np.ndarray:
        """The sample sheet of this moment, uint8 (H, W, C)."""

    def reals(self) -> np.ndarray | None:
        """Training images, unchosen, as a sheet like those of samples, uint8 (H, W, C).

        None of models whose sheets show real images anyway.
        """
        return None

    def neighbours(self, variables: Variables, stage: Stage) -> np.ndarray | None:
        """Samples, each with the training image nearest to it; None where that means nothing."""
        del variables, stage
        return None

    @abc.abstractmethod
    def evaluate(self, variables: Variables, stage: Stage) -> Measurements:
        """The configured metrics of this moment; every process computes the same."""

    def images(self) -> ImageSet:
        """All images at the size of a test, not of training: uint8 (N, R, R, C)."""
        return prepare(self.data, at_full_size(self.model.config.data)).images


def snapshots_of(model: Model) -> type[Snapshots]:
    """The snapshots of a model's kind."""
    return registry.load("snapshots", model.kind)


def best_metric(model: Model, data: Catalogue) -> str:
    """The key of the measurement that says which checkpoint is best; "" if nothing is measured."""
    published = snapshots_of(model).published(model, data)
    return model.config.checkpoint.best_metric or automatic_best(published)


def _paired_faults(model: Model, data: Catalogue) -> list[str]:
    metrics = {name: registry.load(model.metric_kind, name) for name in model.config.eval.metrics}
    paired = [name for name, metric in metrics.items() if getattr(metric, "paired", False)]
    if not paired or len(data.pairs(model.config.data.split)[0]):
        return []
    return [
        f"eval.metrics names {', '.join(paired)}, which compare pairs, and the data have none: "
        "leave them out"
    ]


def _weights_faults(model: Model) -> list[str]:
    """Metrics whose pretrained networks are not on this machine."""
    found: dict[str, list[str]] = {}
    for name in model.config.eval.metrics:
        needed = getattr(registry.load(model.metric_kind, name), "weights", ())
        if needed and not any(map(weights.available, needed)):
            found.setdefault(needed[0], []).append(name)
    return [
        f"eval.metrics names {', '.join(metrics)}, for which weights are missing: "
        f"dermgan weights --fetch={needed}"
        for needed, metrics in found.items()
    ]


def _best_faults(model: Model, published: tuple[Published, ...]) -> list[str]:
    wanted, keys = model.config.checkpoint.best_metric, tuple(one.key for one in published)
    if not wanted or not keys or wanted in keys:
        return []
    return [
        f"checkpoint.best_metric is {wanted!r}, which this run will not measure; "
        f"it will measure {', '.join(keys)}"
    ]
