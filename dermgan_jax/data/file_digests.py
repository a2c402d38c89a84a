"""SHA-256 of image files. A file is read once: what was found is remembered in this process and
kept beside the prepared images, for as long as the file's size and times stay as they were."""

import hashlib
import json
import os
import pathlib
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from dermgan_jax import files
from dermgan_jax.files import Path

UNREADABLE = "unreadable"  # in place of a digest; decoding will name the file
CHUNK = 256  # files handed to the threads at a time
# A file that changes within one tick of the clock keeps its times; younger ones are not trusted.
SETTLED = 2.0  # seconds

# What tells whether a file is still the one that was read.
Signature = tuple[int, ...]

_remembered: dict[tuple[str, Signature], str] = {}


def digest(path: Path) -> str:
    """Hexadecimal SHA-256 of a file.

    Raises:
      OSError: if it cannot be read.
    """
    key = (str(path), signature(path))
    if key not in _remembered:
        with path.open("rb") as file:
            _remembered[key] = hashlib.file_digest(file, "sha256").hexdigest()
    return _remembered[key]


def digests(paths: Sequence[Path | None], folder: pathlib.Path, threads: int) -> list[str]:
    """SHA-256 of many files, hexadecimal; "" for those that are None.

    Args:
      paths: the files.
      folder: where what is found is kept for other processes.
      threads: that read at a time; 0: one per core.
    """
    kept = _Kept(folder, paths)
    kept.recall()

    def find(path: Path | None) -> str:
        if path is None:
            return ""
        try:
            return digest(path)
        except OSError:
            return UNREADABLE

    found: list[str] = []
    with ThreadPoolExecutor(threads or os.cpu_count()) as pool:
        for first in range(0, len(paths), CHUNK):
            found += pool.map(find, paths[first : first + CHUNK])
    kept.keep(found)
    return found


def signature(path: Path) -> Signature:
    """Numbers that change when a file is written to or replaced."""
    facts = path.stat()
    if files.is_local(path):
        return facts.st_size, facts.st_mtime_ns, facts.st_ctime_ns, facts.st_ino
    return facts.length, facts.mtime


class _Kept:
    """What is known of one list of files, in FOLDER/digests/LIST.json."""

    def __init__(self, folder: pathlib.Path, paths: Sequence[Path | None]):
        self.paths = [path for path in paths if path is not None]
        self.positions = [i for i, path in enumerate(paths) if path is not None]
        name = hashlib.sha256("\n".join(map(str, self.paths)).encode()).hexdigest()[:32]
        self.file = folder / "digests" / f"{name}.json"
        self.known: dict[str, list] = {}

    def recall(self) -> None:
        """Remembers what an earlier process found."""
        try:
            self.known = json.loads(self.file.read_text())
            for path, (marks, found) in self.known.items():
                _remembered.setdefault((path, tuple(marks)), found)
        except (OSError, ValueError, TypeError):
            self.known = {}  # it is made anew

    def keep(self, found: Sequence[str]) -> None:
        """Writes what is new, if anything is; where it cannot, the next process reads again."""
        now = time.time_ns()
        known = {}
        for path, position in zip(self.paths, self.positions, strict=True):
            if found[position] == UNREADABLE:
                continue
            marks = signature(path)
            if not files.is_local(path) or now - max(marks[1:3]) > SETTLED * 1e9:
                known[str(path)] = [list(marks), found[position]]
        if known != self.known:
            try:
                files.write_text(self.file, json.dumps(known))
            except OSError:
                self.known = {}
