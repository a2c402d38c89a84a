"""The evaluations of a translator, taken apart by direction and split.

Metrics are named DIRECTION/SPLIT/METRIC, such as "AtoB/test/kid".
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from dermgan_jax.report import figures, metric_values
from dermgan_jax.report.metric_values import Value

# As the published tables have them; others follow.
ORDER = ("kid", "fid", "inception_score", "swd", "lpips", "ssim", "psnr", "cycle_error", "mask_iou")


class Series(NamedTuple):
    """The evaluations of one direction on one split.

    Attributes:
      direction: such as "AtoB".
      split: "train", "val", "test" or "all".
      rows: {"images", "metrics": {METRIC: value}}, in order, without those that lack this series.
    """

    direction: str
    split: str
    rows: list[dict[str, Any]]

    def having(self, name: str) -> list[dict[str, Any]]:
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


def is_translator(config: Mapping[str, Any], rows: figures.Rows) -> bool:
    """Whether values are per direction; before any are there, whether there are two domains."""
    names = [name for row in figures.evaluations(rows) for name in row["metrics"]]
    return any(map(_is_ours, names)) if names else bool(config["data"].get("domain_a"))


def epoch_length(config: Mapping[str, Any], card: Mapping[str, Any]) -> int | None:
    """Images in an epoch; None if the run does not count epochs or the number is not known.

    Work directories whose data card lacks it are understood if the domains are classes.
    """
    data = config["data"]
    if not config["train"].get("total_epochs", 0.0):
        return None
    paired = data.get("paired", False)
    if "num_examples" in card:
        return card["num_examples"][data["split"]]["paired" if paired else "unpaired"] or None
    classes = card.get("classes", {})
    domains = [data.get("domain_a", ()), data.get("domain_b", ())]
    if (
        paired
        or not all(domains)
        or not all(name in classes for names in domains for name in names)
    ):
        return None
    return max(sum(classes[name].get(data["split"], 0) for name in names) for names in domains)


def direction_name(direction: str, domains: Sequence[str]) -> str:
    """Such as "clinical → dermoscopic" of "AtoB"."""
    source, _, target = direction.partition("to")
    return " → ".join(domains["AB".index(domain)] for domain in (source, target))


def domain_names(config: Mapping[str, Any]) -> tuple[str, str]:
    """A and B in words, such as ("normal", "bacterial or viral")."""
    a, b = (" or ".join(config["data"].get(f"domain_{x}", ())) or x.upper() for x in "ab")
    return a, b


def read(rows: figures.Rows, config: Mapping[str, Any], epoch: int | None) -> Run:
    """The evaluations, taken apart by direction and split."""
    found: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for row in figures.evaluations(rows):
        values: dict[tuple[str, str], dict[str, Value]] = {}
        for full_name, value in row["metrics"].items():
            if _is_ours(full_name):
                direction, split, name = full_name.split("/")
                values.setdefault((direction, split), {})[name] = value
        for key, metrics in values.items():
            found.setdefault(key, []).append({"images": row["images"], "metrics": metrics})
    trained = config["data"].get("split", "train")
    # The test split is what results are reported on, val what choices may have been made by.
    rank = {trained: 2, "test": 0}
    series = [Series(*key, found[key]) for key in found]
    series.sort(key=lambda one: (rank.get(one.split, 1), one.direction))
    keys = dict.fromkeys(name for one in series for row in one.rows for name in row["metrics"])
    names = sorted(metric_values.names(keys), key=_place)
    return Run(series, names, domain_names(config), trained, epoch)


def _is_ours(name: str) -> bool:
    return name.count("/") == 2


def _place(name: str) -> int:
    """Of a metric within the report; variants such as "fid:clean" are where the plain one is."""
    plain = name.partition(":")[0]
    return ORDER.index(plain) if plain in ORDER else len(ORDER)
