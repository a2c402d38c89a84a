"""Asked to stop: Ctrl-C, SIGTERM (a cluster takes the machine back), SIGHUP (no terminal)."""

import os
import signal
import sys
import threading
from typing import Any

import jax
from jax.experimental import multihost_utils

STOPS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


class Preemption:
    """Within this context, the first of these signals is noted, and the second ends the process.

    A SIGHUP that is ignored, as under nohup, stays ignored.

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
        self.terminals: tuple[int, ...] = ()  # numbers of outputs that are shown in one

    def __enter__(self) -> "Preemption":
        if jax.process_count() == 1:
            self.read_end, self.write_end = os.pipe()
            self.terminals = tuple(filter(os.isatty, (1, 2)))
            os.set_blocking(self.write_end, False)
            self.previous_wakeup = signal.set_wakeup_fd(self.write_end)
            for number in STOPS:
                if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN:
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
                if number[0] == signal.SIGHUP:
                    self._leave_terminals()
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

    def _leave_terminals(self) -> None:
        """What is printed from now on goes nowhere: a terminal that has closed refuses it."""
        nowhere = os.open(os.devnull, os.O_WRONLY)
        for number in self.terminals:
            os.dup2(nowhere, number)
        os.close(nowhere)

    def requested(self, step: int) -> bool:
        """Whether the run should save and end after `step`."""
        if jax.process_count() > 1:
            return multihost_utils.reached_preemption_sync_point(step)
        return self.noted
