"""Asked to stop: SIGTERM (a cluster takes the machine back) or Ctrl-C."""

import os
import signal
import sys
import threading
from typing import Any

import jax
from jax.experimental import multihost_utils

STOPS = (signal.SIGTERM, signal.SIGINT)


class Preemption:
    """Within this context, the first SIGTERM or SIGINT is noted, and the second ends the process.

    Python hears a signal only between two steps of its own, and a compilation may take minutes; a
    thread therefore reads signals as they come and says what will happen. In a multi-process run
    all processes learn of a signal at the same step, through the synchronisation point that
    `jax.distributed` offers.
    """

    def __init__(self) -> None:
        self.noted = False
        self.previous: dict[int, Any] = {}
        self.previous_wakeup = -1
        self.read_end = self.write_end = -1

    def __enter__(self) -> "Preemption":
        if jax.process_count() == 1:
            self.read_end, self.write_end = os.pipe()
            os.set_blocking(self.write_end, False)
            self.previous_wakeup = signal.set_wakeup_fd(self.write_end)
            for number in STOPS:
                self.previous[number] = signal.signal(number, lambda *_: None)
            threading.Thread(target=self._listen, daemon=True).start()
        return self

    def __exit__(self, *_: Any) -> None:
        if self.previous:
            signal.set_wakeup_fd(self.previous_wakeup)
            for number, handler in self.previous.items():
                signal.signal(number, handler)
            os.close(self.write_end)  # which ends the thread

    def _listen(self) -> None:
        with os.fdopen(self.read_end, "rb", buffering=0) as numbers:
            while number := numbers.read(1):
                if number[0] not in STOPS:
                    continue
                if self.noted:
                    print("\nstopped at once; the last checkpoint is kept", file=sys.stderr)
                    # Whatever XLA is doing cannot be interrupted in an orderly way.
                    os._exit(128 + number[0])
                self.noted = True
                print(
                    "\nstopping after this step, which is then saved; once more stops at once",
                    file=sys.stderr,
                    flush=True,
                )

    def requested(self, step: int) -> bool:
        """Whether the run should save and end after `step`."""
        if jax.process_count() > 1:
            return multihost_utils.reached_preemption_sync_point(step)
        return self.noted
