"""The evaluations of a translator, taken apart by direction and split."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from dermgan_jax.data.splits import TEST, TRAIN
from dermgan_jax.errors import UserError
from dermgan_jax.metrics.measurement import Measurement, Measurements, MetricValue
from dermgan_jax.metrics.measurement_table import kid_before_fid
from dermgan_jax.report import figures
from dermgan_jax.report.metric_values import Row
from dermgan_jax.report.run_record import RunRecord

# As the published tables have them; others follow.
ORDER = ("kid", "fid", "inception_score", "swd", "lpips", "ssim", "psnr", "cycle_error", "mask_iou")


# What a translation is held against, by its name in tables and figures.
YARDSTICKS: Mapping[str, Callable[[Measurement], MetricValue | None]] = {
    "identity": lambda one: one.identity,
    "mean colour": lambda one: one.mean_colour,
    "real vs real": lambda one: one.real_against_real,
}


class Series(NamedTuple):
    """The evaluations of one direction on one split.

    Attributes:
      direction: such as "AtoB".
      split: "train", "val", "test" or "all".
      rows: {"images", "metrics": measurements by the metric's name}, in order, without those that
        lack this series.
    """

    direction: str
    split: str
    rows: list[Row]

    def having(self, name: str) -> list[Row]:
        """The evaluations that have a metric."""
        return [row for row in self.rows if name in row["metrics"]]


class Run(NamedTuple):
    """What the sections are made from.

    Attributes:
      series: of held-out splits first.
      names: of the metrics, in the order of the report.
      domains: names of A and B.
      trained: the split trained on.
      epoch: images in an epoch, or None if moments are thousands of images.
    """

    series: list[Series]
    names: list[str]
    domains: tuple[str, str]
    trained: str
    epoch: int | None

    @property
    def split(self) -> str:
        """The split that results are of: held out if there is one."""
        return self.series[0].split

    @property
    def main(self) -> list[Series]:
        """The series on that split, one per direction."""
        return [series for series in self.series if series.split == self.split]

    def direction(self, direction: str) -> str:
        """Such as "clinical → dermoscopic" of "AtoB"."""
        return direction_name(direction, self.domains)

    def kind(self, split: str) -> str:
        """What the images of a split are."""
        return "images trained on" if split == self.trained else f"held out ({split})"

    def moment(self, images: int) -> str:
        """Such as "epoch 25" or "1.6 thousand"."""
        if self.epoch:
            return f"epoch {images / self.epoch:.3g}"
        return f"{images / 1000:.1f} thousand"


def direction_name(direction: str, domains: Sequence[str]) -> str:
    """Such as "clinical → dermoscopic" of "AtoB"."""
    source, _, target = direction.partition("to")
    return " → ".join(domains["AB".index(domain)] for domain in (source, target))


def domain_names(config: Mapping[str, Any]) -> tuple[str, str]:
    """A and B in words, such as ("normal", "bacterial or viral")."""
    a, b = (" or ".join(config["data"].get(f"domain_{x}", ())) or x.upper() for x in "ab")
    return a, b


def read(record: RunRecord) -> Run:
    """The evaluations, taken apart by direction and split."""
    found: dict[tuple[str, str], list[Row]] = {}
    measured = {}
    for row in figures.evaluations(record.rows):
        values: dict[tuple[str, str], Measurements] = {}
        for key, one in row["metrics"].items():
            if not one.direction:
                raise UserError(
                    f"metrics.jsonl has {key!r} of no direction, and a {record.family} has two"
                )
            values.setdefault((one.direction, one.split), {})[one.name] = one
            measured[one.name] = one
        for of, metrics in values.items():
            found.setdefault(of, []).append({"images": row["images"], "metrics": metrics})
    trained = record.config["data"].get("split", TRAIN)
    # The test split is what results are reported on, val what choices may have been made by.
    rank = {trained: 2, TEST: 0}
    series = [Series(*key, found[key]) for key in found]
    series.sort(key=lambda one: (rank.get(one.split, 1), one.direction))
    names = sorted((one.name for one in kid_before_fid(measured.values())), key=_place)
    return Run(series, names, domain_names(record.config), trained, record.epoch)


def _place(name: str) -> int:
    """Of a metric within the report; variants such as "fid:clean" are where the plain one is."""
    plain = name.partition(":")[0]
    return ORDER.index(plain) if plain in ORDER else len(ORDER)
