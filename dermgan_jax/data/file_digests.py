"""SHA-256 of image files. A file is read once: what was found is remembered in this process and
kept beside the prepared images, for as long as the file's size and times stay as they were."""

import contextlib
import hashlib
import os
import pathlib
import time
import zipfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np

from dermgan_jax import files
from dermgan_jax.files import Path

UNREADABLE = "unreadable"  # in place of a digest; decoding will name the file
CHUNK = 64  # files that a thread is handed at a time
BATCH = 64 * CHUNK  # files after which the program can be stopped
# A file that changes within one tick of the clock keeps its times; younger ones are not trusted.
SETTLED = 2.0  # seconds


class _Known(NamedTuple):
    """What is known of a file.

    Attributes:
      signature: of the file when it was read.
      digest: 32 bytes.
      is_settled: its times tell whether it has changed since.
    """

    signature: bytes
    digest: bytes
    is_settled: bool


_remembered: dict[str, _Known] = {}


def digest(path: Path) -> str:
    """Hexadecimal SHA-256 of a file.

    Raises:
      OSError: if it cannot be read.
    """
    return _known(path).digest.hex()


def digests(paths: Sequence[Path | None], folder: pathlib.Path, threads: int) -> list[str]:
    """SHA-256 of many files, hexadecimal; "" for those that are None.

    Args:
      paths: the files.
      folder: where what is found is kept for other processes.
      threads: that read at a time; 0: one per core.
    """
    names = [os.fspath(path) for path in paths if path is not None]
    kept = _Kept(folder, names)
    found: list[str] = []
    with ThreadPoolExecutor(threads or os.cpu_count()) as pool:
        for first in range(0, len(paths), BATCH):
            batch = paths[first : first + BATCH]
            chunks = [batch[i : i + CHUNK] for i in range(0, len(batch), CHUNK)]
            for some in pool.map(_texts, chunks):
                found += some
    kept.update([name for name, path in zip(found, paths, strict=True) if path is not None])
    return found


def _texts(paths: Sequence[Path | None]) -> list[str]:
    """Digests, in hexadecimal where a file can be read."""
    found = []
    for path in paths:
        try:
            found.append("" if path is None else digest(path))
        except OSError:
            found.append(UNREADABLE)
    return found


def _known(path: Path) -> _Known:
    name, now = os.fspath(path), time.time()
    marks, changed = _signature(path)
    known = _remembered.get(name)
    if known is None or known.signature != marks:
        with path.open("rb") as file:
            content = hashlib.file_digest(file, "sha256").digest()
        known = _Known(marks, content, now - changed > SETTLED)
        _remembered[name] = known
    return known


def _signature(path: Path) -> tuple[bytes, float]:
    """Text that changes when a file is written to or replaced, and when it last did, in seconds.

    In a bucket a file that changes is another one: its time is always trusted.
    """
    if files.is_local(path):
        facts = os.stat(path)
        changed = max(facts.st_mtime_ns, facts.st_ctime_ns)
        marks = facts.st_size, facts.st_mtime_ns, facts.st_ctime_ns, facts.st_ino
        return b"%d %d %d %d" % marks, changed / 1e9
    facts = path.stat()
    return f"{facts.length} {facts.mtime}".encode(), -np.inf


class _Kept:
    """What is known of one list of files, in FOLDER/digests/LIST.npz: their arrays, in its order.

    Of files that are not known the signature is empty.
    """

    def __init__(self, folder: pathlib.Path, names: Sequence[str]):
        self.names = names
        of_list = hashlib.sha256()
        for name in names:
            of_list.update(os.fsencode(name) + b"\0")
        self.file = folder / "digests" / f"{of_list.hexdigest()[:32]}.npz"
        self.signatures, self.contents = np.zeros(len(names), "S1"), self._no_contents()
        self._recall()

    def _no_contents(self) -> np.ndarray:
        return np.zeros((len(self.names), hashlib.sha256().digest_size), np.uint8)

    def _recall(self) -> None:
        """Remembers what an earlier process found."""
        try:
            with files.open_arrays(self.file) as arrays:
                signatures, contents = arrays["signatures"], arrays["contents"]
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
            return  # it is made anew
        if (signatures.shape, contents.shape) != (self.signatures.shape, self.contents.shape):
            return
        self.signatures, self.contents = signatures, contents
        for name, marks, content in zip(self.names, signatures, contents, strict=True):
            if marks and name not in _remembered:
                _remembered[name] = _Known(bytes(marks), content.tobytes(), is_settled=True)

    def update(self, found: Sequence[str]) -> None:
        """Writes what is new, if anything is; where it cannot, the next process reads again."""
        known = [_remembered.get(name) for name in self.names]
        trusted = [
            one is not None and one.is_settled and text != UNREADABLE
            for one, text in zip(known, found, strict=True)
        ]
        signatures = np.array(
            [one.signature if good else b"" for one, good in zip(known, trusted, strict=True)],
            dtype=np.bytes_,
        )
        contents = self._no_contents()
        rows = np.flatnonzero(trusted)
        if len(rows):
            joined = b"".join(known[row].digest for row in rows)
            contents[rows] = np.frombuffer(joined, np.uint8).reshape(len(rows), -1)
        is_new = not (
            np.array_equal(signatures, self.signatures) and np.array_equal(contents, self.contents)
        )
        if is_new:
            with contextlib.suppress(OSError):
                files.write_arrays(self.file, signatures=signatures, contents=contents)
