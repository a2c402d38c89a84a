"""Folders that a command fills with images: never mixed with other images, never half replaced.

written_by.json lies in such a folder. It says what was asked for, whether all of it is there, and
then which files were written, of how many bytes: these, and PNG files that carry the program's
text, are what --overwrite may remove.
"""

import contextlib
import json
from collections.abc import Collection, Iterator, Mapping
from typing import Any, TypedDict

from PIL import Image

from dermgan_jax import files, listings, stored_json
from dermgan_jax.data import filled_folders
from dermgan_jax.data.decode import OTHER_SUFFIXES, SUFFIXES
from dermgan_jax.errors import UserError
from dermgan_jax.files import Path
from dermgan_jax.synthesis import made_by, manifest

NAME = filled_folders.WRITTEN_BY
_SHOWN = 3  # files that a message names


class _Told(TypedDict):
    asked: dict[str, Any]
    files: dict[str, int]


@contextlib.contextmanager
def filling(
    out: Path, asked: Mapping[str, Any], names: Collection[str], overwrite: bool = False
) -> Iterator[Path]:
    """A folder to write into; all that was written is in `out` when the block has ended.

    The same files may be written again, after an interruption for instance. With `overwrite` they
    are written beside `out` first and take the place of what is there as a whole; in a bucket,
    whose folders cannot be renamed, what is there is removed first.

    Args:
      out: made if need be.
      asked: JSON values that say what the files depend on, the name of the command among them.
      names: of the files that will be written, relative to `out`, with slashes.
      overwrite: remove what the program wrote there before.

    Raises:
      UserError: as `require_room`.
    """
    require_room(out, asked, overwrite, names)
    if overwrite and not listings.is_empty(out) and files.is_local(out):
        place = out.resolve()
        new = files.unfinished_name(place)
        try:
            yield _begun(new, asked)
            _end(new, asked)
            _require_own(out)  # nothing of the user's may have come meanwhile
            files.replace_folder(place, new)
        finally:
            files.remove_folder(new)
        return
    if overwrite:
        files.remove_folder(out)
        files.make_folder(out)
    yield _begun(out, asked)
    _end(out, asked)


def require_room(
    out: Path,
    asked: Mapping[str, Any],
    overwrite: bool = False,
    names: Collection[str] | None = None,
) -> None:
    """Checks that a folder holds nothing that would be mixed with, or lost to, what is asked for.

    Args:
      out, asked, overwrite, names: as of `filling`; names are None where they are not known yet.

    Raises:
      UserError: if it holds images of anything else, files that would be replaced or, with
        `overwrite`, anything that the program did not write.
    """
    if not out.exists():
        return
    if overwrite:
        _require_own(out)
        return
    found = {path.relative_to(out).as_posix(): path for path in _visible(out)}
    images = [name for name, path in found.items() if _is_image(path)]
    in_the_way = [name for name in found if name in images or name in (names or ())]
    remedy = "name another folder, empty it, or add --overwrite"
    if in_the_way and _told(out).get("asked") != dict(asked):
        what = f"{len(images)} images that were made otherwise"
        if not images:
            what = f"{_some(in_the_way)}, which would be replaced"
        raise UserError(f"{out} holds {what}: {remedy}")
    others = [] if names is None else [name for name in images if name not in names]
    if others:
        raise UserError(
            f"{out} holds {len(others)} more images of an earlier command ({_some(others)}), which "
            f"would pass as those of this one: {remedy}"
        )


def _require_own(out: Path) -> None:
    """Refuses to remove a folder that holds anything which the program did not write."""
    written = _told(out).get("files", {})
    others = []
    for path in listings.everything_in(out):
        inside = path.relative_to(out)
        name = inside.as_posix()
        if not (files.is_unfinished(inside) or path.name in (NAME, made_by.NAME)):
            same = not listings.is_link(path) and written.get(name) == _size(path)
            if not (same or _carries_our_text(path) or _is_manifest(path)):
                others.append(name)
    if others:
        raise UserError(
            f"--overwrite removes what this program wrote, but {out} also holds {_some(others)}: "
            "move that away, or name another folder"
        )


def _is_manifest(path: Path) -> bool:
    """Whether a table of images was written just before an interruption."""
    return path.name == manifest.NAME and not listings.is_link(path) and manifest.is_ours(path)


def _carries_our_text(path: Path) -> bool:
    if path.suffix.lower() != ".png" or listings.is_link(path):
        return False
    try:
        with path.open("rb") as file, Image.open(file) as image:
            return made_by.PNG_KEY in image.info
    except (OSError, SyntaxError, ValueError):
        return False


def _size(path: Path) -> int:
    """Bytes of a file; of each file of a bucket that would be a request, so that it is -1."""
    return path.stat().st_size if files.is_local(path) else -1


def _visible(out: Path) -> list[Path]:
    return [
        path
        for path in listings.everything_in(out)
        if all(map(listings.is_visible, path.relative_to(out).parts))
    ]


def _is_image(path: Path) -> bool:
    return path.suffix.lower() in SUFFIXES | OTHER_SUFFIXES


def _some(names: Collection[str]) -> str:
    shown = ", ".join(sorted(names)[:_SHOWN])
    return shown if len(names) <= _SHOWN else f"{shown} and {len(names) - _SHOWN} more files"


def _told(out: Path) -> dict[str, Any]:
    """What written_by.json says; nothing where there is none."""
    file = out / NAME
    if not file.is_file():
        return {}
    try:
        return stored_json.structure(stored_json.parse(file.read_bytes()), _Told)
    except ValueError as error:
        raise UserError(
            f"{file} does not say what was written beside it ({error}): name another folder"
        ) from error


def _begun(out: Path, asked: Mapping[str, Any]) -> Path:
    _write(out, asked, complete=False, written=_told(out).get("files", {}))
    return out


def _end(out: Path, asked: Mapping[str, Any]) -> None:
    written = {
        path.relative_to(out).as_posix(): _size(path) for path in _visible(out) if path.name != NAME
    }
    _write(out, asked, complete=True, written=written)


def _write(
    out: Path, asked: Mapping[str, Any], *, complete: bool, written: Mapping[str, int]
) -> None:
    plain = {"asked": dict(asked), "complete": complete, "files": dict(written)}
    files.write_text(out / NAME, json.dumps(plain, indent=1) + "\n")
