"""Keeps the better synthetic images: of each class the best share, or those above a threshold."""

import csv
import dataclasses
import io
import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from dermgan_jax.data.contact_sheet import contact_sheet
from dermgan_jax.data.image_files import save_image, write_npz, write_pngs
from dermgan_jax.data.image_sets import FolderImages, ImageSet, open_floats, open_images
from dermgan_jax.errors import UserError
from dermgan_jax.features.feature_spaces import open_space
from dermgan_jax.models.contract import Sampler
from dermgan_jax.registry import did_you_mean
from dermgan_jax.runs.restore import Restored, restore
from dermgan_jax.runs.training_data import TrainingData
from dermgan_jax.runs.workdir import WorkDir, write_atomically
from dermgan_jax.synthesis import quality_rules
from dermgan_jax.synthesis.quality_rules import Rule

RULES = ("discriminator", "realism", "confidence")
KEEP = 0.3  # of the StyleGAN2 melanoma study
AUTO = "auto"
REJECTED_REALS = 0.05  # share of validation images below the threshold chosen by AUTO
SHOWN, COLUMNS = 32, 8  # of a contact sheet


@dataclasses.dataclass(frozen=True)
class Candidates:
    """Synthetic images to choose among.

    Attributes:
      source: folder or .npz.
      images: uint8 (N, H, W, C).
      names: N, unique: paths relative to the folder, or numbers.
      classes: N names, "" where none is known.
    """

    source: Path
    images: ImageSet
    names: tuple[str, ...]
    classes: tuple[str, ...]


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
    rule: str = "discriminator",
    *,
    keep: float | None = None,
    threshold: str | None = None,
    checkpoint: str = "latest",
    features: str = "lite0",
    weights: Path | None = None,
) -> dict[str, Any]:
    """Writes the kept images to `out`, and what was decided with or beside them.

    OUT/scores.csv (name, class, score, kept) and OUT/scores.json (the result), beside an OUT.npz
    OUT_scores.csv and OUT_scores.json; contact sheets OUT_best.png and OUT_worst.png beside either.

    Args:
      workdir: of the model that made the images.
      source: a folder, whose subfolders may be classes, or an .npz, whose `labels` may be.
      out: a new or empty folder, where names and subfolders are kept, or a file ending in .npz:
        float32, unquantised if the source is.
      rule: one of `RULES`.
      keep: share of each class that is kept; 0.3 if neither it nor a threshold is given.
      threshold: instead: a score, or "auto", below which 5 % of the validation images lie.
      checkpoint: whose discriminator.
      features: a key of `feature_spaces.SPACES`, for realism and confidence.
      weights: folder where pretrained weights are looked for first.

    Returns:
      JSON values: n, kept, threshold, and the accepted share of each class.

    Raises:
      UserError: if an argument, the images or the data of the work directory are at fault.
    """
    _check_arguments(rule, keep, threshold)
    _require_new(out)
    restored = restore(workdir, checkpoint)
    if not isinstance(restored.model, Sampler):
        raise UserError(f"{workdir} holds a translator: only images made from noise are filtered")
    candidates = read_candidates(source, restored)
    if rule == "confidence" and restored.model.conditional and "" in candidates.classes:
        raise UserError(
            f"--rule=confidence needs the classes of {source}, as the model is conditional: a "
            "subfolder per class, or `labels` in the .npz, as --mode=generate writes them"
        )
    quality = _open_rule(rule, restored, workdir, features, weights)
    scores = _scored(quality, candidates.images, candidates.classes, str(source))
    choice = choose(scores, candidates.classes, keep, threshold, workdir, quality)
    write_kept(candidates, choice.kept, restored, out)
    result = {
        "rule": rule,
        "protocol": quality.protocol,
        "details": dict(quality.details),
        "input": str(source),
        **_counts(candidates.classes, choice),
    }
    _write_decision(out, candidates, scores, choice, result)
    print(_text(result, out))
    return result


def read_candidates(source: Path, restored: Restored) -> Candidates:
    """The images of a folder or .npz with their classes.

    Raises:
      UserError: if there are none, they are not of the model's size, or labels are at fault.
    """
    data = restored.model.data
    images = open_images(source, data.channels)
    if images.shape[1:3] != (data.height, data.width):
        raise UserError(
            f"the images of {source} are {images.shape[2]}x{images.shape[1]} pixels, those of the "
            f"model {data.width}x{data.height}: filter what --mode=generate of this model wrote"
        )
    if not isinstance(images, FolderImages):
        names = tuple(f"{i:06d}" for i in range(len(images)))
        return Candidates(source, images, names, _npz_classes(source, len(images), restored))
    paths = [path.relative_to(source) for path in images.paths]
    folders = ["" if len(path.parts) == 1 else path.parent.name for path in paths]
    strange = sorted(set(folders) - set(restored.classes) - {""})
    if restored.model.conditional and strange:
        hint = did_you_mean(strange[0], restored.classes)
        raise UserError(f"{source}: the folder {strange[0]!r} is no class of the model{hint}")
    return Candidates(source, images, tuple(path.as_posix() for path in paths), tuple(folders))


