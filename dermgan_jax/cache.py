"""Where things that can be made again are kept between runs: on this machine, as they are mapped
into memory."""

import os
import pathlib
import tempfile

from dermgan_jax import files
from dermgan_jax.errors import UserError

REMEDY = "name a folder that can be written in the environment variable DERMGAN_CACHE"


def cache_dir() -> pathlib.Path:
    """$DERMGAN_CACHE, or ~/.cache/dermgan_jax.

    Raises:
      UserError: if $DERMGAN_CACHE names a bucket.
    """
    place = files.to_path(os.environ.get("DERMGAN_CACHE") or "~/.cache/dermgan_jax")
    return files.require_local(place, "the cache ($DERMGAN_CACHE) is mapped into memory")


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
    own = os.path.commonpath([os.path.abspath(path), cache_dir().absolute()])
    is_of_cache = own in (str(cache_dir().absolute()), os.path.abspath(path))
    return f": {REMEDY}" if is_of_cache else ""
