"""Paths on a local disk or in a bucket: opened, listed, replaced and removed here and nowhere else.

Users name paths as text. Without a scheme it is a path of this machine (`pathlib.Path`); gs:// and
s3:// are paths of buckets (`etils.epath.Path`, through fsspec). Both have the same methods.

What is written appears as a whole or not at all: on a disk under a temporary name first, in a
bucket by a single upload.
"""

import contextlib
import functools
import io
import os
import pathlib
import re
import shutil
import stat
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, BinaryIO, TypeAlias, TypeVar, Union

import numpy as np

from dermgan_jax.errors import UserError, printable
from dermgan_jax.npz_files import Arrays

if TYPE_CHECKING:
    from etils import epath

Path: TypeAlias = Union[pathlib.Path, "epath.Path"]
T = TypeVar("T")

# Scheme -> the module that fsspec needs for it, and our extra that installs it.
SCHEMES = {"gs": ("gcsfs", "gcs"), "s3": ("s3fs", "s3")}
_CLIENTS = ("aiohttp", "gcsfs", "google", "botocore", "aiobotocore", "s3fs")
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+):/+")
_TEMPORARY, _DOWNLOAD = ".unfinished-", ".fetch-"
_LEFT = (_TEMPORARY, _DOWNLOAD)
_SWEPT_AFTER = 24 * 3600.0  # seconds

# One way to buckets for everybody, whether or not TensorFlow, which has its own, is installed.
os.environ.setdefault("EPATH_USE_TF", "false")


def to_path(text: str | os.PathLike[str]) -> Path:
    """The path that a user named; "~" is the home directory.

    Raises:
      UserError: if the scheme is not supported, misspelt, or what it needs is not installed.
    """
    text = os.fspath(text)
    if not text:
        raise UserError("a path is empty: give a file or a folder")
    match = _SCHEME.match(text)
    if match is None:
        return _at_home(pathlib.Path(text))
    scheme = match[1]
    if scheme not in SCHEMES:
        known = ", ".join(f"{name}://" for name in SCHEMES)
        raise UserError(
            f"{text}: paths that begin with {scheme}:// are not supported; known are {known} and "
            "paths of this machine"
        )
    if not re.match(rf"{scheme}://[^/]", text):
        raise UserError(f"{text}: write {scheme}://BUCKET/PATH")
    module, extra = SCHEMES[scheme]
    _require_installed(text, module, extra)
    from etils import epath

    return epath.Path(text)


def _at_home(path: pathlib.Path) -> pathlib.Path:
    try:
        return path.expanduser()
    except RuntimeError as error:
        raise UserError(f"{path}: there is no such home directory: write the path out") from error


def _require_installed(text: str, module: str, extra: str) -> None:
    import importlib.util

    if importlib.util.find_spec(module) is None:
        raise UserError(
            f"{text}: {module} is not installed: pip install 'dermgan-jax[{extra}]' (or run "
            f"launch/local.sh with EXTRA={extra})"
        )


def is_of_a_bucket(error: Exception) -> bool:
    """Whether a bucket's client raised an error: no network, no such bucket, no permission."""
    return type(error).__module__.partition(".")[0] in _CLIENTS


def is_local(path: Path) -> bool:
    """Whether a path is one of this machine."""
    return isinstance(path, pathlib.Path)


def scheme(path: Path) -> str:
    """What a path of a bucket begins with, such as "gs"; "" of a path of this machine."""
    match = None if is_local(path) else _SCHEME.match(os.fspath(path))
    return match[1] if match else ""


def require_local(path: Path, what: str) -> pathlib.Path:
    """The path, if it is one of this machine.

    Args:
      path: any.
      what: lies there and why it cannot lie in a bucket, as the beginning of a message.

    Raises:
      UserError: if it is in a bucket.
    """
    if not is_local(path):
        raise UserError(f"{what}, so that it has to lie on this machine; {path} is in a bucket")
    return path


def absolute(path: Path) -> Path:
    """The same path, not relative to the working directory."""
    return path.absolute() if is_local(path) else path


def name_below(path: Path, folder: Path) -> str:
    """The path of a file relative to a folder, with slashes, in a fraction of `relative_to`'s time.

    Raises:
      ValueError: if it does not lie below the folder.
    """
    text, beginning = str(path), str(folder)
    beginning = beginning if beginning.endswith("/") else f"{beginning}/"
    if text.startswith(beginning):
        return text[len(beginning) :]
    return path.relative_to(folder).as_posix()


def make_folder(path: Path) -> Path:
    """The folder, made with all its parents if need be."""
    path.mkdir(parents=True, exist_ok=True)
    return path


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[BinaryIO]:
    """A file to write, which takes the place of `path` once it is complete; seekable.

    Its folder is made if need be. After an error, what was there before is still there.
    """
    if not is_local(path):
        buffer = io.BytesIO()
        yield buffer
        with path.open("wb") as file:
            file.write(buffer.getbuffer())
        return
    make_folder(path.parent)
    temporary = unfinished_name(path)
    try:
        with open(temporary, "wb") as file:
            yield file
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def unfinished_name(path: pathlib.Path) -> pathlib.Path:
    """A hidden name beside `path` that no other process, host or container will choose.

    It keeps the suffix, which some writers tell the format by.
    """
    sweep(path.parent)
    return path.with_name(f"{_TEMPORARY}{uuid.uuid4().hex}-{path.name}")


