"""Arrays in .npz files that anybody may have made, read without trusting what they say.

A header may tell of terabytes, and a few compressed bytes may become gigabytes: what is declared is
held against what is stored, and what is stored against a limit, before memory is taken.
"""

import errno
import lzma
import math
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import IO, NamedTuple

import numpy as np

from dermgan_jax.errors import UserError, reason
from dermgan_jax.reading_limits import Budget

COMPRESSIONS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)  # those of NumPy and PyTorch
ENCRYPTED = 0x1  # of a member's flags
STEP = 1 << 20  # bytes unpacked at a time, as a member may hold more than it says
_HEADERS = {
    (1, 0): np.lib.format.read_array_header_1_0,
    (2, 0): np.lib.format.read_array_header_2_0,
}
# What zipfile and NumPy raise for damage.
MALFORMED = (
    *(EOFError, IndexError, KeyError, NotImplementedError, OSError, OverflowError),
    *(RecursionError, RuntimeError, SyntaxError, TypeError, ValueError),
    *(zipfile.BadZipFile, zlib.error, lzma.LZMAError),
)


class UnreadableArrays(UserError, ValueError):
    """A file that is no .npz, or an array in it that is not read."""


class Member(NamedTuple):
    """An array that is about to be read.

    Attributes:
      shape, dtype: of the array.
      fortran_order: the first index changes fastest.
      file: its bytes follow.
    """

    shape: tuple[int, ...]
    dtype: np.dtype
    fortran_order: bool
    file: IO[bytes]


class Arrays(Mapping[str, np.ndarray]):
    """The arrays of an .npz, each read when it is asked for.

    Args:
      file: an .npz, open; it has to stay so.
      source: what to call it in messages.

    Raises:
      UnreadableArrays: if it is no .npz; later, if an array is damaged, holds Python objects, or
        is larger than the file can be trusted to mean.
    """

    def __init__(self, file: IO[bytes], source: str) -> None:
        self._source = source
        if file.read(6) == b"\x93NUMPY":
            raise UnreadableArrays(
                f"{source} holds a single array (.npy): save it with numpy.savez(FILE, NAME=array)"
            )
        with _told(source):
            self._archive = zipfile.ZipFile(file)
            self._budget = Budget(source, file.seek(0, 2))
        self._members = {
            info.filename.removesuffix(".npy"): info
            for info in self._archive.infolist()
            if info.filename.endswith(".npy")
        }

    def __iter__(self) -> Iterator[str]:
        return iter(self._members)

    def __len__(self) -> int:
        return len(self._members)

    def __contains__(self, key: object) -> bool:
        return key in self._members

    def __getitem__(self, key: str) -> np.ndarray:
        info = self._members[key]
        self._budget.take(info.file_size)
        with self.opened(key) as member:
            content = read_exactly(member.file, _size(member))
            flat = np.frombuffer(content, member.dtype, math.prod(member.shape))
            return flat.reshape(member.shape, order="F" if member.fortran_order else "C")

    @contextmanager
    def opened(self, key: str) -> Iterator[Member]:
        """An array to be read a part at a time, see `read_exactly`.

        Raises:
          KeyError: if there is no such array.
          UnreadableArrays: also while it is read.
        """
        info = self._members[key]
        what = f"{key!r} in {self._source}"
        with _told(what), open_member(self._archive, info) as file:
            shape, fortran_order, dtype = _header(file)
            member = Member(shape, dtype, fortran_order, file)
            if dtype.hasobject:
                raise ValueError("it holds Python objects, not numbers")
            stored = info.file_size - file.tell()
            if _size(member) != stored:
                raise ValueError(f"its header tells of other than the {stored} bytes stored")
            yield member

    def growth(self, key: str) -> tuple[int, int]:
        """Bytes of an array, and bytes of the file that hold them."""
        info = self._members[key]
        return info.file_size, info.compress_size


def read_exactly(file: IO[bytes], size: int) -> bytearray:
    """The next bytes of a member; memory is taken as they come.

    Raises:
      EOFError: if there are fewer.
    """
    content = bytearray()
    while len(content) < size:
        some = file.read(min(STEP, size - len(content)))
        if not some:
            raise EOFError(f"it ends after {len(content)} of {size} bytes")
        content += some
    return content


def read_member(archive: zipfile.ZipFile, name: str, budget: Budget) -> bytearray:
    """A whole member of an archive.

    Raises:
      UserError: if it is larger than is left of the budget.
      ValueError, zipfile.BadZipFile, KeyError: if it is damaged or not there.
    """
    info = archive.getinfo(name)
    budget.take(info.file_size)
    with open_member(archive, info) as file:
        content = read_exactly(file, info.file_size)
        if file.read(1):
            raise ValueError(f"{name} is larger than it says")
    return content


def open_member(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> IO[bytes]:
    """A member, to be read at most `STEP` bytes at a time.

    Raises:
      ValueError: if it is encrypted, or compressed in a way that unpacks all at once.
    """
    if info.flag_bits & ENCRYPTED:
        raise ValueError("it is encrypted")
    if info.compress_type not in COMPRESSIONS:
        raise ValueError("it is compressed in another way than by deflate")
    return archive.open(info)


def _header(file: IO[bytes]) -> tuple[tuple[int, ...], bool, np.dtype]:
    version = np.lib.format.read_magic(file)
    if version not in _HEADERS:
        raise ValueError(f"format version {version}")
    try:
        return _HEADERS[version](file)
    except Exception as error:  # a parser of Python, which raises errors of its own
        raise ValueError(f"its header says nothing that is known: {error!s:.99}") from error


def _size(member: Member) -> int:
    return math.prod(member.shape) * member.dtype.itemsize


@contextmanager
def _told(what: str) -> Iterator[None]:
    """Whatever is wrong with the file becomes a message that names it."""
    try:
        yield
    except UserError:
        raise
    except OSError as error:
        if error.errno in (None, errno.EINVAL):  # a place that the file does not have
            raise UnreadableArrays(_again(what, error)) from error
        raise UnreadableArrays(f"{what} cannot be read: {error.strerror}") from error
    except MALFORMED as error:
        raise UnreadableArrays(_again(what, error)) from error


def _again(what: str, error: Exception) -> str:
    return f"{what} cannot be read as of an .npz file ({reason(error)}): save it again"
