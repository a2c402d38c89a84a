"""Keeps the better synthetic images: of each class the best share, or those above a threshold."""

import contextlib
import csv
import dataclasses
import io
import json
from collections.abc import Sequence
from typing import Any

import numpy as np

from dermgan_jax import files, registry
from dermgan_jax.data.contact_sheet import contact_sheet
from dermgan_jax.data.image_files import save_image
from dermgan_jax.data.image_sets import ImageSet
from dermgan_jax.data.npz_images import Range
from dermgan_jax.errors import UserError
from dermgan_jax.files import Path
from dermgan_jax.models.contract import Sampler
from dermgan_jax.runs.restore import LATEST, Restored, restore
from dermgan_jax.runs.training_data import TrainingData
from dermgan_jax.synthesis import made_by, output_folder
from dermgan_jax.synthesis.candidates import (
    Candidates,
    kept_names,
    read_candidates,
    write_kept,
)
from dermgan_jax.synthesis.made_by import MadeBy
from dermgan_jax.synthesis.quality_rules import CONFIDENCE, DISCRIMINATOR, RULES, Judging, Rule

KEEP = 0.3  # of the StyleGAN2 melanoma study
AUTO = "auto"
SCORES = ("scores.csv", "scores.json")
REJECTED_REALS = 0.05  # share of validation images below the threshold chosen by AUTO
SHOWN, COLUMNS = 32, 8  # of a contact sheet


@dataclasses.dataclass(frozen=True)
class Criterion:
    """What is kept.

    Attributes:
      rule: one of `quality_rules.RULES`.
      keep: share of each class that is kept; 0.3 if neither it nor a threshold is given.
      threshold: instead: a score, or "auto", below which 5 % of the validation images lie.
      features: of `registry.names("feature space")`, for realism and confidence only; the first
        of these names unless given.
    """

    rule: str = DISCRIMINATOR
    keep: float | None = None
    threshold: str | None = None
    features: str | None = None

    def require_valid(self) -> None:
        """Raises UserError naming the argument at fault."""
        if self.rule not in RULES:
            raise UserError(f"unknown rule {self.rule!r}{registry.did_you_mean(self.rule, RULES)}")
        if self.keep is not None and self.threshold is not None:
            raise UserError("--keep and --threshold are two ways to choose: give one of them")
        if self.keep is not None and not 0 < self.keep <= 1:
            raise UserError(f"--keep={self.keep} is no share: give a number above 0, up to 1")
        if self.features is not None and self.rule == DISCRIMINATOR:
            others = " or ".join(rule for rule in RULES if rule != DISCRIMINATOR)
            raise UserError(
                f"--features={self.features} is for --rule={others}: the discriminator looks at "
                "images, not at features"
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
      JSON values: n, kept, threshold, and the accepted share of each class.

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
        **dataclasses.asdict(criterion),
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
    quality = open_rule(Judging(restored, workdir, features, weights))
    scores = _scored(quality, candidates.images, candidates.classes, str(source))
    choice = choose(scores, candidates.classes, criterion, workdir, quality)
    result = {
        "rule": criterion.rule,
        "protocol": quality.protocol,
        "details": dict(quality.details),
        "input": str(source),
        "checkpoint": restored.step,
        "made_by": source_made_by.to_json() if source_made_by else None,
        **_counts(candidates.classes, choice),
        "notes": _provenance_notes(source, source_made_by, restored, checkpoint is not None),
    }
    names = [*kept_names(candidates, choice.kept), *SCORES]
    place = (
        contextlib.nullcontext(out)
        if out.suffix == ".npz"
        else output_folder.filling(out, asked, names, overwrite)
    )
    with place as target:
        if target.suffix == ".npz" or source_made_by is not None:
            made_by.begin(target, source_made_by)
        write_kept(candidates, choice.kept, restored, target)
        made_by.end(target, source_made_by)
        _write_decision(target, candidates, scores, choice, result)
    _draw_sheets(out, candidates, scores)
    print(_text(result, out))
    print("the best and the worst:", *_sheets(out).values())
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
    classes: Sequence[str],
    criterion: Criterion,
    workdir: Path,
    quality: Rule,
) -> Choice:
    """Keeps the best share of each class, or all at or above one threshold.

    Args:
      scores: (N,), finite.
      classes: N names.
      criterion: valid.
      workdir: whose validation images "auto" looks at.
      quality: the rule that gave the scores.

    Raises:
      UserError: if "auto" finds no validation images.
    """
    keep, threshold = criterion.keep, criterion.threshold
    if threshold is None:
        return keep_best(scores, classes, KEEP if keep is None else keep)
    if threshold != AUTO:
        return Choice(scores >= float(threshold), float(threshold), "the threshold given")
    real = TrainingData(workdir).validation("--threshold=auto")
    of_reals = _scored(quality, real.images, real.class_names, "the validation images")
    lowest = float(np.quantile(of_reals, REJECTED_REALS))
    chosen_by = f"{REJECTED_REALS:.0%} of {len(of_reals)} validation images score below"
    return Choice(scores >= lowest, lowest, chosen_by)


