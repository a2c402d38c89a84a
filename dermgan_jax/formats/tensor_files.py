"""Tensors from the files in which pretrained weights are published, without PyTorch.

Read are PyTorch's zip format (`torch.save` since 1.6), its older format, TorchScript archives,
safetensors, `.npz`, and pickles of NumPy arrays. Which one it is, is seen from the content. Nothing
in a file is ever executed (see `safe_pickle`), and what a file may unpack to is limited (see
`reading_limits`).
"""

import contextlib
import functools
import io
import lzma
import struct
import zipfile
import zlib
from collections.abc import Iterator
from typing import IO, Any

import numpy as np

from dermgan_jax import files
from dermgan_jax.errors import UserError, reason
from dermgan_jax.files import Path
from dermgan_jax.formats import safe_pickle
from dermgan_jax.formats.safetensors import read_safetensors
from dermgan_jax.npz_files import Arrays, read_exactly, read_member
from dermgan_jax.reading_limits import Budget

TORCH_MAGIC = 0x1950A86A20F9469CFC6C
ZIP_MAGIC = b"PK\x03\x04"

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
      UserError: if the file is missing, truncated, of another kind, holds no tensors, unpacks to
        very much, or names anything that is not a tensor; that is refused before it is looked up.
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
      UserError: if it is missing or no plain file, or reading it says that it is malformed.
    """
    try:
        with files.open_plain(path) as file:
            yield file
    except UserError:
        raise
    except MALFORMED as error:
        raise UserError(
            f"{path} is not a complete {what} ({reason(error)}); fetch or save it again"
        ) from error
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror or error}") from error


def size_of(file: IO[bytes]) -> int:
    """Bytes of an open file, which is at its beginning afterwards."""
    size = file.seek(0, io.SEEK_END)
    file.seek(0)
    return size


def _read(file: IO[bytes], source: str) -> dict[str, np.ndarray]:
    budget = Budget(source, size_of(file))
    head = file.read(9)
    file.seek(0)
    if head.startswith(ZIP_MAGIC):
        with zipfile.ZipFile(file) as archive:
            names = archive.namelist()
            if any(name.endswith("data.pkl") for name in names):
                return _read_torch_zip(archive, source, budget)
        if all(name.endswith(".npy") for name in names):
            file.seek(0)
            return dict(Arrays(file, source))
    if head.startswith(b"\x80"):
        return _read_pickles(file, source, budget)
    if head[8:] == b"{":
        return read_safetensors(file.read())
    raise ValueError("none of .pth, .pt, .safetensors, .npz or a pickle of arrays")


def _read_torch_zip(archive: zipfile.ZipFile, source: str, budget: Budget) -> dict[str, np.ndarray]:
    names = set(archive.namelist())
    pickled = min((name for name in names if name.endswith("data.pkl")), key=len)
    folder = pickled.removesuffix("data.pkl")
    order = f"{folder}byteorder"
    if order in names and read_member(archive, order, budget) != b"little":
        raise ValueError("its numbers are big-endian")

    @functools.lru_cache(maxsize=1)  # tensors that share a storage mostly follow each other
    def content(key: str) -> bytearray:
        return read_member(archive, f"{folder}data/{key}", budget)

    def storage(wanted: safe_pickle.Storage) -> np.ndarray:
        return np.frombuffer(content(wanted.key), wanted.dtype)

    script = f"{folder}constants.pkl" in names
    file = io.BytesIO(read_member(archive, pickled, budget))
    unpickler = safe_pickle.TensorUnpickler(file, source, budget, script)
    return safe_pickle.flatten(unpickler.load(), storage, budget)


def _read_pickles(file: IO[bytes], source: str, budget: Budget) -> dict[str, np.ndarray]:
    first = safe_pickle.TensorUnpickler(file, source, budget).load()
    if not _is_magic(first):
        return safe_pickle.flatten(first, EmbeddedStorages(source, budget), budget)
    content, keys = _read_old_torch(file, source, budget)
    storages = {}
    for key, dtype in keys:
        numel = _count(file)
        size = numel * dtype.itemsize
        budget.take(size)
        storages[key] = np.frombuffer(read_exactly(file, size), dtype, numel)
    return safe_pickle.flatten(content, lambda wanted: storages[wanted.key], budget)


class EmbeddedStorages:
    """Numbers of storages inside a pickle: each is a file of PyTorch's older format.

    Args:
      source: what to call the file in messages.
      budget: what it may cost.
    """

    def __init__(self, source: str, budget: Budget) -> None:
        self._source = source
        self._budget = budget
        self._known: dict[int, np.ndarray] = {}  # by the identity of their bytes, which live on

    def __call__(self, wanted: safe_pickle.EmbeddedStorage) -> np.ndarray:
        if id(wanted.data) not in self._known:
            self._known[id(wanted.data)] = self._read(wanted.data)
        return self._known[id(wanted.data)]

    def _read(self, data: bytes) -> np.ndarray:
        inner = io.BytesIO(data)
        if not _is_magic(safe_pickle.TensorUnpickler(inner, self._source, self._budget).load()):
            raise ValueError("an embedded storage is not in PyTorch's format")
        storage, keys = _read_old_torch(inner, self._source, self._budget)
        found = {}
        for key, dtype in keys:
            numel = _count(inner)
            place = inner.tell()
            found[key] = np.frombuffer(data, dtype, numel, place) if numel else np.zeros(0, dtype)
            inner.seek(numel * dtype.itemsize, io.SEEK_CUR)
        return found[storage.key]


def _count(file: IO[bytes]) -> int:
    (numel,) = struct.unpack("<q", file.read(8))
    if numel < 0:
        raise ValueError(f"a storage is said to have {numel} numbers")
    return numel


def _is_magic(value: object) -> bool:
    return isinstance(value, int) and value == TORCH_MAGIC


def _read_old_torch(
    file: IO[bytes], source: str, budget: Budget
) -> tuple[object, list[tuple[str, np.dtype]]]:
    """Content, and keys and types of the storages that follow, of PyTorch's older format.

    From after its magic number that is a pickle of its version, one about the system, one of the
    content, one of the storages' keys, and for each key a count of numbers and the numbers.
    """

    def load() -> Any:
        return safe_pickle.TensorUnpickler(file, source, budget).load()

    _version, system = load(), load()
    if not system["little_endian"]:
        raise ValueError("its numbers are big-endian")
    unpickler = safe_pickle.TensorUnpickler(file, source, budget)
    content = unpickler.load()
    keys = [safe_pickle.plain_key(key) for key in load()]
    return content, [(key, np.dtype(unpickler.storages[key].dtype)) for key in keys]