@functools.cache
def sweep(folder: pathlib.Path) -> None:
    """Removes what killed processes left in a folder of this machine: once, and after a day.

    That is files that were not written to their end, and downloads. A folder of such a name may
    hold the images that were to be replaced: it stays, and is told of.
    """
    try:
        found = [entry for entry in os.scandir(folder) if entry.name.startswith(_LEFT)]
    except OSError:
        return  # whoever writes there will be told
    old = time.time() - _SWEPT_AFTER
    for entry in found:
        with contextlib.suppress(OSError):  # another process sweeps too
            if entry.stat(follow_symlinks=False).st_mtime > old:
                continue
            if entry.is_file(follow_symlinks=False):
                os.unlink(entry.path)
            elif entry.name.startswith(_DOWNLOAD):
                shutil.rmtree(entry.path)
            else:
                tell_once(f"note: {entry.path} is left of a command that was killed: look into it")
                continue
            tell_once(f"note: removed {entry.path}, left of a command that was killed")


def is_unfinished(path: Path) -> bool:
    """Whether a path, of a folder's inside, is of what was not written to its end."""
    return any(part.startswith(_TEMPORARY) for part in path.parts)


def write_text(path: Path, text: str) -> None:
    """Writes a text file in UTF-8; a reader sees the old or the new content, never a part."""
    with replacing(path) as file:
        # Names of files that are no UTF-8, which are legal, come as lone surrogates.
        file.write(text.encode(errors="backslashreplace"))


def write_arrays(path: Path, **arrays: np.ndarray) -> None:
    """Writes an .npz as `write_text` writes text."""
    with replacing(path) as file:
        np.savez(file, **arrays)


@contextlib.contextmanager
def open_arrays(path: Path) -> Iterator[Arrays]:
    """An .npz file, read an array at a time.

    Raises:
      OSError: if it cannot be opened.
      UnreadableArrays: if it is none, see `npz_files.Arrays`.
    """
    with open_plain(path) as file:
        yield Arrays(file, os.fspath(path))


def open_plain(path: Path) -> BinaryIO:
    """A file to read that may be a stranger's: nothing is waited for, as a pipe would be.

    Raises:
      OSError: if it cannot be opened.
      UserError: if it is a pipe, a socket or a device.
    """
    if is_local(path) and (kind := other_kind(path)):
        raise UserError(f"{path} is no file but a {kind}: remove it, or name a file")
    return path.open("rb")


def size(path: Path) -> int:
    """Bytes of a file."""
    facts = path.stat()
    return facts.st_size if is_local(path) else facts.length


def other_kind(path: str | os.PathLike[str]) -> str:
    """What a path of this machine is that is neither file, folder nor missing; else ""."""
    try:
        mode = os.stat(path).st_mode
    except OSError:
        return ""
    kinds = {"pipe": stat.S_ISFIFO, "socket": stat.S_ISSOCK}
    if stat.S_ISREG(mode) or stat.S_ISDIR(mode):
        return ""
    return next((name for name, holds in kinds.items() if holds(mode)), "device")


@functools.cache
def tell_once(text: str) -> None:
    """Says something about files, in one line, to a user who may hear it from several places."""
    print(printable(text, but=""), file=sys.stderr)


@contextlib.contextmanager
def download_folder(target: pathlib.Path) -> Iterator[pathlib.Path]:
    """A folder within `target` for what is being fetched; removed at the end."""
    make_folder(target)
    sweep(target)
    with tempfile.TemporaryDirectory(dir=target, prefix=_DOWNLOAD) as folder:
        yield pathlib.Path(folder)


def copy(source: Path, target: Path) -> None:
    """Copies a file; the target appears when it is complete."""
    with source.open("rb") as original, replacing(target) as file:
        shutil.copyfileobj(original, file)


def remove_folder(folder: Path) -> None:
    """Removes a folder and everything in it, if it is there."""
    if is_local(folder):
        shutil.rmtree(folder, ignore_errors=True)
    elif folder.exists():
        folder.rmtree()


def replace_folder(folder: pathlib.Path, new: pathlib.Path) -> None:
    """Puts a folder in the place of another, which is removed.

    Raises:
      UserError: if it cannot take its place; both are as before.
    """
    old = unfinished_name(folder)
    try:
        shutil.copymode(folder, new)
        os.rename(folder, old)
        try:
            os.rename(new, folder)
        except OSError:
            os.rename(old, folder)
            raise
    except OSError as error:
        raise UserError(
            f"{folder} cannot be replaced as a whole ({error.strerror}): name another folder"
        ) from error
    shutil.rmtree(old)


def write_once(path: pathlib.Path, write: Callable[[pathlib.Path], T]) -> T:
    """Writes a file of a cache on this machine; `path` appears when `write` has returned.

    Args:
      path: its folder is made if need be.
      write: writes to the path that it is given.
    """
    make_folder(path.parent)
    unfinished = unfinished_name(path)
    try:
        result = write(unfinished)
        os.replace(unfinished, path)
        return result
    except BaseException:
        unfinished.unlink(missing_ok=True)
        with contextlib.suppress(OSError):  # others may have written there meanwhile
            path.parent.rmdir()
        raise
