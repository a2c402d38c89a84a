"""Reads tensors out of pickles without running anything that a pickle asks for.

A pickle is a program that may import and call whatever it names. `TensorUnpickler` knows only the
names that saved tensors need, each replaced by a stand-in that records what was asked, and refuses
every other name. The stand-ins are bound methods, strings and classes made for one reading, so
that a pickle cannot change them for the next one. NumPy's own reconstruction is not used: a crafted
dtype can make it read bytes as object pointers.
"""

import collections
import dataclasses
import pickle
import re
from collections.abc import Callable
from typing import IO, Any

import ml_dtypes
import numpy as np

from dermgan_jax.errors import UserError

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


@dataclasses.dataclass(frozen=True)
class Storage:
    """A flat run of numbers that the file keeps outside the pickle."""

    key: str
    dtype: str
    offset: int


@dataclasses.dataclass(frozen=True)
class EmbeddedStorage:
    """A flat run of numbers inside the pickle: the content of a file in PyTorch's older format.

    So `pickle.dump` writes tensors, where `torch.save` keeps the numbers apart.
    """

    data: bytes
    offset: int = 0


# What a storage holds, as a flat array.
Storages = Callable[[Storage | EmbeddedStorage], np.ndarray]


@dataclasses.dataclass(frozen=True)
class TorchTensor:
    """A strided view into a storage."""

    storage: Storage | EmbeddedStorage
    offset: int
    size: tuple[int, ...]
    stride: tuple[int, ...]

    def resolve(self, storages: Storages) -> np.ndarray:
        """The tensor as an array of its own.

        Raises:
          ValueError: if the view does not lie inside its storage.
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


class ScriptObject:
    """Stand-in for a TorchScript module: its attributes, none of its code."""


class TensorUnpickler(pickle.Unpickler):
    """Unpickles containers of `TorchTensor` and `NumpyArray`; see the module's docstring.

    Args:
      file: a binary file, read up to the end of one pickle.
      source: what to call the file in messages.
      script: whether `__torch__.*` names, the classes of TorchScript, are known too.

    Attributes:
      storages: by key, those the pickle refers to; complete after `load`.

    `load` raises `UserError` for a name that is not known, and one of `MALFORMED` for damage.
    """

    def __init__(self, file: IO[bytes], source: str, script: bool = False) -> None:
        super().__init__(file, encoding="latin1")
        self.storages: dict[str, Storage] = {}
        self._source = source
        self._script = script
        numpy_globals = {
            "multiarray _reconstruct": self._numpy_reconstruct,
            "multiarray scalar": self._numpy_scalar,
            "numeric _frombuffer": self._numpy_frombuffer,
        }
        self._globals = {
            "collections OrderedDict": collections.OrderedDict,
            "torch Size": self._sequence,
            "torch._utils _rebuild_tensor": self._torch_tensor,
            "torch._utils _rebuild_tensor_v2": self._torch_tensor,
            "torch._utils _rebuild_parameter": self._torch_parameter,
            "torch.storage _load_from_bytes": self._embedded_storage,
            "torch.jit._pickle build_intlist": self._sequence,
            "torch.jit._pickle build_tensorlist": self._sequence,
            "torch.jit._pickle build_doublelist": self._sequence,
            "torch.jit._pickle build_boollist": self._sequence,
            "numpy ndarray": "numpy.ndarray",
            "numpy dtype": self._numpy_dtype,
            "_codecs encode": self._encode,
        }
        self._globals |= {f"torch {name}": dtype for name, dtype in DTYPES.items()}
        for package in ("numpy.core", "numpy._core"):  # NumPy 1 and 2
            self._globals |= {f"{package}.{name}": f for name, f in numpy_globals.items()}

    def find_class(self, module: str, name: str) -> Any:
        """The stand-in for a global name."""
        if self._script and module.partition(".")[0] == "__torch__":
            return type("ScriptObject", (ScriptObject,), {})
        known = self._globals.get(f"{module} {name}")
        if known is None:
            raise UserError(
                f"{self._source} asks to load {module}.{name}, which is not a tensor: refused, "
                "because it could run any code. Save a plain state_dict, .safetensors or .npz"
            )
        return known

    def persistent_load(self, pid: Any) -> Storage:
        """A storage, from PyTorch's ("storage", type, key, device, numel[, view])."""
        kind, dtype, key, _device, _numel, *view = pid
        if kind != "storage" or dtype not in DTYPES.values():
            raise ValueError(f"unknown kind of stored object {kind!r}")
        offset = view[0][1] if view and view[0] is not None else 0
        storage = self.storages[key] = Storage(str(key), dtype, offset)
        return storage

    def _torch_tensor(self, storage, offset, size, stride, *_grad_hooks_metadata) -> TorchTensor:
        return TorchTensor(storage, offset, tuple(size), tuple(stride))

    def _torch_parameter(self, tensor, *_grad_hooks) -> TorchTensor:
        return tensor

    def _embedded_storage(self, data) -> EmbeddedStorage:
        return EmbeddedStorage(data)

    def _sequence(self, items) -> tuple:
        return tuple(items)

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
        if encoding != "latin1":  # how pickles of protocol 2 hold bytes
            raise ValueError(f"unexpected text encoding {encoding!r}")
        return text.encode("latin1")


def flatten(value: Any, storages: Storages) -> dict[str, np.ndarray]:
    """Every tensor in nested containers by its path, parts joined by dots; the rest is left out.

    bfloat16 becomes float32, which holds the same values.
    """
    found: dict[str, np.ndarray] = {}

    def visit(path: tuple[str, ...], node: Any) -> None:
        if isinstance(node, TorchTensor | NumpyArray):
            array = node.array if isinstance(node, NumpyArray) else node.resolve(storages)
            found[".".join(path)] = as_numpy(array)
        elif isinstance(node, dict | ScriptObject):
            for key, child in (node if isinstance(node, dict) else vars(node)).items():
                visit((*path, str(key)), child)
        elif isinstance(node, list | tuple):
            for index, child in enumerate(node):
                visit((*path, str(index)), child)

    visit((), value)
    return found


def as_numpy(array: np.ndarray) -> np.ndarray:
    """The array in a dtype that NumPy itself has, in this machine's byte order."""
    if array.dtype == ml_dtypes.bfloat16:
        return array.astype(np.float32)
    return array.astype(array.dtype.newbyteorder("="), copy=False)
