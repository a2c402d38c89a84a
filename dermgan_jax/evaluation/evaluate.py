"""Measures one set of images against another: the same numbers during training and afterwards."""

import dataclasses
import functools
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from ml_collections import FrozenConfigDict

from dermgan_jax import registry
from dermgan_jax.data.image_sets import ImageSet, select
from dermgan_jax.errors import UserError
from dermgan_jax.evaluation import image_sources
from dermgan_jax.evaluation.image_sources import Labelling, Side
from dermgan_jax.features.extractor import Extractor, Features
from dermgan_jax.features.feature_cache import features_of
from dermgan_jax.metrics import yardstick
from dermgan_jax.metrics.measurement import MetricValue
from dermgan_jax.metrics.named_metrics import Metric

# Below this many images FID depends on their number more than on what they show: its covariance
# has 2048 dimensions.
ENOUGH_FOR_FID = 2048
# What stands beside the value NAME, under NAME + suffix: the same for real against real, for real
# images of one class against those of another, and, of translations, for images left as they are
# and for the mean colour of the target.
LOWER_BOUND, CLASS_YARDSTICK = "_lower_bound", "_class_yardstick"
IDENTITY, MEAN_COLOUR = "_identity", "_mean_colour"
YARDSTICKS = (LOWER_BOUND, CLASS_YARDSTICK, IDENTITY, MEAN_COLOUR)

EXAMPLES = 16  # images of a side that are looked at for their colours

Values = dict[str, dict[str, Any]]


@dataclasses.dataclass(frozen=True)
class Evaluation:
    """What `evaluate` found.

    Attributes:
      real, fake: the two sides.
      result: {"real", "fake": names, "seed", "metrics": see `evaluate_arrays`, "warnings"}, which
        `json` can write.
    """

    real: Side
    fake: Side
    result: dict[str, Any]

    def text(self) -> str:
        """The table of values and the warnings."""
        return "\n".join([table(self.result["metrics"]), *self.result["warnings"]])


def evaluate(
    real: str,
    fake: str,
    metrics: Sequence[str],
    *,
    num: int,
    seed: int,
    config: FrozenConfigDict | None = None,
    weights: Path | None = None,
) -> Evaluation:
    """Compares two sides; see `image_sources.read_real` for what a side can be.

    Args:
      real, fake: the sides. All real images are read, so that real against real has a choice.
      metrics: registered names.
      num: fake images at most; SWD cuts both sides to one number.
      seed: of samples and metrics.
      config: says how DATASET:SPLIT is prepared and whether real images are mirrored; the default
        is the configuration of a side that is a work directory.
      weights: folder where pretrained weights are looked for first.

    Raises:
      UserError: if a side cannot be read, sizes differ, a metric is unknown or lacks its weights.
    """
    for name in metrics:
        registry.load("metric", name)
    config = config or image_sources.config_of_a_workdir(real, fake)
    of_real = image_sources.read_real(real, num, seed, config)
    of_fake = image_sources.read_fake(fake, num, seed, config)
    if of_real.images.shape[1:] != of_fake.images.shape[1:]:
        raise UserError(
            f"images of {real} are {_size(of_real.images)}, those of {fake} "
            f"{_size(of_fake.images)} (height x width x channels): bring both to one size"
        )
    values = evaluate_arrays(
        of_real.images,
        of_fake.images,
        metrics,
        seed=seed,
        mirror=config is not None and config.data.mirror,
        labelling=of_real.labelling,
        weights=weights,
    )
    found = {"real": real, "fake": fake, "seed": seed, "metrics": values}
    to_know = [*_colour_warnings(of_real, of_fake), *warnings(values)]
    return Evaluation(of_real, of_fake, {**found, "warnings": to_know})


def _colour_warnings(real: Side, fake: Side) -> list[str]:
    """A side of grey images against one of coloured images: every metric is about that alone."""
    grey = [np.ptp(side.examples(EXAMPLES), axis=-1).max() == 0 for side in (real, fake)]
    if real.images.shape[-1] == 1 or grey[0] == grey[1]:
        return []
    names = (real.name, fake.name) if grey[0] else (fake.name, real.name)
    return [f"warning: the images of {names[0]} are grey, those of {names[1]} coloured"]


class _Inputs(NamedTuple):
    """What one metric is computed from: images, or features of an extractor's layer."""

    real: ImageSet | np.ndarray
    fake: ImageSet | np.ndarray
    of_all_classes: np.ndarray | None  # features of all labelled reals, compared or not
    source: str  # of the features, before the protocol of the arithmetic
    least: int  # real images that real against real needs


