"""The work directory: everything about one run lies in one folder, on a disk or in a bucket.

config.json  checkpoints/  metrics.jsonl  tensorboard/  samples/  profile/  report.html
data_card.json  environment.json  parameters.txt  init_from.json  began_as.json  planned.json
groups.csv  groups.png  sessions.jsonl  trackers.json  findings/  model_card.md  data_card.md
"""

import dataclasses
import os
import re

from ml_collections import FrozenConfigDict

from dermgan_jax import config as config_schema
from dermgan_jax import files, registry, stored_json
from dermgan_jax.errors import UserError
from dermgan_jax.files import Path
from dermgan_jax.models.contract import Model

SCHEMES = ("", "gs")  # of paths where Orbax writes checkpoints
# Orbax looks for the parts of a checkpoint by a pattern that begins with the path, and TensorStore
# takes a backslash for a separator: what is written below such a path cannot be read again.
_PATTERN = "[*?\\"
REALS = "reals.png"  # training images, beside the sample sheets
NEAREST = "nearest.png"  # samples, each with the training image nearest to it
_SHEET_NAME = re.compile(r"kimg_(\d+)\.(\d{3})_(.+)\.png")


@dataclasses.dataclass(frozen=True)
class WorkDir:
    """Names of the things in a work directory.

    Raises:
      UserError: if checkpoints cannot be written there.
    """

    path: Path

    def __post_init__(self) -> None:
        if files.scheme(self.path) not in SCHEMES:
            raise UserError(
                f"{self.path}: a work directory lies on this machine or in gs://; checkpoints "
                "cannot be written elsewhere"
            )

    @property
    def config(self) -> Path:
        return self.path / "config.json"

    @property
    def began_as(self) -> Path:
        """The configuration that names the run, if it was continued with another one."""
        return self.path / "began_as.json"

    @property
    def checkpoints(self) -> Path:
        return self.path / "checkpoints"

    @property
    def metrics(self) -> Path:
        return self.path / "metrics.jsonl"

    @property
    def samples(self) -> Path:
        return self.path / "samples"

    @property
    def data_card(self) -> Path:
        return self.path / "data_card.json"

    @property
    def groups(self) -> Path:
        """The groups that were found (`data.groups=auto`): a table with path and group."""
        return self.path / "groups.csv"

    @property
    def groups_sheet(self) -> Path:
        """Pairs of images that were taken to show the same thing."""
        return self.path / "groups.png"

    @property
    def environment(self) -> Path:
        return self.path / "environment.json"

    @property
    def parameters(self) -> Path:
        return self.path / "parameters.txt"

    @property
    def init_from(self) -> Path:
        """What a run that began from another took of it."""
        return self.path / "init_from.json"

    @property
    def findings(self) -> Path:
        """What commands found out about the run later."""
        return self.path / "findings"

    @property
    def report(self) -> Path:
        return self.path / "report.html"

    @property
    def exists(self) -> bool:
        """Whether the folder is a work directory."""
        return self.config.is_file()

    def read_config(self) -> FrozenConfigDict:
        """The configuration that the run has now.

        Raises:
          UserError: if the folder is not a work directory.
        """
        self.require()
        return _read(self.config)

    def read_naming_config(self) -> FrozenConfigDict:
        """The configuration with those values that the run began with: what it is known by.

        Raises:
          UserError: if the folder is not a work directory.
        """
        config = self.read_config()
        if not stored_json.is_there(self.began_as):
            return config
        first, now = map(config_schema.flatten, (_read(self.began_as), config))
        changeable = config_schema.TELLING_FIELDS | config_schema.MEASURING_FIELDS
        return config_schema.validate(
            config_schema.unflatten(now | {key: first[key] for key in changeable})
        )

    def require(self) -> None:
        """Checks that the folder is a work directory.

        Raises:
          UserError: if it is not.
        """
        if not self.exists:
            raise UserError(
                f"{self.path} is not a work directory: it has no config.json. "
                "dermgan train --config=NAME --workdir=DIR starts one"
            )

    def adopt(self, config: FrozenConfigDict) -> None:
        """Makes the folder the work directory of `config`, or finds that it already is.

        Fields that the networks do not learn from may change, which is said.

        Raises:
          UserError: if the folder holds a run of another configuration, checkpoints below it could
            not be read, or it cannot be written.
        """
        self.require_readable_path()
        if self.exists:
            self._continue(config)
        elif self.metrics.is_file() or self.checkpoints.is_dir():
            raise UserError(
                f"{self.path} holds a run without its config.json, so that nobody knows what it "
                "learned: put config.json back, or use another --workdir"
            )
        self.write_config(config)

    def _continue(self, config: FrozenConfigDict) -> None:
        """Takes note of what changes, if the run may go on with it."""
        stored = self.read_config()
        differences = config_schema.differences(stored, config)
        free = config_schema.TELLING_FIELDS | _free_measuring(stored)
        if learned := [line for line in differences if line.partition(":")[0] not in free]:
            raise UserError(
                f"{self.path} holds a run with another configuration:\n"
                + "\n".join(f"  {line}" for line in learned)
                + "\nUse another --workdir, or leave --config out to continue that run as it is"
            )
        if differences and not stored_json.is_there(self.began_as):
            files.write_text(self.began_as, config_schema.to_json(stored))
        for line in config_schema.changes(stored, config):
            print(f"note: {self.path} goes on with {line}", flush=True)

    def require_readable_path(self) -> None:
        """Checks that checkpoints below the folder could be read again.

        Raises:
          UserError: if its path has a character that reads as a pattern.
        """
        path = os.fspath(files.absolute(self.path))
        try:
            path.encode()
        except UnicodeEncodeError as error:
            raise UserError(
                f"{path!r} is not UTF-8, and checkpoints are written below such paths only: choose "
                "another --workdir, or rename the folder"
            ) from error
        found = [character for character in _PATTERN if character in path]
        if found:
            raise UserError(
                f"{path}: checkpoints below a path with {' and '.join(found)} cannot be read "
                "again: choose another --workdir, or rename the folder"
            )

    def write_config(self, config: FrozenConfigDict) -> None:
        """Writes config.json.

        Raises:
          UserError: if it cannot be written.
        """
        try:
            files.write_text(self.config, config_schema.to_json(config))
        except OSError as error:
            raise UserError(
                f"{self.path} cannot be used as a work directory: {error.strerror or error}"
            ) from error


def _read(file: Path) -> FrozenConfigDict:
    stored_json.require_size(file)
    try:
        return config_schema.from_json(file.read_text("utf-8"))
    except (UnicodeDecodeError, UserError) as error:
        raise UserError(f"{file} cannot be used: {error}") from error


def _free_measuring(config: FrozenConfigDict) -> frozenset[str]:
    """The fields of measuring that a run may be continued with other values of."""
    family = registry.load("model", config.model.name)
    learns = family.observe is not Model.observe
    return frozenset() if learns else config_schema.MEASURING_FIELDS


def sample_sheet_name(images_seen: int, stage: str) -> str:
    """File name of a sample sheet, such as "kimg_00012.300_16x16.png"; names sort by time."""
    return f"kimg_{images_seen // 1000:05d}.{images_seen % 1000:03d}_{stage}.png"


def parse_sample_sheet_name(name: str) -> tuple[int, str] | None:
    """The inverse of `sample_sheet_name`: (images seen, stage), or None for any other file."""
    match = _SHEET_NAME.fullmatch(name)
    return match and (int(match[1]) * 1000 + int(match[2]), match[3])
