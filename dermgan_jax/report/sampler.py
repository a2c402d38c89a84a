"""What the report of a run shows of a model that draws images from latents."""

from typing import Any

from dermgan_jax.report import figures, metric_sections
from dermgan_jax.report.plots import plots
from dermgan_jax.report.run_record import RunRecord, RunReport


def parts(record: RunRecord) -> dict[str, Any]:
    """Sections of metrics, and training curves."""
    return {
        "metrics": metric_sections.sections(record),
        "plots": training_plots(record.rows),
    }


def training_plots(rows: figures.Rows) -> list[dict[str, Any]]:
    """The training curves of a GAN that can be drawn, with a line on how to read each."""
    drawn = (
        ("Losses", figures.losses(rows), "What each network is trained to reduce."),
        (
            "Discriminator",
            figures.scores(rows),
            "The further real and fake lie apart, the easier the discriminator tells them apart.",
        ),
        ("Gradient penalty", figures.penalty(rows), "Should stay small and level off."),
        ("Curriculum", figures.schedule(rows), "Resolution trained at; grey: layers fading in."),
        (
            "Throughput",
            figures.throughput(rows),
            "Pauses for compilation and evaluation are part of it.",
        ),
    )
    return plots(drawn)


REPORT = RunReport("sampler.html.jinja", parts)
