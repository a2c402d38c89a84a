"""Services that keep numbers of many runs, behind the one writer of metrics: MLflow and W&B.

Both write into the work directory, and nothing leaves this machine, unless their own environment
variables say otherwise: MLFLOW_TRACKING_URI, or WANDB_MODE=online. A run that is continued is
continued there too; trackers.json says under which name. A service that fails does not end a
training: it is left alone from then on, which is said.
"""

import json
import os
import time
from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np

from dermgan_jax import files, registry, stored_json
from dermgan_jax.errors import UserError, reason
from dermgan_jax.runs.workdir import WorkDir

PROJECT = "dermgan_jax"
NAMES = "trackers.json"
_REMEDY = "move it elsewhere, and the run gets new names there"


class Tracker(Protocol):
    """What a service takes; see `tensorboard.EventsWriter`."""

    def write_scalars(self, step: int, scalars: Mapping[str, float]) -> None:
        """Adds finite numbers by their tags."""

    def write_image(self, name: str, step: int, image: np.ndarray) -> None:
        """Adds an image, uint8 (H, W, 1 or 3)."""

    def close(self) -> None:
        """Writes everything that is left."""


def open_tracker(name: str, workdir: WorkDir, config: Mapping[str, Any]) -> Tracker:
    """A service by its registered name.

    Args:
      name: of `registry.names("tracker")`.
      workdir: of the run, on this machine.
      config: its fields, as "group.name".

    Raises:
      UserError: if it is unknown or not installed, or the work directory is in a bucket.
    """
    if not files.is_local(workdir.path):
        raise UserError(
            f"train.trackers: {name} keeps its files in the work directory, and {workdir.path} is "
            "in a bucket: leave it out"
        )
    try:
        return registry.load("tracker", name)(workdir, config)
    except ImportError as error:
        raise UserError(
            f"train.trackers names {name}, which is not installed ({error}): pip install "
            f"'dermgan-jax[{name}]'"
        ) from error


def _known_names(workdir: WorkDir) -> dict[str, str]:
    file = workdir.path / NAMES
    return stored_json.read(file, dict[str, str], _REMEDY) if stored_json.is_there(file) else {}


def _remember(workdir: WorkDir, tracker: str, name: str) -> None:
    names = {**_known_names(workdir), tracker: name}
    files.write_text(workdir.path / NAMES, json.dumps(names, indent=1) + "\n")


class Mlflow:
    """A run of MLflow, in WORKDIR/mlflow.db unless MLFLOW_TRACKING_URI names a server."""

    def __init__(self, workdir: WorkDir, config: Mapping[str, Any]):
        import sqlalchemy  # noqa: F401 (which MLflow looks for only when it writes)
        from mlflow.entities import Metric
        from mlflow.exceptions import MlflowException
        from mlflow.tracking import MlflowClient

        self._metric, self._fault, self._failed = Metric, MlflowException, False
        database = f"sqlite:///{files.absolute(workdir.path) / 'mlflow.db'}"
        place = os.environ.get("MLFLOW_TRACKING_URI") or database
        self._client = MlflowClient(tracking_uri=place, registry_uri=place)
        self._run = _known_names(workdir).get("mlflow", "")
        if not self._run:
            found = self._client.get_experiment_by_name(PROJECT)
            experiment = found.experiment_id if found else self._client.create_experiment(PROJECT)
            run = self._client.create_run(experiment, run_name=workdir.path.name)
            self._run = run.info.run_id
            for key, value in config.items():
                self._client.log_param(self._run, key, str(value)[:500])
            _remember(workdir, "mlflow", self._run)

    def write_scalars(self, step: int, scalars: Mapping[str, float]) -> None:
        """See `Tracker`."""
        if self._failed or not scalars:
            return
        now = int(time.time() * 1000)
        metrics = [self._metric(key, float(value), now, step) for key, value in scalars.items()]
        try:
            self._client.log_batch(self._run, metrics=metrics)
        except self._fault as error:
            self._failed = True
            files.tell_once(f"warning: MLflow takes no more numbers of this run: {reason(error)}")

    def write_image(self, name: str, step: int, image: np.ndarray) -> None:
        """Nothing: sheets lie in the work directory, and MLflow would copy them."""

    def close(self) -> None:
        """See `Tracker`."""
        if not self._failed:
            self._client.set_terminated(self._run)


class Wandb:
    """A run of Weights & Biases, in WORKDIR/wandb; `wandb sync` sends it, or WANDB_MODE=online."""

    def __init__(self, workdir: WorkDir, config: Mapping[str, Any]):
        import wandb

        self._image = wandb.Image
        known = _known_names(workdir).get("wandb")
        self._run = wandb.init(
            project=PROJECT,
            name=workdir.path.name,
            id=known,
            resume="allow" if known else None,
            dir=str(workdir.path),
            mode=os.environ.get("WANDB_MODE") or "offline",
            config={key: str(value) for key, value in config.items()},
            settings=wandb.Settings(silent=True),
        )
        if not known:
            _remember(workdir, "wandb", self._run.id)

    def write_scalars(self, step: int, scalars: Mapping[str, float]) -> None:
        """See `Tracker`."""
        if scalars:
            self._run.log(dict(scalars), step=step)

    def write_image(self, name: str, step: int, image: np.ndarray) -> None:
        """See `Tracker`."""
        self._run.log({name: self._image(image.squeeze())}, step=step)

    def close(self) -> None:
        """See `Tracker`."""
        self._run.finish()
