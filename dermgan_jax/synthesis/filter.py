"""Keeps the better synthetic images: of each class the best share, or those above a threshold."""

import contextlib
import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np

from dermgan_jax import files, registry
from dermgan_jax.data.image_sets import ImageSet
from dermgan_jax.data.npz_images import Range
from dermgan_jax.errors import UserError
from dermgan_jax.files import Path
from dermgan_jax.models.contract import Sampler
from dermgan_jax.runs import findings
from dermgan_jax.runs.restore import LATEST, Restored, restore
from dermgan_jax.runs.training_data import TrainingData
from dermgan_jax.statistics.acceptance import acceptance
from dermgan_jax.synthesis import (
    filter_result,
    filter_subgroups,
    made_by,
    output_folder,
    subgroup_columns,
)
from dermgan_jax.synthesis.candidates import (
    kept_names,
    read_candidates,
    write_kept,
)
from dermgan_jax.synthesis.made_by import MadeBy
from dermgan_jax.synthesis.quality_rules import CONFIDENCE, DISCRIMINATOR, RULES, Judging, Rule
from dermgan_jax.synthesis.subgroup_columns import CLASS

KEEP = 0.3  # of the StyleGAN2 melanoma study
AUTO = "auto"
REJECTED_REALS = 0.05  # share of validation images below the threshold chosen by AUTO


@dataclasses.dataclass(frozen=True)
class Criterion:
    """What is kept.

    Attributes:
      rule: one of `quality_rules.RULES`.
      keep: share of each class that is kept; 0.3 if neither it nor a threshold is given.
      threshold: instead: a score, or "auto", below which 5 % of the validation images lie.
      features: of `registry.names("feature space")`, for realism, confidence and subgroups only;
        the first of these names unless given.
      stratify: columns of `subgroup_columns`; of each combination of their values the same share
        is kept.
      subgroups: of `subgroup_columns.PREDICTED`: columns that are told of each image.
    """

    rule: str = DISCRIMINATOR
    keep: float | None = None
    threshold: str | None = None
    features: str | None = None
    stratify: tuple[str, ...] = (CLASS,)
    subgroups: tuple[str, ...] = ()

    @property
    def asked(self) -> dict[str, Any]:
        """What the choice depends on, as JSON values."""
        plain = dataclasses.asdict(self)
        told = {name: ",".join(plain.pop(name)) for name in ("stratify", "subgroups")}
        if told["stratify"] != CLASS:
            plain["stratify"] = told["stratify"]
        return {**plain, **({"subgroups": told["subgroups"]} if self.subgroups else {})}

    def require_valid(self) -> None:
        """Raises UserError naming the argument at fault."""
        if self.rule not in RULES:
            raise UserError(f"unknown rule {self.rule!r}{registry.did_you_mean(self.rule, RULES)}")
        if self.keep is not None and self.threshold is not None:
            raise UserError("--keep and --threshold are two ways to choose: give one of them")
        if self.keep is not None and not 0 < self.keep <= 1:
            raise UserError(f"--keep={self.keep} is no share: give a number above 0, up to 1")
        subgroup_columns.require_known(self.subgroups, "subgroups", subgroup_columns.PREDICTED)
        known = (*subgroup_columns.MEASURED, *self.subgroups)
        subgroup_columns.require_known(self.stratify, "stratify", known)
        if self.threshold is not None and self.stratify != (CLASS,):
            raise UserError(
                "--stratify keeps a share of each stratum, and --threshold keeps no share: use "
                "--keep"
            )
        needs_none = self.rule == DISCRIMINATOR and not self.subgroups
        if self.features is not None and needs_none:
            others = " or ".join(rule for rule in RULES if rule != DISCRIMINATOR)
            raise UserError(
                f"--features={self.features} is for --rule={others}: the discriminator looks at "
                "images, not at features (--subgroups does)"
            )
        if self.threshold is not None and self.threshold != AUTO:
            try:
                finite = np.isfinite(float(self.threshold))
            except ValueError:
                finite = False
            if not finite:
                raise UserError(f"--threshold={self.threshold} is neither a number nor {AUTO}")


@dataclasses.dataclass(frozen=True)
class Choice:
    """Which images are kept: bool (N,), the threshold (of each class), and how it was chosen."""

    kept: np.ndarray
    threshold: float | dict[str, float]
    chosen_by: str


