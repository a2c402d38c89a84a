"""Evaluation from Python: one function, no flags, nothing written but kept features."""

import dataclasses
import os
from collections.abc import Mapping, Sequence
from typing import Any

from ml_collections import FrozenConfigDict

from dermgan_jax import files, registry
from dermgan_jax.errors import UserError
from dermgan_jax.evaluation import against_statistics
from dermgan_jax.evaluation.given_images import Given, open_given, sides_of
from dermgan_jax.evaluation.image_sources import Opening, require_one_size
from dermgan_jax.evaluation.question import compare
from dermgan_jax.evaluation.several import Several, ranked
from dermgan_jax.metrics.measure import Request
from dermgan_jax.metrics.measurement import MetricValue
from dermgan_jax.synthesis.drawing import Drawing


@dataclasses.dataclass(frozen=True)
class Result:
    """What was measured.

    `print(result)` shows the tables; `pandas.DataFrame(result.rows())` makes a data frame.

    Attributes:
      several: evaluations by the name of the fake side, and their ranks.
    """

    several: Several

    def __getitem__(self, name: str) -> MetricValue:
        """A value of the only fake side, such as result["kid"].

        Raises:
          KeyError: if it was not measured, or there are several fake sides (see `of`).
        """
        if len(self.several.evaluations) > 1:
            raise KeyError(f"there are several fake sides: result.of(SIDE)[{name!r}]")
        found = self.of(next(iter(self.several.evaluations)))
        if name not in found:
            raise KeyError(f"{name!r} was not measured, but {', '.join(found)}")
        return found[name]

    def of(self, side: str) -> dict[str, MetricValue]:
        """The values of one fake side, by name."""
        return {key: one.value for key, one in self.several.evaluations[side].measured.items()}

    def rows(self) -> list[dict[str, Any]]:
        """A dictionary for each fake side and value: "fake", "metric", "value", "low", "high" (of
        the 95 % interval), "real_against_real", "n", "n_real", "protocol"."""
        return [
            _row(side, key, one.value, one.real_against_real)
            for side, found in self.several.evaluations.items()
            for key, one in found.measured.items()
        ]

    def subgroup_rows(self) -> list[dict[str, Any]]:
        """A dictionary for each fake side, subgroup and value; "reason" says why one is missing."""
        rows = []
        for side, found in self.several.evaluations.items():
            for each in found.subgroups:
                for metric, cell in each.cells.items():
                    told = {"column": each.column, "subgroup": each.value, "n_real": each.n_real}
                    interval = (cell.value and cell.value.interval) or (None, None)
                    rows.append(
                        {
                            "fake": side,
                            **told,
                            "n": each.n_fake,
                            "metric": metric,
                            "value": cell.value and cell.value.value,
                            "low": interval[0],
                            "high": interval[1],
                            "reason": cell.reason,
                        }
                    )
        return rows

    def difference_rows(self) -> list[dict[str, Any]]:
        """A dictionary for each value and pair of fake sides: "metric", "first", "second",
        "value" (first − second), "low", "high", "p" (Holm)."""
        return [
            {
                "metric": order.metric,
                "first": one.first,
                "second": one.second,
                "value": one.value,
                "low": one.interval[0],
                "high": one.interval[1],
                "p": one.p,
            }
            for order in self.several.ranks
            for one in order.differences
        ]

    @property
    def warnings(self) -> tuple[str, ...]:
        """What has to be known before believing the values; each once."""
        told = (each.warnings for each in self.several.evaluations.values())
        return tuple(dict.fromkeys(warning for warnings in told for warning in warnings))

    def __repr__(self) -> str:
        return str(self)  # what notebooks show

    def __str__(self) -> str:
        if len(self.several.evaluations) > 1:
            return self.several.text()
        (found,) = self.several.evaluations.values()
        return found.text()


def evaluate(
    real: Given,
    fake: Given | Mapping[str, Given],
    metrics: str | Sequence[str] = ("kid", "prdc:inception"),
    *,
    num: int = 2048,
    seed: int = 0,
    by: str | Sequence[str] = (),
    resize: int = 0,
    value_range: tuple[float, float] | None = None,
    config: FrozenConfigDict | None = None,
    weights: str | None = None,
) -> Result:
    """Compares fake images with real ones.

    Args:
      real: a path (folder, .npz, work directory), an array uint8 (N, H, W, C), batches of arrays,
        or a function that makes as many images as it is asked for; or a file of statistics, see
        `metrics.statistics_files`.
      fake: the same, but no statistics; of several sides a dictionary, name -> images, which are
        ranked as well.
      metrics: a name or several as of `dermgan evaluate --metrics`, such as "kid" or
        "fd:dinov2_l14".
      num: fake images at most, and images that functions are asked for.
      seed: of everything random.
      by: columns within whose values everything is measured too, such as "class" or "tone".
      resize: brings images of paths to this side; 0 leaves them.
      value_range: of floats that have no value below 0: (0, 1) or (-1, 1).
      config: says how "DATASET:SPLIT" is prepared.
      weights: folder where pretrained weights are looked for first.

    Raises:
      UserError: if images cannot be read, sizes differ, a metric is unknown, lacks its weights or
        cannot be computed of so few images.
    """
    metrics, by = ((given,) if isinstance(given, str) else tuple(given) for given in (metrics, by))
    if not metrics:
        raise UserError("metrics is empty: name one at least")
    if num < 1:
        raise UserError(f"num is {num}: ask for one fake image at least")
    for name in metrics:
        registry.load("metric", name)
    opening = Opening(num, Drawing(seed=seed), config, resize, value_range)
    folder = None if weights is None else files.to_path(weights)
    mirror = config is not None and config.data.mirror
    request = Request(metrics, seed, mirror, folder)
    statistics = against_statistics.statistics_named(real)
    reals = statistics or open_given(real, "real", opening, real=True)
    sides = {}
    for name, side in sides_of(fake).items():
        against_statistics.require_images(side)
        sides[name] = open_given(side, name, opening, real=False)
    if statistics is None:
        require_one_size(reals, *sides.values())  # before anything is measured
    evaluations = {name: compare(reals, side, request, by) for name, side in sides.items()}
    return Result(ranked(evaluations, seed))


def save_statistics(
    real: Given,
    path: str | os.PathLike,
    metric: str = "fid",
    *,
    resize: int = 0,
    value_range: tuple[float, float] | None = None,
    weights: str | None = None,
) -> None:
    """Writes mean and covariance of images' features as an .npz that pytorch-fid reads as well.

    Args:
      real: as of `evaluate`; 2048 images if it is a function.
      path: of the file, which is replaced.
      metric: "fid", "fid:tf", "fid:clean" or "fd:SPACE", whose features they are.
      resize, value_range, weights: as of `evaluate`.

    Raises:
      UserError: if images cannot be read, or the metric is another.
    """
    opening = Opening(2048, Drawing(), side=resize, value_range=value_range)
    folder = None if weights is None else files.to_path(weights)
    source = open_given(real, "real", opening, real=True)
    target = files.to_path(os.fspath(path))
    against_statistics.save_statistics(source, target, (metric,), folder)


def _row(side: str, key: str, value: MetricValue, bound: MetricValue | None) -> dict[str, Any]:
    low, high = value.interval or (None, None)
    return {
        "fake": side,
        "metric": key,
        "value": value.value,
        "low": low,
        "high": high,
        "real_against_real": bound and bound.value,
        "n": value.n,
        "n_real": value.n_real,
        "protocol": value.protocol,
    }
