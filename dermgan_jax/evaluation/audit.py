"""The memorisation audit: says no to a model that hands out its training images.

It refuses any copy (see `copy_detection`), and a share of close images that images drawn like
held-out ones would reach with a probability below ALPHA: of models whose images lie as far from the
training images as held-out ones do, the share refuses one in a hundred. A generator that draws only
average, blurred images may fail by its share without having copied: averages lie near everything.
The sheet of the closest pairs shows which it is.
"""

import csv
import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from ml_collections import FrozenConfigDict

from dermgan_jax import registry
from dermgan_jax.data.catalogue import catalogue
from dermgan_jax.data.contact_sheet import contact_sheet
from dermgan_jax.data.image_files import save_image
from dermgan_jax.data.image_sets import FolderImages, ImageSet, View
from dermgan_jax.errors import GateError, UserError
from dermgan_jax.evaluation import image_sources
from dermgan_jax.evaluation.copy_detection import (
    ALPHA,
    CLOSE,
    EXACT,
    FEW,
    NEAR,
    NEAR_COPY,
    Findings,
    Judge,
    Source,
    examine,
    judges,
)
from dermgan_jax.features.feature_spaces import FeatureSpace, open_space
from dermgan_jax.runs.workdir import write_atomically

SHOWN = 12  # pairs on the sheet
FAR = 1.5  # median ratio from which synthetic images are unlike the training images


def audit(
    train: str,
    fake: str,
    *,
    held_out: str | None = None,
    out: Path | None = None,
    num: int = 2048,
    seed: int = 0,
    config: FrozenConfigDict | None = None,
    features: str = "lite0",
    weights: Path | None = None,
) -> dict[str, Any]:
    """Audits a side of synthetic images; sides are as in `evaluate`.

    Args:
      train: what the model learned from; a work directory stands for its own training split.
      fake: the synthetic images; a work directory is sampled.
      held_out: real images that the model never saw. Without them every training image is compared
        with the training images of other groups, or, where no groups are known, with all others.
      out: folder for audit.json, pairs.csv and pairs.png.
      num: synthetic images at most.
      seed: of samples and of the bootstrap.
      config: says how DATASET:SPLIT is prepared; the default is that of a side that is a work
        directory.
      features: a key of `feature_spaces.SPACES`.
      weights: where pretrained weights are looked for first.

    Returns:
      The result as JSON values.

    Raises:
      UserError: if a side cannot be read, sizes differ, or weights are missing.
      GateError: if copies are found, or synthetic images lie too close to the training images;
        everything has been printed and written by then.
    """
    config = config or image_sources.config_of_a_workdir(train, fake, held_out or "")
    space = open_space(features, weights)
    learned = read_real(train, seed, config)
    drawn = image_sources.read_fake(fake, num, seed, config).images
    unseen = None if held_out is None else read_real(held_out, seed, config)
    synthetic = Source(fake, drawn, image_names(drawn))
    _require_one_size(learned, synthetic, *([unseen] if unseen else []))
    second = judges(features, learned.images, weights)
    found, notes = examine(learned, synthetic, unseen, space, second, seed)
    result = to_json(found, learned, synthetic, unseen, space, second, notes)
    print(text(result))
    if out is not None:
        write(out, result, found, learned, synthetic, unseen or learned)
        print(
            f"written: {out}/audit.json, pairs.csv and pairs.png (synthetic, most similar training "
            "image; below it feature distance / second distance, below 1 a near copy)"
        )
    if found.refusal:
        raise GateError(found.refusal)
    return result


def read_real(name: str, seed: int, config: FrozenConfigDict | None) -> Source:
    """Real images of a side; a work directory stands for the split that it learned from.

    Raises:
      UserError: if there is no such side, or it needs a configuration.
    """
    if image_sources.is_workdir(name):
        config = image_sources.config_of_a_workdir(name)
        name = f"{config.data.dataset}:{config.data.split}"
    side = image_sources.read_real(name, 0, seed, config)
    dataset, _, rest = name.partition(":")
    if dataset not in registry.names("dataset") or not rest:
        return Source(name, side.images, image_names(side.images))
    split, _, label = rest.partition(":")
    listed = catalogue(config.data)
    rows = listed.indices(split)
    if label:
        rows = rows[listed.labels[rows] == listed.classes.index(label)]
    records = [listed.records[row] for row in rows]
    groups = np.array([record.group for record in records])
    return Source(name, side.compared, tuple(record.id for record in records), groups)


def image_names(images: ImageSet) -> tuple[str, ...]:
    """Paths relative to the folder that images are read from, or numbers."""
    base, rows = images, np.arange(len(images))
    if isinstance(images, View):
        base, rows = images.images, images.rows
    if isinstance(base, FolderImages):
        return tuple(base.paths[row].relative_to(base.folder).as_posix() for row in rows)
    return tuple(f"{row:06d}" for row in range(len(images)))


