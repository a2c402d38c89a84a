"""Which images are ours, of which run, and which were altered since, for `dermgan verify`.

A PNG file of ours says what made it and which pixels it had; manifest.csv says the same of a whole
folder. Neither is signed: see `CAUTION`.
"""

import collections
import dataclasses
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from dermgan_jax import files, listings
from dermgan_jax.data import decode, image_marks
from dermgan_jax.data.faults import DataError, lines
from dermgan_jax.errors import UserError, printable
from dermgan_jax.files import Path
from dermgan_jax.progress_bar import progress_bar
from dermgan_jax.runs import restore
from dermgan_jax.runs.workdir import WorkDir
from dermgan_jax.synthesis import made_by, manifest

UNALTERED, ALTERED, UNCHECKED = "unaltered", "altered", "unchecked"
UNKNOWN_RUN, UNMARKED, UNREADABLE = "unknown_run", "unmarked", "unreadable"
STATES = {
    UNALTERED: "ours and unaltered",
    ALTERED: "ours, but altered",
    UNKNOWN_RUN: "marked as ours and unaltered, but of a run that is not known here",
    UNCHECKED: "marked as ours before files told their pixels: altered or not, nobody can say",
    UNMARKED: "not marked",
    UNREADABLE: "not readable",
}
CAUTION = (
    "note: a mark shows what a file says of itself. It is no signature: anybody can remove it, "
    "copy it or write one, so that an image without a mark is not shown to be real, nor one with a "
    "mark to be of the run that it names."
)
SHOWN = 20  # files of a state, and runs, that the text names
LONGEST = 80  # characters of a run that are shown


@dataclasses.dataclass(frozen=True)
class Checked:
    """An image.

    Attributes:
      file: its name below the input, with slashes; of an .npz KEY/POSITION.
      state: of `STATES`.
      run, checkpoint: that it names, "" and -1 if it names none.
      why: what the state rests on, "" where it is plain.
    """

    file: str
    state: str
    run: str = ""
    checkpoint: int = -1
    why: str = ""


@dataclasses.dataclass(frozen=True)
class Verification:
    """What was found.

    Attributes:
      source: folder or .npz.
      images: all, in the order of their names.
      missing: files that a manifest names and that are not there.
      notes: what a reader has to know.
    """

    source: Path
    images: tuple[Checked, ...]
    missing: tuple[str, ...]
    notes: tuple[str, ...]

    def of(self, state: str) -> list[Checked]:
        """The images of one state."""
        return [one for one in self.images if one.state == state]

    def runs(self) -> dict[str, dict[int, int]]:
        """Run -> checkpoint -> how many images name them."""
        found: dict[str, dict[int, int]] = {}
        for one in self.images:
            if one.run:
                steps = found.setdefault(one.run, {})
                steps[one.checkpoint] = steps.get(one.checkpoint, 0) + 1
        return found

    def text(self) -> str:
        """Counts, the files that are not what they should be, and the runs."""
        told = [f"{len(self.images)} images in {self.source}"]
        for state, words in STATES.items():
            found = self.of(state)
            if found:
                told.append(f"{len(found):>7} {words}")
            if state not in (UNALTERED, UNMARKED):
                told += _some([f"{one.file}{f': {one.why}' if one.why else ''}" for one in found])
        if self.missing:
            told.append(f"{len(self.missing):>7} named by {manifest.NAME} and not there")
            told += _some(list(self.missing))
        told += _some([_of_run(run, steps) for run, steps in self.runs().items()], "")
        return "\n".join([*told, *self.notes, CAUTION])

    def to_json(self) -> dict[str, Any]:
        """{"input", "counts", "runs", "missing", "notes", "images"}."""
        counts = collections.Counter(one.state for one in self.images)
        return {
            "input": str(self.source),
            "counts": {state: counts[state] for state in STATES},
            "runs": {
                run: {str(s): n for s, n in each.items()} for run, each in self.runs().items()
            },
            "missing": list(self.missing),
            "notes": [*self.notes, CAUTION],
            "images": [dataclasses.asdict(one) for one in self.images],
        }


def verify(source: Path, workdirs: Sequence[Path] = ()) -> Verification:
    """Looks at every image of a folder, or of an .npz beside which a manifest lies.

    Args:
      source: a folder, its subfolders included, or an .npz.
      workdirs: of the runs that count as known; without any, all do.

    Raises:
      UserError: if there are no images, or one of the runs has no checkpoint.
    """
    known = {run_of(workdir): str(workdir) for workdir in workdirs}
    if source.suffix == ".npz":
        found, missing, notes = _of_arrays(source)
    elif source.is_dir():
        found, missing, notes = _of_folder(source)
    else:
        raise UserError(f"{source} is neither a folder of images nor an .npz file")
    notes += [f"run {run} is that of {name}" for run, name in known.items()]
    if not known:
        notes.append("note: every run counts as known; --workdir=RUN says which ones are yours")
    images = tuple(_held_against(one, known) for one in found)
    return Verification(source, images, tuple(missing), tuple(notes))


def run_of(workdir: Path) -> str:
    """What images of a work directory name as their run.

    Raises:
      UserError: if it is none, or has no checkpoint.
    """
    _, facts = restore.checkpoint_facts(workdir)
    return restore.run_id(WorkDir(workdir).read_naming_config(), facts)


def _held_against(one: Checked, known: Mapping[str, str]) -> Checked:
    if one.state != UNALTERED or (one.run and (not known or one.run in known)):
        return one
    why = f"run {one.run:.{LONGEST}}" if one.run else "it names no run"
    return dataclasses.replace(one, state=UNKNOWN_RUN, why=why)