def _npz_classes(source: Path, num: int, restored: Restored) -> tuple[str, ...]:
    try:
        with np.load(source) as arrays:
            if "labels" not in arrays or not restored.classes:
                return ("",) * num
            labels = arrays["labels"]
    except ValueError as error:  # an array of Python objects
        raise UserError(f"'labels' in {source} cannot be read: {error}") from error
    most = len(restored.classes)
    if (
        labels.shape != (num,)
        or not np.issubdtype(labels.dtype, np.integer)
        or not ((labels >= 0) & (labels < most)).all()
    ):
        raise UserError(
            f"'labels' in {source} are no {num} whole numbers from 0 to {most - 1}, one per image"
        )
    return tuple(restored.classes[label] for label in labels)


def choose(
    scores: np.ndarray,
    classes: Sequence[str],
    keep: float | None,
    threshold: str | None,
    workdir: Path,
    quality: Rule,
) -> Choice:
    """Keeps the best share of each class, or all at or above one threshold.

    Args:
      scores: (N,), finite.
      classes: N names.
      keep, threshold: see `filter_images`; not both.
      workdir: whose validation images "auto" looks at.
      quality: the rule that gave the scores.

    Raises:
      UserError: if "auto" finds no validation images.
    """
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


def write_kept(candidates: Candidates, kept: np.ndarray, restored: Restored, out: Path) -> None:
    """Writes the images at `kept`, bool (N,): files as they are, floats as they are."""
    rows = np.flatnonzero(kept)
    images = candidates.images
    if out.suffix == ".npz":
        if isinstance(images, FolderImages):
            floats = np.float32(images[rows]) / 127.5 - 1
        else:
            floats = open_floats(candidates.source, images.shape[-1])[rows]
        named = {}
        if set(candidates.classes) <= set(restored.classes):
            labels = [restored.classes.index(candidates.classes[row]) for row in rows]
            named["labels"] = np.asarray(labels, np.int32)
        write_npz(floats, out, **named)
        return
    out.mkdir(parents=True, exist_ok=True)
    for row in rows:
        name, label = candidates.names[row], candidates.classes[row]
        if isinstance(images, FolderImages):
            target = out / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(images.paths[row], target)
        else:
            write_pngs(images[row : row + 1], out / label, first=row)


def _check_arguments(rule: str, keep: float | None, threshold: str | None) -> None:
    if rule not in RULES:
        raise UserError(f"unknown rule {rule!r}{did_you_mean(rule, RULES)}")
    if keep is not None and threshold is not None:
        raise UserError("--keep and --threshold are two ways to choose: give one of them")
    if keep is not None and not 0 < keep <= 1:
        raise UserError(f"--keep={keep} is no share: give a number above 0, up to 1")
    if threshold is not None and threshold != AUTO:
        try:
            finite = np.isfinite(float(threshold))
        except ValueError:
            finite = False
        if not finite:
            raise UserError(f"--threshold={threshold} is neither a number nor {AUTO}")


def _require_new(out: Path) -> None:
    """Images of an earlier choice in the same folder would pass as kept."""
    if out.suffix != ".npz" and out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise UserError(f"{out} is not an empty folder: name another, or empty it")


def _open_rule(
    rule: str, restored: Restored, workdir: Path, features: str, weights: Path | None
) -> Rule:
    if rule == "discriminator":
        return quality_rules.discriminator(restored, workdir)
    space = open_space(features, weights)
    if rule == "realism":
        return quality_rules.realism(TrainingData(workdir), space)
    data = TrainingData(workdir, all_classes=True)
    learned = tuple(WorkDir(workdir).read_config().data.classes) or data.catalogue.classes
    return quality_rules.confidence(data, space, learned)


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
    is_file = out.suffix == ".npz"
    stem = out.absolute().with_suffix("") if is_file else out.absolute()
    scores_file = stem.with_name(f"{stem.name}_scores") if is_file else stem / "scores"
    table = io.StringIO()
    writer = csv.writer(table, lineterminator="\n")
    writer.writerow(("name", "class", "score", "kept"))
    rows = zip(candidates.names, candidates.classes, scores, choice.kept, strict=True)
    writer.writerows((name, label, repr(float(s)), int(k)) for name, label, s, k in rows)
    write_atomically(scores_file.with_suffix(".csv"), table.getvalue())
    write_atomically(scores_file.with_suffix(".json"), json.dumps(result, indent=2) + "\n")
    order = np.argsort(-scores, kind="stable")
    for name, shown in (("best", order[:SHOWN]), ("worst", order[::-1][:SHOWN])):
        captions = [f"{scores[i]:.3g} {candidates.classes[i]}".strip() for i in shown]
        sheet = contact_sheet(list(candidates.images[shown]), captions, COLUMNS)
        save_image(sheet, stem.with_name(f"{stem.name}_{name}.png"))


def _text(result: dict[str, Any], out: Path) -> str:
    of_classes = result["threshold"] if isinstance(result["threshold"], dict) else {}
    lines = [
        f"kept {result['kept']} of {result['n']} images ({result['accept_rate']:.1%}) in {out}",
        f"rule: {result['protocol']}; {result['chosen_by']}"
        + ("" if of_classes else f": {result['threshold']:.4g}"),
    ]
    for name, counts in result["classes"].items():
        if name:
            limit = f", from {of_classes[name]:.4g}" if of_classes else ""
            share = f"{counts['kept']} of {counts['n']} ({counts['accept_rate']:.1%})"
            lines.append(f"  {name}: {share}{limit}")
    if not result["kept"]:
        lines.append("warning: no image reached the threshold")
    return "\n".join(lines)
