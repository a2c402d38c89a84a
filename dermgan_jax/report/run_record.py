"""What a work directory tells of its run: the part of a report that is the same for every model."""

import dataclasses
import datetime
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, NotRequired, TypedDict, TypeVar

import numpy as np

from dermgan_jax import config as config_schema
from dermgan_jax import files, registry, stored_json
from dermgan_jax.errors import UserError
from dermgan_jax.files import Path
from dermgan_jax.listings import listing
from dermgan_jax.report import figures
from dermgan_jax.report.html import opened, picture_of
from dermgan_jax.runs.metrics_log import FINISHED, PREEMPTED, STOPPED, Row, read_rows
from dermgan_jax.runs.workdir import NEAREST, REALS, WorkDir, parse_sample_sheet_name

T = TypeVar("T")

MAX_EARLIER_SHEETS = 12
SHEET_WIDTH, THUMBNAIL_WIDTH = 1600, 480  # pixels; larger sheets are scaled down

DAMAGED_CONFIG = "put the original back, or take the value from another run of this kind"
DAMAGED_NOTE = "move it elsewhere, and the report is made without it"


class _Data(TypedDict):
    dataset: str
    resolution: int
    classes: NotRequired[list[str]]
    split: NotRequired[str]
    paired: NotRequired[bool]
    domain_a: NotRequired[list[str]]
    domain_b: NotRequired[list[str]]


class _Train(TypedDict):
    total_kimg: float
    total_epochs: NotRequired[float]


class _Model(TypedDict):
    name: str
    scale: NotRequired[int]
    pixel_kimg: NotRequired[float]


class _Checkpoint(TypedDict):
    best_metric: NotRequired[str]


class _Config(TypedDict):
    """What a report reads of a configuration, of whatever version."""

    title: str
    model: _Model
    data: _Data
    train: _Train
    checkpoint: NotRequired[_Checkpoint]


class _Card(TypedDict):
    dataset: str
    licence: str
    synthetic: bool
    classes: dict[str, dict[str, int]]
    split_hash: str
    num_groups: int
    group_noun: NotRequired[str]
    fingerprint: NotRequired[str]
    num_examples: NotRequired[dict[str, dict[str, int]]]


STATUS = {
    FINISHED: ("Finished", "good"),
    PREEMPTED: ("Interrupted; the same command continues it", "open"),
    STOPPED: ("Stopped by a fault", "bad"),
}
UNFINISHED = ("Unfinished: still training, or cut short", "open")
NOT_STARTED = ("Not started yet", "open")


@dataclasses.dataclass(frozen=True)
class RunRecord:
    """A work directory, read.

    Attributes:
      config: as stored; that of an older version of the program may lack fields of today.
      rows: of metrics.jsonl.
      card: of the data; empty before training began.
      sheets: pictures of sample sheets, the latest one last.
      epoch: images in an epoch; None if it is not known or the run does not count epochs.
      path: of the work directory; None of a record made otherwise.
      reals: a picture of training images; None if there is none.
      nearest: a picture of samples with the training images nearest to them; likewise.
    """

    config: Mapping[str, Any]
    rows: Sequence[Row]
    card: Mapping[str, Any]
    sheets: Sequence[dict[str, Any]]
    epoch: int | None
    path: Path | None = None
    reals: Mapping[str, Any] | None = None
    nearest: Mapping[str, Any] | None = None

    @property
    def family(self) -> str:
        """Of the model."""
        return self.config["model"]["name"]

    @property
    def best_metric(self) -> str:
        """`checkpoint.best_metric`, which early versions of the program did not have."""
        return self.config.get("checkpoint", {}).get("best_metric", "")

    def field(self, name: str) -> Any:
        """A field of the model.

        Raises:
          UserError: if the configuration lacks it.
        """
        if name not in self.config["model"]:
            raise UserError(f"the configuration of the {self.family} lacks model.{name}")
        return self.config["model"][name]

    @property
    def phantom(self) -> bool:
        """Whether the images that are called real are drawn by a program."""
        return self.card.get("synthetic", self.config["data"]["dataset"] in registry.DRAWN_DATASETS)

    def facts(self) -> dict[str, Any]:
        """How far the run got and in what time, as the first lines of the report tell it."""
        images = max((row["images"] for row in self.rows), default=0)
        epochs = self.config["train"].get("total_epochs", 0.0)
        if epochs:
            total_images = round(epochs * self.epoch) if self.epoch else None
        else:
            total_images = self.config["train"]["total_kimg"] * 1000
        train = [row for row in self.rows if row["kind"] == "train"]
        events = [row for row in self.rows if row["kind"] == "event"]
        status, tone = STATUS.get(events[-1]["event"], UNFINISHED) if events else NOT_STARTED
        return {
            "status": status,
            "tone": tone,
            "detail": events[-1]["detail"] if events else "",
            "images": images,
            "total_images": total_images,
            "epochs": f"{round(images / self.epoch, 1):g} of {epochs:g}"
            if epochs and self.epoch
            else "",
            "stage": train[-1]["stage"].partition(" ")[0] if train else "",
            "duration": duration(self.seconds_training()),
            "evaluating": duration(self.seconds_evaluating()),
        }

    def seconds_training(self) -> float:
        """From the beginning to the last train row, evaluations and pauses between included."""
        train = [row for row in self.rows if row["kind"] == "train"]
        shown = [0, *(row["images"] for row in train)]
        return sum(
            images / row["images_per_second"]
            for images, row in zip(np.diff(shown), train, strict=True)
            if row["images_per_second"]
        )

    def seconds_evaluating(self) -> float:
        """Of all evaluations together."""
        return sum(row["seconds"] for row in figures.evaluations(self.rows))

    def events(self) -> list[dict[str, Any]]:
        """When the run started, went on and ended."""
        return [{**row, "when": utc(row["time"])} for row in self.rows if row["kind"] == "event"]


