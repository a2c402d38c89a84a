"""From what classifiers said to what a study found."""

import os
from collections.abc import Mapping, Sequence

import numpy as np

from dermgan_jax.data.class_folders import class_of, folder_of
from dermgan_jax.data.image_files import write_pngs
from dermgan_jax.data.image_sets import FolderImages
from dermgan_jax.data.prepare import at_full_size, prepare
from dermgan_jax.data.splits import SPLITS, TEST, TRAIN
from dermgan_jax.files import Path, is_local
from dermgan_jax.listings import listing
from dermgan_jax.metrics.measurement import Measurement
from dermgan_jax.runs import provenance
from dermgan_jax.runs.metrics_log import read_rows
from dermgan_jax.runs.workdir import WorkDir
from dermgan_jax.statistics import comparison
from dermgan_jax.statistics.identification import identification
from dermgan_jax.studies import augmentation_texts, synthetic_sets
from dermgan_jax.studies.augmentation_arms import ONLY, UNFILTERED, arm_names, filtered_arms
from dermgan_jax.studies.augmentation_part import Part
from dermgan_jax.studies.augmentation_result import (
    AccuracyScores,
    AugmentationResult,
    Curve,
    Examples,
    FilterFacts,
    GeneratorFacts,
    ImageCounts,
    JudgedSets,
    Kept,
    Scores,
)
from dermgan_jax.studies.held_out import LEAD, OVERALL, HeldOut
from dermgan_jax.studies.leakage import leakage
from dermgan_jax.studies.population import population
from dermgan_jax.studies.study_folder import read_json

EXAMPLES = 8  # images of each class that the report shows


def analyse(parts: Sequence[Part]) -> AugmentationResult:
    """What the study found.

    Args:
      parts: of the same study; the first one is reported, others are set beside it.
    """
    part = parts[0]
    config, data, test = part.config, part.data, HeldOut(part)
    arms = arm_names(config)
    said = {arm: part.predictions(arm) for arm in arms}
    answers = {arm: said[arm][TEST] for arm in arms}
    scores, versus = test.scores(answers), test.versus(answers)
    best = max(versus, key=lambda arm: versus[arm][LEAD].difference)
    added = {arm: versus[arm] for arm in arms if arm in part.sets and arm != ONLY} or versus
    one = WorkDir(part.workdir(config.base, config.seeds[0]))
    last = max(read_rows(one.metrics), key=lambda row: row["step"])
    return AugmentationResult(
        title=config.title,
        target=config.target,
        base=config.base,
        classes=list(data.classes),
        phantom=data.dataset.synthetic,
        group_noun=data.dataset.group_noun,
        threshold=config.threshold,
        data=config.data.to_dict(),
        seeds=list(config.seeds),
        steps=last["step"],
        images_shown=last["images"],
        classifier=config.classifier.model.to_dict(),
        generator=_generator(part) if part.sets else None,
        split_hash=data.split_hash,
        test=test.size(),
        counts=_counts(part),
        arms=list(arms),
        scores=scores,
        versus=versus,
        verdict=comparison.verdict(test.images, added, LEAD),
        target_verdict=comparison.verdict(test.images, added, f"recall/{config.target}"),
        confusion={arm: test.confusion(answers[arm]) for arm in arms},
        reliability={arm: test.reliability(answers[arm]) for arm in arms},
        curves={arm: _curve(part.workdir(arm, config.seeds[0])) for arm in arms},
        leakage=leakage(parts, scores, versus) if len(parts) > 1 else None,
        judged=judged(part, test, said[config.base]),
        cas=_cas(config.base, scores) if ONLY in arms else None,
        filter=_filter(part),
        population=population(part, test, answers, best),
        card=provenance.data_card(data),
        examples=_examples(part),
        method=augmentation_texts.method(part),
        limits=augmentation_texts.limits(part),
    )


def judged(part: Part, test: HeldOut, said: Mapping[str, np.ndarray]) -> JudgedSets:
    """The base arm's classifiers on real images first, then on synthetic ones.

    Args:
      part: of the study.
      test: its test images.
      said: of the base arm, "test" and each synthetic set: (seeds, n, K).
    """
    classes, threshold = test.images.classes, part.config.threshold
    of_sets = {}
    for arm, folder in part.sets.items():
        names, positions = FolderImages(folder, part.config.data.channels).classes()
        labels = np.array([classes.index(name) for name in names])[positions]
        of_sets[arm] = identification(said[arm].mean(axis=0), labels, classes, threshold)
    of_real = identification(said[TEST].mean(axis=0), test.images.labels, classes, threshold)
    return JudgedSets(threshold, of_real, of_sets)


