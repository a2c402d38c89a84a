"""Tensors from the files in which pretrained weights are published, without PyTorch.

Read are PyTorch's zip format (`torch.save` since 1.6), its older format, TorchScript archives,
safetensors, `.npz`, and pickles of NumPy arrays. Which one it is, is seen from the content. Nothing
in a file is ever executed (see `safe_pickle`).
"""

import contextlib
import io
import json
import lzma
import struct
import zipfile
import zlib
from collections.abc import Iterator
from typing import IO

import ml_dtypes
import numpy as np

from dermgan_jax import files
from dermgan_jax.errors import UserError
from dermgan_jax.files import Path
from dermgan_jax.formats import safe_pickle

TORCH_MAGIC = 0x1950A86A20F9469CFC6C
ZIP_MAGIC = b"PK\x03\x04"

SAFETENSORS_DTYPES = {
    "F64": np.float64,
    "F32": np.float32,
    "F16": np.float16,
    "BF16": ml_dtypes.bfloat16,
    "I64": np.int64,
    "I32": np.int32,
    "I16": np.int16,
    "I8": np.int8,
    "U8": np.uint8,
    "BOOL": np.bool_,
}

# RuntimeError is how zipfile says that a member is encrypted.
MALFORMED = (
    *safe_pickle.MALFORMED,
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    struct.error,
    RuntimeError,
)


def read_tensors(path: str | Path) -> dict[str, np.ndarray]:
    """Every tensor in a file by name, in the file's own layout and dtype (bfloat16 as float32).

    Tensors in nested containers are named by their path: `{"netG": {"0.weight": …}}` has
    "netG.0.weight". Whatever is not a tensor is left out.

    Raises:
      UserError: if the file is missing, truncated, of another kind, holds no tensors, or names
        anything that is not a tensor; the latter is refused before it is looked up.
    """
    path = files.to_path(path) if isinstance(path, str) else path
    with opened(path, "file of tensors") as file:
        tensors = _read(file, str(path))
    if not tensors:
        raise UserError(f"{path} holds no tensors")
    return tensors


@contextlib.contextmanager
def opened(path: Path, what: str) -> Iterator[IO[bytes]]:
    """A file to read, what is wrong with it being a message for the user.

    Args:
      path: of the file.
      what: it should be.

    Raises:
      UserError: if it is missing, or reading it says that it is malformed.
    """
    try:
        with path.open("rb") as file:
            yield file
    except MALFORMED as error:
        reason = str(error) or type(error).__name__
        raise UserError(
            f"{path} is not a complete {what} ({reason}); fetch or save it again"
        ) from error
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror or error}") from error


def _read(file: IO[bytes], source: str) -> dict[str, np.ndarray]:
    head = file.read(9)
    file.seek(0)
    if head.startswith(ZIP_MAGIC):
        with zipfile.ZipFile(file) as archive:
            names = archive.namelist()
            if any(name.endswith("data.pkl") for name in names):
                return _read_torch_zip(archive, source)
        if all(name.endswith(".npy") for name in names):
            file.seek(0)
            with np.load(file, allow_pickle=False) as arrays:
                return dict(arrays)
    if head.startswith(b"\x80"):
        return _read_pickles(file, source)
    if head[8:] == b"{":
        return _read_safetensors(file.read())
    raise ValueError("none of .pth, .pt, .safetensors, .npz or a pickle of arrays")


def _read_torch_zip(archive: zipfile.ZipFile, source: str) -> dict[str, np.ndarray]:
    names = set(archive.namelist())
    pickled = min((name for name in names if name.endswith("data.pkl")), key=len)
    folder = pickled.removesuffix("data.pkl")
    if folder + "byteorder" in names and archive.read(folder + "byteorder") != b"little":
        raise ValueError("its numbers are big-endian")

    def storage(wanted: safe_pickle.Storage) -> np.ndarray:
        return np.frombuffer(archive.read(f"{folder}data/{wanted.key}"), wanted.dtype)

    script = f"{folder}constants.pkl" in names
    unpickler = safe_pickle.TensorUnpickler(io.BytesIO(archive.read(pickled)), source, script)
    return safe_pickle.flatten(unpickler.load(), storage)


def _read_pickles(file: IO[bytes], source: str) -> dict[str, np.ndarray]:
    first = safe_pickle.TensorUnpickler(file, source).load()
    if first == TORCH_MAGIC:
        content, storages = _read_old_torch(file, source)
        return safe_pickle.flatten(content, lambda wanted: storages[wanted.key])

    def embedded(wanted: safe_pickle.EmbeddedStorage) -> np.ndarray:
        inner = io.BytesIO(wanted.data)
        if safe_pickle.TensorUnpickler(inner, source).load() != TORCH_MAGIC:
            raise ValueError("an embedded storage is not in PyTorch's format")
        storage, storages = _read_old_torch(inner, source)
        return storages[storage.key]

    return safe_pickle.flatten(first, embedded)


def _read_old_torch(file: IO[bytes], source: str) -> tuple[object, dict[str, np.ndarray]]:
    """Content and storages of PyTorch's older format, from after its magic number.

    That is a pickle of its version, one about the system, one of the content, one of the storages'
    keys, and for each key a count of numbers and the numbers.
    """
    _version, system = (safe_pickle.TensorUnpickler(file, source).load() for _ in range(2))
    if not system["little_endian"]:
        raise ValueError("its numbers are big-endian")
    unpickler = safe_pickle.TensorUnpickler(file, source)
    content = unpickler.load()
    storages = {}
    for key in safe_pickle.TensorUnpickler(file, source).load():
        dtype = np.dtype(unpickler.storages[key].dtype)
        (numel,) = struct.unpack("<q", file.read(8))
        storages[key] = np.frombuffer(file.read(numel * dtype.itemsize), dtype, numel)
    return content, storages


def _read_safetensors(data: bytes) -> dict[str, np.ndarray]:
    start = 8 + struct.unpack("<Q", data[:8])[0]
    tensors = {}
    for name, entry in json.loads(data[8:start]).items():
        if name == "__metadata__":
            continue
        dtype, shape = np.dtype(SAFETENSORS_DTYPES[entry["dtype"]]), entry["shape"]
        begin, end = (start + offset for offset in entry["data_offsets"])
        if not start <= begin <= end <= len(data):
            raise ValueError(f"tensor {name} reaches beyond the file")
        array = np.frombuffer(data[begin:end], dtype).reshape(shape)
        tensors[name] = safe_pickle.as_numpy(array)
    return tensors
