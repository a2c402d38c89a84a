"""Model card and data card of a run, as Hugging Face lays them out: YAML on top, then Markdown.

WORKDIR/model_card.md and WORKDIR/data_card.md are made with the report, from the same facts. As
README.md of a repository there they are shown and indexed.
"""

from collections.abc import Mapping
from typing import Any

import yaml

from dermgan_jax import __version__, files
from dermgan_jax.data.splits import SPLITS
from dermgan_jax.metrics.measurement import Measurement
from dermgan_jax.report import leaks, metric_texts, metric_values
from dermgan_jax.report.conclusions import Conclusions
from dermgan_jax.report.run_record import RunRecord
from dermgan_jax.runs.workdir import WorkDir

MODEL_CARD, DATA_CARD = "model_card.md", "data_card.md"
_TASKS = {
    "sampler": "unconditional-image-generation",
    "painter": "image-to-image",
    "translator": "image-to-image",
    "upscaler": "image-to-image",
    "classifier": "image-classification",
    "segmenter": "image-segmentation",
    "detector": "image-feature-extraction",
}
NO_DEVICE = "Research software, not a medical device: nothing here may decide about a patient."


def write(
    workdir: WorkDir,
    record: RunRecord,
    kind: str,
    what: str,
    found: Conclusions | None,
    measured: Mapping[str, Measurement],
) -> None:
    """Writes both cards; that of the data only once they have been described."""
    files.write_text(workdir.path / MODEL_CARD, model_card(record, kind, what, found, measured))
    if record.card:
        files.write_text(workdir.path / DATA_CARD, data_card(record))


def model_card(
    record: RunRecord,
    kind: str,
    what: str,
    found: Conclusions | None,
    measured: Mapping[str, Measurement],
) -> str:
    """What the model is, what it was trained on, what was measured, and what may be concluded.

    Args:
      record: of the run.
      kind: of its model.
      what: it is, in words.
      found: what may be concluded; None where nothing is said.
      measured: values of the last evaluation.
    """
    facts, card = record.facts(), record.card
    top = {
        "library_name": "dermgan_jax",
        "pipeline_tag": _TASKS.get(kind, "other"),
        "license": "other",
        "license_name": card.get("licence", "unknown: that of the training data"),
        "tags": ["synthetic-medical-images", "jax", "flax", record.family],
        "datasets": [record.config["data"]["dataset"]],
    }
    parts = [
        _top(top),
        f"# {_plain(record.config['title'] or record.family)}",
        _plain(what),
        f"**{NO_DEVICE}** The licence of the training data binds what was learned from them.",
        "## Training",
        f"{facts['images'] / 1000:.1f} thousand images shown in {facts['duration']}; "
        f"{_plain(facts['status'].lower())}. dermgan_jax {__version__} made this card; the run's "
        "own versions are in environment.json.",
        "## Evaluation",
        _values(measured),
    ]
    if found is not None:
        for title, said in (("You may conclude", found.may), ("You may not", found.may_not)):
            parts += [f"## {title}", "\n".join(f"* {_plain(each)}" for each in said) or "Nothing."]
    return "\n\n".join(parts) + "\n"


def data_card(record: RunRecord) -> str:
    """What the training images are: source, licence, classes by split, groups."""
    card = record.card
    there = {split for row in card["classes"].values() for split in row}
    splits = [*(split for split in SPLITS if split in there), *sorted(there - {*SPLITS})]
    images = sum(sum(row.values()) for row in card["classes"].values())
    top = {
        "license": "other",
        "license_name": card["licence"],
        "pretty_name": card["dataset"],
        "tags": ["medical", "images", *(["synthetic"] if card["synthetic"] else [])],
        "size_categories": [_size(images)],
    }
    head = "| class | " + " | ".join(splits) + " |"
    rows = [
        f"| {_plain(name)} | " + " | ".join(str(row.get(split, 0)) for split in splits) + " |"
        for name, row in card["classes"].items()
    ]
    kind = (
        "Drawn by a program: no patient is shown." if card["synthetic"] else "Images of patients."
    )
    parts = [
        _top(top),
        f"# {_plain(card['dataset'])}",
        f"{kind} Licence: {_plain(card['licence'])}.",
        "## Images by class and split",
        "\n".join([head, "| --- |" + " --- |" * len(splits), *rows]),
        f"{_plain(leaks.grouping(card))} Split `{_plain(card['split_hash'][:16])}`.",
    ]
    return "\n\n".join(parts) + "\n"


def _values(measured: Mapping[str, Measurement]) -> str:
    if not measured:
        return "Nothing was measured."
    rows = ["| metric | value | real vs real | images | protocol |", "| --- |" + " --- |" * 4]
    for one in measured.values():
        bound = one.real_against_real
        where = f", {one.direction}, {one.split}" if one.direction else ""
        rows.append(
            f"| {_plain(metric_texts.of(one.name).title + where)} | "
            f"{metric_values.with_spread(one.value)} | "
            f"{metric_values.number(bound) if bound else ''} | {metric_values.images(one.value)} | "
            f"`{_plain(one.value.protocol)}` |"
        )
    return "\n".join(rows)


def _size(images: int) -> str:
    """The category that Hugging Face has for so many."""
    bounds = ((1000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"))
    return next((name for most, name in bounds if images < most), "100K<n<1M")


def _top(facts: Mapping[str, Any]) -> str:
    # Of one line each, so that no text ends the block.
    lines = {
        name: [" ".join(each.split()) for each in value]
        if isinstance(value, list)
        else " ".join(value.split())
        for name, value in facts.items()
    }
    endless = float("inf")
    text = yaml.safe_dump(lines, sort_keys=False, allow_unicode=True, width=endless)
    return f"---\n{text}---"


def _plain(text: str) -> str:
    """Text of a stranger as one line, in which nothing is markup."""
    line = " ".join(str(text).split())
    return "".join(f"\\{c}" if c in "\\`*_[]<>|#" else c for c in line)
