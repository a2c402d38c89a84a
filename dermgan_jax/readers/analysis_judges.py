"""Do other judges see what readers see? Scores of images, and metrics of sources.

P4 found that FID and Inception Score rank generators opposite to experts and to a classifier.
"""

import dataclasses
import math
from collections.abc import Mapping, Sequence

import numpy as np
from scipy import stats

from dermgan_jax.data.csv_table import read_table
from dermgan_jax.errors import UserError
from dermgan_jax.files import Path
from dermgan_jax.readers.analysis_images import ImageRow, TakenForReal
from dermgan_jax.readers.design import FAKE, REAL
from dermgan_jax.statistics.intervals import TAIL, Estimate

RESAMPLINGS = 2000
FEWEST = 5  # images that a correlation needs
NAMES = ("image", "side", "origin")  # columns of a table of scores that say which image it is
MEASURED = ("side", "metric", "value")
LOWER, HIGHER = "lower", "higher"
# Which end is better, by the beginning of a metric's name.
BETTER = {
    LOWER: ("fid", "kid", "swd", "fd", "kd", "lpips", "mmd", "cmmd", "mifid", "mifd"),
    HIGHER: (
        *("inception", "is", "precision", "recall", "density", "coverage", "ssim", "psnr"),
        "vendi",
    ),
}


@dataclasses.dataclass(frozen=True)
class Correlation:
    """Spearman's, with its 95 % interval by a bootstrap over images."""

    images: int
    spearman: Estimate


@dataclasses.dataclass(frozen=True)
class Judge:
    """Scores that something else gave to images, beside the share of readers who call them real.

    Attributes:
      name: the column.
      correlations: REAL, FAKE and "all" images -> correlation; None where it is undefined.
      points: (image, score, share called real).
    """

    name: str
    correlations: dict[str, Correlation | None]
    points: tuple[tuple[str, float, float], ...]


@dataclasses.dataclass(frozen=True)
class RankedSide:
    """A synthetic source as readers and a metric rank it; 1 is nearest to real."""

    side: str
    called_real: Estimate
    value: float
    rank_of_readers: float
    rank_of_metric: float


@dataclasses.dataclass(frozen=True)
class Ranking:
    """Sources by readers and by a metric, and Kendall's tau of both; None if one ties all."""

    metric: str
    better: str
    sides: tuple[RankedSide, ...]
    tau: float | None


def read_scores(path: Path, images: Sequence[ImageRow], seed: int = 0) -> tuple[Judge, ...]:
    """What other judges gave the images of a study.

    Args:
      path: a table with the column image (its id), or origin (its file's name) and perhaps side,
        and columns of numbers; an empty cell is no score.
      images: of the study.
      seed: of the bootstrap.

    Raises:
      UserError: if it cannot be read, says of no image which it is, has an image twice or a score
        that is no number, or is of none of the images.
    """
    columns, rows = read_table(path)
    names = [name for name in columns if name not in NAMES]
    if not {"image", "origin"} & {*columns} or not names:
        raise UserError(
            f"{path}: a table of scores has the column image, or origin and perhaps side, and "
            "columns of numbers"
        )
    found: dict[str, dict[str, float]] = {}
    strangers = 0
    for line, row in enumerate(rows, start=2):
        image = _image(f"{path}, line {line}", row, images)
        if image is None:
            strangers += 1
            continue
        if image.image in found:
            raise UserError(f"{path}, line {line}: {image.image} again: keep one row")
        found[image.image] = {
            name: _number(f"{path}, line {line}", name, row[name]) for name in names if row[name]
        }
    if not found:
        raise UserError(f"{path}: none of its {len(rows)} rows is of an image of this study")
    if strangers:
        print(f"note: {strangers} rows of {path} are of no image of this study")
    return tuple(_judge(name, images, found, seed) for name in names)


def _image(where: str, row: Mapping[str, str], images: Sequence[ImageRow]) -> ImageRow | None:
    known = [
        image for image in images if all(row.get(n) in (None, getattr(image, n)) for n in NAMES)
    ]
    if len(known) > 1:
        raise UserError(f"{where}: {len(known)} images have this name: add the column side")
    return known[0] if known else None


def _number(where: str, name: str, cell: str) -> float:
    try:
        value = float(cell)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise UserError(f"{where}: {name} is {cell!r}, which is no number")
    return value


