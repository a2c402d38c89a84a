"""Before a study is shown: can real and synthetic images be told apart without being looked at?

Two probes. One sees the files: lengths, times, chunks, tables, metadata; if it beats chance the
study is not released. One sees simple cues of the pixels; if it beats chance that is a warning,
since the cue may be what the generator does wrong, but readers may then answer by it alone. The
ids, which are random, may not sort by truth.
"""

import dataclasses
import hashlib
import json
from typing import Any

import numpy as np

from dermgan_jax import files
from dermgan_jax.data.decode import read_image
from dermgan_jax.errors import GateError, UserError
from dermgan_jax.readers import content_cues, file_traces, order
from dermgan_jax.readers.design import REAL
from dermgan_jax.readers.folder import StudyFolder
from dermgan_jax.readers.separability import Separability, separability

NAMES_ALPHA = 0.001  # p-value of ids that sort by truth, below which a study is refused
CHANGED = (
    "its images, key or orders are not those that passed the self-test: somebody or something "
    "changed them; restore them from a copy"
)
SEED = 0  # of the probes
TOO_WIDE = 0.75  # upper end of an AUC's interval from which nothing is ruled out
GRID = "JPEG grid"
HARDLY_SEEN = (GRID, "other grid of 8 pixels", "resampling")
SHOWN = 5  # images of either kind that the content probe is surest of


@dataclasses.dataclass(frozen=True)
class SelfTest:
    """What the two probes found.

    Attributes:
      files, content: of the probes; scores are left out when it is written.
      names_p: p-value that ids of real and synthetic images sort alike.
      real, fake: numbers of images.
      relied_on: ids of the images that the content probe is rightly surest of, by truth.
      digest: of all files, so that later changes are seen.
    """

    files: Separability
    content: Separability
    names_p: float
    real: int
    fake: int
    relied_on: dict[str, list[str]]
    digest: str

    @property
    def released(self) -> bool:
        """Whether the study may be shown to readers."""
        return not self.faults()

    def faults(self) -> list[str]:
        """Why the study may not be shown; empty if it may."""
        found = []
        if self.files.beats_chance:
            traces = ", ".join(f"{name} ({area:.2f})" for name, area in self.files.strongest())
            found.append(
                f"files alone tell real from synthetic images: AUC {_interval(self.files)}, by "
                f"{traces}"
            )
        if self.names_p < NAMES_ALPHA:
            found.append(f"ids sort by truth (p = {self.names_p:.1g}): choose another --seed")
        return found

    def warnings(self) -> list[str]:
        """What readers may answer by without knowing any medicine."""
        found = []
        if self.content.beats_chance:
            cues = ", ".join(f"{name} ({area:.2f})" for name, area in self.content.strongest())
            seen = [name for name, _ in self.content.strongest() if name not in HARDLY_SEEN]
            found.append(
                f"simple cues tell real from synthetic images: AUC {_interval(self.content)}, by "
                f"{cues}; "
                + (
                    f"readers may answer by {' or '.join(seen)} alone"
                    if seen
                    else "programs see these, eyes hardly do"
                )
                + ("; --recompress=90 compresses both sides alike" if GRID in cues else "")
            )
        elif self.content.high > TOO_WIDE:
            found.append(
                f"too few images to tell whether simple cues give the truth away: AUC "
                f"{_interval(self.content)}"
            )
        return found

    def to_json(self) -> dict[str, Any]:
        """What `json` can write."""
        plain = dataclasses.asdict(self)
        for probe in ("files", "content"):
            del plain[probe]["scores"]
        return {**plain, "released": self.released, "faults": self.faults()}


def _interval(probe: Separability) -> str:
    return f"{probe.auc:.2f} ({probe.low:.2f} … {probe.high:.2f})"


def self_test(folder: StudyFolder) -> SelfTest:
    """Probes the files that readers will get.

    Args:
      folder: with images and key.

    Raises:
      UserError: if an image of the key is missing, or cannot be read.
    """
    key = folder.read_key()
    ids = sorted(key)
    paths = [folder.image_file(name) for name in ids]
    if missing := [path.name for path in paths if not path.is_file()]:
        raise UserError(f"{folder.images} lacks {', '.join(missing[:3])}: make the study again")
    real = np.array([key[name].truth == REAL for name in ids])
    names, traces = file_traces.measure(paths)
    cues = np.stack([content_cues.measure(read_image(path, 3)) for path in paths])
    content = separability(cues, list(content_cues.CUES), real, SEED)
    return SelfTest(
        files=separability(traces, names, real, SEED),
        content=content,
        names_p=order.sorting_p(ids, real),
        real=int(real.sum()),
        fake=int((~real).sum()),
        relied_on=_relied_on(ids, real, content.scores),
        digest=digest(folder),
    )


def _relied_on(ids: list[str], real: np.ndarray, scores: np.ndarray) -> dict[str, list[str]]:
    surest = np.argsort(scores)
    found = {
        "real": [i for i in surest[::-1] if real[i] and scores[i] > 0.5],
        "fake": [i for i in surest if not real[i] and scores[i] < 0.5],
    }
    return {truth: [ids[i] for i in rows[:SHOWN]] for truth, rows in found.items()}


def digest(folder: StudyFolder) -> str:
    """SHA-256 of the images, the key and the orders."""
    found = hashlib.sha256()
    images = [folder.image_file(name) for name in sorted(folder.read_key())]
    for path in (*images, folder.key, folder.orders):
        found.update(path.name.encode())
        found.update(path.read_bytes() if path.is_file() else b"missing")
    return found.hexdigest()


def write(folder: StudyFolder, found: SelfTest) -> None:
    """Keeps the result beside the key."""
    files.write_text(folder.self_test, json.dumps(found.to_json(), indent=2) + "\n")


def is_unchanged(folder: StudyFolder) -> bool | None:
    """Whether images, key and orders are those that were tested; None if that is not known."""
    try:
        stored = json.loads(folder.self_test.read_text())["digest"]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return stored == digest(folder)


def require_released(folder: StudyFolder) -> None:
    """Checks that a study passed its self-test and is still the same.

    Raises:
      GateError: if it did not, was never tested, or its images, key or orders are others now.
    """
    try:
        plain = json.loads(folder.self_test.read_text())
        released, faults = plain["released"], plain["faults"]
    except (OSError, ValueError, KeyError) as error:
        raise GateError(
            f"{folder.path} has no self-test that says whether its files give the truth away: make "
            "the study again with dermgan readers_design"
        ) from error
    if not released:
        raise GateError(f"{folder.path} may not be shown: {'; '.join(faults)}")
    if not is_unchanged(folder):
        raise GateError(f"{folder.path}: {CHANGED}")
