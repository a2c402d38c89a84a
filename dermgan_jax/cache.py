"""Where things that can be made again are kept between runs: on this machine, as they are mapped
into memory."""

import os
import pathlib
import stat
import tempfile

from dermgan_jax import files
from dermgan_jax.errors import UserError

REMEDY = "name a folder that can be written in the environment variable DERMGAN_CACHE"


def cache_dir() -> pathlib.Path:
    """$DERMGAN_CACHE, or ~/.cache/dermgan_jax.

    Where nobody may write into the latter, as in containers whose user has no home, it is a folder
    of one's own among the temporary files, which is said.

    Raises:
      UserError: if $DERMGAN_CACHE names a bucket, or there is no place at all.
    """
    if named := os.environ.get("DERMGAN_CACHE"):
        what = "the cache ($DERMGAN_CACHE) is mapped into memory"
        return files.require_local(files.to_path(named), what)
    try:
        place = files.to_path("~/.cache/dermgan_jax")
    except UserError:
        return _own_folder("there is no home directory")
    if not _may_write(place):
        return _own_folder(f"{place} cannot be written")
    return place


def _may_write(folder: pathlib.Path) -> bool:
    """Whether a folder that may not be there yet could be written into."""
    there = next(each for each in (folder, *folder.absolute().parents) if os.path.exists(each))
    return there.is_dir() and os.access(there, os.W_OK | os.X_OK)


def _own_folder(why: str) -> pathlib.Path:
    """A folder that belongs to this user alone, of a name that others could have taken."""
    try:
        folder = pathlib.Path(tempfile.gettempdir()) / f"dermgan_jax-{os.getuid()}"
        folder.mkdir(mode=0o700, exist_ok=True)
        facts = folder.lstat()
    except OSError as error:
        raise UserError(f"{why}, nor can temporary files ({error}): {REMEDY}") from error
    if not stat.S_ISDIR(facts.st_mode) or facts.st_uid != os.getuid():
        raise UserError(f"{why}, and {folder} is somebody else's: {REMEDY}")
    files.tell_once(
        f"note: {why}: what is kept between runs lies in {folder}, which may be emptied at any "
        f"time; else {REMEDY}"
    )
    return folder


def usable_folder(name: str) -> pathlib.Path:
    """A folder of the cache that is there and can be written.

    Raises:
      UserError: if it cannot, or as `cache_dir`.
    """
    folder = cache_dir() / name
    try:
        files.make_folder(folder)
        with tempfile.TemporaryFile(dir=folder):
            return folder
    except OSError as error:
        raise UserError(
            f"the cache folder {folder} cannot be written ({error.strerror}): {REMEDY}"
        ) from error


def remedy_for(path: str) -> str:
    """What to do about a path that cannot be written: of the cache a clause, else nothing."""
    try:
        cache = str(cache_dir().absolute())
    except UserError:
        return ""
    own = os.path.commonpath([os.path.abspath(path), cache])
    return f": {REMEDY}" if own in (cache, os.path.abspath(path)) else ""
