"""Where things that can be made again are kept between runs: on this machine, as they are mapped
into memory."""

import os
import pathlib

from dermgan_jax import files


def cache_dir() -> pathlib.Path:
    """$DERMGAN_CACHE, or ~/.cache/dermgan_jax.

    Raises:
      UserError: if $DERMGAN_CACHE names a bucket.
    """
    place = files.to_path(os.environ.get("DERMGAN_CACHE") or "~/.cache/dermgan_jax")
    return files.require_local(place, "the cache ($DERMGAN_CACHE) is mapped into memory")