def _of_folder(folder: Path) -> tuple[list[Checked], list[str], list[str]]:
    """The images, files that are missing, and notes."""
    paths = decode.find_images(folder)
    if not paths:
        raise UserError(f"{folder} holds no images ({', '.join(sorted(decode.SUFFIXES))})")
    rows, told, notes = _manifests(folder)
    digests = {row.pixels_sha256: told.get(name) for name, row in rows.items()}
    names = [files.name_below(path, folder) for path in paths]

    def check(name: str, path: Path) -> Checked:
        try:
            return _checked(name, path, rows.get(name), told.get(name), digests)
        except DataError as error:
            why = printable("; ".join(lines(error.faults)), but="")
            if name not in rows:
                return Checked(name, UNREADABLE, why=why)
            maker = told.get(name)
            of_maker = (maker.run, maker.checkpoint) if maker else ("", -1)
            return Checked(name, ALTERED, *of_maker, f"{manifest.NAME} names it, and {why}")

    found = []
    with ThreadPoolExecutor() as pool, progress_bar(len(paths), "verifying") as bar:
        for one in pool.map(check, names, paths):
            found.append(one)
            bar.update(1)
    return found, sorted(rows.keys() - set(names)), notes


def _manifests(
    folder: Path,
) -> tuple[dict[str, manifest.Row], dict[str, made_by.MadeBy], list[str]]:
    """Rows of all manifests below a folder, what made their images, and notes on damaged ones."""
    rows: dict[str, manifest.Row] = {}
    makers: dict[str, made_by.MadeBy] = {}
    notes = []
    for table in listings.find_files(folder, {".csv"}):
        if table.name != manifest.NAME:
            continue
        below = files.name_below(table, folder).removesuffix(manifest.NAME)
        try:
            found, told = manifest.read(table.parent), made_by.read(table.parent)
        except UserError as error:
            notes.append(f"note: {error}; left aside")
            continue
        rows |= {f"{below}{name}": row for name, row in found.items()}
        makers |= {f"{below}{name}": told for name in found} if told else {}
    return rows, makers, notes


def _checked(
    name: str,
    path: Path,
    row: manifest.Row | None,
    told: made_by.MadeBy | None,
    digests: Mapping[str, made_by.MadeBy | None],
) -> Checked:
    """One image, held against its own text and its row of a manifest.

    Args:
      name, path: of it.
      row, told: what a manifest says of that name, and what made it.
      digests: of the pixels of all images that manifests name, and what made those.

    Raises:
      DataError: if it cannot be read.
    """
    mark = image_marks.read(path)
    if mark is None and not digests:
        return Checked(name, UNMARKED)
    pixels = image_marks.pixel_digest(image_marks.stored_pixels(path))
    if mark is None:
        told = told if row is not None else digests.get(pixels)
        run, step = (told.run, told.checkpoint) if told else ("", -1)
        if row is not None and row.pixels_sha256 != pixels:
            what = "names another image so" if pixels in digests else "tells of other pixels"
            why = f"its text is gone, and {manifest.NAME} {what}"
            return Checked(name, ALTERED, run, step, why)
        if pixels in digests:
            why = f"its text is gone; {manifest.NAME} knows its pixels"
            return Checked(name, UNALTERED, run, step, why)
        return Checked(name, UNMARKED)
    expected = mark.pixels or (row.pixels_sha256 if row else "")
    of_mark = (name, mark.run, mark.checkpoint)
    return _judged(*of_mark, pixels, expected, row)


def _judged(
    name: str, run: str, step: int, pixels: str, expected: str, row: manifest.Row | None
) -> Checked:
    if not expected:
        return Checked(name, UNCHECKED, run, step)
    if pixels != expected:
        return Checked(name, ALTERED, run, step, "its pixels are not those that were written")
    if row is not None and row.pixels_sha256 != pixels:
        return Checked(name, ALTERED, run, step, f"{manifest.NAME} names another image so")
    return Checked(name, UNALTERED, run, step)


def _of_arrays(source: Path) -> tuple[list[Checked], list[str], list[str]]:
    """As `_of_folder`, of an .npz: only the files beside it tell of its images."""
    rows, told = manifest.read(source), made_by.read(source)
    run, step = (told.run, told.checkpoint) if told else ("", -1)
    found: list[Checked] = []
    with files.open_arrays(source) as arrays:
        for key in sorted({"images", *(name.partition("/")[0] for name in rows)} & {*arrays}):
            for position, image in enumerate(arrays[key]):
                name = f"{key}/{position}"
                if name in rows:
                    pixels = image_marks.pixel_digest(image)
                    found.append(_judged(name, run, step, pixels, rows[name].pixels_sha256, None))
                else:
                    found.append(Checked(name, UNMARKED))
    if not found:
        raise UserError(f"{source} holds no array 'images'")
    missing = sorted(rows.keys() - {one.file for one in found})
    notes = [] if rows else [f"note: no {manifest.place(source).name} tells of these images"]
    return found, missing, notes


def _of_run(run: str, steps: Mapping[int, int]) -> str:
    named = [f"{n} of checkpoint {step}" for step, n in sorted(steps.items())]
    more = f", {len(named) - SHOWN} more" if len(named) > SHOWN else ""
    return f"run {run:.{LONGEST}}: {', '.join(named[:SHOWN])}{more}"


def _some(names: Sequence[str], indent: str = " " * 10) -> list[str]:
    """The first of some names, a line each."""
    shown = [f"{indent}{printable(name, but='')}" for name in names[:SHOWN]]
    more = len(names) - SHOWN
    return shown if more <= 0 else [*shown, f"{indent}and {more} more, which --json names"]