def filter_images(
    workdir: Path,
    source: Path,
    out: Path,
    criterion: Criterion,
    *,
    checkpoint: str | None = None,
    weights: Path | None = None,
    overwrite: bool = False,
    value_range: Range | None = None,
) -> dict[str, Any]:
    """Writes the kept images to `out`, and what was decided with or beside them.

    OUT/scores.csv (name, class, score, kept) and OUT/scores.json (the result), beside an OUT.npz
    OUT_scores.csv and OUT_scores.json; contact sheets OUT_best.png and OUT_worst.png beside either.

    Args:
      workdir: of the model that made the images.
      source: a folder, whose subfolders may be classes, or an .npz, whose `labels` may be.
      out: a folder, where names and subfolders are kept, or a file ending in .npz:
        float32, unquantised if the source is.
      criterion: what is kept.
      checkpoint: whose discriminator; without it that of the checkpoint which made the images, if
        they say which, else the latest.
      weights: folder where pretrained weights are looked for first.
      overwrite: remove what the program wrote to the folder before.
      value_range: of floats in an .npz that does not tell it.

    Returns:
      JSON values: n, kept, threshold, and the accepted share of each class and other subgroup.

    Raises:
      UserError: if an argument, the images or the data of the work directory are at fault, or the
        folder holds anything else.
    """
    criterion.require_valid()
    source_made_by = made_by.read(source)
    restored = _restored(workdir, checkpoint, source_made_by)
    asked = {
        "command": "filter",
        "input": str(files.absolute(source)),
        "run": restored.run,
        "checkpoint": restored.step,
        **criterion.asked,
    }
    _require_room(out, asked, overwrite)
    candidates = read_candidates(source, restored, value_range)
    if criterion.rule == CONFIDENCE and restored.model.conditional and "" in candidates.classes:
        raise UserError(
            f"--rule=confidence needs the classes of {source}, as the model is conditional: a "
            "subfolder per class, or `labels` in the .npz, as dermgan generate writes them"
        )
    open_rule = registry.load("quality rule", criterion.rule)
    features = criterion.features or registry.names("feature space")[0]
    judging = Judging(restored, workdir, features, weights)
    columns = filter_subgroups.of_candidates(candidates, judging, criterion.subgroups)
    quality = open_rule(judging)
    scores = _scored(quality, candidates.images, candidates.classes, str(source))
    strata = columns.strata(criterion.stratify, candidates.classes)
    choice = choose(scores, strata, criterion, workdir, quality)
    accepted = acceptance(choice.kept, columns.of_images, columns.of_real, subgroup_columns.ORDER)
    result = {
        "rule": criterion.rule,
        "protocol": quality.protocol,
        "details": dict(quality.details),
        "input": str(source),
        "checkpoint": restored.step,
        "made_by": source_made_by.to_json() if source_made_by else None,
        **_counts(candidates.classes, choice),
        **columns.to_json(accepted, criterion.stratify),
        "notes": [
            *_provenance_notes(source, source_made_by, restored, checkpoint is not None),
            *columns.notes,
        ],
        "warnings": filter_subgroups.warnings(
            accepted, criterion.stratify, by_share=criterion.threshold is None
        ),
    }
    names = [*kept_names(candidates, choice.kept), *filter_result.SCORES]
    place = (
        contextlib.nullcontext(out)
        if out.suffix == ".npz"
        else output_folder.filling(out, asked, names, overwrite)
    )
    with place as target:
        if target.suffix == ".npz" or source_made_by is not None:
            made_by.begin(target, source_made_by)
        rows = write_kept(candidates, choice.kept, restored, target, source_made_by)
        made_by.end(target, source_made_by, rows)
        filter_result.write(target, candidates, scores, choice.kept, result)
    filter_result.draw_sheets(out, candidates, scores, source_made_by)
    print(filter_result.text(result, out))
    print("the best and the worst:", *filter_result.sheets(out).values())
    if source_made_by is not None and source_made_by.is_same_run(restored):
        findings.keep(workdir, findings.FILTER, result)
    return result


def _restored(workdir: Path, checkpoint: str | None, source: MadeBy | None) -> Restored:
    """The model as of the checkpoint that was asked for, or that made the images."""
    restored = restore(workdir, checkpoint or LATEST)
    if not isinstance(restored.model, Sampler):
        raise UserError(
            f"{workdir} holds a {restored.model.config.model.name}: only images made from noise "
            "are filtered"
        )
    if checkpoint is not None or source is None or not source.is_same_run(restored):
        return restored
    if source.checkpoint == restored.step:
        return restored
    try:
        return restore(workdir, str(source.checkpoint))
    except UserError:  # it was not kept; the notes will say that another one judged
        return restored