def evaluate_arrays(
    real: ImageSet,
    fake: ImageSet,
    metrics: Sequence[str],
    *,
    seed: int,
    mirror: bool,
    labelling: Labelling | None = None,
    weights: Path | None = None,
    yardsticks: Mapping[str, Mapping[str, Any]] | None = None,
) -> Values:
    """Metrics between two sets of images, between real and real images, and between classes.

    Args:
      real, fake: uint8 (N, H, W, C), N may differ; read a part at a time.
      metrics: registered names.
      seed: of everything random in the metrics.
      mirror: flip real images at random, as in training, for metrics that compare pixels.
      labelling: classes of the real images, and which of them are compared.
      weights: folder where pretrained weights are looked for first.
      yardsticks: an earlier result for the same real images, number of fake ones, seed and
        mirroring; what it says of real images alone is used again.

    Returns:
      NAME -> `MetricValue.to_json()`, and NAME_lower_bound -> the same of real against real. With
      labels, NAME_class_yardstick -> see `yardstick.class_against_class`. A metric may have
      several values: precision_recall has "precision" and "recall".
    """
    features: dict[Extractor, tuple[Features, Features]] = {}
    values: Values = {}
    for name in metrics:
        metric = registry.load("metric", name)
        inputs = _inputs(metric, real, fake, labelling, weights, features)
        compute = functools.partial(metric.compute, weights=weights)
        flip = mirror and metric.load_extractor is None
        measured = compute(inputs.real, inputs.fake, seed=seed, mirror=flip)
        named = _named(metric, inputs.source, measured)
        values |= named
        if not metric.yardstick or len(inputs.real) < inputs.least:
            continue
        if yardsticks and all(name + LOWER_BOUND in yardsticks for name in named):
            about_reals = [name + end for name in named for end in (LOWER_BOUND, CLASS_YARDSTICK)]
            values |= {key: dict(yardsticks[key]) for key in about_reals if key in yardsticks}
            continue
        sizes = {"n": measured[0].n, "n_real": measured[0].n_real}
        of_reals = yardstick.real_against_real(
            compute, inputs.real, **sizes, seed=seed, mirror=flip
        )
        bounds = _named(metric, inputs.source, of_reals)
        values |= {name + LOWER_BOUND: bound for name, bound in bounds.items()}
        if inputs.of_all_classes is not None:
            pairs = yardstick.class_against_class(
                compute,
                inputs.of_all_classes,
                labelling.labels,
                labelling.classes,
                n=measured[0].n,
                seed=seed,
                of=labelling.compared,
            )
            values |= {
                metric.names.get(name, name) + CLASS_YARDSTICK: {
                    **value,
                    "name": metric.names.get(name, name),
                    "protocol": inputs.source + value["protocol"],
                }
                for name, value in pairs.items()
            }
    return values


def _inputs(
    metric: Metric,
    real: ImageSet,
    fake: ImageSet,
    labelling: Labelling | None,
    weights: Path | None,
    features: dict[Extractor, tuple[Features, Features]],
) -> _Inputs:
    """Images, or features, which are added to `features` unless they are there."""
    if metric.load_extractor is None:
        if labelling is not None and labelling.compared is not None:
            real = select(real, labelling.rows)
        return _Inputs(real, fake, None, "", 2)
    extractor = metric.load_extractor(weights)
    if extractor not in features:
        features[extractor] = (
            features_of(extractor, real, keep=True, title="real images"),
            features_of(extractor, fake, keep=False, title="fake images"),
        )
    of_real, of_fake = (side[metric.layer] for side in features[extractor])
    source = f"{extractor.name}:{extractor.weights_id}/"
    if labelling is None:
        return _Inputs(of_real, of_fake, None, source, yardstick.LEAST)
    return _Inputs(of_real[labelling.rows], of_fake, of_real, source, yardstick.LEAST)


def _named(metric: Metric, source: str, measured: Sequence[MetricValue]) -> Values:
    """The values as JSON by their published names, protocols led by the features' source."""
    values = {}
    for value in measured:
        name = metric.names.get(value.name, value.name)
        protocol = source + value.protocol
        values[name] = dataclasses.replace(value, name=name, protocol=protocol).to_json()
    return values


def warnings(values: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """What a reader of these values has to know before believing them."""
    small = [
        name
        for name, value in values.items()
        if name.rpartition("/")[2].partition(":")[0] == "fid"
        and not is_yardstick(name)
        and _smaller_side(value) < ENOUGH_FOR_FID
    ]
    return [
        f"warning: {name} of {_smaller_side(values[name])} images is biased upwards (fewer than "
        f"{ENOUGH_FOR_FID}); compare it only at equal numbers, and read KID and its interval first"
        for name in small
    ]


def _smaller_side(value: Mapping[str, Any]) -> int:
    return min(value["n"], value["n_real"] or value["n"])


def is_yardstick(name: str) -> bool:
    """Whether a key stands beside a value rather than being one: it does not change in a run."""
    return name.endswith(YARDSTICKS)


def table(values: Mapping[str, Mapping[str, Any]]) -> str:
    """The result of `evaluate_arrays` as text: a line per metric and detail, KID before FID."""
    rows = [("metric", "value", "95 % interval", "real vs real", "class vs class", "n", "protocol")]
    shown = [name for name in values if not is_yardstick(name)]
    for name in sorted(shown, key=lambda name: name.startswith("fid")):
        value = values[name]
        bound = values.get(name + LOWER_BOUND, {"value": None, "details": {}, "n": value["n"]})
        rows.append(
            (
                name,
                _number(value["value"]),
                " … ".join(map(_number, value["interval"] or ())) or "-",
                _number(bound["value"]),
                _nearest(values.get(name + CLASS_YARDSTICK)),
                str(value["n"]) if bound["n"] == value["n"] else f"{value['n']} ({bound['n']})",
                value["protocol"],
            )
        )
        rows += [
            (f"  {part}", _number(number), "", _number(bound["details"].get(part)), "", "", "")
            for part, number in value["details"].items()
        ]
    empty = {i for i in range(1, 6) if all(row[i] in ("", "-") for row in rows[1:])}
    rows = [[cell for i, cell in enumerate(row) if i not in empty] for row in rows]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        f"{name:<{widths[0]}}  "
        + "  ".join(f"{cell:>{width}}" for cell, width in zip(cells, widths[1:-1], strict=True))
        + f"  {protocol}".rstrip()
        for name, *cells, protocol in rows
    )


def _nearest(pairs: Mapping[str, Any] | None) -> str:
    """Such as "34.5 (bkl, mel; 99 each)", of the two classes least apart."""
    if pairs is None:
        return "-"
    nearest = pairs["pairs"][0]
    return f"{_number(nearest['value'])} ({', '.join(nearest['classes'])}; {nearest['n']} each)"


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.4g}"


def _size(images: ImageSet) -> str:
    return "x".join(map(str, images.shape[1:]))
