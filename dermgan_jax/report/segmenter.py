"""What the report of a run shows of a segmenter."""

from typing import Any

from dermgan_jax.report import figures, metric_sections
from dermgan_jax.report.plots import plots
from dermgan_jax.report.run_record import RunRecord, RunReport


def parts(record: RunRecord) -> dict[str, Any]:
    """Sections of metrics, and training curves with a line on how to read each."""
    drawn = (
        ("Loss", figures.losses(record.rows), "Cross entropy, and 1 − soft Dice."),
        (
            "Throughput",
            figures.throughput(record.rows),
            "Pauses for compilation and evaluation are part of it.",
        ),
    )
    metrics = metric_sections.sections(record, images="validation images")
    return {"metrics": metrics, "plots": plots(drawn)}


REPORT = RunReport("segmenter.html.jinja", parts)
