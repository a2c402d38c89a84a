"""What the report of a run shows of a translator, whose values are per direction and split.

Of one metric, all directions and splits share a table and a figure. Held-out images come first:
what a translator does to images it was trained on says little.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from dermgan_jax.data.image_files import GUTTER
from dermgan_jax.metrics.measurement import Measurements, MetricValue
from dermgan_jax.report import metric_texts, metric_values, sampler
from dermgan_jax.report.run_record import RunRecord, RunReport
from dermgan_jax.report.style import to_svg
from dermgan_jax.report.translation_figure import curves
from dermgan_jax.report.translation_series import (
    YARDSTICKS,
    Run,
    Series,
    direction_name,
    domain_names,
    read,
)

STAND_INS = {
    "identity": "leaving the image as it is",
    "mean colour": "the mean colour of the target",
}
# Untranslated images have the best mask IoU that can be hoped for: nothing to beat.
NOT_TO_BEAT = ("mask_iou",)
BLANK = ("", "", "")


def parts(record: RunRecord) -> dict[str, Any]:
    """Sections of metrics, columns of the sample sheets, and training curves."""
    sheets = record.sheets
    return {
        "translation": sections(record),
        "columns": sheet_columns(sheets[-1]["drawn_width"], record.config) if sheets else [],
        "plots": sampler.training_plots(record.rows),
    }


def sheet_columns(width: int, config: Mapping[str, Any]) -> list[tuple[str, str]]:
    """(direction, its columns) of a sample sheet, told from its width; empty if it is another's.

    Args:
      width: of the sheet, in pixels.
      config: of the run.
    """
    columns, rest = divmod(width + GUTTER, config["data"]["resolution"] + GUTTER)
    found = {
        (2 + back + paired) * (1 + back): (back, paired)
        for back in (False, True)
        for paired in (False, True)
    }
    if rest or columns not in found:
        return []
    back, paired = found[columns]
    each = ["real", "fake", *["reconstructed"] * back, *["true counterpart"] * paired]
    return [
        (direction_name(direction, domain_names(config)), " | ".join(each))
        for direction in ("AtoB", "BtoA")[: 1 + back]
    ]


def sections(record: RunRecord) -> dict[str, Any] | None:
    """What was measured, as the template shows it; None without an evaluation."""
    run = read(record)
    if not run.series:
        return None
    return {
        "held_out": run.split != run.trained,
        "split": run.split,
        "headlines": headlines(run, record.best_metric),
        "results": results(run),
        "by_epoch": by_epoch(run),
        "verdicts": [text for series in run.main if (text := verdict(run, series))],
        "cautions": _cautions(run.main, run.names),
        "metrics": [section(run, name) for name in run.names],
    }


def headlines(run: Run, best_metric: str) -> list[dict[str, Any]]:
    """What the first lines of the report tell: the metric that chooses checkpoints, or the first.

    One per direction, the latest on held-out images; none that is not finite.

    Args:
      run: the evaluations.
      best_metric: key of the measurement that chooses checkpoints, or "".
    """
    measured = [
        one for series in run.series for row in series.rows for one in row["metrics"].values()
    ]
    chosen = next((one.name for one in measured if one.key == best_metric), "")
    found = []
    for one in run.main:
        name = chosen if one.having(chosen) else next(n for n in run.names if one.having(n))
        latest = one.having(name)[-1]["metrics"][name]
        value, bound = latest.value, latest.real_against_real
        if not value.is_finite:
            continue
        found.append(
            {
                "direction": run.direction(one.direction),
                "moment": run.moment(one.having(name)[-1]["images"]),
                "short": metric_texts.of(name).short,
                "number": metric_values.number(value),
                "spread": metric_values.spread(value),
                "has_interval": metric_values.interval(value) is not None,
                "bound": bound and metric_values.number(bound),
                "bound_images": bound and metric_values.images(bound, fake=""),
                "biased": bool(metric_values.cautions(latest)),
            }
        )
    return found


def results(run: Run) -> dict[str, Any]:
    """The latest values on held-out images: a row per direction, a column per metric."""
    names = [name for name in run.names if any(one.having(name) for one in run.main)]
    latest = {one.direction: _latest(one, names) for one in run.main}
    return {
        "columns": [_heading(name, latest.values()) for name in names],
        "moment": run.moment(max(one.rows[-1]["images"] for one in run.main)),
        "rows": [
            {
                "direction": run.direction(direction),
                "images": ", ".join(
                    dict.fromkeys(f"{one.value.n:,} images" for one in values.values())
                ),
                "cells": [_cell_of(values, name) for name in names],
            }
            for direction, values in latest.items()
        ],
    }


def by_epoch(run: Run) -> dict[str, Any]:
    """Every evaluation on held-out images: of each direction a row per moment, a column per metric.

    Of comparable values of a metric the best is marked.
    """
    names = [name for name in run.names if any(one.having(name) for one in run.main)]
    latest = {one.direction: _latest(one, names) for one in run.main}
    groups = []
    for one in run.main:
        best = {
            name: metric_values.moments(one.having(name), name)["best"]
            for name in latest[one.direction]
            if len(one.rows) > 1
        }
        lines = [
            (
                f"{row['images'] / (run.epoch or 1000):.4g}",
                [(*_cell_of(row["metrics"], name)[:2], best.get(name) is row) for name in names],
            )
            for row in one.rows
        ]
        groups.append((run.direction(one.direction), lines))
    return {
        "columns": [_heading(name, latest.values()) for name in names],
        "unit": "Epoch" if run.epoch else "Thousand images",
        "groups": groups,
    }


def verdict(run: Run, series: Series) -> str:
    """Whether the latest translations beat doing nothing and the mean colour; "" if not known.

    A stand-in is beaten if its value lies on the worse side of the whole 95 % interval.
    """
    phrases = []
    for name in run.names:
        if name in NOT_TO_BEAT or not series.having(name):
            continue
        latest = series.having(name)[-1]["metrics"][name]
        beaten: dict[str, list[str]] = {}
        for yardstick, who in STAND_INS.items():
            stand_in = YARDSTICKS[yardstick](latest)
            outcome = stand_in and _beats(latest.value, stand_in)
            if outcome:
                number = metric_values.digits(stand_in.value, latest.value)
                beaten.setdefault(outcome, []).append(f"{who} ({number})")
        if beaten:
            short, number = metric_texts.of(name).short, metric_values.number(latest.value)
            told = " and ".join(f"{how} {_either(how, whom)}" for how, whom in beaten.items())
            phrases.append(f"{short} {number} {told}")
    return f"{run.direction(series.direction)}: {'; '.join(phrases)}." if phrases else ""


def section(run: Run, name: str) -> dict[str, Any]:
    """One metric: a row per direction and split, a column per moment and yardstick."""
    measured = [one for one in run.series if one.having(name)]
    moments = [metric_values.moments(one.having(name), name) for one in measured]
    columns = ["latest"]
    for which in ("best", "first"):
        if any(found[which] is not found["latest"] for found in moments):
            columns.insert(0, which)
    latest = [found["latest"]["metrics"][name] for found in moments]
    stand_ins = {
        title: yardstick
        for title, yardstick in YARDSTICKS.items()
        if any(yardstick(one) is not None for one in latest)
    }
    times = {which: {run.moment(found[which]["images"]) for found in moments} for which in columns}
    lines = []
    for series, found, one in zip(measured, moments, latest, strict=True):
        cells = []
        for which in columns:
            number, spread, _ = _cell(found[which]["metrics"][name].value)
            time = run.moment(found[which]["images"]) if len(times[which]) > 1 else ""
            cells.append((number, spread, time))
        cells += [_cell(yardstick(one), one.value) for yardstick in stand_ins.values()]
        lines.append(
            {
                "direction": run.direction(series.direction),
                "kind": run.kind(series.split),
                "images": count_of_images(one.value),
                "held_out": series.split != run.trained,
                "cells": cells,
            }
        )
    text = metric_texts.of(name)
    first = latest[0]
    figure = curves(
        [(run.direction(o.direction), run.kind(o.split), o.having(name)) for o in measured],
        name,
        text.label,
        epoch=run.epoch,
        main=run.kind(run.split),
    )
    return {
        "text": text,
        "better": first.value.better,
        "columns": [
            *[(which, "" if len(times[which]) > 1 else min(times[which])) for which in columns],
            *[(title, "") for title in stand_ins],
        ],
        "lines": lines,
        "cautions": _cautions(measured, [name]),
        "yardsticks": list(stand_ins),
        "bound_images": _bound_images(run, measured, name),
        "protocol": first.value.protocol,
        "has_interval": any(metric_values.interval(one.value) for one in latest),
        "svg": to_svg(figure, text.title),
    }


def count_of_images(value: MetricValue) -> str:
    """How many images a value is of."""
    if value.n_real is None or value.n_real == value.n:
        return f"{value.n:,} images"
    return f"{value.n:,} translated, {value.n_real:,} real images"


def _latest(series: Series, names: Sequence[str]) -> Measurements:
    return {name: series.having(name)[-1]["metrics"][name] for name in names if series.having(name)}


def _heading(name: str, latest: Iterable[Measurements]) -> tuple[str, str]:
    """A metric's short name and an arrow to where it is better."""
    value = next(measured[name].value for measured in latest if name in measured)
    return metric_texts.of(name).short, "↑" if value.better == "higher" else "↓"


