"""What the report of a run shows of a model that paints masks."""

from typing import Any

from dermgan_jax.report import metric_sections
from dermgan_jax.report.run_record import RunRecord, RunReport
from dermgan_jax.report.sampler import training_plots


def parts(record: RunRecord) -> dict[str, Any]:
    """Sections of metrics, and training curves."""
    return {
        "metrics": metric_sections.sections(record),
        "plots": training_plots(record.rows),
    }


REPORT = RunReport("painter.html.jinja", parts)
