"""Where things that can be made again are kept between runs."""

import os
from pathlib import Path


def cache_dir() -> Path:
    """$DERMGAN_CACHE, or ~/.cache/dermgan_jax."""
    return Path(os.environ.get("DERMGAN_CACHE") or "~/.cache/dermgan_jax").expanduser()