def table(result: AugmentationResult) -> list[list[str]]:
    """The main table as text: an arm per row, headings first; shares as percentages."""
    of_target = [f"{name}/{result.target}" for name in ("precision", "recall", "specificity", "f1")]
    names = [*OVERALL, "ece", *of_target]
    head = ["arm", "synthetic images"]
    for name in names:
        head += [name, "low", "high"]
    head += [f"{LEAD} difference", "low", "high", "corrected p"]
    rows = [head]
    for arm in result.arms:
        row = [arm, str(result.counts.made(arm))]
        for name in names:
            score = result.scores[arm][name]
            row += [_percent(value) for value in (score.value, score.low, score.high)]
        versus = result.versus.get(arm, {}).get(LEAD)
        if versus is None:
            row += [""] * 4
        else:
            row += [_percent(value) for value in (versus.difference, versus.low, versus.high)]
            row.append("" if versus.p_corrected is None else f"{versus.p_corrected:.4g}")
        rows.append(row)
    return rows


def _percent(share: float | None) -> str:
    return "" if share is None else f"{100 * share:.2f}"


def _generator(part: Part) -> GeneratorFacts:
    made = read_json(part.synthetic / synthetic_sets.MADE)
    own = WorkDir(part.generator).read_config()
    return GeneratorFacts(
        name=own.model.name,
        title=own.title,
        workdir=_relative(part.generator, part.folder),
        step=made["step"],
        resolution=own.data.resolution,
    )


def _relative(path: Path, folder: Path) -> str:
    """A path as seen from a folder; from a bucket to elsewhere it is told as it is."""
    if path.is_relative_to(folder):
        return path.relative_to(folder).as_posix()
    if is_local(path) and is_local(folder):
        return os.path.relpath(path, folder)
    return str(path)


def _counts(part: Part) -> ImageCounts:
    data = part.data
    return ImageCounts(
        real={
            split: dict(zip(data.classes, data.class_counts(split), strict=True))
            for split in SPLITS
        },
        synthetic={
            arm: {name: len(paths) for name, paths in _by_class(folder).items()}
            for arm, folder in part.sets.items()
        },
    )


def _curve(workdir: Path) -> Curve:
    rows = [row for row in read_rows(WorkDir(workdir).metrics) if row["kind"] == "eval"]

    def values(name: str) -> list[float | None]:
        measured: list[Measurement] = [row["metrics"].get(name) for row in rows]
        if None in measured:
            return []
        return [one.value.value if one.value.is_finite else None for one in measured]

    return Curve([row["images"] for row in rows], values("loss"), values(LEAD))


def _cas(base: str, found: Mapping[str, Scores]) -> AccuracyScores:
    real, synthetic = (
        {name: found[arm][name] for name in ("accuracy", LEAD)} for arm in (base, ONLY)
    )
    return AccuracyScores(real, synthetic)


def _filter(part: Part) -> FilterFacts | None:
    """Of the first arm that is filtered."""
    arm = next(iter(filtered_arms(part.config.arms)), None)
    if arm is None:
        return None
    told = read_json(part.sets[arm] / "scores.json")
    classes = {
        name: Kept(one["n"], one["kept"], one["accept_rate"])
        for name, one in told["classes"].items()
    }
    facts = ("rule", "protocol", "chosen_by", "n", "kept")
    return FilterFacts(**{key: told[key] for key in facts}, classes=classes)


def _examples(part: Part) -> Examples:
    """Synthetic and real training images of the classes made."""
    arm = next((arm for arm in (ONLY, UNFILTERED, *part.sets) if arm in part.sets), None)
    if arm is None:
        return Examples()
    made = {name: paths[:EXAMPLES] for name, paths in _by_class(part.sets[arm]).items()}
    images = prepare(part.data, at_full_size(part.config.data)).images
    train = part.data.indices(TRAIN)
    real = {}
    for name in made:
        rows = train[part.data.labels[train] == part.data.classes.index(name)][:EXAMPLES]
        real[name] = write_pngs(images[rows], part.folder / "examples" / folder_of(name))

    def named(of_classes: Mapping[str, Sequence[Path]]) -> dict[str, list[str]]:
        return {
            name: [path.relative_to(part.folder).as_posix() for path in paths]
            for name, paths in of_classes.items()
        }

    return Examples(named(real), named(made))


def _by_class(folder: Path) -> dict[str, list[Path]]:
    """Class -> its images in FOLDER/CLASS."""
    return {
        class_of(sub.name): [path for path in listing(sub)[1] if path.suffix == ".png"]
        for sub in listing(folder)[0]
    }
