"""What the report of a run shows of a model that enlarges images, bicubic always beside it."""

from typing import Any

from dermgan_jax.data.image_files import GUTTER
from dermgan_jax.data.splits import VAL
from dermgan_jax.metrics.measurement import Measurement
from dermgan_jax.report import figures, metric_sections, metric_texts, metric_values, sampler
from dermgan_jax.report.run_record import RunRecord, RunReport

NUM_COLUMNS = 5  # of a sample sheet, see `train.upscaler_snapshots`


def parts(record: RunRecord) -> dict[str, Any]:
    """The table beside bicubic, sections of metrics, and training curves."""
    latest = _latest(record)
    split = next((one.split for one in latest.values()), VAL)
    images = f"{split} images" if split != VAL else "validation images"
    side = record.config["data"]["resolution"]
    scale = record.field("scale")
    width = record.sheets[-1]["drawn_width"] if record.sheets else 0
    return {
        "scale": scale,
        "small_side": side // scale,
        "known_columns": width + GUTTER == NUM_COLUMNS * (side + GUTTER),
        "held_out": split == VAL,
        "results": [row(one) for one in latest.values()],
        "invented": invented(latest),
        "stages": stages(record),
        "metrics": metric_sections.sections(record, images=images),
        "plots": sampler.training_plots(record.rows),
    }


def _latest(record: RunRecord) -> dict[str, Measurement]:
    """The latest value of each metric."""
    evaluations = figures.evaluations(record.rows)
    return {key: one for each in evaluations for key, one in each["metrics"].items()}


def row(one: Measurement) -> dict[str, Any]:
    """One line of the table: the model's value, bicubic's, and which is better."""
    bicubic = one.identity
    return {
        "name": metric_texts.of(one.name).short,
        "arrow": "↑" if one.value.better == "higher" else "↓",
        "number": metric_values.number(one.value),
        "spread": metric_values.spread(one.value),
        "bicubic": bicubic and metric_values.number(bicubic),
        "bicubic_spread": bicubic and metric_values.spread(bicubic),
        "outcome": outcome(one),
    }


def outcome(one: Measurement) -> str:
    """Whether the model beats bicubic on the same images; "" where that cannot be said."""
    if one.identity is None or not (one.value.is_finite and one.identity.is_finite):
        return ""
    own, other = one.value.lower_is_better, one.identity.lower_is_better
    if own == other:
        return "as bicubic"
    return "better than bicubic" if own < other else "worse than bicubic"


def invented(latest: dict[str, Measurement]) -> str:
    """The numbers that measure how far enlarged images contradict what was enlarged."""
    one = latest.get("consistency")
    if one is None or not one.value.is_finite:
        return ""
    levels = 255 * one.value.value
    text = (
        f"shrunk again, the enlarged images are {metric_values.number(one.value)} of the range "
        f"({levels:.1f} of 255 grey levels) from what was enlarged"
    )
    if one.identity is not None and one.identity.is_finite:
        text += f", bicubic's {metric_values.digits(one.identity.value, one.value)}"
    agreement = latest.get("mask_agreement")
    if agreement is not None and agreement.value.is_finite:
        text += f"; outlines of lesions agree to {metric_values.number(agreement.value)}"
        if agreement.identity is not None:
            text += f" (bicubic {metric_values.digits(agreement.identity.value, agreement.value)})"
    return text


def stages(record: RunRecord) -> str:
    """Which stage the run is in, in words."""
    images = max((row["images"] for row in record.rows), default=0)
    until = record.field("pixel_kimg")
    if images / 1000 <= until:
        return f"trained by pixels alone (L1) up to {until:g} thousand images"
    return f"trained by pixels alone (L1) up to {until:g} thousand images, then adversarially"


REPORT = RunReport("upscaler.html.jinja", parts)