def _cell(value: MetricValue | None, like: MetricValue | None = None) -> tuple[str, str, str]:
    """Number, spread, and nothing; `like` says how many digits a value without a spread has."""
    if value is None:
        return BLANK
    spread = metric_values.spread(value)
    number = metric_values.number(value)
    return (number if spread else metric_values.digits(value.value, like), spread, "")


def _cell_of(measured: Measurements, name: str) -> tuple[str, str, str]:
    return _cell(measured[name].value) if name in measured else BLANK


def _cautions(measured: Sequence[Series], names: Sequence[str]) -> list[str]:
    """What has to stand beside these metrics, such as that a FID is of few images.

    Of several values the one of the fewest images counts.
    """
    found = []
    for name in names:
        values = [_latest(one, [name])[name] for one in measured if one.having(name)]
        if values:
            found += metric_values.cautions(min(values, key=lambda one: one.value.n))
    return found


def _bound_images(run: Run, measured: Sequence[Series], name: str) -> str:
    """How many images real against real was of, by kind of images."""
    found = {}
    for one in measured:
        bound = one.having(name)[-1]["metrics"][name].real_against_real
        if bound:
            found.setdefault(metric_values.images(bound, fake=""), run.kind(one.split))
    if len(found) == 1:
        return next(iter(found))
    return "; ".join(f"{kind}, {images}" for images, kind in found.items())


def _beats(value: MetricValue, stand_in: MetricValue) -> str:
    """How a value compares with that of a stand-in, as a verb; "" if either is not finite."""
    if not (value.is_finite and stand_in.is_finite):
        return ""
    if value.lower_is_better >= stand_in.lower_is_better:
        return "does not beat"
    sign = -1 if value.better == "higher" else 1
    ends = metric_values.interval(value) or (value.value, value.value)
    surely = max(sign * end for end in ends) < stand_in.lower_is_better
    return "beats" if surely else "does not clearly beat"


def _either(how: str, whom: Sequence[str]) -> str:
    return (" and " if how == "beats" else " or ").join(whom)


REPORT = RunReport("translator.html.jinja", parts)
