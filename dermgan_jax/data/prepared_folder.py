"""Where decoded images, and what was found out about them, are kept between runs."""

import pathlib

from ml_collections import ConfigDict, FrozenConfigDict

from dermgan_jax import files
from dermgan_jax.cache import cache_dir


def prepared_dir(data_config: ConfigDict | FrozenConfigDict) -> pathlib.Path:
    """The folder that holds prepared data of all experiments.

    Raises:
      UserError: if it is in a bucket.
    """
    if not data_config.prepared_dir:
        return cache_dir() / "prepared"
    folder = files.to_path(data_config.prepared_dir)
    return files.require_local(folder, "prepared images (data.prepared_dir) are mapped into memory")
