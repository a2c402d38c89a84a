"""How large images may be, and how much of them is in memory at a time, whoever made them.

A few kilobytes may hold the compressed white of gigapixels. An image above a limit is refused by
its header, and threads wait for each other where all together would take too much.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from dermgan_jax.data.faults import DataError, Fault
from dermgan_jax.files import Path
from dermgan_jax.reading_limits import number_from

LARGEST = "DERMGAN_LARGEST_IMAGE"  # environment: megapixels
MEGAPIXELS = 100.0  # unless it is set
BYTES_PER_PIXEL = 16  # that decoding takes, conversions included
ROOM = 1 << 30  # bytes that decoding may take in all threads together


def require_moderate(path: Path, width: int, height: int) -> None:
    """Checks that an image may be decoded.

    Args:
      path: of the file, for messages.
      width, height: in pixels, as its header says.

    Raises:
      DataError: if it has more pixels than the limit.
    """
    if width * height > most_pixels():
        raise too_large(path, f"is {width}x{height} pixels")


def most_pixels() -> int:
    """Pixels that an image may have."""
    return int(number_from(LARGEST, MEGAPIXELS) * 1e6)


def too_large(path: Path, what: str) -> DataError:
    """The error of a file that is, or holds, more than the limit."""
    message = (
        f"{path} {what}, more than {most_pixels() / 1e6:g} megapixels: make it smaller, or set "
        f"${LARGEST} to more, each of which takes {BYTES_PER_PIXEL} MB of memory"
    )
    return DataError([Fault("huge images", message)])


class Room:
    """Memory that threads share: who wants more than is left waits, unless nobody holds any.

    A thread that holds room has what it needs, whatever it asks for besides.
    """

    def __init__(self, num_bytes: int) -> None:
        self._left = self._whole = num_bytes
        self._changed = threading.Condition()
        self._of_thread = threading.local()

    @contextmanager
    def taken(self, num_bytes: int) -> Iterator[None]:
        """Holds so many bytes, or all there are."""
        if getattr(self._of_thread, "holds", False):
            yield
            return
        num_bytes = min(num_bytes, self._whole)
        with self._changed:
            self._changed.wait_for(lambda: num_bytes <= self._left)
            self._left -= num_bytes
        self._of_thread.holds = True
        try:
            yield
        finally:
            self._of_thread.holds = False
            with self._changed:
                self._left += num_bytes
                self._changed.notify_all()
