"""What lies in folders, on a disk or in a bucket: listed and moved here and nowhere else."""

import os
import pathlib
from collections.abc import Callable, Collection, Iterable

from dermgan_jax import files
from dermgan_jax.errors import UserError
from dermgan_jax.files import Path


def is_visible(name: str) -> bool:
    """Whether a file or folder is meant to be seen, going by its name."""
    return not name.startswith(".") and name != "__MACOSX"


def find_files(
    folder: Path, suffixes: Collection[str] | None = None, but: Collection[str] = ()
) -> list[Path]:
    """Files anywhere below a folder, sorted by path.

    Hidden files and folders and those of macOS archives are left out. Links are followed, as large
    data sets are often linked to from where they are used, but each folder is looked into once,
    and none that `folder` lies in. Pipes, sockets and devices are left out, which is told.

    Args:
      folder: where to look.
      suffixes: in lower case, such as ".png"; capitals in names do not matter. None: any.
      but: suffixes of files that are left out.
    """

    def is_wanted(name: str) -> bool:
        end = suffix(name)
        return end not in but and (suffixes is None or end in suffixes)

    found: list[Path] = []
    around = map(os.stat, folder.resolve().parents) if files.is_local(folder) else ()
    _walk(folder, is_wanted, {(facts.st_dev, facts.st_ino): False for facts in around}, found)
    return found


def _walk(
    folder: Path,
    is_wanted: Callable[[str], bool],
    visited: dict[tuple[int, int], bool],
    found: list[Path],
) -> None:
    """Appends wanted, visible files below a folder, in the order of their paths.

    `visited` holds device and inode of folders looked into (True), and of those around all (False).
    """
    if files.is_local(folder):
        try:
            facts = folder.stat()
        except PermissionError as error:  # the folder around shows its names and nothing more
            raise UserError(f"{folder} cannot be read: {error.strerror}") from error
        key = facts.st_dev, facts.st_ino
        if key in visited:
            why = (
                "was looked into already under another name"
                if visited[key]
                else "leads back to a folder that it lies in"
            )
            files.tell_once(f"note: {folder} {why}, so it is left out")
            return
        visited[key] = True
    for name, is_folder in _entries(folder):
        if is_folder:
            _walk(folder / name, is_wanted, visited, found)
        elif is_wanted(name):
            found.append(folder / name)


def suffix(name: str) -> str:
    """The suffix of a file's name in lower case, as that of a path, in a fraction of its time."""
    dot = name.rfind(".")
    return name[dot:].lower() if 0 < dot < len(name) - 1 else ""


def listing(folder: Path) -> tuple[list[Path], list[Path]]:
    """The visible folders and files that lie directly in a folder, each sorted by name.

    Raises:
      UserError: if the folder may not be read.
    """
    found: tuple[list[Path], list[Path]] = [], []
    for name, is_folder in _entries(folder):
        found[0 if is_folder else 1].append(folder / name)
    return found


def _entries(folder: Path) -> list[tuple[str, bool]]:
    """Names of what is visible directly in a folder, sorted, and whether each is a folder."""
    if not files.is_local(folder):
        _, folders, names = next(iter(folder.walk()), (folder, [], []))
        # A folder may be an object of its own, whose name is empty.
        found = [(name, True) for name in folders if name]
        found += [(name, False) for name in names if name]
    else:
        try:
            with os.scandir(folder) as entries:
                each = [(entry.name, _is_folder(entry)) for entry in entries]
                found = [(name, is_folder) for name, is_folder in each if is_folder is not None]
        except PermissionError as error:
            raise UserError(f"{folder} cannot be read: {error.strerror}") from error
    return sorted(entry for entry in found if is_visible(entry[0]))


def _is_folder(entry: os.DirEntry) -> bool | None:
    """Whether an entry is a folder; None, which is told, if it is neither folder nor file.

    Links that lead nowhere are files, which whoever opens them will miss.
    """
    try:
        if entry.is_dir():
            return True
        if entry.is_file() or not (kind := files.other_kind(entry.path)):
            return False
    except OSError:  # a link to itself
        return False
    if is_visible(entry.name):
        files.tell_once(f"note: {entry.path} is no file but a {kind}, so it is left out")
    return None


def everything_in(folder: Path) -> list[Path]:
    """All files anywhere below a folder, hidden ones too, sorted; links are not followed."""
    found: list[Path] = []
    if files.is_local(folder):
        for place, folders, names in os.walk(folder):
            here = pathlib.Path(place)
            found += [here / name for name in names]
            found += [here / name for name in folders if is_link(here / name)]
    elif folder.is_dir():
        _, folders, names = next(iter(folder.walk()), (folder, [], []))
        found += [folder / name for name in names if name]
        found += [path for name in folders if name for path in everything_in(folder / name)]
    return sorted(found)


def is_link(path: Path) -> bool:
    """Whether a path is a symbolic link, which a bucket has none of."""
    return files.is_local(path) and path.is_symlink()


def existing(paths: Iterable[Path]) -> set[Path]:
    """Those of the paths that are files; a bucket is asked once for each folder."""
    wanted: dict[str, list[Path]] = {}
    for path in paths:
        wanted.setdefault(os.path.dirname(str(path)), []).append(path)
    found: set[Path] = set()
    for members in wanted.values():
        if files.is_local(members[0]):
            found.update(path for path in members if os.path.isfile(path))
        elif members[0].parent.is_dir():
            found |= set(members) & set(listing(members[0].parent)[1])
    return found


def is_empty(folder: Path) -> bool:
    """Whether nothing at all lies in a folder, or there is no folder."""
    return not folder.exists() or not any(folder.iterdir())


def move_folder(folder: Path, target: Path) -> None:
    """Gives a folder another place, whose parents are made; in a bucket, file by file."""
    files.make_folder(target.parent)
    if files.is_local(folder):
        folder.rename(target)
        return
    for path in everything_in(folder):
        files.copy(path, target / files.name_below(path, folder))
    files.remove_folder(folder)
