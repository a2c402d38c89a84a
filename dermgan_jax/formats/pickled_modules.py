"""Reads PyTorch modules that StyleGAN's and Projected GAN's repositories pickled, running no code.

A file of the former carries the source of its modules, to be executed when it is loaded
(NVlabs/stylegan2-ada-pytorch, torch_utils/persistence.py). Here that source is a string that nobody
looks at: a module is what its state holds.
"""

import io
import pickle
import struct
from typing import Any, NamedTuple

import numpy as np

from dermgan_jax.files import Path
from dermgan_jax.formats import safe_pickle
from dermgan_jax.formats.tensor_files import TORCH_MAGIC, opened


class PickledNetwork(NamedTuple):
    """What there is to know about a network.

    Attributes:
      tensors: parameters and persistent buffers by their path, as PyTorch's state dict has them.
      numbers: other numbers that its modules keep, by path, such as "synthesis.b4.img_channels".
    """

    tensors: dict[str, np.ndarray]
    numbers: dict[str, float]


# Modules of Projected GAN's pickles come with no source: they name the classes of these packages.
_PACKAGES = ("pg_modules.", "timm.models.", "torch.nn.", "torch.ao.nn.")


class PickledModule:
    """Stand-in for a module.

    Attributes:
      state: the attributes that it had, `_parameters`, `_buffers` and `_modules` among them.
    """

    state: dict[str, Any]

    def __new__(cls, *_args: Any, **_options: Any) -> "PickledModule":
        module = super().__new__(cls)
        module.state = {}
        return module

    def __setstate__(self, state: Any) -> None:
        self.state = state if isinstance(state, dict) else {}

    def tensors(self) -> dict[str, Any]:
        """Parameters and persistent buffers by name, those of children in dictionaries."""
        passing = self.state.get("_non_persistent_buffers_set") or ()
        found = dict(self.state.get("_parameters") or {})
        buffers = self.state.get("_buffers") or {}
        found |= {name: buffer for name, buffer in buffers.items() if name not in passing}
        return found | {name: child.tensors() for name, child in self._children().items()}

    def numbers(self, path: str = "") -> dict[str, float]:
        """Attributes that are numbers, by path."""
        found = {
            path + name: value
            for name, value in self.state.items()
            if isinstance(value, int | float)
        }
        for name, child in self._children().items():
            found |= child.numbers(f"{path}{name}.")
        return found

    def _children(self) -> dict[str, "PickledModule"]:
        modules = self.state.get("_modules") or {}
        return {name: m for name, m in modules.items() if isinstance(m, PickledModule)}


class ModuleUnpickler(safe_pickle.TensorUnpickler):
    """Knows, besides tensors, the modules' own way of being stored; refuses every other name."""

    def __init__(self, file: io.BufferedIOBase, source: str) -> None:
        super().__init__(file, source)
        self._more = {
            "torch_utils.persistence _reconstruct_persistent_obj": self._module,
            "dnnlib.util EasyDict": type("EasyDict", (dict,), {}),
            "builtins set": self._set,
            "__builtin__ set": self._set,
        }

    def find_class(self, module: str, name: str) -> Any:
        """The stand-in for a global name."""
        known = self._more.get(f"{module} {name}")
        if known is None and f"{module}.".startswith(_PACKAGES):
            return type("PickledModule", (PickledModule,), {})
        return super().find_class(module, name) if known is None else known

    def _module(self, meta: dict[str, Any]) -> PickledModule:
        if meta.get("type") != "class" or not isinstance(meta.get("state"), dict):
            raise ValueError("a module is stored in an unknown way")
        module = PickledModule()
        module.__setstate__(meta["state"])
        return module

    def _set(self, items: Any = ()) -> set:
        return set(items)


def read_networks(path: Path) -> dict[str, PickledNetwork]:
    """The networks at the top of a pickle, by their keys, such as "G_ema".

    A file of another kind, or a pickle of something else, has none.

    Raises:
      UserError: if the file is missing, damaged, or names anything but tensors and modules.
    """
    with opened(path, "pickle of networks") as file:
        if file.read(1) != pickle.PROTO:
            return {}
        file.seek(0)
        content = ModuleUnpickler(file, str(path)).load()
        return {
            str(key): PickledNetwork(
                safe_pickle.flatten(value.tensors(), _embedded), value.numbers()
            )
            for key, value in (content.items() if isinstance(content, dict) else ())
            if isinstance(value, PickledModule)
        }


def _embedded(wanted: safe_pickle.EmbeddedStorage) -> np.ndarray:
    """The numbers of a storage inside the pickle.

    They are a file of PyTorch's older format: pickles of a magic number, of a version, about the
    system, of the storage's description and of the keys, then a count of numbers and the numbers.
    """
    file = io.BytesIO(wanted.data)
    magic, _version, system, storage, _keys = (
        safe_pickle.TensorUnpickler(file, "an embedded storage").load() for _ in range(5)
    )
    if magic != TORCH_MAGIC or not system["little_endian"]:
        raise ValueError("an embedded storage is not in PyTorch's format")
    dtype = np.dtype(storage.dtype)
    (numel,) = struct.unpack("<q", file.read(8))
    return np.frombuffer(file.read(numel * dtype.itemsize), dtype, numel)
