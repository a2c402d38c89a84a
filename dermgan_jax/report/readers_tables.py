"""What a reader study shows, as the tables of its report."""

from collections.abc import Sequence
from typing import Any

from dermgan_jax.readers import design as questions
from dermgan_jax.readers.analysis import Analysis
from dermgan_jax.readers.analysis_agreement import ALL, Agreement
from dermgan_jax.readers.analysis_course import Change
from dermgan_jax.readers.analysis_images import TakenForReal
from dermgan_jax.readers.analysis_judges import Correlation
from dermgan_jax.readers.analysis_scores import GroupScores, ReaderRow
from dermgan_jax.readers.analysis_words import (
    interval,
    p_text,
    percent,
    plural,
    points,
    three_decimals,
)
from dermgan_jax.readers.counts import AGREES, CUT_OFF
from dermgan_jax.readers.design import Design
from dermgan_jax.readers.planning import plan
from dermgan_jax.statistics.intervals import Estimate

Cell = tuple[str, str]  # a number, and its interval below
NOTHING: Cell = ("–", "")
TAIL = 2  # parts of a path that name a source
VERDICTS = {AGREES: "follows", CUT_OFF: "cut off, not rounded"}


def share(found: Estimate | None) -> Cell:
    """In percent."""
    return NOTHING if found is None else (percent(found.value, 1), interval(found, 1))


def number(found: Estimate | None, decimals: int = 2) -> Cell:
    """As it is."""
    if found is None or found.value != found.value:
        return NOTHING
    ends = " … ".join(_signed(end, decimals) for end in (found.low, found.high))
    return _signed(found.value, decimals), ends


def _signed(value: float | None, decimals: int) -> str:
    if value is None or value != value:
        return "–"
    return f"{value:z.{decimals}f}".replace("-", "−")


def reader_rows(rows: Sequence[ReaderRow]) -> list[dict[str, Any]]:
    """Each reader's counts as text, and scores with Wilson's intervals."""
    return [
        {
            "reader": row.reader,
            "group": row.group,
            "counts": [row.tp, row.fp, row.fn, row.tn],
            "shares": [
                _with_ends(row.acc, row.acc_interval),
                _with_ends(row.tpr, row.tpr_interval),
                _with_ends(row.tnr, row.tnr_interval),
            ],
            "d_prime": _signed(row.d_prime, 2),
            "criterion": _signed(row.criterion, 2),
            "auc": _signed(row.auc, 3),
            "seconds": _signed(row.seconds, 1),
            "missing": row.missing,
            "finished": row.finished,
        }
        for row in rows
    ]


def _with_ends(value: float | None, ends: tuple[float, float] | None) -> Cell:
    if value is None or ends is None:
        return NOTHING
    return three_decimals(value), f"{ends[0]:.2f} … {ends[1]:.2f}"


def group_rows(analysis: Analysis) -> list[dict[str, Any]]:
    """Mean scores of each group, then of all readers."""
    groups = dict(analysis.groups)
    rows = [_group_row(name, each) for name, each in groups.items()] if len(groups) > 1 else []
    return [*rows, {**_group_row("all readers", analysis.overall), "total": len(groups) > 1}]


def _group_row(name: str, scores: GroupScores) -> dict[str, Any]:
    return {
        "name": name,
        "readers": scores.readers,
        "total": False,
        "cells": [
            share(scores.accuracy),
            share(scores.balanced_accuracy),
            share(scores.tpr),
            share(scores.tnr),
            number(scores.d_prime),
            number(scores.criterion),
            number(scores.auc, 3),
        ],
    }


def agreement_rows(analysis: Analysis) -> list[dict[str, Any]]:
    """Kappa and AC1 of each group on real, synthetic and all images."""
    groups = analysis.agreement
    shown = groups if len(groups) > 2 else {ALL: groups[ALL]} if groups else {}
    return [
        {
            "name": "all readers" if group == ALL else group,
            "kappa": [_kappa(each) for each in kinds.values()],
            "ac1": [number(each.ac1) for each in kinds.values()],
            "images": " / ".join(str(each.images) for each in kinds.values()),
            "pairs": kinds[ALL].pairs,
        }
        for group, kinds in shown.items()
    ]


def _kappa(found: Agreement) -> Cell:
    if found.kappa is None or found.guessing is None:
        return NOTHING
    return _signed(found.kappa, 4), f"guessing: ±{found.guessing:.2f}"


def kind_of(side: str, of_class: str) -> str:
    """A source by the end of its path, and a class, as far as they are known."""
    parts = side.rstrip("/").split("/")
    short = side if len(parts) <= TAIL else "/".join(("…", *parts[-TAIL:]))
    return " · ".join(part for part in (short, of_class) if part)


def taken_rows(rows: Sequence[TakenForReal]) -> list[dict[str, Any]]:
    """Shares taken for real, whose class was seen, and both."""
    return [
        {
            "name": kind_of(row.side, row.of_class)
            or ("all synthetic images" if row.truth == questions.FAKE else "all real images"),
            "whole": not (row.side or row.of_class),
            "rate": row.rate,
            "images": row.images,
            "cells": [share(row.called_real), share(row.class_seen), share(row.both)],
        }
        for row in rows
    ]


