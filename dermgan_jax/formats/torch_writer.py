"""Writes tensors as `torch.save` does since 1.6, without PyTorch; `tensor_files` reads them.

The pickle is put together from opcodes, because Python's own pickler has to import what it names.
"""

import pickle
import zipfile
from collections.abc import Mapping

import numpy as np

from dermgan_jax import files
from dermgan_jax.files import Path
from dermgan_jax.formats.safe_pickle import DTYPES

STORAGES = {dtype: name for name, dtype in DTYPES.items()}
_EMPTY_DICT = b"ccollections\nOrderedDict\n" + pickle.EMPTY_TUPLE + pickle.REDUCE


def write_state_dict(path: Path, tensors: Mapping[str, np.ndarray]) -> None:
    """Writes a file from which `torch.load` makes an OrderedDict of tensors on the CPU.

    The same tensors give the same bytes.

    Args:
      path: of the file, replaced if it exists.
      tensors: by name, in the order of the file; of a dtype in `STORAGES`.
    """
    arrays = {name: np.asarray(array, order="C") for name, array in tensors.items()}
    content = {"data.pkl": _pickled(arrays), "byteorder": b"little", "version": b"3\n"}
    for key, array in enumerate(arrays.values()):
        content[f"data/{key}"] = array.astype(array.dtype.newbyteorder("<")).tobytes()
    with files.replacing(path) as file, zipfile.ZipFile(file, "w") as archive:
        for name, data in content.items():
            archive.writestr(zipfile.ZipInfo(f"{path.stem}/{name}"), data)


def _pickled(arrays: Mapping[str, np.ndarray]) -> bytes:
    items = [_plain(name) + _tensor(key, arrays[name]) for key, name in enumerate(arrays)]
    return b"".join(
        [pickle.PROTO, b"\2", _EMPTY_DICT, pickle.MARK, *items, pickle.SETITEMS, pickle.STOP]
    )


def _tensor(key: int, array: np.ndarray) -> bytes:
    """A call of PyTorch's `_rebuild_tensor_v2` with the storage `key`."""
    storage_type = f"ctorch\n{STORAGES[str(array.dtype)]}\n".encode()
    stride = tuple(step // array.itemsize for step in array.strides)
    storage = [_plain("storage"), storage_type, _plain(str(key)), _plain("cpu"), _plain(array.size)]
    return b"".join(
        [
            *(b"ctorch._utils\n_rebuild_tensor_v2\n", pickle.MARK),
            *(pickle.MARK, *storage, pickle.TUPLE, pickle.BINPERSID),
            *(_plain(0), _plain(array.shape), _plain(stride), pickle.NEWFALSE, _EMPTY_DICT),
            *(pickle.TUPLE, pickle.REDUCE),
        ]
    )


def _plain(value: str | int | tuple[int, ...]) -> bytes:
    """The opcodes that put a value on the stack."""
    return pickle.dumps(value, protocol=2).removeprefix(pickle.PROTO + b"\2")[:-1]
