"""Paths that flags name. What cannot be written there is found before any work is done."""

import argparse
import os
import pathlib
from collections.abc import Callable

from dermgan_jax import files, listings
from dermgan_jax.errors import UserError
from dermgan_jax.files import Path

ARRAYS, JSON, SHEET, PAGE = ".npz", ".json", ".png", ".html"
# Names of folders that end so are slips.
OF_FILES = frozenset({".npz", ".npy", ".json", ".csv", ".png", ".jpg", ".jpeg", ".tif", ".tiff"})


def path(text: str) -> Path:
    """Any path.

    Raises:
      ArgumentTypeError: if the text is empty, which would mean the working directory.
      UserError: if its scheme is not supported.
    """
    if not text.strip():
        raise argparse.ArgumentTypeError("the path is empty: name a file or a folder")
    return files.to_path(text)


def file_to_write(suffix: str, beside: str = "") -> Callable[[str], Path]:
    """The type of a flag that names a file to write.

    Args:
      suffix: what its name has to end in.
      beside: what the name of a second file ends in that is written beside it.
    """

    def convert(text: str) -> Path:
        target = path(text)
        if target.suffix != suffix:
            raise argparse.ArgumentTypeError(f"{text} has to end in {suffix}")
        _require_room(target, is_file=True)
        second = target.with_suffix(beside) if beside else None
        if second is not None and second.exists() and not target.exists():
            raise argparse.ArgumentTypeError(
                f"{second} is there without {target}, and a picture of that name is drawn as well: "
                "choose another name"
            )
        for each in (target, second):
            if each is not None and each.exists():
                files.tell_once(f"note: {each} will be replaced")
        return target

    return convert


def folder_to_fill(text: str) -> Path:
    """A folder that the command itself looks into before it writes."""
    target = path(text)
    if target.suffix.lower() in OF_FILES:
        raise argparse.ArgumentTypeError(f"{text} is to be a folder, but ends like a file")
    _require_room(target, is_file=False)
    return target


def folder_to_write(text: str) -> Path:
    """A folder to write into, whatever lies there."""
    target = folder_to_fill(text)
    if not listings.is_empty(target):
        files.tell_once(f"note: {target} is not empty: files of the same names will be replaced")
    return target


def folder_or_arrays(text: str) -> Path:
    """A folder for PNG files, or an .npz to write."""
    target = path(text)
    is_file = target.suffix == ARRAYS
    if not is_file and target.suffix.lower() in OF_FILES:
        raise argparse.ArgumentTypeError(f"{text} is neither a folder nor a file ending in .npz")
    _require_room(target, is_file)
    return target


def require_apart(out: Path | None, **inputs: str | Path | None) -> None:
    """Refuses to write over, or into, what is read.

    Args:
      out: what is written.
      inputs: what is read, by the names of their flags.

    Raises:
      UserError: naming the input.
    """
    for flag, source in inputs.items():
        if out is None or source is None:
            continue
        read, written = (_resolved(files.to_path(each)) for each in (source, out))
        if read == written or read in written.parents:
            what = "is" if read == written else "lies in"
            raise UserError(f"--out={out} {what} what --{flag} reads: choose another place")


def _resolved(place: Path) -> Path:
    return place.resolve() if files.is_local(place) else place


def _exists(target: Path) -> bool:
    try:
        return target.exists()
    except OSError:  # such as a name that is too long, which is said later
        return False


def _require_room(target: Path, is_file: bool) -> None:
    """Refuses a file where a folder is needed, and the other way round."""
    if not files.is_local(target):
        return
    if _exists(target) and is_file and not target.is_file():
        kind = "a folder" if target.is_dir() else "no regular file"
        raise argparse.ArgumentTypeError(f"{target} is {kind}: name a file")
    place = target.absolute()
    for folder in place.parents if is_file else (place, *place.parents):
        if os.path.lexists(folder):
            if not folder.is_dir():
                raise argparse.ArgumentTypeError(f"{folder} is no folder: choose another place")
            _require_possible(place, folder)
            return


def _require_possible(place: pathlib.Path, folder: pathlib.Path) -> None:
    """Refuses what cannot be made below a folder that exists."""
    if not os.access(folder, os.W_OK | os.X_OK):
        raise argparse.ArgumentTypeError(f"{folder} cannot be written: choose another place")
    longest = os.pathconf(folder, "PC_NAME_MAX")
    for name in place.relative_to(folder).parts:
        if len(os.fsencode(name)) > longest:
            raise argparse.ArgumentTypeError(
                f"{name[:40]}… is a name of {len(os.fsencode(name))} bytes; at most {longest} are "
                "possible there"
            )
