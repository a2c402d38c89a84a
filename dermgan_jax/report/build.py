"""The report of one work directory: a single HTML file that needs nothing beside it."""

import datetime
import functools
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from markupsafe import Markup
from matplotlib.figure import Figure
from PIL import Image

from dermgan_jax import registry
from dermgan_jax.errors import UserError
from dermgan_jax.report import (
    figures,
    metric_texts,
    metric_values,
    translation,
    translation_series,
)
from dermgan_jax.report.html import environment, picture
from dermgan_jax.report.style import to_svg
from dermgan_jax.runs.metrics_log import METRICS_FILE, parse_sample_sheet_name, read_rows
from dermgan_jax.runs.workdir import WorkDir, write_atomically

REPORT_FILE = "report.html"
MAX_EARLIER_SHEETS = 12
SHEET_WIDTH, THUMBNAIL_WIDTH = 1600, 480  # pixels; larger sheets are scaled down

STATUS = {
    "finished": ("Finished", "good"),
    "preempted": ("Interrupted; the same command continues it", "open"),
    "stopped": ("Stopped by a fault", "bad"),
}
UNFINISHED = ("Unfinished: still training, or cut short", "open")
NOT_STARTED = ("Not started yet", "open")


def build(workdir: Path) -> Path:
    """Writes `report.html` from whatever the work directory holds so far.

    Args:
      workdir: of a run that is finished, interrupted, still training or just started.

    Returns:
      The file's path. It is replaced as a whole, never seen half-written.

    Raises:
      UserError: if the folder is not a work directory, or its metrics.jsonl is damaged.
    """
    if not WorkDir(workdir).config.is_file():
        raise UserError(
            f"{workdir} is not a work directory: it has no config.json. "
            "Give the --workdir of a training run."
        )
    html = environment().get_template("template.html.jinja").render(page(workdir))
    path = workdir / REPORT_FILE
    write_atomically(path, html)
    return path


def page(workdir: Path) -> dict[str, Any]:
    """Everything the template shows, by name."""
    # Not validated: a run of an older version of the program has a report too.
    config = json.loads(WorkDir(workdir).config.read_text())
    rows = read_rows(workdir / METRICS_FILE)
    card = _read_json(workdir / "data_card.json")
    sheets = _sheets(WorkDir(workdir).samples)
    epoch = translation_series.epoch_length(config, card)
    translated = translation_series.is_translator(config, rows)
    classified = config["model"]["name"] == "classifier"
    metrics = [] if translated else [metric_table(rows, name) for name in metric_names(rows)]
    return {
        "title": config["title"] or workdir.resolve().name,
        "model": config["model"]["name"],
        "dataset": config["data"]["dataset"],
        "resolution": config["data"]["resolution"],
        "phantom": card.get("synthetic", config["data"]["dataset"] == "phantom"),
        "run": run_facts(rows, config, epoch),
        "latest": sheets[-1] if sheets else None,
        "earlier": sheets[:-1],
        "metrics": metrics,
        "translated": translated,
        "classified": classified,
        "translation": translation.sections(rows, config, epoch) if translated else None,
        "columns": translation.sheet_columns(sheets[-1]["drawn_width"], config)
        if translated and sheets
        else [],
        "plots": classifier_plots(rows) if classified else plots(rows),
        "card": card,
        "splits": ("train", "val", "test"),
        "events": [{**row, "when": _utc(row["time"])} for row in rows if row["kind"] == "event"],
        "config_json": json.dumps(config, indent=2, sort_keys=True),
        "parameters": _read_text(workdir / "parameters.txt"),
        "environment": _read_json(workdir / "environment.json"),
        "made": _utc(datetime.datetime.now().timestamp()),
    }


def run_facts(rows: figures.Rows, config: Mapping[str, Any], epoch: int | None) -> dict[str, Any]:
    """How far the run got and in what time, as the first lines of the report tell it.

    Args:
      rows: of metrics.jsonl.
      config: of the run; one of an older version may lack train.total_epochs.
      epoch: images in an epoch, or None if it is not known or the run does not count epochs.
    """
    images = max((row["images"] for row in rows), default=0)
    epochs = config["train"].get("total_epochs", 0.0)
    if epochs:
        total_images = round(epochs * epoch) if epoch else None
    else:
        total_images = config["train"]["total_kimg"] * 1000
    train = [row for row in rows if row["kind"] == "train"]
    events = [row for row in rows if row["kind"] == "event"]
    status, tone = STATUS.get(events[-1]["event"], UNFINISHED) if events else NOT_STARTED
    shown = [0, *(row["images"] for row in train)]
    intervals = [
        images / row["images_per_second"]
        for images, row in zip(np.diff(shown), train, strict=True)
        if row["images_per_second"]
    ]
    return {
        "status": status,
        "tone": tone,
        "detail": events[-1]["detail"] if events else "",
        "images": images,
        "total_images": total_images,
        "epochs": f"{round(images / epoch, 1):g} of {epochs:g}" if epochs and epoch else "",
        "stage": train[-1]["stage"] if train else "",
        "duration": duration(sum(intervals)),
        "evaluating": duration(sum(row["seconds"] for row in figures.evaluations(rows))),
    }


def metric_names(rows: figures.Rows) -> list[str]:
    """Metrics that were evaluated, without their yardsticks, KID before FID."""
    return metric_values.names(
        dict.fromkeys(name for row in figures.evaluations(rows) for name in row["metrics"])
    )


