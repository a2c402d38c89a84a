"""Reads tensors out of pickles without running anything that a pickle asks for.

A pickle is a program that may import and call whatever it names. `TensorUnpickler` knows only the
names that saved tensors need, each replaced by a stand-in that records what was asked, and refuses
every other name. The stand-ins are `Loader`s, strings and classes made for one reading, so that a
pickle can change none of them. NumPy's own reconstruction is not used: a crafted dtype can make it
read bytes as object pointers. What a pickle may cost is limited, see `pickle_scan`.
"""

import collections
import dataclasses
import pickle
import re
from collections.abc import Callable, Iterable, Sequence
from typing import IO, Any

import ml_dtypes
import numpy as np

from dermgan_jax.errors import UserError
from dermgan_jax.formats import pickle_scan
from dermgan_jax.reading_limits import Budget

DTYPES = {
    "DoubleStorage": "float64",
    "FloatStorage": "float32",
    "HalfStorage": "float16",
    "BFloat16Storage": "bfloat16",
    "LongStorage": "int64",
    "IntStorage": "int32",
    "ShortStorage": "int16",
    "CharStorage": "int8",
    "ByteStorage": "uint8",
    "BoolStorage": "bool",
}

MOST_DIMENSIONS = 64  # of an array, as NumPy has it
LARGEST_NUMBER = 1 << 63

# What reading a damaged pickle may raise; the documentation of `pickle` names the first five and
# says that there may be others.
MALFORMED = (
    pickle.UnpicklingError,
    AttributeError,
    EOFError,
    ImportError,
    IndexError,
    KeyError,
    MemoryError,
    OverflowError,
    RecursionError,
    TypeError,
    ValueError,
)


class Fixed:
    """A stand-in that a pickle may not give another state."""

    def __setstate__(self, state: Any) -> None:
        raise ValueError("it asks to change a function or a tensor")


@dataclasses.dataclass(frozen=True)
class Storage(Fixed):
    """A flat run of numbers that the file keeps outside the pickle."""

    key: str
    dtype: str
    offset: int


@dataclasses.dataclass(frozen=True)
class EmbeddedStorage(Fixed):
    """A flat run of numbers inside the pickle: the content of a file in PyTorch's older format.

    So `pickle.dump` writes tensors, where `torch.save` keeps the numbers apart.
    """

    data: bytes
    offset: int = 0


# What a storage holds, as a flat array.
Storages = Callable[[Storage | EmbeddedStorage], np.ndarray]


@dataclasses.dataclass(frozen=True)
class TorchTensor(Fixed):
    """A strided view into a storage."""

    storage: Storage | EmbeddedStorage
    offset: int
    size: tuple[int, ...]
    stride: tuple[int, ...]

    def resolve(self, storages: Storages, budget: Budget) -> np.ndarray:
        """The tensor as an array of its own.

        Raises:
          ValueError: if the view does not lie inside its storage.
          UserError: if it is larger than is left of the budget.
        """
        start, size, stride = self.offset + self.storage.offset, self.size, self.stride
        if len(size) != len(stride) or min((start, *size, *stride)) < 0:
            raise ValueError("a tensor has a negative size, stride or offset")
        flat = storages(self.storage)
        count = int(np.prod(size, dtype=object))
        last = start + sum((n - 1) * s for n, s in zip(size, stride, strict=True))
        # No more numbers than the storage has: overlapping views could ask for any amount.
        if count and (count > flat.size or last >= flat.size):
            raise ValueError("a tensor reaches beyond its storage")
        budget.take(count * flat.itemsize)
        if not count:
            return np.zeros(size, flat.dtype)
        strides = tuple(s * flat.itemsize for s in stride)
        return np.lib.stride_tricks.as_strided(flat[start:], size, strides).copy()


class NumpyDtype:
    """Stand-in for a pickled `numpy.dtype`: plain numbers only."""

    def __init__(self, code: str) -> None:
        if not re.fullmatch(r"[fiu][1248]|b1", code):
            raise ValueError(f"arrays of dtype {code!r} are not numbers")
        self.dtype = np.dtype(code)

    def __setstate__(self, state: tuple) -> None:
        if state[1] == ">":
            self.dtype = self.dtype.newbyteorder(">")