class RunReport(NamedTuple):
    """What the report of one kind of model has of its own.

    Attributes:
      template: extends run.html.jinja.
      parts: what the template shows, by name.
    """

    template: str
    parts: Callable[[RunRecord], dict[str, Any]]


def read(workdir: WorkDir) -> RunRecord:
    """Reads a work directory of a run that is finished, interrupted, training or just started.

    Raises:
      UserError: if the folder is not a work directory, or a file in it is damaged.
    """
    if not workdir.exists:
        raise UserError(
            f"{workdir.path} is not a work directory: it has no config.json. "
            "Give the --workdir of a training run."
        )
    config = _config(workdir.config)
    card = read_json(workdir.data_card, _Card)
    return RunRecord(
        *(config, read_rows(workdir.metrics), card, _sheets(workdir.samples)),
        *(_epoch(config, card), workdir.path),
        reals=_picture(workdir.samples / REALS),
        nearest=_picture(workdir.samples / NEAREST),
    )


def _picture(path: Path) -> dict[str, Any] | None:
    """A picture for the page; None if there is no such file, or it is damaged, which is said."""
    there = stored_json.is_there(path) and _is_whole(path)
    return picture_of(path, SHEET_WIDTH) if there else None


def _config(file: Path) -> Mapping[str, Any]:
    """The configuration as it is: a run of an older version of the program has a report too.

    Raises:
      UserError: if what a report reads of it is not there, or has no meaning.
    """
    try:
        plain = config_schema.plain_from_json(read_text(file))
        config = stored_json.structure(plain, _Config)
        for group, name in (("data", "resolution"), ("model", "scale")):
            if config[group].get(name, 1) < 1:
                raise ValueError(f"{group}.{name} is {config[group][name]}, below 1")
    except (UserError, ValueError) as error:
        raise UserError(f"{file} is damaged ({error}): {DAMAGED_CONFIG}") from error
    return config


def _epoch(config: Mapping[str, Any], card: Mapping[str, Any]) -> int | None:
    """Images in an epoch; of old data cards, which lack it, only if the domains are classes."""
    data = config["data"]
    if not config["train"].get("total_epochs", 0.0):
        return None
    paired = data.get("paired", False)
    if "num_examples" in card:
        counted = card["num_examples"].get(data.get("split", ""), {})
        return counted.get("paired" if paired else "unpaired", 0) or None
    classes = card.get("classes", {})
    domains = [data.get("domain_a", ()), data.get("domain_b", ())]
    if (
        paired
        or not all(domains)
        or not all(name in classes for names in domains for name in names)
    ):
        return None
    split = data.get("split", "")
    return max(sum(classes[name].get(split, 0) for name in names) for names in domains) or None


def _sheets(folder: Path) -> list[dict[str, Any]]:
    """The latest sample sheet, last, after some earlier ones as thumbnails."""
    there = listing(folder)[1] if folder.is_dir() else []
    found = sorted(
        (parsed, path)
        for path in there
        if (parsed := parse_sample_sheet_name(path.name)) and _is_whole(path)
    )
    return [
        {
            "kimg": images / 1000,
            "stage": stage.replace("x", "×"),
            **picture_of(path, SHEET_WIDTH if path == found[-1][1] else THUMBNAIL_WIDTH),
        }
        for (images, stage), path in evenly(found[:-1], MAX_EARLIER_SHEETS) + found[-1:]
    ]


def _is_whole(path: Path) -> bool:
    """False, which is said, for a sheet that a killed run wrote only in part, or that is none."""
    try:
        with opened(path):
            return True
    except UserError as error:
        files.tell_once(f"note: left out of the report: {error}")
        return False


def evenly(items: Sequence[Any], most: int) -> list[Any]:
    """At most `most` of the items, the first and the last among them, evenly spaced."""
    if len(items) <= most:
        return list(items)
    return [items[round(i)] for i in np.linspace(0, len(items) - 1, most)]


def duration(seconds: float) -> str:
    """A length of time in the two units that matter, such as "1 h 05 min"."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes:02d} min"
    return f"{minutes} min {rest:02d} s" if minutes else f"{rest} s"


def utc(timestamp: float) -> str:
    """A moment in Unix seconds, to the minute."""
    moment = datetime.datetime.fromtimestamp(timestamp, datetime.UTC)
    return moment.strftime("%Y-%m-%d %H:%M UTC")


def read_json(path: Path, kind: type[T] = dict[str, Any]) -> T | dict[str, Any]:
    """A JSON object of a type; empty if there is no such file.

    Raises:
      UserError: if the file is damaged.
    """
    return stored_json.read(path, kind, DAMAGED_NOTE) if stored_json.is_there(path) else {}


def read_text(path: Path) -> str:
    """A text file.

    Raises:
      UserError: if it is damaged.
    """
    stored_json.require_size(path)
    try:
        return path.read_text("utf-8")
    except UnicodeDecodeError as error:
        raise UserError(f"{path} is damaged ({error}): {DAMAGED_NOTE}") from error
