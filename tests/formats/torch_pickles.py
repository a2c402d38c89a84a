"""Writes files as `torch.save` does, both formats, without PyTorch."""

import collections
import io
import pickle
import struct
import sys
import types
import zipfile
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np

STORAGES = {
    "float64": "DoubleStorage",
    "float32": "FloatStorage",
    "float16": "HalfStorage",
    "bfloat16": "BFloat16Storage",
    "int64": "LongStorage",
    "uint8": "ByteStorage",
    "bool": "BoolStorage",
}
MAGIC = 0x1950A86A20F9469CFC6C


def fake_module(name: str, **members: Any) -> types.ModuleType:
    """A module that pickles can name, with members that say they are at home there."""
    module = types.ModuleType(name)
    for key, member in members.items():
        member.__module__ = name
        member.__qualname__ = key
        setattr(module, key, member)
    return module


def _rebuild_tensor_v2(*arguments: Any) -> None:
    """Pickled by its name only."""


def _load_from_bytes(*arguments: Any) -> None:
    """Pickled by its name only."""


TORCH = fake_module("torch", **{name: type(name, (), {}) for name in STORAGES.values()})
MODULES = {
    "torch": TORCH,
    "torch._utils": fake_module("torch._utils", _rebuild_tensor_v2=_rebuild_tensor_v2),
    "torch.storage": fake_module("torch.storage", _load_from_bytes=_load_from_bytes),
}


class Tensor:
    """A view into a flat array, as a tensor is a view into its storage."""

    def __init__(self, flat: np.ndarray, offset: int, size: tuple, stride: tuple) -> None:
        self.flat, self.layout = flat, (offset, size, stride)

    def __reduce__(self):
        arguments = (self.flat, *self.layout, False, collections.OrderedDict())
        return _rebuild_tensor_v2, arguments


def tensor(array: np.ndarray) -> Tensor:
    """A contiguous tensor."""
    stride = tuple(side // array.itemsize for side in array.strides)
    return Tensor(array.reshape(-1), 0, array.shape, stride)


class Pickler(pickle.Pickler):
    """Leaves flat arrays out of the pickle and names them, as PyTorch does with storages."""

    def __init__(self, file: io.BytesIO, protocol: int = 2) -> None:
        super().__init__(file, protocol=protocol)
        self.storages: dict[str, np.ndarray] = {}

    def persistent_id(self, value: Any) -> tuple | None:
        if not isinstance(value, np.ndarray):
            return None
        known = [key for key, flat in self.storages.items() if flat is value]
        key = known[0] if known else str(len(self.storages))
        self.storages[key] = value
        kind = getattr(TORCH, STORAGES[str(value.dtype)])
        return ("storage", kind, key, "cpu", value.size)


def _pickled(content: Any) -> tuple[bytes, dict[str, np.ndarray]]:
    file = io.BytesIO()
    with mock.patch.dict(sys.modules, MODULES):
        pickler = Pickler(file)
        pickler.dump(content)
    return file.getvalue(), pickler.storages


def save_zip(path: Path, content: Any, **members: bytes) -> None:
    """As `torch.save` since 1.6; `members` are further files of the archive."""
    data, storages = _pickled(content)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("model/data.pkl", data)
        for name, member in members.items():
            archive.writestr(f"model/{name}", member)
        for key, flat in storages.items():
            archive.writestr(f"model/data/{key}", flat.tobytes())


def old_format(content: Any) -> bytes:
    """What `torch.save(…, _use_new_zipfile_serialization=False)` writes."""
    data, storages = _pickled(content)
    system = {"protocol_version": 1001, "little_endian": True}
    start = [pickle.dumps(part, protocol=2) for part in (MAGIC, 1001, system)]
    keys = pickle.dumps(list(storages), protocol=2)
    numbers = [struct.pack("<q", flat.size) + flat.tobytes() for flat in storages.values()]
    return b"".join([*start, data, keys, *numbers])


def save_old(path: Path, content: Any) -> None:
    """As `torch.save` before 1.6."""
    path.write_bytes(old_format(content))


class Embedded:
    """A storage inside the pickle, as `pickle.dump` writes it."""

    def __init__(self, file: bytes) -> None:
        self.file = file

    def __reduce__(self):
        return _load_from_bytes, (self.file,)


def save_embedded(path: Path, content: Any) -> None:
    """As `pickle.dump` of tensors; their storages are `Embedded`."""
    path.write_bytes(_pickled(content)[0])
