"""What the report tells of a translator, whose values are per direction and split.

Of one metric, all directions and splits share a table and a figure. Held-out images come first:
what a translator does to images it was trained on says little.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import Markup

from dermgan_jax.data.image_files import GUTTER
from dermgan_jax.evaluation import evaluate
from dermgan_jax.report import figures, metric_texts, metric_values
from dermgan_jax.report.metric_values import Value
from dermgan_jax.report.style import to_svg
from dermgan_jax.report.translation_figure import curves
from dermgan_jax.report.translation_series import (
    Run,
    Series,
    direction_name,
    domain_names,
    read,
)

YARDSTICKS = {
    "identity": evaluate.IDENTITY,
    "mean colour": evaluate.MEAN_COLOUR,
    "real vs real": evaluate.LOWER_BOUND,
}
# Untranslated images have the best mask IoU that can be hoped for: nothing to beat.
NOT_TO_BEAT = ("mask_iou",)
BLANK = ("", "", "")


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


def sections(
    rows: figures.Rows, config: Mapping[str, Any], epoch: int | None
) -> dict[str, Any] | None:
    """Everything the template shows of a translator; None without an evaluation.

    Args:
      rows: of metrics.jsonl.
      config: of the run.
      epoch: see `epoch_length`.
    """
    run = read(rows, config, epoch)
    if not run.series:
        return None
    return {
        "held_out": run.split != run.trained,
        "split": run.split,
        "headlines": headlines(run, config),
        "results": results(run),
        "by_epoch": by_epoch(run),
        "verdicts": [text for series in run.main if (text := verdict(run, series))],
        "cautions": _cautions(run.main, run.names),
        "metrics": [section(run, name) for name in run.names],
    }


def headlines(run: Run, config: Mapping[str, Any]) -> list[dict[str, Any]]:
    """What the first lines of the report tell: the metric that chooses checkpoints, or the first.

    One per direction, the latest on held-out images; none that is not finite.
    """
    chosen = config["checkpoint"]["best_metric"].rpartition("/")[2]
    found = []
    for one in run.main:
        name = chosen if one.having(chosen) else next(n for n in run.names if one.having(n))
        values = one.having(name)[-1]["metrics"]
        bound = metric_values.bound(values, name)
        if values[name]["value"] is None:
            continue
        found.append(
            {
                "direction": run.direction(one.direction),
                "moment": run.moment(one.having(name)[-1]["images"]),
                "short": metric_texts.of(name).short,
                "number": metric_values.number(values[name]),
                "spread": metric_values.spread(values[name]),
                "has_interval": metric_values.interval(values[name]) is not None,
                "bound": bound and metric_values.number(bound),
                "bound_images": bound and metric_values.images(bound, fake=""),
                "biased": bool(metric_values.cautions(name, values[name])),
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
                "images": ", ".join(dict.fromkeys(f"{v['n']:,} images" for v in values.values())),
                "cells": [_cell(values.get(name)) for name in names],
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
                [
                    (
                        *_cell(row["metrics"].get(name))[:2],
                        best.get(name) is row,
                    )
                    for name in names
                ],
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
        values = series.having(name)[-1]["metrics"]
        beaten: dict[str, list[str]] = {}
        for who, suffix in (
            ("leaving the image as it is", evaluate.IDENTITY),
            ("the mean colour of the target", evaluate.MEAN_COLOUR),
        ):
            stand_in = values.get(name + suffix)
            outcome = stand_in and _beats(values[name], stand_in)
            if outcome:
                number = metric_values.digits(stand_in["value"], values[name])
                beaten.setdefault(outcome, []).append(f"{who} ({number})")
        if beaten:
            short, number = metric_texts.of(name).short, metric_values.number(values[name])
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
    latest = [found["latest"]["metrics"] for found in moments]
    stand_ins = [
        (title, suffix)
        for title, suffix in YARDSTICKS.items()
        if any(name + suffix in values for values in latest)
    ]
    times = {which: {run.moment(found[which]["images"]) for found in moments} for which in columns}
    lines = []
    for one, found, values in zip(measured, moments, latest, strict=True):
        cells = []
        for which in columns:
            number, spread, _ = _cell(found[which]["metrics"][name])
            time = run.moment(found[which]["images"]) if len(times[which]) > 1 else ""
            cells.append((number, spread, time))
        cells += [_cell(values.get(name + suffix), values[name]) for _, suffix in stand_ins]
        lines.append(
            {
                "direction": run.direction(one.direction),
                "kind": run.kind(one.split),
                "images": count_of_images(values[name]),
                "held_out": one.split != run.trained,
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
        "better": metric_values.direction(first[name]),
        "columns": [
            *[(which, "" if len(times[which]) > 1 else min(times[which])) for which in columns],
            *[(title, "") for title, _ in stand_ins],
        ],
        "lines": lines,
        "cautions": _cautions(measured, [name]),
        "yardsticks": [title for title, _ in stand_ins],
        "bound_images": _bound_images(run, measured, name),
        "protocol": first[name]["protocol"],
        "has_interval": any(metric_values.interval(values[name]) for values in latest),
        "svg": Markup(to_svg(figure, text.title)),
    }


def count_of_images(value: Value) -> str:
    """How many images a value is of."""
    n, n_real = value["n"], value.get("n_real")
    if n_real is None or n_real == n:
        return f"{n:,} images"
    return f"{n:,} translated, {n_real:,} real images"


def _latest(series: Series, names: Sequence[str]) -> dict[str, Value]:
    return {name: series.having(name)[-1]["metrics"][name] for name in names if series.having(name)}


def _heading(name: str, latest: Any) -> tuple[str, str]:
    """A metric's short name and an arrow to where it is better."""
    value = next(values[name] for values in latest if name in values)
    return metric_texts.of(name).short, "↑" if metric_values.direction(value) == "higher" else "↓"


