"""From what classifiers said to what a study found: everything its report shows, as JSON values."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from dermgan_jax.data.image_files import write_pngs
from dermgan_jax.data.image_sets import FolderImages
from dermgan_jax.data.prepare import at_full_size, prepare
from dermgan_jax.runs import provenance
from dermgan_jax.runs.metrics_log import METRICS_FILE, read_rows
from dermgan_jax.runs.workdir import WorkDir
from dermgan_jax.statistics import comparison
from dermgan_jax.statistics.identification import judge
from dermgan_jax.studies import augmentation_texts, synthetic_sets
from dermgan_jax.studies.augmentation_config import FILTERED, ONLY, UNFILTERED, arm_names
from dermgan_jax.studies.augmentation_part import Part
from dermgan_jax.studies.held_out import LEAD, OVERALL, HeldOut
from dermgan_jax.studies.leakage import leakage
from dermgan_jax.studies.population import by_subgroup
from dermgan_jax.studies.study_folder import read_json

EXAMPLES = 8  # images of each class that the report shows


def analyse(parts: Sequence[Part]) -> dict[str, Any]:
    """What the study found; see `report/augmentation.py` for what becomes of each value.

    Args:
      parts: of the same study; the first one is reported, others are set beside it.
    """
    part = parts[0]
    config, data, test = part.config, part.data, HeldOut(part)
    arms = arm_names(config)
    said = {arm: part.predictions(arm) for arm in arms}
    answers = {arm: said[arm]["test"] for arm in arms}
    found = test.compared(answers)
    best = max(found["versus"], key=lambda arm: found["versus"][arm][LEAD]["difference"])
    added = {arm: found["versus"][arm] for arm in arms if arm in part.sets and arm != ONLY}
    verdicts = [
        comparison.verdict(added or found["versus"], score, lesions=test.num_lesions)
        for score in (LEAD, f"recall/{config.target}")
    ]
    classifier = config.classifier.to_dict()
    one = WorkDir(part.workdir(config.base, config.seeds[0]))
    return {
        "title": config.title,
        "target": config.target,
        "base": config.base,
        "classes": list(data.classes),
        "phantom": data.dataset.synthetic,
        "threshold": config.threshold,
        "data": config.data.to_dict(),
        "seeds": list(config.seeds),
        **_length(one),
        "classifier": classifier["model"],
        "generator": _generator(part),
        "split_hash": data.split_hash,
        "test": test.size(),
        "counts": _counts(part),
        "arms": list(arms),
        **found,
        "verdict": verdicts[0],
        "target_verdict": verdicts[1],
        "confusion": {arm: test.confusion(answers[arm]) for arm in arms},
        "reliability": {arm: test.reliability(answers[arm]) for arm in arms},
        "curves": {arm: _curves(part.workdir(arm, config.seeds[0])) for arm in arms},
        "leakage": leakage(parts, found) if len(parts) > 1 else None,
        "judged": judged(part, test, said[config.base]),
        "cas": _cas(config.base, found["scores"]) if ONLY in arms else None,
        "filter": _filter(part),
        **by_subgroup(part, test, answers, best),
        "card": provenance.data_card(data),
        "examples": _examples(part),
        "method": augmentation_texts.method(part),
        "limits": augmentation_texts.limits(part),
    }


def judged(part: Part, test: HeldOut, said: Mapping[str, np.ndarray]) -> dict[str, Any]:
    """The base arm's classifiers on real images first, then on synthetic ones.

    Args:
      part: of the study.
      test: its test images.
      said: of the base arm, "test" and each synthetic set: (seeds, n, K).
    """
    classes, threshold = test.classes, part.config.threshold
    of_sets = {}
    for arm, folder in part.sets.items():
        names, positions = FolderImages(folder, part.config.data.channels).classes()
        labels = np.array([classes.index(name) for name in names])[positions]
        of_sets[arm] = judge(said[arm].mean(axis=0), labels, classes, threshold)
    return {
        "threshold": threshold,
        "real": judge(said["test"].mean(axis=0), test.labels, classes, threshold),
        "sets": of_sets,
    }


def table(result: Mapping[str, Any]) -> list[list[str]]:
    """The main table as text: an arm per row, headings first; shares as percentages."""
    target = result["target"]
    names = [
        *OVERALL,
        "ece",
        *(f"{n}/{target}" for n in ("precision", "recall", "specificity", "f1")),
    ]
    head = ["arm", "synthetic images"]
    for name in names:
        head += [name, "low", "high"]
    head += [f"{LEAD} difference", "low", "high", "corrected p"]
    rows = [head]
    for arm in result["arms"]:
        number = sum(result["counts"]["synthetic"].get(arm, {}).values())
        row = [arm, str(number)]
        for name in names:
            value = result["scores"][arm][name]
            row += [f"{100 * value[key]:.2f}" for key in ("value", "low", "high")]
        versus = result["versus"].get(arm, {}).get(LEAD)
        if versus is None:
            row += [""] * 4
        else:
            row += [f"{100 * versus[key]:.2f}" for key in ("difference", "low", "high")]
            row.append(f"{versus['p_corrected']:.4g}")
        rows.append(row)
    return rows


def _length(workdir: WorkDir) -> dict[str, int]:
    rows = read_rows(workdir.path / METRICS_FILE)
    last = max(rows, key=lambda row: row["step"])
    return {"steps": last["step"], "images_shown": last["images"]}


def _generator(part: Part) -> dict[str, Any] | None:
    if not part.sets:
        return None
    made = read_json(part.folder / "synthetic" / synthetic_sets.MADE)
    own = WorkDir(part.generator).read_config()
    return {
        "name": own.model.name,
        "title": own.title,
        "workdir": os.path.relpath(part.generator, part.folder),
        "step": made["step"],
        "resolution": own.data.resolution,
    }


def _counts(part: Part) -> dict[str, Any]:
    data = part.data
    real = {
        split: dict(zip(data.classes, data.class_counts(split), strict=True))
        for split in ("train", "val", "test")
    }
    made = {
        arm: {name: len(files) for name, files in _files(folder).items()}
        for arm, folder in part.sets.items()
    }
    return {"real": real, "synthetic": made}


def _curves(workdir: Path) -> dict[str, list[float]]:
    rows = [row for row in read_rows(workdir / METRICS_FILE) if row["kind"] == "eval"]
    return {
        "images": [row["images"] for row in rows],
        **{
            name: [row["metrics"][name]["value"] for row in rows]
            for name in ("loss", LEAD)
            if all(name in row["metrics"] for row in rows)
        },
    }


def _cas(base: str, found: Mapping[str, Any]) -> dict[str, Any]:
    """Classification accuracy score (Ravuri and Vinyals 2019): synthetic to learn, real to test."""
    names = ("accuracy", LEAD)
    return {
        side: {name: found[arm][name] for name in names}
        for side, arm in (("real", base), ("synthetic", ONLY))
    }


def _filter(part: Part) -> dict[str, Any] | None:
    if FILTERED not in part.sets:
        return None
    return read_json(part.sets[FILTERED] / "scores.json")


def _examples(part: Part) -> dict[str, dict[str, list[str]]]:
    """Synthetic and real training images of the classes made, as paths in the study's folder."""
    arm = next((arm for arm in (ONLY, UNFILTERED, *part.sets) if arm in part.sets), None)
    if arm is None:
        return {}
    made = {name: files[:EXAMPLES] for name, files in _files(part.sets[arm]).items()}
    images = prepare(part.data, at_full_size(part.config.data)).images
    train = part.data.indices("train")
    real = {}
    for name in made:
        rows = train[part.data.labels[train] == part.data.classes.index(name)][:EXAMPLES]
        real[name] = write_pngs(images[rows], part.folder / "examples" / name)
    return {
        side: {
            name: [path.relative_to(part.folder).as_posix() for path in paths]
            for name, paths in files.items()
        }
        for side, files in (("synthetic", made), ("real", real))
    }


def _files(folder: Path) -> dict[str, list[Path]]:
    """Class -> its images in FOLDER/CLASS."""
    return {sub.name: sorted(sub.glob("*.png")) for sub in sorted(folder.iterdir()) if sub.is_dir()}
