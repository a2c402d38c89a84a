"""The work directory: everything about one run lies in one folder.

config.json  checkpoints/  metrics.jsonl  tensorboard/  samples/  report.html
data_card.json  environment.json  parameters.txt
"""

import contextlib
import dataclasses
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

import numpy as np
from ml_collections import FrozenConfigDict

from dermgan_jax import config as config_schema
from dermgan_jax.errors import UserError


@dataclasses.dataclass(frozen=True)
class WorkDir:
    """Names of the things in a work directory."""

    path: Path

    @property
    def config(self) -> Path:
        return self.path / "config.json"

    @property
    def checkpoints(self) -> Path:
        return self.path / "checkpoints"

    @property
    def samples(self) -> Path:
        return self.path / "samples"

    def read_config(self) -> FrozenConfigDict:
        """The configuration that the run was started with.

        Raises:
          UserError: if the folder is not a work directory.
        """
        if not self.config.is_file():
            raise UserError(
                f"{self.path} is not a work directory: it has no config.json. "
                "Start one with --config=configs/NAME.py --workdir=…"
            )
        return config_schema.from_json(self.config.read_text())

    def adopt(self, config: FrozenConfigDict) -> None:
        """Makes the folder the work directory of `config`, or finds that it already is.

        Raises:
          UserError: if the folder holds a run of another configuration.
        """
        if self.config.is_file():
            differences = config_schema.differences(self.read_config(), config)
            if differences:
                raise UserError(
                    f"{self.path} holds a run with another configuration:\n"
                    + "\n".join(f"  {line}" for line in differences)
                    + "\nUse another --workdir, or leave --config out to continue that run as it is"
                )
        self.path.mkdir(parents=True, exist_ok=True)
        write_atomically(self.config, config_schema.to_json(config))

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Holds the folder for this process. The lock goes with the process, however it ends.

        Raises:
          UserError: if another process holds it, or it cannot be written.
        """
        with self._open_lock() as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                file.seek(0)
                raise UserError(
                    f"another run (process {file.read().strip() or 'unknown'}) is using "
                    f"{self.path}: wait for it, stop it, or use another --workdir"
                ) from error
            file.truncate(0)
            file.write(f"{os.getpid()}\n")
            file.flush()
            yield

    def _open_lock(self) -> TextIO:
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            return open(self.path / ".lock", "a+")
        except OSError as error:
            raise UserError(
                f"{self.path} cannot be used as a work directory: {error.strerror}"
            ) from error


def write_atomically(path: Path, text: str) -> None:
    """Writes a text file so that a reader sees the old or the new content, never a part."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    temporary.write_text(text)
    os.replace(temporary, path)


def write_arrays(path: Path, **arrays: np.ndarray) -> None:
    """Writes an .npz as `write_atomically` writes text."""
    temporary = path.with_name(f".{os.getpid()}-{path.name}")
    np.savez(temporary, **arrays)
    os.replace(temporary, path)