class NumpyArray:
    """Stand-in for a pickled `numpy.ndarray`, filled by its state."""

    array: np.ndarray

    def __setstate__(self, state: tuple) -> None:
        _, shape, dtype, fortran, data = state
        flat = np.frombuffer(data, dtype.dtype)
        self.array = flat.reshape(shape, order="F" if fortran else "C")


class Loader(Fixed):
    """Stand-in for a function."""

    def __init__(self, call: Callable) -> None:
        self._call = call

    def __call__(self, *arguments: Any) -> Any:
        return self._call(*arguments)


class ScriptObject:
    """Stand-in for a TorchScript module: its attributes, none of its code."""


class TensorUnpickler(pickle.Unpickler):
    """Unpickles containers of `TorchTensor` and `NumpyArray`; see the module's docstring.

    Args:
      file: a binary file, read up to the end of one pickle.
      source: what to call the file in messages.
      budget: what the file may cost.
      script: whether `__torch__.*` names, the classes of TorchScript, are known too.

    Attributes:
      storages: by key, those the pickle refers to; complete after `load`.

    `load` raises `UserError` for a name that is not known, and one of `MALFORMED` for damage.
    """

    def __init__(self, file: IO[bytes], source: str, budget: Budget, script: bool = False) -> None:
        super().__init__(file, encoding="latin1")
        self.storages: dict[str, Storage] = {}
        self._file = file
        self._source = source
        self._budget = budget
        self._script = script
        self._classes: dict[str, type] = {}
        functions = {
            "torch Size": self._sequence,
            "torch._utils _rebuild_tensor": self._torch_tensor,
            "torch._utils _rebuild_tensor_v2": self._torch_tensor,
            "torch._utils _rebuild_parameter": self._torch_parameter,
            "torch.storage _load_from_bytes": self._embedded_storage,
            "torch.jit._pickle build_intlist": self._sequence,
            "torch.jit._pickle build_tensorlist": self._sequence,
            "torch.jit._pickle build_doublelist": self._sequence,
            "torch.jit._pickle build_boollist": self._sequence,
            "numpy dtype": self._numpy_dtype,
            "_codecs encode": self._encode,
        }
        for package in ("numpy.core", "numpy._core"):  # NumPy 1 and 2
            functions |= {
                f"{package}.multiarray _reconstruct": self._numpy_reconstruct,
                f"{package}.multiarray scalar": self._numpy_scalar,
                f"{package}.numeric _frombuffer": self._numpy_frombuffer,
            }
        self._globals = {name: Loader(function) for name, function in functions.items()}
        self._globals["collections OrderedDict"] = self.kind_of_dict(collections.OrderedDict)
        self._globals["numpy ndarray"] = "numpy.ndarray"
        self._globals |= {f"torch {name}": dtype for name, dtype in DTYPES.items()}

    def load(self) -> Any:
        """The content of one pickle; the file is then where the pickle ends.

        Raises:
          UserError: if a name is not known, or the file costs more than the budget allows.
          ValueError: or another one of `MALFORMED`, if it is damaged.
        """
        start = self._file.tell()
        pickle_scan.scan(self._file, self._budget)
        self._file.seek(start)
        return super().load()

    def find_class(self, module: str, name: str) -> Any:
        """The stand-in for a global name."""
        if self._script and module.partition(".")[0] == "__torch__":
            return self._class(f"{module} {name}", ScriptObject)
        known = self._globals.get(f"{module} {name}")
        if known is None:
            raise UserError(
                f"{self._source} asks to load {module:.99}.{name:.99}, which is not a tensor: "
                "refused, because it could run any code. Save a plain state_dict, .safetensors or "
                ".npz"
            )
        return known

    def _class(self, name: str, base: type) -> type:
        """The class that stands for a name throughout this reading."""
        if name not in self._classes:
            self._budget.count(20)  # a class is so much larger than other objects
            self._classes[name] = type(base.__name__, (base,), {})
        return self._classes[name]

    def persistent_load(self, pid: Any) -> Storage:
        """A storage, from PyTorch's ("storage", type, key, device, numel[, view])."""
        kind, dtype, key, _device, _numel, *view = pid
        # Compared by type first: printing or comparing what a stranger nested may never end.
        known = isinstance(dtype, str) and dtype in DTYPES.values() and isinstance(key, str | int)
        if not known or not isinstance(kind, str) or kind != "storage":
            raise ValueError("it refers to an unknown kind of stored object")
        offset = view[0][1] if view and view[0] is not None else 0
        if not isinstance(offset, int):
            raise TypeError("the place of a storage is no number")
        storage = self.storages[key] = Storage(str(key), dtype, offset)
        return storage

    def _torch_tensor(self, storage, offset, size, stride, *_grad_hooks_metadata) -> TorchTensor:
        if not isinstance(storage, Storage | EmbeddedStorage):
            raise TypeError("a tensor is no view of a storage")
        size, stride = self._sequence(size), self._sequence(stride)
        layout = (offset, *size, *stride)
        if len(size) > MOST_DIMENSIONS or not all(
            isinstance(number, int) and abs(number) < LARGEST_NUMBER for number in layout
        ):
            raise TypeError("the layout of a tensor is impossible")
        return TorchTensor(storage, offset, size, stride)

    def _torch_parameter(self, tensor, *_grad_hooks) -> TorchTensor:
        if not isinstance(tensor, TorchTensor):
            raise TypeError("a parameter is no tensor")
        return tensor

    def _embedded_storage(self, data) -> EmbeddedStorage:
        if not isinstance(data, bytes):
            raise TypeError("an embedded storage is not held in bytes")
        return EmbeddedStorage(data)

    def _sequence(self, items) -> tuple:
        self._budget.count(len(items))
        return tuple(items)

    def kind_of_dict(self, base: type[dict]) -> type[dict]:
        """A class of dictionaries for this reading; what filling one from a list costs counts."""
        budget = self._budget

        class Dictionary(base):
            def __init__(self, items: Sequence = ()) -> None:
                budget.count(len(items))
                super().__init__((plain_key(key), value) for key, value in items)

        return Dictionary

    def _numpy_reconstruct(self, *_type_shape_typecode) -> NumpyArray:
        return NumpyArray()

    def _numpy_dtype(self, code, *_align_copy) -> NumpyDtype:
        return NumpyDtype(code)

    def _numpy_scalar(self, dtype, data) -> NumpyArray:
        return self._numpy_frombuffer(data, dtype, (), "C")

    def _numpy_frombuffer(self, data, dtype, shape, order) -> NumpyArray:
        array = NumpyArray()
        array.__setstate__((1, shape, dtype, order == "F", data))
        return array

    def _encode(self, text, encoding) -> bytes:
        if not isinstance(encoding, str) or encoding != "latin1":  # as pickles of protocol 2 do
            raise ValueError("bytes are held in an unexpected encoding")
        self._budget.take(len(text))
        return text.encode("latin1")