def keep_best(scores: np.ndarray, classes: Sequence[str], share: float) -> Choice:
    """Keeps round(share × n), but at least one, of the n images of each class."""
    kept, thresholds = np.zeros(len(scores), bool), {}
    classes = np.asarray(classes)
    for name in np.unique(classes):
        rows = np.flatnonzero(classes == name)
        num = max(int(share * len(rows) + 0.5), 1)
        best = rows[np.argsort(-scores[rows], kind="stable")[:num]]
        kept[best] = True
        thresholds[str(name)] = float(scores[best[-1]])
    threshold = thresholds[""] if set(thresholds) == {""} else thresholds
    return Choice(kept, threshold, f"the best {share:.4g} of each class")


def _require_room(out: Path, asked: dict[str, Any], overwrite: bool) -> None:
    """Images of an earlier choice in the same folder would pass as kept."""
    if out.suffix != ".npz":
        output_folder.require_room(out, asked, overwrite)
    for sheet in _sheets(out).values():
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


def _write_decision(
    out: Path, candidates: Candidates, scores: np.ndarray, choice: Choice, result: dict[str, Any]
) -> None:
    table_file, json_file = (out / name for name in SCORES)
    if out.suffix == ".npz":
        stem = _beside(out)
        table_file, json_file = (stem.with_name(f"{stem.name}_{name}") for name in SCORES)
    table = io.StringIO()
    writer = csv.writer(table, lineterminator="\n")
    writer.writerow(("name", "class", "score", "kept"))
    rows = zip(candidates.names, candidates.classes, scores, choice.kept, strict=True)
    writer.writerows((name, label, repr(float(s)), int(k)) for name, label, s, k in rows)
    files.write_text(table_file, table.getvalue())
    files.write_text(json_file, json.dumps(result, indent=2) + "\n")


def _draw_sheets(out: Path, candidates: Candidates, scores: np.ndarray) -> None:
    order = np.argsort(-scores, kind="stable")
    for name, shown in (("best", order[:SHOWN]), ("worst", order[::-1][:SHOWN])):
        captions = [f"{scores[i]:.3g} {candidates.classes[i]}".strip() for i in shown]
        sheet = contact_sheet(list(candidates.images[shown]), captions, COLUMNS)
        save_image(sheet, _sheets(out)[name])


def _beside(out: Path) -> Path:
    """What the names of files that lie beside the kept images begin with."""
    place = files.absolute(out)
    return place.with_suffix("") if out.suffix == ".npz" else place


def _sheets(out: Path) -> dict[str, Path]:
    """Where the sheets of the best and the worst images lie."""
    stem = _beside(out)
    return {name: stem.with_name(f"{stem.name}_{name}.png") for name in ("best", "worst")}


def _text(result: dict[str, Any], out: Path) -> str:
    of_classes = result["threshold"] if isinstance(result["threshold"], dict) else {}
    lines = [
        f"kept {result['kept']} of {result['n']} images ({result['accept_rate']:.1%}) in {out}",
        f"rule: {result['protocol']}, checkpoint {result['checkpoint']}; {result['chosen_by']}"
        + ("" if of_classes else f": {result['threshold']:.4g}"),
    ]
    for name, counts in result["classes"].items():
        if name:
            limit = f", from {of_classes[name]:.4g}" if of_classes else ""
            share = f"{counts['kept']} of {counts['n']} ({counts['accept_rate']:.1%})"
            lines.append(f"  {name}: {share}{limit}")
    if not result["kept"]:
        lines.append("warning: no image reached the threshold")
    return "\n".join([*lines, *result["notes"]])
