"""Where the numbers and pictures of a run go: metrics.jsonl and TensorBoard events.

metrics.jsonl holds one JSON object per line:

    {"kind": "train", "step", "images", "stage", "traced", "images_per_second", "metrics"}
    {"kind": "eval", "step", "images", "seconds", "metrics": {name: {"value", "protocol", ...}}}
    {"kind": "event", "step", "images", "event", "detail", "time"}

`images` counts real images shown, `seconds` is a duration, `time` is in Unix seconds. JSON knows no
NaN or infinity; such numbers are written as null.
"""

import json
import math
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from dermgan_jax.errors import UserError
from dermgan_jax.runs.workdir import write_atomically

METRICS_FILE = "metrics.jsonl"
_SHEET_NAME = re.compile(r"kimg_(\d+)\.(\d{3})_(.+)\.png")


def sample_sheet_name(images_seen: int, stage: str) -> str:
    """File name of a sample sheet, such as "kimg_00012.300_16x16.png"; names sort by time."""
    return f"kimg_{images_seen // 1000:05d}.{images_seen % 1000:03d}_{stage}.png"


def parse_sample_sheet_name(name: str) -> tuple[int, str] | None:
    """The inverse of `sample_sheet_name`: (images seen, stage), or None for any other file."""
    match = _SHEET_NAME.fullmatch(name)
    return match and (int(match[1]) * 1000 + int(match[2]), match[3])


def read_rows(path: Path) -> list[dict[str, Any]]:
    """The rows of a metrics.jsonl, oldest first; empty if there is no such file.

    A last line that a killed process wrote only in part is left out.

    Raises:
      UserError: if any other line is not valid JSON.
    """
    if not path.is_file():
        return []
    lines = path.read_bytes().splitlines()
    rows = []
    for number, line in enumerate(lines, start=1):
        try:
            rows.append(json.loads(line))
        except ValueError as error:
            if number < len(lines):
                raise UserError(
                    f"{path}, line {number} is damaged ({error}); delete that line"
                ) from error
    return rows


class MetricsWriter:
    """Appends rows to metrics.jsonl, each flushed, and mirrors their numbers to TensorBoard.

    A context manager. Opened for a run that continues from `resume_step`, it drops the train and
    eval rows of later steps, which will be computed anew; events stay, for they did happen.
    TensorBoard shows the repeated steps twice.

    Args:
      workdir: an existing folder.
      resume_step: iterations the continued state has behind it; 0 for a fresh run.
      active: False makes every method a no-op, for processes other than the first.

    Raises:
      UserError: if metrics.jsonl is damaged before its last line.
    """

    def __init__(self, workdir: Path, resume_step: int = 0, active: bool = True):
        self._file = self._tensorboard = None
        if not active:
            return
        path = workdir / METRICS_FILE
        kept = [
            row for row in read_rows(path) if row["kind"] == "event" or row["step"] <= resume_step
        ]
        write_atomically(path, "".join(map(_line, kept)))
        self._file = open(path, "a", encoding="utf-8")  # noqa: SIM115 (closed on exit)
        self._tensorboard = _open_tensorboard(workdir / "tensorboard")

    def __enter__(self) -> "MetricsWriter":
        return self

    def __exit__(self, *exception: object) -> None:
        if self._file:
            self._file.close()
        if self._tensorboard:
            self._tensorboard.close()

    def write(self, row: Mapping[str, Any]) -> None:
        """Appends one row; see the module's docstring. Array scalars become plain numbers."""
        if self._file:
            self._file.write(_line(row))
            self._file.flush()
        if self._tensorboard and (scalars := _scalars(row)):
            self._tensorboard.write_scalars(row["step"], scalars)

    def write_image(self, name: str, step: int, image: np.ndarray) -> None:
        """Adds an image, uint8 (H, W, 1 or 3), to the TensorBoard events."""
        if self._tensorboard:
            self._tensorboard.write_images(step, {name: image[None]})
            self._tensorboard.flush()


def _line(row: Mapping[str, Any]) -> str:
    return json.dumps(_plain(row), ensure_ascii=False, allow_nan=False) + "\n"


def _plain(value: Any) -> Any:
    """`value` as JSON has it: plain containers and numbers, null for NaN and infinities."""
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if hasattr(value, "item"):
        value = value.item()
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _scalars(row: Mapping[str, Any]) -> dict[str, float]:
    """What TensorBoard shows of a row, by tag."""
    if row["kind"] == "train":
        traced = {f"schedule/{name}": value for name, value in row["traced"].items()}
        return {**row["metrics"], **traced, "images_per_second": row["images_per_second"]}
    if row["kind"] == "eval":
        return {
            f"eval/{name}{part}": value
            for name, metric in row["metrics"].items()
            for part, value in [
                ("", metric["value"]),
                *((f"/{part}", value) for part, value in metric["details"].items()),
            ]
        }
    return {}


def _open_tensorboard(folder: Path) -> Any | None:
    """A clu writer of TensorBoard events, or None where TensorFlow is not installed."""
    try:
        import tensorflow as tf
        from clu import metric_writers
    except ImportError:
        print("TensorFlow is not installed: no TensorBoard events, only metrics.jsonl", flush=True)
        return None
    tf.config.set_visible_devices([], "GPU")  # the accelerator's memory belongs to JAX
    return metric_writers.SummaryWriter(str(folder))
