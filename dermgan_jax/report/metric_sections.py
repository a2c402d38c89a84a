"""A section of a report for each metric that was measured over a run: table, figure, texts."""

from collections.abc import Sequence
from typing import Any

from dermgan_jax.metrics.measurement import Measurement, MetricValue
from dermgan_jax.metrics.measurement_table import kid_before_fid
from dermgan_jax.report import figures, metric_texts, metric_values
from dermgan_jax.report.run_record import RunRecord
from dermgan_jax.report.style import to_svg


def sections(record: RunRecord, images: str = "") -> list[dict[str, Any]]:
    """A section per metric, KID before FID.

    Args:
      record: of the run.
      images: what values are of, such as "validation images"; by default of both sides.
    """
    found = {
        key: one for row in figures.evaluations(record.rows) for key, one in row["metrics"].items()
    }
    return [section(record, one.key, images) for one in kid_before_fid(found.values())]


def section(record: RunRecord, key: str, images: str = "") -> dict[str, Any]:
    """One metric over the run: value, interval and parts at the first, best and latest evaluation.

    See `metric_values.moments`.
    """
    measured = figures.having(record.rows, key)
    latest: Measurement = measured[-1]["metrics"][key]
    moments = metric_values.moments(measured, key)
    first: MetricValue = moments["first"]["metrics"][key].value
    for moment in ("first", "best"):
        if moments[moment] is measured[-1]:
            del moments[moment]
    columns = {
        (moment, f"{row['images'] / 1000:.1f} thousand"): row["metrics"][key].value
        for moment, row in moments.items()
    }
    bound, value = latest.real_against_real, latest.value
    if bound is not None:
        columns["real", "vs real"] = bound
    text = metric_texts.of(latest.name)
    return {
        "text": text,
        "leads": key == record.best_metric,
        "columns": list(columns),
        "lines": lines(list(columns.values()), text.whole),
        "protocol": value.protocol,
        "direction": value.better,
        "images": f"{value.n:,} {images}" if images else metric_values.images(value),
        "bound_images": bound and metric_values.images(bound, fake=""),
        "classes": class_pairs(latest),
        "cautions": metric_values.cautions(latest),
        "first": metric_values.number(first),
        "latest": metric_values.number(value),
        "spread": metric_values.spread(value),
        "has_interval": metric_values.interval(value) is not None,
        "bound": bound and metric_values.number(bound),
        "svg": to_svg(figures.evaluation(record.rows, key, text.label, text.whole), text.title),
    }


def lines(values: Sequence[MetricValue], whole: str) -> list[tuple[str, list[tuple[str, str]]]]:
    """Lines of a metric's table: heading, and (number, spread or nothing) of each value.

    Args:
      values: a column each.
      whole: what a value is of its details; empty if they are something else.
    """
    parts = [
        (
            part.replace("x", " × ") if part[:1].isdigit() else part,
            [
                (
                    metric_values.digits(
                        value.details.get(part, float("nan")), value if whole else None
                    ),
                    "",
                )
                for value in values
            ],
        )
        for part in dict.fromkeys(part for value in values for part in value.details)
    ]
    first = [(metric_values.number(value), metric_values.spread(value)) for value in values]
    return [(whole if whole else "value", first), *parts]


def class_pairs(one: Measurement) -> list[str]:
    """The classes of real images least and most apart, in words; nothing if not compared."""
    pairs = one.finite_class_pairs
    if not pairs:
        return []
    ends = {"least apart": pairs[0], "most apart": pairs[-1]} if len(pairs) > 1 else {}
    return [
        f"{which} {pair.name}, {metric_values.digits(pair.value, one.value)} ({pair.n:,} images "
        "each)"
        for which, pair in (ends or {"only": pairs[0]}).items()
    ]
