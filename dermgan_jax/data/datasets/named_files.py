"""Finding the image files that a table names, however it spells them."""

import functools
import posixpath
import re
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from dermgan_jax import files, listings
from dermgan_jax.data.decode import SUFFIXES
from dermgan_jax.files import Path

_DRIVE = re.compile(r"[A-Za-z]:[\\/]")


class Found(NamedTuple):
    """What is known of a file that a table names.

    Attributes:
      path: the file; where there is none, the place that the table names.
      spelled_otherwise: the file's name is not exactly the one in the table.
      hint: why it was not found and what to do, if anything can be said but that it is missing.
    """

    path: Path
    spelled_otherwise: bool = False
    hint: str = ""


class NamedFiles:
    """The images below a folder, found by the names that a table has for them.

    A name is a path relative to the folder. If no file is called exactly so, back-slashes count as
    slashes; then capitals and the form of accents (Unicode NFC or NFD) do not matter; and a name
    without an image's suffix is that of the only image whose name it begins.

    Args:
      folder: where names begin.
      images: all images below it.
    """

    def __init__(self, folder: Path, images: Sequence[Path]):
        self.folder = folder
        self.images = images

    # Large data sets rarely need these, and each takes more memory than the files' names.

    @functools.cached_property
    def _whole(self) -> Mapping[str, list[Path]]:
        return self._by_key(lambda name: [name])

    @functools.cached_property
    def _bare(self) -> Mapping[str, list[Path]]:
        return self._by_key(lambda name: [posixpath.splitext(name)[0]])

    @functools.cached_property
    def _last(self) -> Mapping[str, list[Path]]:
        return self._by_key(
            lambda name: [posixpath.basename(name), posixpath.splitext(posixpath.basename(name))[0]]
        )

    def _by_key(self, texts_of: Callable[[str], list[str]]) -> Mapping[str, list[Path]]:
        """Images by what a table may call them, see `_key`."""
        found: dict[str, list[Path]] = {}
        for path in self.images:
            for key in dict.fromkeys(map(_key, texts_of(files.name_below(path, self.folder)))):
                found.setdefault(key, []).append(path)
        return found

    def find_all(self, names: Sequence[str]) -> dict[str, Found]:
        """Each of the names, and what is known of its file."""
        listed = {files.name_below(path, self.folder): path for path in self.images}
        literal = {name: listed.get(name) or self.folder / name for name in dict.fromkeys(names)}
        del listed
        there = listings.existing(literal.values())
        return {
            name: Found(path) if path in there else self._find(name)
            for name, path in literal.items()
        }

    def _find(self, name: str) -> Found:
        name_here = name.replace("\\", "/")
        key = _key(self._relative(name_here))
        matches = self._whole.get(key, [])
        if not matches and posixpath.splitext(name_here)[1].lower() not in SUFFIXES:
            matches = self._bare.get(key, [])
        if len(matches) == 1:
            return Found(matches[0], spelled_otherwise=True)
        if matches:
            several = ", ".join(self._shown(path) for path in matches)
            return Found(
                self.folder / name_here, hint=f"could be any of {several}: write its whole name"
            )
        return Found(self.folder / name_here, hint=self._hint(name, name_here))

    def _hint(self, name: str, name_here: str) -> str:
        if _DRIVE.match(name):
            return f"is a path of another computer: write it relative to {self.folder}"
        last = posixpath.basename(name_here)
        if elsewhere := self._last.get(_key(last), []):
            shown = self._shown(elsewhere[0])
            return f"is not there, but {shown} is: write paths relative to {self.folder}"
        key = _key(posixpath.splitext(self._relative(name_here))[0])
        if others := self._bare.get(key, []):
            return f"is not there, but {self._shown(others[0])} is: write its suffix"
        return ""

    def _relative(self, name: str) -> str:
        base = self.folder.as_posix().rstrip("/") + "/"
        return name.removeprefix(base)

    def _shown(self, path: Path) -> str:
        return path.relative_to(self.folder).as_posix()


def spelled_otherwise(found: Mapping[str, Found], folder: Path) -> list[str]:
    """A clause on the names that are not exactly their files', if there are any."""
    odd = [(name, each) for name, each in found.items() if each.spelled_otherwise]
    if not odd:
        return []
    name, first = odd[0]
    return [
        f"{len(odd)} files are found under other spellings, such as "
        f"{first.path.relative_to(folder).as_posix()} for {name!r}"
    ]


def _key(name: str) -> str:
    """A name by which others are found: neither capitals nor the form of accents matter."""
    return unicodedata.normalize("NFC", posixpath.normpath(name)).casefold()
