"""A study's result, kept in the runs whose images readers judged, for the reports of these runs.

Names of readers stay in the study.
"""

import dataclasses
import math
from collections import Counter
from typing import Any, TypedDict

from dermgan_jax import files
from dermgan_jax.evaluation.image_sources import workdir_of_run
from dermgan_jax.files import Path
from dermgan_jax.readers import analysis_words, synthetic_sources
from dermgan_jax.readers.analysis import Analysis
from dermgan_jax.readers.design import CLASS, FAKE
from dermgan_jax.readers.study_votes import Study
from dermgan_jax.runs import findings
from dermgan_jax.statistics.intervals import Estimate


class Taken(TypedDict):
    """Shares of answers to a source's images of a class; "" for all. See `TakenForReal`."""

    side: str
    of_class: str
    images: int
    called_real: Estimate | None
    class_seen: Estimate | None


class ReadersResult(TypedDict):
    """What a run keeps of a study.

    Attributes:
      study, title: of the study.
      page: the file with the whole result.
      sources: the study's synthetic sources; `own` are those of the run.
      checkpoints: of the run, that made its images.
      phantom: images called real are drawn by a program.
      readers, unfinished: numbers of readers who count, and who do not.
      groups: name -> number of readers who count.
      real, fake: numbers of images.
      asked, missing: numbers of answers.
      sentence, against_chance: in words, see `analysis_words`.
      outcome: of the test against chance; None where none was possible.
      balanced_accuracy, tpr, tnr: shares, with intervals; None where not known.
      taken_for_real: of the run's images, and of each class; of the study's where it has no other.
      class_asked: whether readers were asked which class an image shows.
    """

    study: str
    title: str
    page: str
    sources: list[str]
    own: list[str]
    checkpoints: list[int]
    phantom: bool
    readers: int
    unfinished: int
    groups: dict[str, int]
    real: int
    fake: int
    asked: int
    missing: int
    sentence: str
    against_chance: str
    outcome: str | None
    balanced_accuracy: Estimate | None
    tpr: Estimate | None
    tnr: Estimate | None
    taken_for_real: list[Taken]
    class_asked: bool


def keep(study: Study, analysis: Analysis, page: Path) -> None:
    """Keeps a result in every run that made some of the images, and says so.

    Nothing is kept of an interim look, from which nothing is concluded.

    Args:
      study: unblinded.
      analysis: of its votes.
      page: with the whole result.

    Raises:
      UserError: if the file that says what made the images is damaged.
    """
    if analysis.interim:
        files.tell_once(
            "note: the reports of the runs that made the images are told nothing of an interim look"
        )
        return
    names = list(dict.fromkeys(each.side for each in study.votes.images if each.truth == FAKE))
    by_run: dict[Path, list[str]] = {}
    sources = synthetic_sources.read(study.folder, names)
    for name, source in sources.items():
        workdir = workdir_of_run(source["workdir"], source["run"]) if source else None
        if workdir is not None:
            by_run.setdefault(workdir, []).append(name)
            continue
        why = "not known which run made them"
        if source:
            why = f"{source['workdir']} is no longer that run, or no longer there"
        files.tell_once(f"note: the result is in no run's report for the images of {name}: {why}")
    for workdir, own in by_run.items():
        steps = sorted({source["checkpoint"] for name in own if (source := sources[name])})
        result = _result(study, analysis, page, names, own)
        findings.keep(workdir, findings.READERS, {**result, "checkpoints": steps})


def _result(
    study: Study, analysis: Analysis, page: Path, names: list[str], own: list[str]
) -> dict[str, Any]:
    overall = analysis.overall
    sides = own if len(names) > 1 else [""]
    taken = [row for row in analysis.taken_for_real if row.truth == FAKE and row.side in sides]
    return {
        "study": study.design.study,
        "title": analysis.title,
        "page": str(page),
        "sources": names,
        "own": own,
        "phantom": study.design.phantom,
        "readers": len(analysis.finished),
        "unfinished": analysis.unfinished,
        "groups": Counter(row.group for row in analysis.finished),
        **{"real": analysis.real, "fake": analysis.fake},
        **{"asked": analysis.asked, "missing": analysis.missing},
        "sentence": analysis_words.sentence(analysis),
        "against_chance": analysis_words.against_chance(analysis)[1],
        "outcome": analysis.equivalence.outcome if analysis.equivalence else None,
        "balanced_accuracy": _estimate(overall.balanced_accuracy),
        **{"tpr": _estimate(overall.tpr), "tnr": _estimate(overall.tnr)},
        "taken_for_real": [
            {
                **{"side": row.side, "of_class": row.of_class, "images": row.images},
                "called_real": _estimate(row.called_real),
                "class_seen": _estimate(row.class_seen),
            }
            for row in taken
        ],
        "class_asked": any(each.name == CLASS for each in study.design.questions),
    }


def _estimate(found: Estimate | None) -> dict[str, float] | None:
    """JSON has no NaN: an estimate that is none is not known."""
    plain = dataclasses.asdict(found) if found else {}
    return plain if plain and all(map(math.isfinite, plain.values())) else None
