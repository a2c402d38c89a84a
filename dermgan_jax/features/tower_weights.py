"""Weights of an image tower that is published in several files: read, checked, named."""

from collections.abc import Callable, Mapping
from typing import Any

import flax.linen as nn
import numpy as np

from dermgan_jax.errors import UserError
from dermgan_jax.features import weights
from dermgan_jax.features.extractor import Variables
from dermgan_jax.files import Path
from dermgan_jax.formats.tensor_files import read_tensors


def load(
    name: str,
    folder: Path | None,
    module: nn.Module,
    from_torch: Callable[[Any, Mapping[str, np.ndarray]], Variables],
) -> tuple[Variables, str]:
    """Variables of a module, and the weights_id of the file that they come from.

    Args:
      name: a key of `published_weights.FILES`.
      folder: where to look for the file first.
      module: the architecture.
      from_torch: the module, the tensors of a file -> its variables.

    Raises:
      UserError: if no file is found, or it is not the right one, by its sha256 where that is known
        and by its tensors.
    """
    found = weights.locate(name, folder)
    tensors = read_tensors(found.path)
    try:
        return from_torch(module, tensors), found.weights_id
    except UserError as error:
        raise UserError(
            f"{found.path}: {error}; dermgan weights says which file belongs there"
        ) from error