def metric_table(rows: figures.Rows, name: str) -> dict[str, Any]:
    """One metric over the run: value, interval and parts at the first, best and latest evaluation.

    See `metric_values.moments`.
    """
    measured = [row for row in figures.evaluations(rows) if name in row["metrics"]]
    latest = measured[-1]["metrics"][name]
    moments = metric_values.moments(measured, name)
    first = moments["first"]["metrics"][name]
    for moment in ("first", "best"):
        if moments[moment] is measured[-1]:
            del moments[moment]
    columns = {
        (moment, f"{row['images'] / 1000:.1f} thousand"): row["metrics"][name]
        for moment, row in moments.items()
    }
    if bound := metric_values.bound(measured[-1]["metrics"], name):
        columns["real", "vs real"] = bound
    text = metric_texts.of(name)
    return {
        "text": text,
        "columns": list(columns),
        "lines": metric_lines(list(columns.values()), text.whole),
        "protocol": latest["protocol"],
        "direction": metric_values.direction(latest),
        "images": f"{latest['n']:,} validation images"
        if name in registry.names("classifier_metric")
        else metric_values.images(latest),
        "bound_images": bound and metric_values.images(bound, fake=""),
        "classes": class_pairs(measured[-1]["metrics"], name),
        "cautions": metric_values.cautions(name, latest),
        "first": metric_values.number(first),
        "latest": metric_values.number(latest),
        "spread": metric_values.spread(latest),
        "has_interval": metric_values.interval(latest) is not None,
        "bound": bound and metric_values.number(bound),
        "svg": _svg(figures.evaluation(rows, name, text.label, text.whole), text.title),
    }


def metric_lines(
    values: Sequence[metric_values.Value], whole: str
) -> list[tuple[str, list[tuple[str, str]]]]:
    """Lines of a metric's table: heading, and (number, spread or nothing) of each value.

    Args:
      values: a column each.
      whole: what a value is of its details; empty if they are something else.
    """
    parts = [
        (
            part.replace("x", " × ") if part[:1].isdigit() else part,
            [
                (metric_values.digits(value["details"].get(part), value if whole else None), "")
                for value in values
            ],
        )
        for part in dict.fromkeys(part for value in values for part in value["details"])
    ]
    first = [(metric_values.number(value), metric_values.spread(value)) for value in values]
    return [(whole if whole else "value", first), *parts]


def class_pairs(values: Mapping[str, metric_values.Value], name: str) -> list[str]:
    """The classes of real images least and most apart, in words; nothing if not compared."""
    yardstick = metric_values.class_yardstick(values, name)
    pairs = yardstick and metric_values.pairs_of_classes(yardstick)
    if not pairs:
        return []
    ends = {"least apart": pairs[0], "most apart": pairs[-1]}
    texts = []
    for which, pair in ends.items() if len(pairs) > 1 else [("only", pairs[0])]:
        number = metric_values.digits(pair["value"], values[name])
        who = metric_values.pair_name(pair)
        texts.append(f"{which} {who}, {number} ({pair['n']:,} images each)")
    return texts


def plots(rows: figures.Rows) -> list[dict[str, Any]]:
    """The training curves that can be drawn, with a title and a line on how to read each."""
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
    return _shown(drawn)


def classifier_plots(rows: figures.Rows) -> list[dict[str, Any]]:
    """As `plots`, of a classifier."""
    curves = functools.partial(figures.training_and_validation, rows)
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
            figures.confusion(rows),
            "Validation images; the darker, the larger the share of the true class.",
        ),
        ("Throughput", figures.throughput(rows), "Pauses for compilation are part of it."),
    )
    return _shown(drawn)


def _shown(drawn: Sequence[tuple[str, Figure | None, str]]) -> list[dict[str, Any]]:
    return [
        {"title": title, "svg": _svg(figure, title), "note": note}
        for title, figure, note in drawn
        if figure is not None
    ]


def duration(seconds: float) -> str:
    """A length of time in the two units that matter, such as "1 h 05 min"."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes:02d} min"
    return f"{minutes} min {rest:02d} s" if minutes else f"{rest} s"


def evenly(items: Sequence[Any], most: int) -> list[Any]:
    """At most `most` of the items, the first and the last among them, evenly spaced."""
    if len(items) <= most:
        return list(items)
    return [items[round(i)] for i in np.linspace(0, len(items) - 1, most)]


def _sheets(folder: Path) -> list[dict[str, Any]]:
    """The latest sample sheet, last, after some earlier ones as thumbnails."""
    found = sorted(
        (parsed, path)
        for path in folder.glob("*.png")
        if (parsed := parse_sample_sheet_name(path.name)) and _is_whole(path)
    )
    return [
        {
            "kimg": images / 1000,
            "stage": stage.replace("x", "×"),
            **_picture(path, SHEET_WIDTH if path == found[-1][1] else THUMBNAIL_WIDTH),
        }
        for (images, stage), path in evenly(found[:-1], MAX_EARLIER_SHEETS) + found[-1:]
    ]


def _is_whole(path: Path) -> bool:
    """False for a sheet that a killed run wrote only in part."""
    try:
        with Image.open(path) as image:
            image.load()
    except OSError:
        return False
    return True


def _picture(path: Path, max_width: int) -> dict[str, Any]:
    with Image.open(path) as image:
        return picture(image, max_width)


def _svg(figure: Figure, title: str) -> Markup:
    return Markup(to_svg(figure, title))


def _utc(timestamp: float) -> str:
    moment = datetime.datetime.fromtimestamp(timestamp, datetime.UTC)
    return moment.strftime("%Y-%m-%d %H:%M UTC")


def _read_text(path: Path) -> str:
    return path.read_text() if path.is_file() else ""


def _read_json(path: Path) -> dict[str, Any]:
    return json.loads(path.read_text()) if path.is_file() else {}
