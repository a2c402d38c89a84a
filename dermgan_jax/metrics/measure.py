"""Measures one set of images against another: the same numbers during training and afterwards."""

import dataclasses
import functools
from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import NamedTuple, TypeVar

import numpy as np

from dermgan_jax import registry
from dermgan_jax.data.image_sets import ImageSet, select
from dermgan_jax.data.labelling import Labelling
from dermgan_jax.errors import UserError
from dermgan_jax.features.extractor import Extractor, Features
from dermgan_jax.features.feature_cache import features_of_all
from dermgan_jax.files import Path
from dermgan_jax.metrics import yardstick
from dermgan_jax.metrics.measurement import (
    ClassPair,
    Measurement,
    Measurements,
    MetricValue,
    is_frechet,
)
from dermgan_jax.metrics.named_metrics import Metric

# The features of real and of fake images that metrics of one evaluation share.
SharedFeatures = dict[Extractor, tuple[Features, Features]]
Part = TypeVar("Part", bound=Hashable)


@dataclasses.dataclass(frozen=True)
class Request:
    """What is to be measured.

    Attributes:
      metrics: registered names.
      seed: of everything random in the metrics.
      mirror: flip real images at random, as in training, for metrics that compare pixels.
      weights: folder where pretrained weights are looked for first.
      others: metrics by name that are not registered; they come after those.
      keep: whether features of fake images are kept on disk, as those of real ones are.
    """

    metrics: tuple[str, ...]
    seed: int = 0
    mirror: bool = False
    weights: Path | None = None
    others: Mapping[str, Metric] = dataclasses.field(default_factory=dict)
    keep: bool = False

    def found(self) -> tuple[Metric, ...]:
        """All of its metrics.

        Raises:
          UserError: if a name is unknown, or two metrics would publish values of one name.
        """
        found = *(registry.load("metric", name) for name in self.metrics), *self.others.values()
        names = [name for metric in found for name in metric.publishes]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise UserError(
                f"several of the metrics are called {', '.join(twice)}: leave out all but one, or "
                "give folders of classifiers other names"
            )
        return found


class Impossible(NamedTuple):
    """Why a value cannot be had of a part."""

    reason: str


class _Inputs(NamedTuple):
    """What one metric is computed from: images, or features of an extractor's layer."""

    real: ImageSet | np.ndarray
    fake: ImageSet | np.ndarray
    of_all_classes: np.ndarray | None  # features of all labelled reals, compared or not
    source: str  # of the features, before the protocol of the arithmetic
    least: int  # real images that real against real needs


def measure(
    real: ImageSet,
    fake: ImageSet,
    request: Request,
    *,
    labelling: Labelling | None = None,
    known: Mapping[str, Measurement] | None = None,
) -> Measurements:
    """Metrics between two sets of images, between real and real images, and between classes.

    Args:
      real, fake: uint8 (N, H, W, C), N may differ; read a part at a time.
      request: what is to be measured.
      labelling: classes of the real images, and which of them are compared.
      known: an earlier result for the same real images, number of fake ones and request; its
        yardsticks, which are of real images alone, are used again.

    Returns:
      By name. A metric may have several values: precision_recall has "precision" and "recall".

    Raises:
      UserError: if a metric is unknown, lacks its weights or cannot be computed of these images.
    """
    found: Measurements = {}
    metrics = request.found()
    features = _shared(metrics, real, fake, request)
    for metric in metrics:
        inputs = _inputs(metric, real, fake, labelling, request.weights, features)
        for one in _measure_one(metric, inputs, request, labelling, known or {}):
            found[one.key] = one
    return found


