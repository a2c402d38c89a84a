"""Asked to stop: SIGTERM (a cluster takes the machine back) or Ctrl-C."""

import signal
from types import FrameType
from typing import Any

import jax
from jax.experimental import multihost_utils


class Preemption:
    """Within this context, the first SIGTERM or SIGINT is noted instead of ending the process.

    In a multi-process run all processes learn of it at the same step, through the
    synchronisation point that `jax.distributed` offers.
    """

    def __init__(self) -> None:
        self.noted = False
        self.previous: dict[int, Any] = {}

    def __enter__(self) -> "Preemption":
        if jax.process_count() == 1:
            for number in (signal.SIGTERM, signal.SIGINT):
                self.previous[number] = signal.signal(number, self._note)
        return self

    def __exit__(self, *_: Any) -> None:
        for number, handler in self.previous.items():
            signal.signal(number, handler)

    def _note(self, number: int, frame: FrameType | None) -> None:
        del frame
        self.noted = True
        signal.signal(number, self.previous[number])

    def requested(self, step: int) -> bool:
        """Whether the run should save and end after `step`."""
        if jax.process_count() > 1:
            return multihost_utils.reached_preemption_sync_point(step)
        return self.noted