def change_sentence(found: Change, before: str, after: str) -> str:
    """A change of accuracy in words."""
    ends = f"{points(found.difference.low)} … {points(found.difference.high)}"
    return (
        f"Right in {percent(found.before.value, 1)} % {before} and {percent(found.after.value, 1)} "
        f"% {after}: {points(found.difference.value)} points ({ends}; {p_text(found.p)})."
    )


def judge_rows(analysis: Analysis) -> list[dict[str, Any]]:
    """Rank correlations of other judges with readers."""
    return [
        {"name": judge.name, "cells": [_correlation(each) for each in judge.correlations.values()]}
        for judge in analysis.judges
    ]


def _correlation(found: Correlation | None) -> Cell:
    return NOTHING if found is None else number(found.spearman)


def ranking_rows(analysis: Analysis) -> list[dict[str, Any]]:
    """Each metric's order of the synthetic sources beside that of readers."""
    rows = []
    for ranking in analysis.rankings:
        by_readers = sorted(ranking.sides, key=lambda side: side.rank_of_readers)
        by_metric = sorted(ranking.sides, key=lambda side: side.rank_of_metric)
        rows.append(
            {
                "metric": ranking.metric,
                "readers": ", ".join(
                    f"{kind_of(each.side, '')} {percent(each.called_real.value, 1)} %"
                    for each in by_readers
                ),
                "own": ", ".join(
                    f"{kind_of(each.side, '')} {each.value:.4g}" for each in by_metric
                ),
                "tau": _signed(ranking.tau, 2),
                "word": _agree(ranking.tau),
            }
        )
    return rows


def _agree(tau: float | None) -> str:
    if tau is None:
        return "a tie"
    return {1: "same order", -1: "opposite order"}.get(round(tau, 6), "other order")


def printed_rows(analysis: Analysis) -> list[dict[str, str]]:
    """Printed figures that do not follow from the counts by rounding."""
    return [
        {
            "reader": each.reader if not each.group else f"{each.reader}, {each.group}",
            "name": each.name.upper(),
            "printed": each.printed,
            "computed": f"{each.computed:.4f}",
            "verdict": VERDICTS.get(each.verdict, "contradicts the counts"),
        }
        for each in analysis.printed
        if each.verdict != AGREES
    ]


def checklist(analysis: Analysis, design: Design | None) -> list[tuple[str, str]]:
    """Items of CLAIM 2024 and STARD-AI that a study can fill in: (item, what is known)."""
    groups = ", ".join(
        f"{name or 'no group'} {scores.readers}" for name, scores in analysis.groups.items()
    )
    mix = f"{analysis.real:,} real, {analysis.fake:,} synthetic"
    unknown = "not known from what was given"
    items = [("Readers and their expertise", f"{len(analysis.finished)}: {groups}")]
    if design is None:
        items += [
            ("Blinding", unknown),
            ("Prevalence, and whether it was told", f"{mix}; whether told: {unknown}"),
            ("Reason for the sample size", unknown),
            ("Order, revision, time limit", unknown),
        ]
    else:
        items += design_items(design, mix)
    items += [
        ("Display and ambient light", "not recorded"),
        ("Missing answers and exclusions", _exclusions(analysis)),
    ]
    return items


def design_items(design: Design, mix: str) -> list[tuple[str, str]]:
    """What a design says of itself."""
    planned = plan(design)
    limit = "none" if design.time_limit is None else f"{design.time_limit:g} s for an image"
    practice = sum(block.num for block in design.blocks if block.practice)
    return [
        (
            "Blinding",
            "images under opaque names, decoded and encoded alike; the key is kept apart from what "
            "is served",
        ),
        (
            "Prevalence, and whether it was told",
            f"{mix}; readers were {'told' if design.told else 'not told'} how many are real",
        ),
        (
            "Reason for the sample size",
            f"preset {design.preset}; planned for an accuracy near chance known to "
            f"±{100 * planned.half_width:.1f} points, and a difference from chance of "
            f"{100 * planned.smallest_difference:.1f} points seen with a power of 80 %",
        ),
        (
            "Order, revision, time limit",
            "at random for each reader, from a seed kept with the study, "
            f"{plural(len(design.counted), 'block')}; "
            f"{'answers could be changed' if design.revisable else 'answers were final'}; "
            f"time limit: {limit}",
        ),
        (
            "Training before",
            f"{practice} practice images, whose answers do not count" if practice else "none",
        ),
        ("Questions", ", ".join(each.name for each in design.questions)),
        ("Images", " × ".join(map(str, design.size[:2])) + " pixels"),
    ]


def _exclusions(analysis: Analysis) -> str:
    if analysis.of_counts:
        return "not known from what was given"
    text = f"{analysis.missing:,} of {analysis.asked:,} answers are missing; "
    if not analysis.unfinished:
        return f"{text}nothing was excluded"
    return f"{text}{plural(analysis.unfinished, 'reader')} who had not finished left out"
