"""What made some samples: a small JSON file beside them, and a line of text in every PNG file.

A folder of samples holds made_by.json; beside SAMPLES.npz lies SAMPLES_made_by.json. It is there
from the beginning and says when all images are. A table of the images comes at the end, see
`manifest`; `marked_images` writes both.
"""

import dataclasses
import json
from collections.abc import Sequence
from typing import Any, NotRequired, TypedDict

from dermgan_jax import __version__, files, listings, stored_json
from dermgan_jax.data import filled_folders, image_marks
from dermgan_jax.data.decode import SUFFIXES
from dermgan_jax.errors import UserError
from dermgan_jax.files import Path
from dermgan_jax.runs.restore import Restored
from dermgan_jax.synthesis import manifest
from dermgan_jax.synthesis.drawing import Drawing

NAME = filled_folders.MADE_BY
PNG_KEY = image_marks.KEY
SYNTHETIC = "synthetic image, made by a generative model; it shows no patient"
# Of translations and enlargements, which may well be of a patient.
TRANSLATED = "synthetic image, made by a model of another image; its details are the model's"


@dataclasses.dataclass(frozen=True)
class MadeBy:
    """Where samples come from.

    Attributes:
      workdir: the run's folder, as it was named.
      run: identifies the run, wherever its folder lies.
      family: of the model.
      checkpoint: its step.
      drawing: how they were drawn, the checkpoint as it was asked for; None of translations.
      direction: of translations.
      latents: digest of the latents that were given in place of the seed, or "".
      input: of translations, the folder or file that was translated.
      corner_mark: the images carry a visible mark, see `corner_mark`.
    """

    workdir: str
    run: str
    family: str
    checkpoint: int
    drawing: Drawing | None
    direction: str = ""
    latents: str = ""
    input: str = ""
    corner_mark: bool = False

    def to_json(self) -> dict[str, Any]:
        """The fields as JSON values, and that the images are synthetic."""
        return {
            "synthetic": True,
            "workdir": self.workdir,
            "run": self.run,
            "model": self.family,
            "checkpoint": self.checkpoint,
            "drawing": dataclasses.asdict(self.drawing) if self.drawing else None,
            "direction": self.direction,
            "latents": self.latents,
            "input": self.input,
            **({filled_folders.CORNER_MARK: True} if self.corner_mark else {}),
            "dermgan_jax": __version__,
        }

    def png_facts(self) -> dict[str, Any]:
        """What a PNG file says; the name of the folder, but not where it lies."""
        told = {**self.to_json(), "workdir": self.workdir.rstrip("/").rpartition("/")[2]}
        del told["input"]  # whose name may be a patient's
        return told

    def asked(self, command: str) -> dict[str, Any]:
        """What the samples depend on, as JSON values; see `output_folder.filling`."""
        told = self.to_json()
        for key in ("synthetic", "workdir", "dermgan_jax"):
            del told[key]
        return {"command": command, **told}

    def is_alike(self, other: "MadeBy") -> bool:
        """Whether two would make the same images; the folder of the run may be named otherwise."""
        return dataclasses.replace(self, workdir=other.workdir) == other

    def is_same_run(self, restored: Restored) -> bool:
        """Whether the samples are of the run of a restored model."""
        return self.run == restored.run


def made_by(
    workdir: Path, restored: Restored, drawing: Drawing | None = None, direction: str = ""
) -> MadeBy:
    """What samples or translations of a restored model are made by."""
    return MadeBy(
        workdir=str(workdir),
        run=restored.run,
        family=restored.model.config.model.name,
        checkpoint=restored.step,
        drawing=drawing,
        direction=direction,
    )


class _Stored(TypedDict):
    workdir: str
    run: str
    model: str
    checkpoint: int
    drawing: dict[str, Any] | None
    direction: str
    complete: bool
    latents: NotRequired[str]
    input: NotRequired[str]
    corner_mark: NotRequired[bool]


def place(samples: Path) -> Path:
    """Where the file lies that says what made some samples, a folder or an .npz."""
    if samples.suffix == ".npz":
        return samples.with_name(f"{samples.stem}_{NAME}")
    return samples / NAME


def begin(samples: Path, told: MadeBy | None) -> None:
    """Says what makes samples, in a folder or an .npz, that are about to be written.

    The same samples may be written again, after an interruption for instance. An .npz of others is
    replaced, and that is said.

    Args:
      samples: where.
      told: None if it is not known.

    Raises:
      UserError: if a folder holds images that were made otherwise, or a manifest.csv of others.
    """
    is_file = samples.suffix == ".npz"
    found = [samples] if is_file and samples.is_file() else []
    if not is_file and samples.is_dir():
        found = listings.find_files(samples, SUFFIXES)
    before = _read(samples)[0] if found else None
    if found and (before is None or told is None or not before.is_alike(told)):
        if not is_file:
            raise UserError(
                f"{samples} holds {len(found)} images that were made otherwise: name another "
                "folder, or empty it"
            )
        print(f"note: {samples} held images that were made otherwise; they are replaced")
    manifest.begin(samples)
    if told is not None:
        _write(samples, told, complete=False)
    else:
        place(samples).unlink(missing_ok=True)


def end(samples: Path, told: MadeBy | None, rows: Sequence[manifest.Row] = ()) -> None:
    """Says that all samples, in a folder or an .npz, are written, and which these are."""
    if rows:
        manifest.write(samples, rows)
    if told is not None:
        _write(samples, told, complete=True)


def _write(samples: Path, told: MadeBy, complete: bool) -> None:
    plain = {**told.to_json(), "complete": complete}
    files.write_text(place(samples), json.dumps(plain, indent=2) + "\n")


def read(samples: Path) -> MadeBy | None:
    """What made some samples; None where nothing says so.

    Raises:
      UserError: if the file is damaged, or the samples were never completed.
    """
    told, complete = _read(samples)
    if told is not None and not complete:
        filled_folders.refuse_partial(samples)
    return told


def _read(samples: Path) -> tuple[MadeBy | None, bool]:
    file = place(samples)
    if not file.is_file():
        return None, False
    try:
        plain = stored_json.structure(stored_json.parse(file.read_bytes()), _Stored)
        told = MadeBy(
            workdir=plain["workdir"],
            run=plain["run"],
            family=plain["model"],
            checkpoint=plain["checkpoint"],
            drawing=Drawing(**plain["drawing"]) if plain["drawing"] else None,
            direction=plain["direction"],
            latents=plain.get("latents", ""),
            input=plain.get("input", ""),
            corner_mark=plain.get(filled_folders.CORNER_MARK, False),
        )
        return told, bool(plain["complete"])
    except (ValueError, KeyError, TypeError) as error:
        raise UserError(
            f"{file} does not say what made the images beside it ({error}): remove it to do without"
        ) from error
