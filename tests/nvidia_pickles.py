"""Writes files as NVIDIA's StyleGAN2 does: modules with their source, tensors inside the pickle."""

import sys
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np

from tests.formats import torch_pickles

# Would leave a trace if anybody executed it.
SOURCE = "import pathlib; pathlib.Path('executed').touch()"


def _reconstruct_persistent_obj(meta: dict[str, Any]) -> None:
    """Pickled by its name only."""


class EasyDict(dict):
    """Pickled by its name only."""


class Module:
    """A module of `torch_utils.persistence.persistent_class`."""

    def __init__(self, **state: Any) -> None:
        self.state = {
            "training": False,
            **{"_parameters": {}, "_buffers": {}, "_modules": {}},
            **{"_non_persistent_buffers_set": set(), "_init_kwargs": EasyDict(depth=1)},
            **state,
        }

    def __reduce__(self):
        meta = {"type": "class", "version": 6, "module_src": SOURCE, "class_name": "Generator"}
        return _reconstruct_persistent_obj, ({**meta, "state": self.state},)


def network(tensors: dict[str, np.ndarray], **numbers: float) -> Module:
    """Nested modules with the tensors of a state dict, and numbers that every module has."""
    buffers = ("w_avg", "noise_const", "resample_filter")
    own, parts = {"_parameters": {}, "_buffers": {}}, {}
    for name, array in tensors.items():
        part, _, rest = name.partition(".")
        if rest:
            parts.setdefault(part, {})[rest] = array
        else:
            own["_buffers" if name in buffers else "_parameters"][name] = embedded(array)
    children = {name: network(part, **numbers) for name, part in parts.items()}
    return Module(**own, **numbers, _modules=children)


def embedded(array: np.ndarray) -> torch_pickles.Tensor:
    """A tensor whose storage is written into the pickle, in PyTorch's older format."""
    flat = np.ascontiguousarray(array).reshape(-1)
    storage = torch_pickles.Embedded(torch_pickles.old_format(flat))
    stride = tuple(int(np.prod(array.shape[i + 1 :])) for i in range(array.ndim))
    return torch_pickles.Tensor(storage, 0, array.shape, stride)


def save(path: Path, content: dict[str, Any]) -> None:
    """As `pickle.dump` in training_loop.py."""
    named = {
        "torch_utils": torch_pickles.fake_module("torch_utils"),
        "torch_utils.persistence": torch_pickles.fake_module(
            "torch_utils.persistence", _reconstruct_persistent_obj=_reconstruct_persistent_obj
        ),
        "dnnlib": torch_pickles.fake_module("dnnlib"),
        "dnnlib.util": torch_pickles.fake_module("dnnlib.util", EasyDict=EasyDict),
    }
    with mock.patch.dict(sys.modules, named):
        torch_pickles.save_embedded(path, content)