def _cell(value: Value | None, like: Value | None = None) -> tuple[str, str, str]:
    """Number, spread, and nothing; `like` says how many digits a value without a spread has."""
    if value is None:
        return BLANK
    spread = metric_values.spread(value)
    number = metric_values.number(value)
    return (number if spread else metric_values.digits(value["value"], like), spread, "")


def _cautions(measured: Sequence[Series], names: Sequence[str]) -> list[str]:
    """What has to stand beside these metrics, such as that a FID is of few images.

    Of several values the one of the fewest images counts.
    """
    found = []
    for name in names:
        values = [_latest(one, [name])[name] for one in measured if one.having(name)]
        if values:
            found += metric_values.cautions(name, min(values, key=lambda value: value["n"]))
    return found


def _bound_images(run: Run, measured: Sequence[Series], name: str) -> str:
    """How many images real against real was of, by kind of images."""
    found = {}
    for one in measured:
        bound = metric_values.bound(one.having(name)[-1]["metrics"], name)
        if bound:
            found.setdefault(metric_values.images(bound, fake=""), run.kind(one.split))
    if len(found) == 1:
        return next(iter(found))
    return "; ".join(f"{kind}, {images}" for images, kind in found.items())


def _beats(value: Value, stand_in: Value) -> str:
    """How a value compares with that of a stand-in, as a verb; "" if either is not finite."""
    if value["value"] is None or stand_in["value"] is None:
        return ""
    sign = -1 if metric_values.direction(value) == "higher" else 1
    if sign * value["value"] >= sign * stand_in["value"]:
        return "does not beat"
    ends = metric_values.interval(value) or (value["value"], value["value"])
    surely = max(sign * end for end in ends) < sign * stand_in["value"]
    return "beats" if surely else "does not clearly beat"


def _either(how: str, whom: Sequence[str]) -> str:
    return (" and " if how == "beats" else " or ").join(whom)