def plain_key(key: Any) -> Any:
    """A key or a member of a set, which has to be a single value: others take long to look up.

    Raises:
      TypeError: if it is another one.
    """
    if not isinstance(key, str | bytes | int | float | None):
        raise TypeError("a key is neither a text nor a number")
    return key


def flatten(value: Any, storages: Storages, budget: Budget) -> dict[str, np.ndarray]:
    """Every tensor in nested containers by its path, parts joined by dots; the rest is left out.

    bfloat16 becomes float32, which holds the same values.

    Raises:
      UserError: if that is more than the budget allows, or containers lie too deep in each other.
    """
    found: dict[str, np.ndarray] = {}

    def visit(path: tuple[str, ...], node: Any) -> None:
        budget.count()
        if isinstance(node, TorchTensor | NumpyArray):
            name = ".".join(path)
            budget.take(len(name))
            if isinstance(node, NumpyArray):
                budget.take(node.array.nbytes)
                array = node.array
            else:
                array = node.resolve(storages, budget)
            found[name] = as_numpy(array)
        elif isinstance(node, dict | ScriptObject | list | tuple):
            budget.require_depth(len(path))
            for key, child in _members(node):
                visit((*path, str(key)), child)

    visit((), value)
    return found


def _members(node: Any) -> Iterable[tuple[Any, Any]]:
    if isinstance(node, list | tuple):
        return enumerate(node)
    return dict.items(node if isinstance(node, dict) else vars(node))


def as_numpy(array: np.ndarray) -> np.ndarray:
    """The array in a dtype that NumPy itself has, in this machine's byte order."""
    if array.dtype == ml_dtypes.bfloat16:
        return array.astype(np.float32)
    return array.astype(array.dtype.newbyteorder("="), copy=False)
