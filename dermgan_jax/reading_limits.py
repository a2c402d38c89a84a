"""How much may come out of one file, whoever made it: a small file must not fill the memory."""

import os

from dermgan_jax.errors import UserError

LARGEST = "DERMGAN_LARGEST_UNPACKED"  # environment: GiB that a file may unpack to
GIB = 1.0  # what it is unless it is set
GROWTH = 4  # times its own size that a file may unpack to, however large it is
OBJECTS = 2_000_000  # of Python, for each GiB
DEPTH = 100  # of containers in containers


def number_from(variable: str, default: float) -> float:
    """A limit from the environment.

    Raises:
      UserError: if it is set and no number above 0.
    """
    text = os.environ.get(variable, "")
    if not text:
        return default
    try:
        found = float(text)
    except ValueError:
        found = 0.0
    if not 0 < found < float("inf"):
        raise UserError(f"${variable} is {text!r}: set it to a number above 0, or not at all")
    return found


class Budget:
    """What is left of what one file may unpack to.

    Args:
      source: what to call the file in messages.
      size: of it in bytes.
    """

    def __init__(self, source: str, size: int) -> None:
        gib = number_from(LARGEST, GIB)
        self._source = source
        self._limit = max(gib, GROWTH * size / 2**30)
        self._bytes = int(self._limit * 2**30)
        self._objects = int(gib * OBJECTS)

    def take(self, num_bytes: int) -> None:
        """Takes note of bytes that are about to be kept in memory.

        Raises:
          UserError: if they are too many.
        """
        self._bytes -= num_bytes
        if self._bytes < 0:
            raise self._refused(f"unpacks to more than {self._limit:.3g} GiB")

    def count(self, num_objects: int = 1) -> None:
        """Takes note of objects, or of steps that cost as much as one.

        Raises:
          UserError: if they are too many.
        """
        self._objects -= num_objects
        if self._objects < 0:
            raise self._refused("holds more objects than any file of weights")

    def require_depth(self, depth: int) -> None:
        """Raises UserError if containers lie too deep within each other."""
        if depth > DEPTH:
            raise UserError(f"{self._source} has containers {DEPTH} deep: refused as damaged")

    def _refused(self, what: str) -> UserError:
        return UserError(
            f"{self._source} {what}: it is damaged or made to fill the memory; if it is right, "
            f"set ${LARGEST} to more GiB"
        )