def _judge(
    name: str, images: Sequence[ImageRow], scores: Mapping[str, Mapping[str, float]], seed: int
) -> Judge:
    scored = [image for image in images if name in scores.get(image.image, {})]
    truths = np.array([image.truth for image in scored], object)
    score = np.array([scores[image.image][name] for image in scored])
    called = np.array([image.called_real for image in scored])
    return Judge(
        name,
        {
            kind: _spearman(score[part], called[part], seed)
            for kind, part in {
                FAKE: truths == FAKE,
                REAL: truths == REAL,
                "all": truths != "",
            }.items()
        },
        tuple(
            (image.image, float(value), image.called_real)
            for image, value in zip(scored, score, strict=True)
        ),
    )


def _spearman(score: np.ndarray, called: np.ndarray, seed: int) -> Correlation | None:
    n = len(score)
    if n < FEWEST or np.ptp(score) == 0 or np.ptp(called) == 0:
        return None
    drawn = np.random.default_rng(seed).integers(n, size=(RESAMPLINGS, n))
    replicates = _rank_correlation(score[drawn], called[drawn])
    value = float(_rank_correlation(score[None], called[None])[0])
    low, high = np.nanquantile(replicates, (TAIL, 1 - TAIL))
    return Correlation(n, Estimate(value, float(low), float(high)))


def _rank_correlation(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Spearman's of rows (r, n); NaN where one does not vary."""
    centred = [rank - rank.mean(axis=1, keepdims=True) for rank in map(_ranks, (a, b))]
    norms = [np.square(each).sum(axis=1) for each in centred]
    with np.errstate(invalid="ignore", divide="ignore"):
        return (centred[0] * centred[1]).sum(axis=1) / np.sqrt(norms[0] * norms[1])


def _ranks(values: np.ndarray) -> np.ndarray:
    return stats.rankdata(values, axis=1)


def read_measured(path: Path, taken: Sequence[TakenForReal]) -> tuple[Ranking, ...]:
    """How metrics rank the synthetic sources of a study, beside how readers do.

    Args:
      path: a table with the columns side, metric, value and perhaps better (lower or higher).
      taken: of the study, see `analysis_images.taken_for_real`.

    Raises:
      UserError: if it cannot be read, is of none of the synthetic sides, has a value twice or none,
        or it is not known which end of a metric is better.
    """
    columns, rows = read_table(path)
    missing = [name for name in MEASURED if name not in columns]
    if missing:
        raise UserError(
            f"{path} has no column {', '.join(missing)}; a table of measured values has "
            f"{', '.join(MEASURED)} and perhaps better"
        )
    sides = {row.side: row for row in taken if row.truth == FAKE and row.side and not row.of_class}
    if len(sides) < 2:
        raise UserError(
            "--measured ranks synthetic sources, and this study has no two that are told apart by "
            "the column side"
        )
    values: dict[str, dict[str, float]] = {}
    better: dict[str, str] = {}
    for line, row in enumerate(rows, start=2):
        where = f"{path}, line {line}"
        if row["side"] not in sides:
            print(f"note: {where}: {row['side']!r} is no synthetic side of this study")
            continue
        own = values.setdefault(row["metric"], {})
        if row["side"] in own:
            raise UserError(f"{where}: {row['metric']} of {row['side']} again: keep one row")
        own[row["side"]] = _number(where, row["metric"], row["value"])
        said = row.get("better", "") or _better(where, row["metric"])
        if better.setdefault(row["metric"], said) != said or said not in BETTER:
            raise UserError(f"{where}: better is {said!r}; it is one of {LOWER} and {HIGHER}")
    if not values:
        raise UserError(f"{path} names no synthetic side of this study: {', '.join(sides)}")
    return tuple(
        _ranking(metric, better[metric], {side: sides[side] for side in own}, own)
        for metric, own in values.items()
        if len(own) > 1
    )


def _better(where: str, metric: str) -> str:
    beginning = metric.lower().replace(":", "_").partition("_")[0]
    for end, names in BETTER.items():
        if beginning in names:
            return end
    raise UserError(
        f"{where}: is {metric!r} better lower or higher? Add the column better, which says so"
    )


def _ranking(
    metric: str, better: str, sides: Mapping[str, TakenForReal], values: Mapping[str, float]
) -> Ranking:
    shares = np.array([-row.called_real.value for row in sides.values()])
    sign = 1 if better == LOWER else -1
    measured = sign * np.array([values[side] for side in sides])
    tau = stats.kendalltau(shares, measured).statistic
    ranks = stats.rankdata(shares), stats.rankdata(measured)
    return Ranking(
        metric,
        better,
        tuple(
            RankedSide(side, row.called_real, values[side], float(people), float(own))
            for (side, row), people, own in zip(sides.items(), *ranks, strict=True)
        ),
        float(tau) if math.isfinite(tau) else None,
    )
