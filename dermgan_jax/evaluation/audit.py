"""The memorisation audit: says no to a model that hands out its training images.

It refuses any copy (see `copy_detection`), and a share of close images that images drawn like
held-out ones would reach with a probability below ALPHA: of models whose images lie as far from the
training images as held-out ones do, the share refuses one in a hundred. A generator that draws only
average, blurred images may fail by its share without having copied: averages lie near everything.
The sheet of the closest pairs shows which it is.
"""

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np
from ml_collections import FrozenConfigDict

from dermgan_jax import files
from dermgan_jax.data.catalogue import catalogue
from dermgan_jax.data.image_sets import FolderImages, ImageSet, Selection, select
from dermgan_jax.data.labelling import Labelling
from dermgan_jax.data.npz_images import Range
from dermgan_jax.data.records import UNKNOWN
from dermgan_jax.data.splits import ALL
from dermgan_jax.errors import GateError
from dermgan_jax.evaluation import (
    audit_conclusion,
    audit_files,
    membership,
    memorisation_tests,
)
from dermgan_jax.evaluation.copy_detection import (
    ALPHA,
    EXACT,
    FEW,
    NEAR,
    NEAR_COPY,
    Compared,
    Findings,
    SecondDistance,
    examine,
    second_distances,
)
from dermgan_jax.evaluation.image_sources import (
    ImageSource,
    Opening,
    config_of_a_workdir,
    is_workdir,
    open_fake,
    open_real,
    require_checkpoint_means_something,
    require_one_size,
    split_name,
    workdir_of,
)
from dermgan_jax.evaluation.subgroup_coverage import subgroup_coverage
from dermgan_jax.features.feature_spaces import FeatureSpace, open_space
from dermgan_jax.files import Path
from dermgan_jax.runs import ancestry, findings
from dermgan_jax.runs.restore import LATEST, checkpoint_facts
from dermgan_jax.runs.workdir import WorkDir
from dermgan_jax.synthesis.drawing import Drawing
from dermgan_jax.synthesis.subgroup_columns import Classed


@dataclasses.dataclass(frozen=True)
class Audit:
    """What is audited; sources are as in `evaluate`.

    Attributes:
      train: what the model learned from; a work directory stands for its own training split.
      fake: the synthetic images; a work directory is sampled.
      held_out: real images that the model never saw. Without them every training image is compared
        with the training images of other groups, or, where no groups are known, with all others.
      num: synthetic images at most.
      seed: of samples and of the bootstrap.
      checkpoint: of a work directory that is sampled: "latest", "best" or a step; None: latest.
      features: a feature space.
      value_range: of floats in an .npz that does not tell it.
      membership: folder of two runs, each on one half of the training groups, which are trained if
        they are not there; see `membership`. None: no membership inference.
    """

    train: str
    fake: str
    held_out: str | None = None
    num: int = 2048
    seed: int = 0
    checkpoint: str | None = None
    features: str = "lite0"
    value_range: Range | None = None
    membership: Path | None = None


def audit(
    asked: Audit,
    out: Path | None = None,
    config: FrozenConfigDict | None = None,
    weights: Path | None = None,
) -> dict[str, Any]:
    """Audits synthetic images.

    Args:
      asked: what is audited.
      out: folder for audit.json, pairs.csv and pairs.png.
      config: says how DATASET:SPLIT is prepared, and what the halves of `membership` are trained
        as; the default is that of a source that is a work directory.
      weights: where pretrained weights are looked for first.

    Returns:
      The result as JSON values.

    Raises:
      UserError: if a source cannot be read, sizes differ, or weights are missing.
      GateError: if copies are found, or synthetic images lie too close to the training images;
        everything has been printed and written by then.
    """
    require_checkpoint_means_something(asked.checkpoint, asked.fake)
    sources = [name for name in (asked.train, asked.fake, asked.held_out) if name is not None]
    config = config or config_of_a_workdir(*sources)
    space = open_space(asked.features, weights)
    drawing = Drawing(seed=asked.seed, checkpoint=asked.checkpoint or LATEST)
    opening = Opening(asked.num, drawing, config, value_range=asked.value_range)
    learned = read_real(asked.train, opening)
    drawn = open_fake(asked.fake, opening)
    synthetic = Compared(drawn, image_names(drawn.images))
    unseen = None if asked.held_out is None else read_real(asked.held_out, opening)
    require_one_size(learned.source, drawn, *([unseen.source] if unseen else []))
    second = second_distances(asked.features, learned.images, weights)
    found, notes = examine(learned, synthetic, unseen, space, second, asked.seed)
    represented = subgroup_coverage(classed(learned.source), classed(drawn), space)
    tests = _tests(found, learned, synthetic, unseen, space, asked.seed)
    if asked.membership is not None:
        membership.train_halves(config, asked.membership)
        membership.require_halves(membership.runs_of(asked.membership))
    notes = [
        *notes,
        *not_compared(asked, drawn),
        *(represented.warnings() if represented else ()),
    ]
    workdir = workdir_of(drawn)
    of_run = workdir is None or learned_from(asked.train, workdir, config)
    if not of_run:
        notes.append(
            f"warning: {asked.train} is not known to be what {workdir} learned from, so that "
            f"copies of its training images may pass: --train={workdir} compares with those"
        )
    result = to_json(found, learned, synthetic, unseen, space, second, notes)
    result["subgroups"] = represented.to_json() if represented else None
    result["tests"] = tests
    if asked.membership is not None:
        result["membership"] = membership.membership(asked.membership, space, asked.num, asked.seed)
        result["notes"] += _of_another_recipe(asked.membership, workdir, config)
    if workdir is not None:
        result["against_own_images"] = of_run
    print(text(result))
    kept_in = [place for place in (workdir, out) if place is not None]
    pairs = audit_files.sheet(found, learned, synthetic, unseen or learned) if kept_in else None
    if workdir is not None:
        findings.keep(workdir, findings.AUDIT, result, pairs, audit_files.SHEET_COMMENT)
    if out is not None:
        audit_files.write(out, result, found, learned, synthetic, pairs)
        print(
            f"written: {out}/audit.json, pairs.csv and pairs.png (closest synthetic and held-out "
            "images with their training images; below these feature distance / second distance, "
            "below 1 a near copy)"
        )
    if found.refusal:
        raise GateError(found.refusal)
    return result