def measure_parts(
    real: ImageSet,
    fake: ImageSet,
    request: Request,
    parts: Mapping[Part, tuple[np.ndarray, np.ndarray]],
) -> dict[Part, dict[str, MetricValue | Impossible]]:
    """Metrics between parts of two sets, whose features are taken once.

    Args:
      real, fake, request: as of `measure`.
      parts: by any name, positions (n,) of real and of fake images.

    Returns:
      By part and name: the value, or why there is none. A Fréchet distance needs more images than
      features have numbers: below, its covariances are singular.

    Raises:
      UserError: as `measure`, but not for parts that are too small.
    """
    metrics = request.found()
    features = _shared(metrics, real, fake, request)
    found: dict[Part, dict[str, MetricValue | Impossible]] = {part: {} for part in parts}
    for metric in metrics:
        inputs = _inputs(metric, real, fake, None, request.weights, features)
        flip = request.mirror and metric.load_extractor is None
        for part, rows in parts.items():
            sides = [
                side[each] if isinstance(side, np.ndarray) else select(side, each)
                for side, each in zip((inputs.real, inputs.fake), rows, strict=True)
            ]
            fewest = min(map(len, rows))
            if (
                isinstance(inputs.real, np.ndarray)
                and any(map(is_frechet, metric.publishes))
                and fewest <= inputs.real.shape[1]
            ):
                reason = f"n {fewest}, needs more than {inputs.real.shape[1]}"
                found[part] |= dict.fromkeys(metric.publishes, Impossible(reason))
                continue
            try:
                values = metric.compute(
                    *sides, seed=request.seed, mirror=flip, weights=request.weights
                )
            except UserError as error:
                found[part] |= dict.fromkeys(metric.publishes, Impossible(str(error)))
                continue
            for value in values:
                published = _published(metric, inputs, value)
                found[part][published.name] = published
    return found


def _shared(
    metrics: Sequence[Metric], real: ImageSet, fake: ImageSet, request: Request
) -> SharedFeatures:
    """Features of both sides for all metrics, each image being read once."""
    extractors = [each.load_extractor(request.weights) for each in metrics if each.load_extractor]
    of_real = features_of_all(extractors, real, keep=True, title="real images")
    of_fake = features_of_all(extractors, fake, keep=request.keep, title="fake images")
    return {extractor: (of_real[extractor], of_fake[extractor]) for extractor in of_real}


def value_names(metrics: tuple[str, ...]) -> tuple[str, ...]:
    """What `measure` will publish under these registered names, in order."""
    return tuple(value for name in metrics for value in registry.load("metric", name).publishes)


def _measure_one(
    metric: Metric,
    inputs: _Inputs,
    request: Request,
    labelling: Labelling | None,
    known: Mapping[str, Measurement],
) -> list[Measurement]:
    """All values of one metric with their yardsticks."""
    compute = functools.partial(metric.compute, weights=request.weights)
    flip = request.mirror and metric.load_extractor is None
    values = compute(inputs.real, inputs.fake, seed=request.seed, mirror=flip)
    found = [Measurement(_published(metric, inputs, value)) for value in values]
    if not metric.yardstick or len(inputs.real) < inputs.least:
        return found
    if all(one.key in known for one in found):
        return [one.with_yardsticks_of(known[one.key]) for one in found]
    bounds = yardstick.real_against_real(
        compute,
        inputs.real,
        n=values[0].n,
        n_real=values[0].n_real,
        seed=request.seed,
        mirror=flip,
    )
    of_reals = {value.name: _published(metric, inputs, value) for value in bounds}
    pairs = _class_pairs(compute, inputs, values[0].n, request.seed, labelling)
    return [
        dataclasses.replace(
            one, real_against_real=of_reals[value.name], class_pairs=pairs.get(value.name, ())
        )
        for one, value in zip(found, values, strict=True)
    ]


def _class_pairs(
    compute: Callable[..., tuple[MetricValue, ...]],
    inputs: _Inputs,
    n: int,
    seed: int,
    labelling: Labelling | None,
) -> dict[str, tuple[ClassPair, ...]]:
    if inputs.of_all_classes is None:
        return {}
    return yardstick.class_against_class(compute, inputs.of_all_classes, labelling, n=n, seed=seed)


def _published(metric: Metric, inputs: _Inputs, value: MetricValue) -> MetricValue:
    """A value under its published name, its protocol led by the features' source."""
    return dataclasses.replace(
        value,
        name=metric.names.get(value.name, value.name),
        protocol=inputs.source + value.protocol,
    )


def _inputs(
    metric: Metric,
    real: ImageSet,
    fake: ImageSet,
    labelling: Labelling | None,
    weights: Path | None,
    features: SharedFeatures,
) -> _Inputs:
    """Images, or the features that a metric is computed of."""
    if metric.load_extractor is None:
        if labelling is not None and labelling.compared is not None:
            real = select(real, labelling.rows)
        return _Inputs(real, fake, None, "", 2)
    extractor = metric.load_extractor(weights)
    of_real, of_fake = (side[metric.layer] for side in features[extractor])
    source = f"{extractor.name}:{extractor.weights_id}/"
    if labelling is None:
        return _Inputs(of_real, of_fake, None, source, metric.least)
    return _Inputs(of_real[labelling.rows], of_fake, of_real, source, metric.least)
