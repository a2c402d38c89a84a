"""The work directory: everything about one run lies in one folder, on a disk or in a bucket.

config.json  checkpoints/  metrics.jsonl  tensorboard/  samples/  report.html
data_card.json  environment.json  parameters.txt  init_from.json
"""

import dataclasses
import re

from ml_collections import FrozenConfigDict

from dermgan_jax import config as config_schema
from dermgan_jax import files
from dermgan_jax.errors import UserError
from dermgan_jax.files import Path

SCHEMES = ("", "gs")  # of paths where Orbax writes checkpoints
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
    def report(self) -> Path:
        return self.path / "report.html"

    @property
    def exists(self) -> bool:
        """Whether the folder is a work directory."""
        return self.config.is_file()

    def read_config(self) -> FrozenConfigDict:
        """The configuration that the run was started with.

        Raises:
          UserError: if the folder is not a work directory.
        """
        self.require()
        try:
            return config_schema.from_json(self.config.read_text())
        except UnicodeDecodeError as error:
            raise UserError(f"{self.config} is damaged: {error}") from error

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

        Raises:
          UserError: if the folder holds a run of another configuration, or cannot be written.
        """
        if self.exists:
            differences = config_schema.differences(self.read_config(), config)
            if differences:
                raise UserError(
                    f"{self.path} holds a run with another configuration:\n"
                    + "\n".join(f"  {line}" for line in differences)
                    + "\nUse another --workdir, or leave --config out to continue that run as it is"
                )
        elif self.metrics.is_file() or self.checkpoints.is_dir():
            raise UserError(
                f"{self.path} holds a run without its config.json, so that nobody knows what it "
                "learned: put config.json back, or use another --workdir"
            )
        self.write_config(config)

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


def sample_sheet_name(images_seen: int, stage: str) -> str:
    """File name of a sample sheet, such as "kimg_00012.300_16x16.png"; names sort by time."""
    return f"kimg_{images_seen // 1000:05d}.{images_seen % 1000:03d}_{stage}.png"


def parse_sample_sheet_name(name: str) -> tuple[int, str] | None:
    """The inverse of `sample_sheet_name`: (images seen, stage), or None for any other file."""
    match = _SHEET_NAME.fullmatch(name)
    return match and (int(match[1]) * 1000 + int(match[2]), match[3])
