"""TensorBoard events of a run. Event files grow, which those of a bucket cannot: there they are
written on this machine and uploaded as a whole now and then."""

import contextlib
import pathlib
import tempfile
from collections.abc import Mapping
from typing import Any

import numpy as np

from dermgan_jax import files
from dermgan_jax.files import Path


class EventsWriter:
    """Writes events, or nothing where TensorFlow is not installed, which it says once.

    Args:
      folder: of the events.
    """

    def __init__(self, folder: Path):
        self._folder = folder
        self._temporary: tempfile.TemporaryDirectory | None = None
        if not files.is_local(folder):
            self._temporary = tempfile.TemporaryDirectory(prefix="dermgan-events-")
        self._local = pathlib.Path(self._temporary.name) if self._temporary else folder
        self._writer = _open(self._local)
        self._sizes: dict[str, int] = {}  # of the files when they were last uploaded

    def write_scalars(self, step: int, scalars: Mapping[str, float]) -> None:
        """Adds finite numbers by their tags."""
        if self._writer and scalars:
            self._writer.write_scalars(step, scalars)

    def write_image(self, name: str, step: int, image: np.ndarray) -> None:
        """Adds an image, uint8 (H, W, 1 or 3)."""
        if self._writer:
            self._writer.write_images(step, {name: image[None]})
            self._writer.flush()

    def upload(self) -> None:
        """Copies what is new to the bucket."""
        if self._temporary is None or self._writer is None:
            return
        self._writer.flush()
        for path in sorted(self._local.rglob("*")):
            name = path.relative_to(self._local).as_posix()
            if path.is_file() and path.stat().st_size != self._sizes.get(name):
                self._sizes[name] = path.stat().st_size
                files.copy(path, self._folder / name)

    def close(self) -> None:
        """Writes everything that is left."""
        if self._writer:
            self._writer.close()
            with contextlib.suppress(ValueError):  # flushing what is closed already
                self.upload()
        if self._temporary:
            self._temporary.cleanup()


def _open(folder: pathlib.Path) -> Any | None:
    """A clu writer of TensorBoard events, or None where TensorFlow is not installed."""
    try:
        import tensorflow as tf
        from clu import metric_writers
    except ImportError:
        print("TensorFlow is not installed: no TensorBoard events, only metrics.jsonl", flush=True)
        return None
    tf.config.set_visible_devices([], "GPU")  # the accelerator's memory belongs to JAX
    return metric_writers.SummaryWriter(str(folder))
