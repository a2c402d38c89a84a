"""A plan as text and as JSON values."""

from collections.abc import Sequence
from typing import Any

from dermgan_jax.planning.accelerators import CPU
from dermgan_jax.planning.plan import COMPILED, SCALED, Plan, Row

GIB = 1 << 30
HEAD = (
    "",
    "stage",
    "precision",
    "batch",
    "GiB/device",
    "(state",
    "images",
    "step)",
    "largest",
    "GFLOP/image",
    "images/s",
    "of peak",
    "limit",
    "hours",
)


def text(plan: Plan, price: float | None = None, reached: Sequence[float] = ()) -> str:
    """The table and what it rests on.

    Args:
      plan: what was planned.
      price: of one device and hour.
      reached: shares of the bound that runs of the family had on such devices, ascending.
    """
    accelerator = plan.accelerator
    lines = [
        f"plan for {accelerator}: {accelerator.num_devices} devices on {accelerator.num_hosts} "
        f"hosts; images: {plan.data}",
        *_aligned([HEAD, *(_cells(row, row in plan.configured) for row in plan.rows)]),
        "",
        f"the run as configured (>): {_rounded(plan.hours)} hours at least"
        + (f", {_cost(plan, price):.2f} at {price:g} per device and hour" if price else ""),
    ]
    if reached:
        lines.append(
            f"{len(reached)} measured runs of the family reached {reached[0]:.0%} to "
            f"{reached[-1]:.0%} of the speed: so this one will rather take "
            f"{_rounded(plan.hours / reached[-1])} to {_rounded(plan.hours / reached[0])} hours"
        )
    return "\n".join([*lines, *_notes(plan)])


def to_json(
    plan: Plan, price: float | None = None, reached: Sequence[float] = ()
) -> dict[str, Any]:
    """The same as JSON values; bytes, seconds, images per second."""
    return {
        "accelerator": str(plan.accelerator),
        "devices": plan.accelerator.num_devices,
        "hosts": plan.accelerator.num_hosts,
        "data": plan.data,
        "hours": plan.hours,
        "price_per_device_hour": price,
        "cost": _cost(plan, price) if price else None,
        "reached_by_measured_runs": list(reached),
        "rows": [_json(row, row in plan.configured) for row in plan.rows],
        "compiled": {stage: vars(found) for stage, found in plan.compiled.items()},
    }


def _json(row: Row, configured: bool) -> dict[str, Any]:
    return {
        "configured": configured,
        "stage": row.stage,
        "images": row.images,
        "precision": row.precision,
        "batch_size": row.batch_size,
        "source": row.source,
        "memory": {**vars(row.memory), "total": row.memory.total},
        "fits": row.fits,
        "largest_batch": row.largest_batch,
        "flops_per_image": row.flops_per_image,
        "images_per_second": row.images_per_second,
        "step": {**vars(row.bound), "limit": row.bound.limit},
        "hours": row.hours,
    }


def _cost(plan: Plan, price: float) -> float:
    return price * plan.hours * plan.accelerator.num_devices


def _cells(row: Row, configured: bool) -> tuple[str, ...]:
    memory = row.memory
    largest = "" if row.largest_batch is None else f"{row.largest_batch:,}"
    return (
        ">" if configured else "",
        row.stage,
        row.precision,
        str(row.batch_size),
        f"{memory.total / GIB:.2f}" + (" (too much)" if row.fits is False else ""),
        f"({memory.state / GIB:.2f}",
        f"{memory.resident / GIB:.2f}",
        f"{memory.activations / GIB:.2f})",
        largest,
        _rounded(row.flops_per_image / 1e9),
        _rounded(row.images_per_second),
        f"{row.bound.peak_share:.0%}",
        row.bound.limit,
        _rounded(row.hours),
    )


def _rounded(value: float) -> str:
    """With three digits, or all before the point."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def _aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    text_columns = (0, 1, 2, 12)
    return [
        "  ".join(
            cell.ljust(width) if i in text_columns else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]


def _notes(plan: Plan) -> list[str]:
    sources = {row.source for row in plan.rows}
    notes = [
        "note: images/s is what the program allows at most (roofline); machines reach a part of "
        "it, and reading images, evaluation and saving come on top"
    ]
    if COMPILED in sources:
        notes.append(
            "note: rows as configured rest on the compiled program's flops, bytes and memory"
            + (", other rows are scaled from them" if SCALED in sources else "")
        )
    else:
        notes.append(
            "note: flops, bytes and memory are a model over the traced program, not what a "
            "compiler made of it"
        )
    if plan.accelerator.chip.platform == CPU:
        notes.append("note: the peaks of this machine were measured just now, with all its cores")
    return notes
