"""What the report of a run shows of a classifier."""

import functools
from typing import Any

from dermgan_jax.report import figures, metric_sections
from dermgan_jax.report.plots import plots
from dermgan_jax.report.run_record import RunRecord, RunReport


def parts(record: RunRecord) -> dict[str, Any]:
    """Sections of metrics, and training curves with a line on how to read each."""
    curves = functools.partial(figures.training_and_validation, record.rows)
    drawn = (
        (
            "Loss",
            curves("loss", "classify/loss", "cross entropy"),
            "A validation loss that rises while the other falls: the training images are learned "
            "by heart.",
        ),
        ("Accuracy", curves("accuracy", "classify/accuracy", "share of images"), ""),
        (
            "Confusions at the end",
            figures.confusion(record.rows),
            "Validation images; the darker, the larger the share of the true class.",
        ),
        (
            "Throughput",
            figures.throughput(record.rows),
            "Pauses for compilation are part of it.",
        ),
    )
    metrics = metric_sections.sections(record, images="validation images")
    return {"metrics": metrics, "plots": plots(drawn)}


REPORT = RunReport("classifier.html.jinja", parts)
