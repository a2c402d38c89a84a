"""Which runs made the synthetic images of a study: kept beside its key when it is made.

Whoever draws from a run later, or trains it anew, changes nothing about what readers have seen.
"""

import json
from collections.abc import Iterable
from typing import TypedDict

from dermgan_jax import files, stored_json
from dermgan_jax.errors import UserError
from dermgan_jax.readers.folder import StudyFolder
from dermgan_jax.readers.sides import Side
from dermgan_jax.synthesis import made_by
from dermgan_jax.synthesis.made_by import MadeBy

REMEDY = "restore it from a copy, or move it elsewhere: then no run is told of the result"


class Source(TypedDict):
    """The run that made images: its folder as it was named, its identity, the checkpoint's step."""

    workdir: str
    run: str
    checkpoint: int


def write(folder: StudyFolder, sides: Iterable[Side]) -> None:
    """Keeps what made the images of each synthetic side; null where they do not say."""
    told = {side.name: _source(side.made_by) for side in sides}
    files.write_text(folder.sources, json.dumps(told, indent=2) + "\n")


def read(folder: StudyFolder, names: Iterable[str]) -> dict[str, Source | None]:
    """What made the images of each source; None where it is not known.

    A study that was made before this was kept is asked through the samples it names, if they are
    still there. A work directory may have been trained anew since and tells nothing.

    Args:
      folder: of the study.
      names: of its synthetic sources.

    Raises:
      UserError: if the file is damaged.
    """
    if stored_json.is_there(folder.sources):
        stored = stored_json.read(folder.sources, dict[str, Source | None], REMEDY)
        return {name: stored.get(name) for name in names}
    return {name: _of_samples(name) for name in names}


def _of_samples(name: str) -> Source | None:
    try:
        return _source(made_by.read(files.to_path(name)))
    except UserError:  # samples that cannot say what made them
        return None


def _source(told: MadeBy | None) -> Source | None:
    if told is None:
        return None
    return Source(workdir=told.workdir, run=told.run, checkpoint=told.checkpoint)
