"""The numbers of a run over time: metrics.jsonl, one JSON object per line.

    {"kind": "train", "step", "images", "stage", "traced", "images_per_second", "spent", "metrics"}
    {"kind": "eval", "step", "images", "seconds", "metrics": see `metrics.measurement_json`}
    {"kind": "event", "step", "images", "event", "detail", "time", "spent"}

`images` counts real images shown, `seconds` is a duration, `time` is in Unix seconds. `spent` are
the seconds since the last row that has them, by what they went into (`train.stopwatch`); rows of
early versions lack it. JSON knows no NaN or infinity; such numbers are written as null.
"""

import json
import math
import time
from collections.abc import Mapping
from typing import Any

import numpy as np

from dermgan_jax import files
from dermgan_jax.errors import UserError
from dermgan_jax.files import Path
from dermgan_jax.metrics import measurement_json
from dermgan_jax.metrics.measurement import Measurement
from dermgan_jax.runs.tensorboard import EventsWriter
from dermgan_jax.runs.workdir import WorkDir

UPLOADED = 60.0  # seconds between two uploads of training rows to a bucket, which cannot append

FINISHED, PREEMPTED, STOPPED = "finished", "preempted", "stopped"  # events that end a run

Row = dict[str, Any]


def read_rows(path: Path) -> list[Row]:
    """The rows of a metrics.jsonl, oldest first; empty if there is no such file.

    "metrics" of an eval row are measurements by key. A last line that a killed process wrote only
    in part is left out.

    Raises:
      UserError: if any other line is not valid JSON.
    """
    rows = _read_plain(path)
    try:
        for row in rows:
            if row["kind"] == "eval":
                row["metrics"] = measurement_json.from_json(row["metrics"])
    except UserError as error:
        raise UserError(f"{path}: {error}") from error
    return rows


def evaluated(rows: list[Row]) -> dict[int, dict[str, Measurement]]:
    """Step -> what was measured then; of several evaluations of one step the last counts."""
    return {row["step"]: row["metrics"] for row in rows if row["kind"] == "eval"}


def is_finished(workdir: WorkDir) -> bool:
    """Whether a run has come to its end."""
    events = [row for row in read_rows(workdir.metrics) if row["kind"] == "event"]
    return bool(events) and events[-1]["event"] == FINISHED


def _read_plain(path: Path) -> list[Row]:
    if not path.is_file():
        return []
    lines = path.read_bytes().splitlines()
    rows = []
    for number, line in enumerate(lines, start=1):
        try:
            rows.append(_checked(json.loads(line)))
        except ValueError as error:
            if number < len(lines):
                raise UserError(
                    f"{path}, line {number} is damaged ({error}); delete that line"
                ) from error
    return rows


def _checked(row: Any) -> Row:
    """The row; raises ValueError if it lacks what every reader of rows relies on."""
    if not isinstance(row, dict) or not all(name in row for name in ("kind", "step", "images")):
        raise ValueError(f"{str(row)[:40]} is no row of metrics")
    if row["kind"] in ("train", "eval") and not isinstance(row.get("metrics"), dict):
        raise ValueError("it has no metrics")
    return row


class MetricsLog:
    """Adds rows to metrics.jsonl and mirrors their numbers to TensorBoard. A context manager.

    Opened for a run that continues from `resume_step`, it drops the train and eval rows of later
    steps, which will be computed anew; events stay, for they did happen. TensorBoard shows the
    repeated steps twice. On a disk every row is there at once; in a bucket, whose files cannot
    grow, at the next `flush`, event or evaluation, or after a minute.

    Args:
      workdir: an existing one.
      resume_step: iterations the continued state has behind it; 0 for a fresh run.
      active: False makes every method a no-op, for processes other than the first.

    Raises:
      UserError: if metrics.jsonl is damaged before its last line.
    """

    def __init__(self, workdir: WorkDir, resume_step: int = 0, active: bool = True):
        self._file = self._events = None
        self._active = active
        if not active:
            return
        self._path = workdir.metrics
        rows = _read_plain(self._path)
        kept = [row for row in rows if row["kind"] == "event" or row["step"] <= resume_step]
        self._lines = [_line(row) for row in kept]
        self._uploaded = time.monotonic()
        files.write_text(self._path, "".join(self._lines))
        if files.is_local(self._path):
            self._file = open(self._path, "a", encoding="utf-8")  # noqa: SIM115 (closed on exit)
        self._events = EventsWriter(workdir.path / "tensorboard")

    def __enter__(self) -> "MetricsLog":
        return self

    def __exit__(self, *exception: object) -> None:
        if not self._active:
            return
        self.flush()
        if self._file:
            self._file.close()
        self._events.close()

    def write(self, row: Mapping[str, Any]) -> None:
        """Adds one row; see the module's docstring. Array scalars become plain numbers."""
        if not self._active:
            return
        line = _line(_plain(row))
        if self._file:
            self._file.write(line)
            self._file.flush()
        else:
            self._lines.append(line)
            overdue = time.monotonic() - self._uploaded > UPLOADED
            if row["kind"] != "train" or overdue:
                self.flush()
        self._events.write_scalars(row["step"], _scalars(row))

    def write_image(self, name: str, step: int, image: np.ndarray) -> None:
        """Adds an image, uint8 (H, W, 1 or 3), to the TensorBoard events."""
        if self._active:
            self._events.write_image(name, step, image)

    def flush(self) -> None:
        """Makes sure that all rows so far are where the next process will look for them."""
        if self._active and not self._file:
            files.write_text(self._path, "".join(self._lines))
            self._uploaded = time.monotonic()
            self._events.upload()


def _line(row: Mapping[str, Any]) -> str:
    return json.dumps(row, ensure_ascii=False, allow_nan=False) + "\n"


def _plain(row: Mapping[str, Any]) -> Row:
    if row["kind"] == "eval":
        row = {**row, "metrics": measurement_json.to_json(row["metrics"])}
    return _plain_value(row)


def _plain_value(value: Any) -> Any:
    """`value` as JSON has it: plain containers and numbers, null for NaN and infinities."""
    if isinstance(value, Mapping):
        return {key: _plain_value(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain_value(item) for item in value]
    if hasattr(value, "item"):
        value = value.item()
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _scalars(row: Mapping[str, Any]) -> dict[str, float]:
    """What TensorBoard shows of a row, by tag; it takes finite numbers only."""
    found: dict[str, float] = {}
    if row["kind"] == "train":
        found = {**row["metrics"], "images_per_second": row["images_per_second"]}
        found |= {f"schedule/{name}": value for name, value in row["traced"].items()}
    elif row["kind"] == "eval":
        for key, one in row["metrics"].items():
            found[f"eval/{key}"] = one.value.value
            found |= {f"eval/{key}/{part}": value for part, value in one.value.details.items()}
            if one.real_against_real is not None:
                found[f"eval/{key}/real_against_real"] = one.real_against_real.value
    return {tag: value for tag, value in found.items() if np.isfinite(value)}
