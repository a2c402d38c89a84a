"""Reads PyTorch modules that StyleGAN's and Projected GAN's repositories pickled, running no code.

A file of the former carries the source of its modules, to be executed when it is loaded
(NVlabs/stylegan2-ada-pytorch, torch_utils/persistence.py). Here that source is a string that nobody
looks at: a module is what its state holds.
"""

import pickle
from typing import IO, Any, NamedTuple

import numpy as np

from dermgan_jax.files import Path
from dermgan_jax.formats import safe_pickle
from dermgan_jax.formats.tensor_files import EmbeddedStorages, opened, size_of
from dermgan_jax.reading_limits import Budget


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

    def tensors(self, budget: Budget, depth: int = 0) -> dict[str, Any]:
        """Parameters and persistent buffers by name, those of children in dictionaries."""
        passing = self.state.get("_non_persistent_buffers_set") or ()
        found = dict(self._dictionary("_parameters"))
        buffers = self._dictionary("_buffers")
        found |= {name: buffer for name, buffer in buffers.items() if name not in passing}
        budget.count(1 + len(found))
        budget.require_depth(depth)
        children = self._children().items()
        return found | {name: child.tensors(budget, depth + 1) for name, child in children}

    def numbers(self, budget: Budget, path: str = "") -> dict[str, float]:
        """Attributes that are numbers, by path."""
        found = {
            path + name: value
            for name, value in self.state.items()
            if isinstance(value, int | float)
        }
        budget.count(1 + len(self.state))
        budget.take(len(path) * len(found))
        for name, child in self._children().items():
            found |= child.numbers(budget, f"{path}{name}.")
        return found

    def _children(self) -> dict[str, "PickledModule"]:
        modules = self._dictionary("_modules")
        return {name: m for name, m in modules.items() if isinstance(m, PickledModule)}

    def _dictionary(self, name: str) -> dict[Any, Any]:
        found = self.state.get(name) or {}
        if not isinstance(found, dict):
            raise TypeError(f"a module's {name} is no dictionary")
        return found


class ModuleUnpickler(safe_pickle.TensorUnpickler):
    """Knows, besides tensors, the modules' own way of being stored; refuses every other name."""

    def __init__(self, file: IO[bytes], source: str, budget: Budget) -> None:
        super().__init__(file, source, budget)
        self._more = {
            "torch_utils.persistence _reconstruct_persistent_obj": safe_pickle.Loader(self._module),
            "dnnlib.util EasyDict": self.kind_of_dict(dict),
            "builtins set": safe_pickle.Loader(self._set),
            "__builtin__ set": safe_pickle.Loader(self._set),
        }

    def find_class(self, module: str, name: str) -> Any:
        """The stand-in for a global name."""
        known = self._more.get(f"{module} {name}")
        if known is None and f"{module}.".startswith(_PACKAGES):
            return self._class(f"{module} {name}", PickledModule)
        return super().find_class(module, name) if known is None else known

    def _module(self, meta: dict[str, Any]) -> PickledModule:
        if meta.get("type") != "class" or not isinstance(meta.get("state"), dict):
            raise ValueError("a module is stored in an unknown way")
        module = PickledModule()
        module.__setstate__(meta["state"])
        return module

    def _set(self, items: Any = ()) -> set:
        self._budget.count(len(items))
        return {safe_pickle.plain_key(item) for item in items}


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
        budget = Budget(str(path), size_of(file))
        content = ModuleUnpickler(file, str(path), budget).load()
        storages = EmbeddedStorages(str(path), budget)
        return {
            str(key): PickledNetwork(
                safe_pickle.flatten(value.tensors(budget), storages, budget), value.numbers(budget)
            )
            for key, value in (content.items() if isinstance(content, dict) else ())
            if isinstance(value, PickledModule)
        }
