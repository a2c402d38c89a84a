"""How StyleGAN2's variables are called in NVlabs/stylegan2-ada-pytorch, and stored there.

Our modules are named like the originals': `synthesis.b8.conv0.weight` is the parameter `kernel` at
synthesis/b8/conv0. Nothing here needs PyTorch.
"""

from collections.abc import Mapping
from typing import Any

import flax
import numpy as np

# Collections of what the originals call buffers; everything else is a parameter.
BUFFERS = {"noise_const": "noise", "w_avg": "average"}
FILTER = "resample_filter"

# Layers of the originals that keep a copy of the filter, used or not.
_FILTERED = ("conv", "conv0", "conv1", "skip", "fromrgb")


def resample_filter() -> np.ndarray:
    """The constant `resample_filter` (4, 4)."""
    taps = np.array((1, 3, 3, 1), np.float32) / 8
    return np.outer(taps, taps)


def variables(tensors: Mapping[str, np.ndarray]) -> dict[str, dict[str, Any]]:
    """A generator's or discriminator's variables, float32, of its state dict.

    Copies of the filter are not looked at.
    """
    flat = {}
    for name, tensor in tensors.items():
        *path, leaf = name.split(".")
        if leaf != FILTER:
            ours = "kernel" if leaf == "weight" else leaf
            flat[BUFFERS.get(leaf, "params"), *path, ours] = _ours(name, np.asarray(tensor))
    return flax.traverse_util.unflatten_dict(flat)


def state_dict(variables: Mapping[str, Any]) -> dict[str, np.ndarray]:
    """The inverse of `variables`, with the filters; parameters' gradients can be given as well."""
    tensors = {}
    for path, leaf in flax.traverse_util.flatten_dict(variables).items():
        if path[0] in ("params", *BUFFERS.values()):
            name = ".".join([*path[1:-1], "weight" if path[-1] == "kernel" else path[-1]])
            tensors[name] = _theirs(name, np.asarray(leaf))
    modules = {name.rpartition(".")[0] for name in tensors}
    filtered = {module for module in modules if module.rpartition(".")[2] in _FILTERED}
    # Blocks have one too, but for the discriminator's last.
    last = ("b4.conv", "b4.fromrgb")
    filtered |= {module.rpartition(".")[0] for module in filtered if module not in last}
    return tensors | {f"{module}.{FILTER}": resample_filter() for module in sorted(filtered)}


def _is_flattened(name: str) -> bool:
    """Whether a weight's inputs are a feature map: channels first there, last here."""
    return name == "b4.fc.weight"


def _ours(name: str, tensor: np.ndarray) -> np.ndarray:
    if _is_flattened(name):
        tensor = tensor.reshape(len(tensor), -1, 4, 4).transpose(2, 3, 1, 0)
        tensor = tensor.reshape(-1, tensor.shape[-1])
    elif name.endswith(".const"):
        tensor = tensor.transpose(1, 2, 0)
    elif name.endswith(".weight"):
        tensor = tensor.transpose((2, 3, 1, 0) if tensor.ndim == 4 else (1, 0))
    return np.asarray(tensor, np.float32, order="C")


def _theirs(name: str, array: np.ndarray) -> np.ndarray:
    if _is_flattened(name):
        array = array.reshape(4, 4, -1, array.shape[-1]).transpose(3, 2, 0, 1)
        array = array.reshape(len(array), -1)
    elif name.endswith(".const"):
        array = array.transpose(2, 0, 1)
    elif name.endswith(".weight"):
        array = array.transpose((3, 2, 0, 1) if array.ndim == 4 else (1, 0))
    return np.asarray(array, np.float32, order="C")
