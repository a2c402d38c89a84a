"""Where the time of a run goes: every second is counted once, under what the host is doing."""

import contextlib
import time
from collections.abc import Callable, Iterator

# Steps, and all that nothing else claims; see docs/performance.md for the others.
STEP, INPUT, COMPILATION = "step", "input", "compilation"
EVALUATION, DRAWING, SAVING, TRACING = "evaluation", "drawing", "saving", "tracing"


class Stopwatch:
    """Seconds by part. Parts lie within each other without being counted twice.

    Args:
      clock: current time in seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic):
        self._clock = clock
        self._since = clock()
        self._part = STEP
        self._seconds: dict[str, float] = {}

    @contextlib.contextmanager
    def during(self, part: str) -> Iterator[None]:
        """Counts what happens within as `part`."""
        before = self._change(part)
        try:
            yield
        finally:
            self._change(before)

    def taken(self) -> dict[str, float]:
        """Seconds by part since the last time that this was asked; parts of none are left out."""
        self._change(self._part)
        seconds, self._seconds = self._seconds, {}
        return seconds

    def _change(self, part: str) -> str:
        now = self._clock()
        if now > self._since:
            self._seconds[self._part] = self._seconds.get(self._part, 0.0) + now - self._since
        before, self._part, self._since = self._part, part, now
        return before
