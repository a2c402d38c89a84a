"""The numbers of a run over time: metrics.jsonl, one JSON object per line.

    {"kind": "train", "step", "images", "stage", "traced", "images_per_second", "spent", "metrics"}
    {"kind": "eval", "step", "images", "seconds", "metrics": see `metrics.measurement_json`}
    {"kind": "event", "step", "images", "event", "detail", "time", "spent"}

`images` counts real images shown, `seconds` is a duration, `time` is in Unix seconds. `spent` are
the seconds since the last row that has them, by what they went into (`train.stopwatch`); rows of
early versions lack it. JSON knows no NaN or infinity; such numbers are written as null.
"""

import datetime
import json
import math
import time
from collections.abc import Mapping, Sequence
from typing import Any, Literal, NotRequired, TypedDict

import numpy as np

from dermgan_jax import files, stored_json
from dermgan_jax.errors import UserError
from dermgan_jax.files import Path
from dermgan_jax.metrics import measurement_json
from dermgan_jax.metrics.measurement import Measurement
from dermgan_jax.runs.tensorboard import EventsWriter
from dermgan_jax.runs.trackers import open_tracker
from dermgan_jax.runs.workdir import WorkDir

UPLOADED = 60.0  # seconds between two uploads of training rows to a bucket, which cannot append

FINISHED, PREEMPTED, STOPPED = "finished", "preempted", "stopped"  # events that end a run

Row = dict[str, Any]

_LAST_MOMENT = datetime.datetime.max.replace(tzinfo=datetime.UTC).timestamp()


class _TrainRow(TypedDict):
    kind: Literal["train"]
    step: int
    images: int
    stage: str
    traced: dict[str, float]
    images_per_second: float | None
    metrics: dict[str, float | None]
    spent: NotRequired[dict[str, float]]


class _EvalRow(TypedDict):
    kind: Literal["eval"]
    step: int
    images: int
    seconds: float
    metrics: dict[str, Any]


class _EventRow(TypedDict):
    kind: Literal["event"]
    step: int
    images: int
    event: str
    detail: str
    time: float
    spent: NotRequired[dict[str, float]]


_KINDS = {"train": _TrainRow, "eval": _EvalRow, "event": _EventRow}


def read_rows(path: Path) -> list[Row]:
    """The rows of a metrics.jsonl, oldest first; empty if there is no such file.

    "metrics" of an eval row are measurements by key. A last line that a killed process wrote only
    in part is left out, which is said.

    Raises:
      UserError: if any other line is not a row, or the rows are not in order.
    """
    rows = _read_plain(path)
    shown = 0
    for number, row in enumerate(rows, start=1):
        try:
            if row["kind"] == "eval":
                row["metrics"] = measurement_json.from_json(row["metrics"])
        except UserError as error:
            raise _damaged(path, number, error) from error
        if row["kind"] == "train":
            if row["images"] < shown:
                why = f"it is of {row['images']:,} images after a row of {shown:,}"
                raise _damaged(path, number, why)
            shown = row["images"]
    return rows


def _damaged(path: Path, number: int, why: object) -> UserError:
    return UserError(
        f"{path}, line {number} is damaged ({why}): keep a copy of the file, and take the line out"
    )


def evaluated(rows: list[Row]) -> dict[int, dict[str, Measurement]]:
    """Step -> what was measured then; of several evaluations of one step the last counts."""
    return {row["step"]: row["metrics"] for row in rows if row["kind"] == "eval"}


def is_finished(workdir: WorkDir) -> bool:
    """Whether a run has come to its end."""
    events = [row for row in read_rows(workdir.metrics) if row["kind"] == "event"]
    return bool(events) and events[-1]["event"] == FINISHED


def _read_plain(path: Path) -> list[Row]:
    if not stored_json.is_there(path):
        return []
    stored_json.require_size(path)
    text = path.read_bytes()
    lines = text.splitlines()
    rows = []
    for number, line in enumerate(lines, start=1):
        try:
            plain = stored_json.parse(line)
        except ValueError as error:
            if number == len(lines) and not text.endswith(b"\n"):
                files.tell_once(
                    f"note: the last line of {path} was written only in part and is left out"
                )
                continue
            raise _damaged(path, number, error) from error
        try:
            rows.append(_checked(plain))
        except ValueError as error:
            raise _damaged(path, number, error) from error
    return rows


def _checked(plain: Any) -> Row:
    """A row of one of the kinds; raises ValueError if it is none."""
    kind = plain.get("kind") if isinstance(plain, dict) else None
    if not isinstance(kind, str) or kind not in _KINDS:
        raise ValueError(f"{str(plain)[:40]} is no row of metrics")
    row = stored_json.structure(plain, _KINDS[kind])
    for name in ("step", "images", "images_per_second", "seconds", "time"):
        if (row.get(name) or 0) < 0:
            raise ValueError(f"{name} is {row[name]}, below 0")
    for part, seconds in row.get("spent", {}).items():
        if seconds < 0:
            raise ValueError(f"spent.{part} is {seconds}, below 0")
    if row.get("time", 0) > _LAST_MOMENT:
        raise ValueError(f"time is {row['time']}, after the year 9999")
    return row


class MetricsLog:
    """Adds rows to metrics.jsonl, and their numbers to TensorBoard and trackers. A context manager.

    Opened for a run that continues from `resume_step`, it drops the train and eval rows of later
    steps, which will be computed anew; events stay, for they did happen. TensorBoard shows the
    repeated steps twice. On a disk every row is there at once; in a bucket, whose files cannot
    grow, at the next `flush`, event or evaluation, or after a minute.

    Args:
      workdir: an existing one.
      resume_step: iterations the continued state has behind it; 0 for a fresh run.
      active: False makes every method a no-op, for processes other than the first.
      trackers: names of services that keep the numbers too, see `runs.trackers`.
      config: what they are told of the configuration: field -> value.

    Raises:
      UserError: if metrics.jsonl is damaged before its last line.
    """

    def __init__(
        self,
        workdir: WorkDir,
        resume_step: int = 0,
        active: bool = True,
        trackers: Sequence[str] = (),
        config: Mapping[str, Any] | None = None,
    ):
        self._file = self._events = None
        self._active = active
        if not active:
            return
        self._trackers = [open_tracker(name, workdir, config or {}) for name in trackers]
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
        for tracker in self._trackers:
            tracker.close()

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
        for each in (self._events, *self._trackers):
            each.write_scalars(row["step"], _scalars(row))

    def write_image(self, name: str, step: int, image: np.ndarray) -> None:
        """Adds an image, uint8 (H, W, 1 or 3), to the TensorBoard events and trackers."""
        if self._active:
            for each in (self._events, *self._trackers):
                each.write_image(name, step, image)

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
