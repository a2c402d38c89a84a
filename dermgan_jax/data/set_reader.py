"""Reads the files of one set alike: a set has one depth, which a dark picture alone cannot tell."""

import threading
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from ml_collections import ConfigDict, FrozenConfigDict

from dermgan_jax import files
from dermgan_jax.data.decode import (
    ALL_BITS,
    FEW_BITS,
    FewBitsError,
    largest_of_sixteen_bits,
    read_image,
)
from dermgan_jax.data.faults import DataError
from dermgan_jax.files import Path

CHUNK = 64  # files looked at before it is decided whether to go on


class SetReader:
    """Decodes files of a set, path to uint8 (H, W, channels), see `decode.read_image`.

    If `bit_depth` is 0 and a file of 16-bit samples seems to use 12 at most, all files of 16 bits
    are looked at: one that uses more settles that all bits are used, else 12 are. That is said.

    Args:
      paths: the set.
      channels: 3 or 1.
      bit_depth: of 16-bit files; 0: found as said.
      frame: which image of files that hold several, see `frames.index`.
    """

    def __init__(
        self, paths: Iterable[Path], channels: int, bit_depth: int = 0, frame: str = ""
    ) -> None:
        self.paths = paths
        self.channels = channels
        self.bit_depth = bit_depth
        self.frame = frame
        self._found: int | None = None
        self._lock = threading.Lock()

    @classmethod
    def of(
        cls,
        paths: Iterable[Path],
        data_config: ConfigDict | FrozenConfigDict,
        channels: int | None = None,
    ) -> "SetReader":
        """A reader of files as those of `config.data` are read; `channels` may be others."""
        return cls(
            *(paths, channels or data_config.channels, data_config.bit_depth, data_config.frame)
        )

    def __call__(self, path: Path) -> np.ndarray:
        """One image: uint8 (H, W, channels).

        Raises:
          DataError: see `decode.read_image`.
        """
        try:
            return read_image(path, self.channels, self.bit_depth, self.frame)
        except FewBitsError:
            return read_image(path, self.channels, self.find_bit_depth(), self.frame)

    @property
    def found_bit_depth(self) -> int:
        """What the files read so far have led to find, 12 or 16; 0 if no question arose."""
        return self._found or 0

    def find_bit_depth(self) -> int:
        """How many bits the 16-bit files of the set use: 12, 16, or 0 if there are none.

        Reads files until one uses more than 12; those that cannot be read count for nothing.
        """
        with self._lock:
            if self._found is None:
                self._found = self._looked_up(list(self.paths))
            return self._found

    def _looked_up(self, paths: Sequence[Path]) -> int:
        largest, path = 0, None
        with ThreadPoolExecutor() as pool:
            for first in range(0, len(paths), CHUNK):
                some = paths[first : first + CHUNK]
                for each, found in zip(some, pool.map(self._largest, some), strict=True):
                    if found > largest:
                        largest, path = found, each
                if largest >= 1 << FEW_BITS:
                    break
        if not largest:
            return 0
        depth, why = ALL_BITS, f"{path} has a sample of {largest}"
        if largest < 1 << FEW_BITS:
            depth, why = FEW_BITS, f"no sample is larger than {largest}, that of {path}"
        files.tell_once(
            f"note: 16-bit files are read as using {depth} bits, as {why}; data.bit_depth says "
            "otherwise"
        )
        return depth

    def _largest(self, path: Path) -> int:
        try:
            return largest_of_sixteen_bits(path, self.frame)
        except DataError:
            return 0
