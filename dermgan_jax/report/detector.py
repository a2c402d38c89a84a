"""What the report of a run shows of a model that finds what is not normal.

The table beside the baselines comes from detection.json, which `dermgan detect` writes into the
work directory; without it the report says how to make it.
"""

from collections.abc import Sequence
from typing import Any

from dermgan_jax.evaluation.anomaly import result, table
from dermgan_jax.evaluation.anomaly.result import DetectionResult, DetectorResult, Subgroup
from dermgan_jax.models.fanogan import GAN
from dermgan_jax.report import detector_figures, figures, metric_sections
from dermgan_jax.report.plots import plots
from dermgan_jax.report.run_record import RunRecord, RunReport
from dermgan_jax.report.style import to_svg
from dermgan_jax.statistics.intervals import Estimate

COLUMNS = (
    "AUROC",
    "average precision",
    "FPR at 95 % TPR",
    "found at the threshold",
    "false alarms there",
    "pixel AUROC",
    "AUPRO",
)
RECONSTRUCTION_PLOTS = (
    (
        "Reconstruction",
        {"pixels": "e/pixel_error", "features": "e/feature_error"},
        "squared error",
        "What the encoder reduces: errors of normal training images.",
    ),
    (
        "Spread",
        {"reconstructions": "e/reconstruction_spread", "latents": "e/latent_spread"},
        "standard deviation",
        "How much reconstructions, and their latents, differ between images: near 0 every image is "
        "given the same one, and the score is a distance to a mean image.",
    ),
)


def parts(record: RunRecord) -> dict[str, Any]:
    """The comparison with the baselines, sections of metrics, and training curves."""
    found = result.read(record.path) if record.path is not None else None
    of_gan = [sheet["stage"].endswith("+".join(GAN)) for sheet in record.sheets]
    return {
        "samples": bool(of_gan) and of_gan[-1],
        "samples_before": any(of_gan[:-1]),
        "detection": shown(found) if found else None,
        "caution": table.CAUTION,
        "metrics": metric_sections.sections(record, images="validation images"),
        "plots": training_plots(record.rows),
    }


def training_plots(rows: figures.Rows) -> list[dict[str, Any]]:
    """The training curves that can be drawn, with a line on how to read each."""
    drawn = [
        ("Losses", figures.losses(rows), "What each network is trained to reduce."),
        ("Discriminator", figures.scores(rows), "Of the GAN's stage."),
        ("Gradient penalty", figures.penalty(rows), "Should stay small and level off."),
    ]
    for title, series, label, note in RECONSTRUCTION_PLOTS:
        drawn.append((title, figures.named_metrics(rows, series, label), note))
    drawn.append(("Throughput", figures.throughput(rows), "Pauses for compilation are part of it."))
    return plots(drawn)


def shown(found: DetectionResult) -> dict[str, Any]:
    """What `dermgan detect` found, as the template shows it."""
    best = max(one.scores["auroc"].value for one in found.detectors)
    return {
        "verdict": found.verdict(),
        "checkpoint": found.checkpoint,
        "normal": ", ".join(found.normal) or "images without a class",
        "terms": found.terms,
        "counts": found.counts,
        "images": (found.training_normal, found.validation_normal),
        "test": (found.test_normal, found.test_abnormal),
        "groups": found.groups,
        "columns": COLUMNS,
        "rows": [row(one, best) for one in found.detectors],
        "classes": [
            (one.title, [cell(one.per_class.get(name)) for name in found.counts])
            for one in found.detectors
        ],
        "subgroups": subgroup_rows(found.trained.subgroups),
        "localised_images": found.localised_images,
        "regions": found.regions,
        "without_mask": found.without_mask,
        "left_out": found.left_out,
        "sources": [(one.title, one.source) for one in found.detectors],
        "svg": to_svg(detector_figures.roc(found.detectors), "ROC curves"),
    }


def row(one: DetectorResult, best: float) -> dict[str, Any]:
    """One line of the table: its cells, and how far the trained detector is ahead of it."""
    ahead = ("", "")
    if one.ahead is not None:
        ahead = (f"{one.ahead.value:+.3f}", _ends(one.ahead, "+"))
    return {
        "title": one.title,
        "cells": [cell(estimate) for estimate in table.cells(one)],
        "best": one.scores["auroc"].value == best,
        "ahead": tuple(part.replace("-", "−") for part in ahead),
        "seconds": f"{one.seconds:.0f} s",
    }


def cell(estimate: Estimate | None) -> tuple[str, str]:
    """Number and interval."""
    return ("–", "") if estimate is None else (f"{estimate.value:.3f}", _ends(estimate))


def _ends(estimate: Estimate, sign: str = "") -> str:
    return f"{estimate.low:{sign}.2f} … {estimate.high:{sign}.2f}"


def subgroup_rows(subgroups: Sequence[Subgroup]) -> list[dict[str, Any]]:
    """A line per value of a column, those without enough groups among them."""
    return [
        {
            "column": one.column.replace("_", " "),
            "value": one.value,
            "normal": one.normal,
            "abnormal": one.abnormal,
            "cell": cell(one.auroc),
        }
        for one in subgroups
    ]


REPORT = RunReport("detector.html.jinja", parts)