def _require_one_size(*sources: Source) -> None:
    for source in sources[1:]:
        if source.images.shape[1:] != sources[0].images.shape[1:]:
            sizes = ["x".join(map(str, each.images.shape[1:])) for each in (sources[0], source)]
            raise UserError(
                f"images of {sources[0].name} are {sizes[0]}, those of {source.name} {sizes[1]} "
                "(height x width x channels): bring both to one size"
            )


def to_json(
    found: Findings,
    train: Source,
    fake: Source,
    held_out: Source | None,
    space: FeatureSpace,
    second: Sequence[Judge],
    notes: Sequence[str],
) -> dict[str, Any]:
    """The result as JSON values."""
    return {
        "train": train.name,
        "fake": fake.name,
        "held_out": held_out.name if held_out else None,
        "num_train": len(train.images),
        "num_fake": len(fake.images),
        "num_distinct": len(found.distinct),
        "num_held_out": len(found.held_out_rows),
        "protocol": f"audit:{space.protocol}:few{FEW}:near{NEAR}",
        "exact_copies": found.count(EXACT),
        "near_copies": found.count(NEAR_COPY),
        "share": {**found.share._asdict(), "alpha": ALPHA},
        "near_copy_thresholds": {
            judge.protocol: float(threshold)
            for judge, threshold in zip(second, found.thresholds, strict=True)
        },
        "median_ratio": {"value": found.ratio[0], "interval": found.ratio[1]},
        "notes": list(notes),
        "refusal": found.refusal,
    }


def text(result: dict[str, Any]) -> str:
    """The result for a terminal."""
    share, ratio = result["share"], result["median_ratio"]
    low, high = share["interval"]
    lines = [
        f"{result['num_fake']} synthetic images of {result['fake']} against "
        f"{result['num_train']} training images of {result['train']} ({result['protocol']})",
        f"exact copies: {result['exact_copies']}; near copies: {result['near_copies']}",
        f"closer than the held-out rank {share['rank']} of {result['num_held_out']}: "
        f"{share['share']:.2%} [{low:.2%}, {high:.2%}], expected {share['nominal']:.2%}, "
        f"p = {share['p_value']:.2g}",
        f"median distance over that of held-out images: {ratio['value']:.3f} "
        f"[{ratio['interval'][0]:.3f}, {ratio['interval'][1]:.3f}]",
        *result["notes"],
    ]
    if ratio["interval"][0] > FAR:
        lines.append(
            "warning: the synthetic images are unlike any real one: improve the model before "
            "asking whether it memorises"
        )
    if not result["refusal"]:
        lines.append("no sign of memorised training images")
    return "\n".join(lines)


def write(
    out: Path, result: dict[str, Any], found: Findings, train: Source, fake: Source, unseen: Source
) -> None:
    """Writes audit.json, pairs.csv (each synthetic image with its nearest) and pairs.png."""
    out.mkdir(parents=True, exist_ok=True)
    write_atomically(out / "audit.json", json.dumps(result, indent=2) + "\n")
    typical = float(np.median(found.held_out.nearest))
    table = io.StringIO()
    writer = csv.writer(table, lineterminator="\n")
    writer.writerow(
        ("name", "distance", "ratio", "original", "mirrored", "near_copy_below_1", "verdict")
    )
    for i, row in enumerate(found.distinct):
        index, mirrored, relative = found.match(found.fake, i)
        distance = float(found.fake.nearest[i])
        writer.writerow(
            (
                fake.names[row],
                f"{distance:.6g}",
                f"{distance / typical:.6g}",
                train.names[index],
                int(mirrored),
                f"{relative:.6g}",
                found.verdicts[i],
            )
        )
    write_atomically(out / "pairs.csv", table.getvalue())
    save_image(_sheet(found, train, fake, unseen), out / "pairs.png")


def _sheet(found: Findings, train: Source, fake: Source, unseen: Source) -> np.ndarray:
    """Pairs (synthetic, most similar training image), worst first, and a held-out pair at the rank.

    Below the training image are the feature distance to the nearest one and the second distance
    over its threshold.
    """
    severity = [(EXACT, NEAR_COPY, CLOSE, "").index(verdict) for verdict in found.verdicts]
    likeness = [found.match(found.fake, i)[2] for i in range(len(found.distinct))]
    order = np.lexsort((likeness, severity))[:SHOWN]
    rank = np.argsort(found.held_out.nearest, kind="stable")[found.share.rank - 1]
    shown = [
        (found.fake, i, fake, found.distinct[i], found.verdicts[i] or "closest") for i in order
    ]
    shown.append((found.held_out, rank, unseen, found.held_out_rows[rank], "held out"))
    images, captions = [], []
    for distances, i, source, row, title in shown:
        index, mirrored, relative = found.match(distances, i)
        images += [source.images[np.array([row])][0], train.images[np.array([index])][0]]
        measured = f"{distances.nearest[i]:.3g} / {relative:.2f}" + ", mirrored" * mirrored
        captions += [
            f"{title}\n{Path(source.names[row]).name}",
            f"{measured}\n{Path(train.names[index]).name}",
        ]
    return contact_sheet(images, captions, columns=4)
