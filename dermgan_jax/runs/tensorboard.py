"""TensorBoard events of a run: plain scalars and images, which every reader of events finds.

Event files grow, which those of a bucket cannot: there they are written on this machine and
uploaded as a whole now and then.
"""

import io
import pathlib
import tempfile
import time
from collections.abc import Mapping, Sequence

import numpy as np
from PIL import Image
from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.summary.writer.event_file_writer import EventFileWriter

from dermgan_jax import files
from dermgan_jax.files import Path


class EventsWriter:
    """Writes events.

    Args:
      folder: of the events.
    """

    def __init__(self, folder: Path):
        self._folder = folder
        self._temporary: tempfile.TemporaryDirectory | None = None
        if not files.is_local(folder):
            self._temporary = tempfile.TemporaryDirectory(prefix="dermgan-events-")
        self._local = pathlib.Path(self._temporary.name) if self._temporary else folder
        self._writer = EventFileWriter(str(self._local))
        self._sizes: dict[str, int] = {}  # of the files when they were last uploaded

    def write_scalars(self, step: int, scalars: Mapping[str, float]) -> None:
        """Adds finite numbers by their tags."""
        if scalars:
            self._add(step, [Summary.Value(tag=k, simple_value=v) for k, v in scalars.items()])

    def write_image(self, name: str, step: int, image: np.ndarray) -> None:
        """Adds an image, uint8 (H, W, 1 or 3)."""
        height, width, channels = image.shape
        buffer = io.BytesIO()
        Image.fromarray(image.squeeze(-1) if channels == 1 else image).save(buffer, "PNG")
        shown = Summary.Image(
            height=height,
            width=width,
            colorspace=channels,
            encoded_image_string=buffer.getvalue(),
        )
        self._add(step, [Summary.Value(tag=name, image=shown)])
        self._writer.flush()

    def _add(self, step: int, values: Sequence[Summary.Value]) -> None:
        event = Event(wall_time=time.time(), step=step, summary=Summary(value=values))
        self._writer.add_event(event)

    def upload(self) -> None:
        """Copies what is new to the bucket."""
        if self._temporary is None:
            return
        self._writer.flush()
        for path in sorted(self._local.rglob("*")):
            name = path.relative_to(self._local).as_posix()
            if path.is_file() and path.stat().st_size != self._sizes.get(name):
                self._sizes[name] = path.stat().st_size
                files.copy(path, self._folder / name)

    def close(self) -> None:
        """Writes everything that is left."""
        self.upload()
        self._writer.close()
        if self._temporary:
            self._temporary.cleanup()