def read_real(name: str, opening: Opening) -> Compared:
    """Real images of a source; a work directory stands for the split that it learned from.

    Raises:
      UserError: if there is no such source, or it needs a configuration.
    """
    if is_workdir(name):
        config = config_of_a_workdir(name)
        opening = dataclasses.replace(opening, config=config)
        name = f"{config.data.dataset}:{config.data.split}"
    source = open_real(name, opening)
    split = split_name(name)
    if split is None:
        return Compared(source, image_names(source.images))
    listed = catalogue(opening.config.data)
    rows = listed.indices(split.split)
    if split.label is not None:
        rows = rows[listed.labels[rows] == listed.classes.index(split.label)]
    records = [listed.records[row] for row in rows]
    labels = None if source.labelling is None else listed.labels[rows]
    labelling = None if labels is None else Labelling(listed.classes, labels)
    compared = dataclasses.replace(source, images=source.compared, labelling=labelling)
    known = listed.dataset.grouping != UNKNOWN
    groups = np.array([record.group for record in records]) if known else None
    names = tuple(record.id for record in records)
    return Compared(compared, names, groups, grouping_unknown=not known)


def learned_from(train: str, workdir: Path, config: FrozenConfigDict | None) -> bool:
    """Whether a source is known to hold all real images that a run learned from.

    Args:
      train: name of the source.
      workdir: of the run.
      config: says which DATASET:SPLIT is meant.
    """
    if is_workdir(train):
        config = config_of_a_workdir(train)
        train = f"{config.data.dataset}:{config.data.split}"
    split, own = split_name(train), WorkDir(workdir).read_config().data.split
    if split is None or split.label is not None or split.split not in (own, ALL):
        return False
    _, facts = checkpoint_facts(workdir)
    return catalogue(config.data).split_hash == facts["split_hash"]


def _tests(
    found: Findings,
    train: Compared,
    fake: Compared,
    held_out: Compared | None,
    space: FeatureSpace,
    seed: int,
) -> memorisation_tests.Tests:
    """The tests in print, of all training images, and of the distinct other ones."""
    unseen = None
    if held_out is not None:
        images = select(held_out.images, found.held_out_rows)
        unseen = space.features(images, "held-out images", keep=True)
    return memorisation_tests.memorisation_tests(
        space.features(train.images, "training images", keep=True),
        unseen,
        space.features(select(fake.images, found.distinct), "images", keep=True),
        train.groups,
        space.protocol,
        seed,
    )


def _of_another_recipe(
    halves: Path, workdir: Path | None, config: FrozenConfigDict | None
) -> list[str]:
    if workdir is None:
        return membership.of_another_recipe(halves, config, "that of --config")
    recipe = WorkDir(workdir).read_config()
    return membership.of_another_recipe(halves, recipe, f"that of {workdir}")


def not_compared(asked: Audit, drawn: ImageSource) -> list[str]:
    """A note for each run whose images the model's networks saw before, and which are not here."""
    named = [asked.train, asked.fake, *([drawn.made_by.workdir] if drawn.made_by else [])]
    workdir = next(filter(is_workdir, named), None)
    if workdir is None:
        return []
    return [
        f"note: {workdir} began with networks of {each.workdir}, which learned from {each.images}: "
        "copies of these are not looked for here; name them as --train too"
        for each in ancestry.beyond_own_images(files.to_path(workdir))
    ]


def classed(source: ImageSource) -> Classed:
    """The images of a source and their classes, "" where none is known."""
    known = source.labelling
    if known is None:
        return Classed(source.images, ("",) * len(source.images))
    return Classed(source.images, [known.classes[i] if i >= 0 else "" for i in known.labels])


def image_names(images: ImageSet) -> tuple[str, ...]:
    """Paths relative to the folder that images are read from, or numbers."""
    base, rows = images, np.arange(len(images))
    if isinstance(images, Selection):
        base, rows = images.images, images.rows
    if isinstance(base, FolderImages):
        return tuple(base.paths[row].relative_to(base.folder).as_posix() for row in rows)
    return tuple(f"{row:06d}" for row in range(len(images)))


def to_json(
    found: Findings,
    train: Compared,
    fake: Compared,
    held_out: Compared | None,
    space: FeatureSpace,
    second: Sequence[SecondDistance],
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
        "grouping_unknown": train.groups is None,
        "median_ratio": {"value": found.ratio[0], "interval": found.ratio[1]},
        "notes": list(notes),
        "refusal": found.refusal,
        "made_by": fake.source.made_by.to_json() if fake.source.made_by else None,
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
        *memorisation_tests.lines(result["tests"]),
        *(membership.lines(result["membership"]) if "membership" in result else ()),
        *result["notes"],
    ]
    if not result["refusal"]:
        lines += audit_conclusion.sentences(result)
    return "\n".join(lines)
