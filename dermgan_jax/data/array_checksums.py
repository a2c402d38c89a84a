"""Checksums of large arrays on this machine's disk, kept beside them, so that damage is noticed.

A file is checked when a process first opens it. Of a very large one a part is, drawn anew each
time, so that whoever trains again and again comes to see all of it.
"""

import contextlib
import os
import pathlib
import random
import zlib
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from dermgan_jax import files

CHUNK = 1 << 24  # bytes that a checksum is of
MOST = 256  # chunks that are checked: 4 GiB
_SUFFIX = ".crc32"

_checked: set[tuple[str, int, int, int]] = set()


def holds(file: pathlib.Path) -> bool:
    """Whether a file is as it was written; without checksums it is given them, and is.

    Raises:
      OSError: if it cannot be read.
    """
    facts = file.stat()
    key = str(file), facts.st_ino, facts.st_mtime_ns, facts.st_size
    if key in _checked:
        return True
    kept = _kept(file, facts.st_size)
    if kept is None:
        write(file)
    else:
        chunks = range(len(kept))
        some = chunks if len(kept) <= MOST else random.sample(chunks, MOST)
        if _computed(file, some) != [kept[number] for number in some]:
            return False
    _checked.add(key)
    return True


def write(file: pathlib.Path) -> None:
    """Keeps the checksums of a file, if its folder can be written."""
    chunks = range(-(-file.stat().st_size // CHUNK))
    lines = "".join(f"{value:08x}\n" for value in _computed(file, chunks))
    with contextlib.suppress(OSError):
        files.write_text(_beside(file), lines)


def forget(file: pathlib.Path) -> None:
    """Removes the checksums of a file that is about to be replaced."""
    with contextlib.suppress(OSError):
        _beside(file).unlink(missing_ok=True)


def _beside(file: pathlib.Path) -> pathlib.Path:
    return file.with_name(file.name + _SUFFIX)


def _kept(file: pathlib.Path, size: int) -> list[int] | None:
    """The checksums beside a file of a size; None if there are none, or they are of another one."""
    try:
        found = [int(line, 16) for line in _beside(file).read_text().split()]
    except (OSError, ValueError):
        return None
    return found if len(found) == -(-size // CHUNK) else None


def _computed(file: pathlib.Path, chunks: Sequence[int]) -> list[int]:
    """Checksums of some chunks, in several threads."""
    with file.open("rb") as opened, ThreadPoolExecutor(os.cpu_count()) as pool:

        def of_chunk(number: int) -> int:
            return zlib.crc32(os.pread(opened.fileno(), CHUNK, number * CHUNK))

        return list(pool.map(of_chunk, chunks))