def _provenance_notes(
    source: Path, told: MadeBy | None, restored: Restored, asked_for: bool
) -> list[str]:
    """Whether the images are of the checkpoint that judges them, which may be `asked_for`."""
    if told is None:
        return [f"note: nothing beside {source} says which model made these images"]
    if not told.is_same_run(restored):
        return [
            f"warning: {source} was made by another run ({told.workdir}, checkpoint "
            f"{told.checkpoint}) than the one that judges it"
        ]
    if told.checkpoint != restored.step:
        own = (
            f"--checkpoint={told.checkpoint} would be its own"
            if asked_for
            else "its own is not kept here"
        )
        return [
            f"warning: {source} was drawn from checkpoint {told.checkpoint} of this run, but "
            f"checkpoint {restored.step} judges it; {own}"
        ]
    return []


def choose(
    scores: np.ndarray,
    strata: Sequence[str],
    criterion: Criterion,
    workdir: Path,
    quality: Rule,
) -> Choice:
    """Keeps the best share of each stratum, or all at or above one threshold.

    Args:
      scores: (N,), finite.
      strata: N names: of classes, unless the criterion says otherwise.
      criterion: valid.
      workdir: whose validation images "auto" looks at.
      quality: the rule that gave the scores.

    Raises:
      UserError: if "auto" finds no validation images.
    """
    keep, threshold = criterion.keep, criterion.threshold
    if threshold is None:
        what = "class" if criterion.stratify == (CLASS,) else " × ".join(criterion.stratify)
        return keep_best(scores, strata, KEEP if keep is None else keep, what)
    if threshold != AUTO:
        return Choice(scores >= float(threshold), float(threshold), "the threshold given")
    real = TrainingData(workdir).validation("--threshold=auto")
    of_reals = _scored(quality, real.images, real.class_names, "the validation images")
    lowest = float(np.quantile(of_reals, REJECTED_REALS))
    chosen_by = f"{REJECTED_REALS:.0%} of {len(of_reals)} validation images score below"
    return Choice(scores >= lowest, lowest, chosen_by)


def keep_best(
    scores: np.ndarray, strata: Sequence[str], share: float, what: str = "class"
) -> Choice:
    """Keeps round(share × n), but at least one, of the n images of each stratum.

    Args:
      scores: (N,).
      strata: N names.
      share: above 0, at most 1.
      what: a stratum is.
    """
    kept, thresholds, small = np.zeros(len(scores), bool), {}, 0
    strata = np.asarray(strata)
    for name in np.unique(strata):
        rows = np.flatnonzero(strata == name)
        num = int(share * len(rows) + 0.5)
        small, num = small + (num == 0), max(num, 1)
        best = rows[np.argsort(-scores[rows], kind="stable")[:num]]
        kept[best] = True
        thresholds[str(name)] = float(scores[best[-1]])
    threshold = thresholds[""] if set(thresholds) == {""} else thresholds
    chosen_by = f"the best {share:.4g} of each {what}"
    if small:
        chosen_by += (
            f"; {small} of {len(thresholds)} are too small for that and keep one image each"
        )
    return Choice(kept, threshold, chosen_by)


def _require_room(out: Path, asked: dict[str, Any], overwrite: bool) -> None:
    """Images of an earlier choice in the same folder would pass as kept."""
    if out.suffix != ".npz":
        output_folder.require_room(out, asked, overwrite)
    for sheet in filter_result.sheets(out).values():
        if sheet.exists():
            files.tell_once(f"note: {sheet} will be replaced")


def _scored(quality: Rule, images: ImageSet, classes: Sequence[str], source: str) -> np.ndarray:
    scores = np.asarray(quality.score(images, classes), np.float64)
    if not np.isfinite(scores).all():
        raise UserError(
            f"{(~np.isfinite(scores)).sum()} of {len(scores)} scores of {source} are not finite: "
            "the model has diverged, choose an earlier --checkpoint"
        )
    return scores


def _counts(classes: Sequence[str], choice: Choice) -> dict[str, Any]:
    labels = np.asarray(classes)
    per_class = {
        str(name): {
            "n": int((labels == name).sum()),
            "kept": int(choice.kept[labels == name].sum()),
            "accept_rate": float(choice.kept[labels == name].mean()),
        }
        for name in np.unique(labels)
    }
    return {
        "n": len(labels),
        "kept": int(choice.kept.sum()),
        "accept_rate": float(choice.kept.mean()),
        "threshold": choice.threshold,
        "chosen_by": choice.chosen_by,
        "classes": per_class,
    }
