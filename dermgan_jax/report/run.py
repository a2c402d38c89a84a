"""The report of one work directory: a single HTML file that needs nothing beside it."""

import json
import time
from typing import Any

from dermgan_jax import files, registry, stored_json
from dermgan_jax.data.splits import SPLITS
from dermgan_jax.files import Path
from dermgan_jax.planning import measured
from dermgan_jax.report import cards, figures, found_later, leaks, run_record, time_spent
from dermgan_jax.report.conclusions import conclusions
from dermgan_jax.report.html import environment
from dermgan_jax.report.run_record import RunRecord, RunReport
from dermgan_jax.runs import decline, findings
from dermgan_jax.runs.workdir import WorkDir


def build(path: Path) -> Path:
    """Writes `report.html` and the `cards` from whatever the work directory holds so far.

    Args:
      path: of a run that is finished, interrupted, still training or just started.

    Returns:
      The file's path. It is replaced as a whole, never seen half-written.

    Raises:
      UserError: if the folder is not a work directory, or a file in it is damaged.
    """
    workdir = WorkDir(path)
    record = run_record.read(workdir)
    kind = registry.load("model", record.family).kind
    of_kind: RunReport = registry.load("run report", kind)
    common = _common(record, workdir, kind)
    html = environment().get_template(of_kind.template).render({**common, **of_kind.parts(record)})
    evaluations = figures.evaluations(record.rows)
    latest = evaluations[-1]["metrics"] if evaluations else {}
    cards.write(workdir, record, kind, common["what"], common["conclusions"], latest)
    files.write_text(workdir.report, html)
    return workdir.report


def heading(record: RunRecord) -> str:
    """A title made from the configuration as it was run."""
    data = record.config["data"]
    side = data["resolution"]
    return f"{record.family} on {_shown(record)}, {side}×{side}"


def _shown(record: RunRecord) -> str:
    """The classes, and the data set."""
    data = record.config["data"]
    classes = ", ".join(data.get("classes", ()))
    named = _OWN.get(data["dataset"], data["dataset"])
    return f"{classes} of {named}" if classes else named


_OWN = {"image_folder": "a folder of images", "image_folders": "folders of images"}
_MAKES = {
    "sampler": "draws synthetic images from noise",
    "painter": "paints synthetic images from masks",
    "translator": "makes synthetic images out of real ones",
    "upscaler": "enlarges images; the details it adds are synthetic",
    "classifier": "names the class of an image",
    "detector": "tells how unlike normal images an image is",
    "segmenter": "marks the lesion in an image",
}


def what(record: RunRecord, kind: str) -> str:
    """What the page is about, by the configuration as it was run and the data as they were."""
    data, card = record.config["data"], record.card
    side, split = data["resolution"], data.get("split", "train")
    num = sum(row.get(split, 0) for row in card.get("classes", {}).values())
    num = num or card.get("num_examples", {}).get(split, {}).get("unpaired", 0)
    stand_in = "drawn phantoms" if record.phantom else "images"
    learned = f"{num:,} {stand_in}" if num else stand_in
    return (
        f"A model ({record.family}) that {_MAKES.get(kind, 'was trained')}. It learned from "
        f"{learned} of {_shown(record)}, at {side} × {side} pixels."
    )


def _common(record: RunRecord, workdir: WorkDir, kind: str) -> dict[str, Any]:
    """Everything that the template of every kind shows, by name."""
    config, card = record.config, record.card
    later = found_later.read(workdir.path)
    return {
        "title": config["title"] or heading(record),
        "what": what(record, kind),
        "reals": record.reals,
        "nearest": record.nearest,
        "model": record.family,
        "dataset": config["data"]["dataset"],
        "resolution": config["data"]["resolution"],
        "phantom": record.phantom,
        "run": record.facts(),
        "warnings": decline.warnings(record.best_metric, record.rows),
        "latest": record.sheets[-1] if record.sheets else None,
        "earlier": record.sheets[:-1],
        "card": card,
        "group_noun": card.get("group_noun", "group"),
        "grouping": leaks.grouping(card) if card else "",
        "leaks": leaks.section(findings.read(workdir.path), card),
        "splits": SPLITS,
        "time_spent": time_spent.table(record),
        "operations": time_spent.operations(record),
        "planned": measured.told(workdir),
        "later": later,
        "conclusions": conclusions(record, kind, later),
        "events": record.events(),
        "config_json": json.dumps(config, indent=2, sort_keys=True),
        "parameters": run_record.read_text(workdir.parameters)
        if stored_json.is_there(workdir.parameters)
        else "",
        "environment": run_record.read_json(workdir.environment),
        "made": run_record.utc(time.time()),
    }
