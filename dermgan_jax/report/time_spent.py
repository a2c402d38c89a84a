"""Where the time of a run went, and the dearest operations of its latest trace, as tables."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from dermgan_jax.errors import UserError
from dermgan_jax.report.run_record import RunRecord, duration
from dermgan_jax.runs import traces
from dermgan_jax.runs.workdir import WorkDir

DEAREST = 10  # operations that are shown

PARTS = {
    "step": "training steps, and whatever is not below",
    "input": "waiting for images",
    "compilation": "compiling training steps",
    "evaluation": "evaluations",
    "drawing": "sample sheets",
    "saving": "checkpoints",
    "tracing": "writing a trace",
}


def table(record: RunRecord) -> dict[str, Any] | None:
    """The parts of a run's time: rows of (part, duration, share), the largest first.

    Returns:
      "rows" and "note", which is empty if all of the run is told apart; None before any training.
    """
    timed = [row for row in record.rows if row["kind"] in ("train", "event")]
    told = [row["spent"] for row in timed if "spent" in row]
    trained = [row for row in timed if row["kind"] == "train"]
    lacking = [row for row in trained if "spent" not in row]
    if not trained:
        return None
    if len(lacking) == len(trained):
        return _of_an_early_version(record)
    seconds: Counter[str] = Counter()
    for spent in told:
        seconds.update(spent)
    shown = max((row["images"] for row in lacking), default=0) / 1000
    note = (
        f"The first {shown:.1f} thousand images are not in it: an early version of the program, "
        "which did not tell times apart, trained on them."
    )
    return {
        "rows": _rows({PARTS.get(part, part): value for part, value in seconds.items()}),
        "note": note if lacking else "",
    }


def _of_an_early_version(record: RunRecord) -> dict[str, Any]:
    evaluating, training = record.seconds_evaluating(), record.seconds_training()
    # Training rows count the evaluations among them, but not one after the last of them.
    rest = max(training - evaluating, 0.0)
    return {
        "rows": _rows({PARTS["evaluation"]: evaluating, "everything else": rest}),
        "note": "The version of the program that trained this run told no more apart.",
    }


def _rows(seconds: Mapping[str, float]) -> list[tuple[str, str, float]]:
    whole = sum(seconds.values()) or 1.0
    ordered = sorted(seconds.items(), key=lambda item: -item[1])
    return [
        (part, duration(value) if value >= 9.95 else f"{value:.1f} s", value / whole)
        for part, value in ordered
    ]


def operations(record: RunRecord) -> dict[str, Any] | None:
    """The dearest operations of the latest trace; None if there is none.

    A trace that cannot be read is said to be so: it is no reason to have no report.
    """
    if record.path is None:
        return None
    try:
        trace = traces.latest(WorkDir(record.path))
    except UserError as error:
        return {"fault": str(error)}
    if trace is None:
        return None
    shown = trace.operations[:DEAREST]
    return {
        "fault": "",
        "begin": trace.begin,
        "end": trace.end,
        "device": trace.device,
        "others": trace.others,
        "rows": shown,
        "number": len(trace.operations),
        "rest": 1 - sum(operation.share for operation in shown),
        "programs": _programs(trace.operations),
    }


def _programs(found: Sequence[traces.Operation]) -> int:
    return len({operation.program for operation in found})
