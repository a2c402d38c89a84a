"""Whether a run got worse after a good moment, as its evaluations tell.

Users of FastGAN and Projected GAN report it again and again: good samples, then a collapse.
"""

from collections.abc import Sequence
from typing import NamedTuple

from dermgan_jax.metrics.measurement import Measurement, automatic_best
from dermgan_jax.runs.metrics_log import Row

# Values that fall when images become alike, in any feature space; the first that was measured
# counts.
DIVERSITIES = ("lpips_diversity", "diversity", "recall", "coverage", "vendi")
_COLLAPSED = 0.5  # of the largest value so far
_WORSE = 0.2  # relative, where there is no interval


class Collapse(NamedTuple):
    """The images of a run have become alike.

    Attributes:
      name: of the value that fell.
      images: shown at the last evaluation before it fell.
      before: the largest value up to there.
      after: the latest value.
    """

    name: str
    images: int
    before: float
    after: float


class Decline(NamedTuple):
    """The latest checkpoint is worse than the best one.

    Attributes:
      what: the value that says so, and of which images it is.
      best_step, best_images: of the best evaluation.
      best: its value.
      latest_images: shown at the latest evaluation.
      latest: its value.
    """

    what: str
    best_step: int
    best_images: int
    best: float
    latest_images: int
    latest: float

    def __str__(self) -> str:
        return (
            f"by {self.what} the best checkpoint is that of {self.best_images / 1000:g} kimg "
            f"({self.best:.4g}); the latest, of {self.latest_images / 1000:g} kimg, is worse "
            f"({self.latest:.4g})"
        )


def collapse(rows: Sequence[Row]) -> Collapse | None:
    """The collapse of a run, if its diversity fell below half and stayed there.

    Args:
      rows: of metrics.jsonl.
    """
    series: dict[str, list[tuple[int, float]]] = {}
    for row in _evaluations(rows):
        for one in row["metrics"].values():
            if _kind(one.name) in DIVERSITIES and one.value.is_finite:
                series.setdefault(one.name, []).append((row["images"], one.value.value))
    name = min(series, key=lambda name: DIVERSITIES.index(_kind(name)), default=None)
    if name is None:
        return None
    # Of an untrained generator nothing is expected.
    points = [point for point in series[name] if point[0] > 0]
    for index in range(1, len(points)):
        before = max(value for _, value in points[:index])
        if before > 0 and all(value < _COLLAPSED * before for _, value in points[index:]):
            return Collapse(name, points[index - 1][0], before, points[-1][1])
    return None


def _kind(name: str) -> str:
    """What is before the feature space, as of "recall:lite0"."""
    return name.partition(":")[0]


def decline(rows: Sequence[Row], key: str) -> Decline | None:
    """How much worse the latest evaluation is than the best; None if chance may explain it.

    Args:
      rows: of metrics.jsonl.
      key: of the measurement that says which checkpoint is best.
    """
    measured = [
        (row, row["metrics"][key])
        for row in _evaluations(rows)
        # The untrained model is measured, but no checkpoint holds it.
        if row["images"] and key in row["metrics"] and row["metrics"][key].value.is_finite
    ]
    if len(measured) < 2:
        return None
    best_row, best = min(measured, key=lambda pair: pair[1].value.lower_is_better)
    row, latest = measured[-1]
    if row["step"] == best_row["step"] or not _is_worse(latest, best):
        return None
    return Decline(
        *(_named(best), best_row["step"], best_row["images"], best.value.value),
        *(row["images"], latest.value.value),
    )


def _named(one: Measurement) -> str:
    """A measurement as readers see it, such as "kid" or "swd (A to B, test)"."""
    if not one.direction:
        return one.name
    return f"{one.name} ({one.direction.replace('to', ' to ')}, {one.split})"


def best_key(configured: str, rows: Sequence[Row]) -> str:
    """Key of the measurement that says which checkpoint is best, as training chose it.

    Args:
      configured: `checkpoint.best_metric`.
      rows: of metrics.jsonl.
    """
    first = next(iter(_evaluations(rows)), None)
    if configured or first is None:
        return configured
    return automatic_best([one.published for one in first["metrics"].values()])


def warnings(configured: str, rows: Sequence[Row]) -> list[str]:
    """Sentences for those who use the run: that it collapsed, that an earlier moment is better.

    Arguments as of `best_key`.
    """
    found = []
    if (fell := collapse(rows)) is not None:
        found.append(
            f"Collapsed after {fell.images / 1000:g} kimg: the images have become alike "
            f"({fell.name} fell from {fell.before:.3g} to {fell.after:.3g})."
        )
    if (worse := decline(rows, best_key(configured, rows))) is not None:
        text = str(worse)
        found.append(f"{text[0].upper()}{text[1:]}: --checkpoint=best takes the former.")
    return found


def _is_worse(latest: Measurement, best: Measurement) -> bool:
    intervals = latest.value.interval, best.value.interval
    if all(intervals):
        (low, high), (best_low, best_high) = intervals
        return low > best_high if best.value.better == "lower" else high < best_low
    ours, theirs = latest.value.lower_is_better, best.value.lower_is_better
    return ours - theirs > _WORSE * abs(theirs)


def _evaluations(rows: Sequence[Row]) -> list[Row]:
    """Of several of one step the last."""
    return sorted(
        {row["step"]: row for row in rows if row["kind"] == "eval"}.values(),
        key=lambda row: row["step"],
    )
