"""Fréchet distances to a file of statistics in place of real images, and such files made."""

import dataclasses
import os

import numpy as np

from dermgan_jax import files, registry
from dermgan_jax.errors import UserError
from dermgan_jax.evaluation import cautions
from dermgan_jax.evaluation.image_sources import ImageSource
from dermgan_jax.features.extractor import Extractor
from dermgan_jax.features.feature_cache import features_of, features_of_all
from dermgan_jax.files import Path
from dermgan_jax.metrics import frechet, statistics_files
from dermgan_jax.metrics.measure import Request
from dermgan_jax.metrics.measurement import Measurement, Measurements, MetricValue
from dermgan_jax.metrics.named_metrics import Metric
from dermgan_jax.metrics.statistics_files import Statistics


def measure_against(
    path: Path, fake: ImageSource, request: Request
) -> tuple[ImageSource, Measurements, list[str]]:
    """Fréchet distances of images to the statistics of a file.

    Args:
      path: of the file.
      fake: the images.
      request: metrics that need mean and covariance only: fid, fid:tf, fid:clean, fd:SPACE.

    Returns:
      The real side, which has no images; values; and what to know of them.

    Raises:
      UserError: if another metric is asked for, the file is none of such statistics, or they are of
        another network.
    """
    metrics = dict(zip([*request.metrics, *request.others], request.found(), strict=True))
    if others := [name for name, metric in metrics.items() if not metric.of_moments]:
        raise UserError(
            f"{', '.join(others)}: {path} holds statistics (mean and covariance), not images, and "
            "they serve fid, fid:tf, fid:clean and fd:SPACE only"
        )
    extractors = {name: each.load_extractor(request.weights) for name, each in metrics.items()}
    known = {name: _fitting(path, name, each) for name, each in extractors.items()}
    features = features_of_all(
        extractors.values(), fake.images, keep=request.keep, title="fake images"
    )
    found: Measurements = {}
    for name, metric in metrics.items():
        extractor, statistics = extractors[name], known[name]
        value = frechet.compute_against(statistics.moments, features[extractor][metric.layer])
        found[name] = Measurement(_published(metric, extractor, statistics, value))
    nothing = np.zeros((0, *fake.images.shape[1:]), np.uint8)
    real = ImageSource(str(path), nothing)
    notes = [
        f"note: intervals are of other fake images only: {path} is taken as it is",
        *_unknown(path, known, extractors),
        *cautions.of_sources(real, fake),
        *cautions.of_values(request.found(), found, None, request.weights),
    ]
    return real, found, notes


def save_statistics(
    source: ImageSource, path: Path, metrics: tuple[str, ...], weights: Path | None = None
) -> None:
    """Writes the statistics of all compared images of a source, as pytorch-fid's .npz.

    Args:
      source: of images.
      path: of the file.
      metrics: registered names, of which one takes mean and covariance: its features are saved.
      weights: folder where pretrained weights are looked for first.

    Raises:
      UserError: if no metric or several have such statistics, or there are too few images.
    """
    metric = metric_of_moments(path, metrics)
    extractor = metric.load_extractor(weights)
    features = features_of(extractor, source.compared, keep=True, title="real images")
    statistics_files.write(path, features[metric.layer], _protocol(extractor))


def metric_of_moments(path: Path, metrics: tuple[str, ...]) -> Metric:
    """The only one of the metrics that takes mean and covariance.

    Raises:
      UserError: if none or several do; `path` is of the file that was to be written.
    """
    found = {name: registry.load("metric", name) for name in metrics}
    names = [name for name, metric in found.items() if metric.of_moments]
    if len(names) != 1:
        raise UserError(
            f"{path} takes the statistics of one of fid, fid:tf, fid:clean and fd:SPACE; the "
            f"metrics have {', '.join(names) or 'none'}"
        )
    return found[names[0]]


def statistics_named(name: object) -> Path | None:
    """The path of a side that is a file of statistics; None of anything else."""
    if not isinstance(name, str | os.PathLike):
        return None
    path = files.to_path(os.fspath(name))
    return path if statistics_files.holds_statistics(path) else None


def require_images(name: object) -> None:
    """Checks that a fake side is no file of statistics.

    Raises:
      UserError: if it is one.
    """
    if path := statistics_named(name):
        raise UserError(f"{path} holds statistics, which can stand for the real images only")


def _protocol(extractor: Extractor) -> str:
    return f"{extractor.name}:{extractor.weights_id}"


def _fitting(path: Path, name: str, extractor: Extractor) -> Statistics:
    found = statistics_files.read(path, name)
    if found.protocol and found.protocol != _protocol(extractor):
        raise UserError(
            f"{path} says that its features are {found.protocol}, but {name} takes "
            f"{_protocol(extractor)}: choose the metric of that network"
        )
    if len(found.mean) != extractor.dim:
        raise UserError(
            f"{path} is of features of {len(found.mean)} numbers, those of {name} have "
            f"{extractor.dim}: it is of another network"
        )
    return found


def _published(
    metric: Metric, extractor: Extractor, statistics: Statistics, value: MetricValue
) -> MetricValue:
    return dataclasses.replace(
        value,
        name=metric.names["frechet"],
        protocol=f"{_protocol(extractor)}/{value.protocol}:to:{statistics.digest}",
        n_real=statistics.n,
    )


def _unknown(
    path: Path, known: dict[str, Statistics], extractors: dict[str, Extractor]
) -> list[str]:
    return [
        f"warning: {path} does not tell its network and how images were resized: {name} means "
        f"something only if both are those of {extractors[name].name}"
        for name, found in known.items()
        if not found.protocol
    ]
