"""Ctrl-C outside of training: the process ends at once, whatever library is at work.

Python would raise KeyboardInterrupt wherever it is next: within the import of a library that falls
over it, or swallowed by one that catches everything, or minutes later when a compiler returns. What
commands write appears as a whole or says that it is unfinished, so that nothing has to be tidied.
"""

import os
import signal
import threading

CODE = 128 + signal.SIGINT

_pipe: list[int] = []


def end_at_once() -> None:
    """From now on Ctrl-C ends the process with 130 and a word; where it is ignored, it stays so."""
    if _pipe or signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
        return
    read_end, write_end = os.pipe()
    os.set_blocking(write_end, False)
    _pipe.append(write_end)
    signal.set_wakeup_fd(write_end)
    signal.signal(signal.SIGINT, lambda *_: None)
    threading.Thread(target=_listen, args=(read_end,), daemon=True).start()


def raise_in_python() -> None:
    """From now on Ctrl-C raises KeyboardInterrupt, for commands with an end of their own."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    if _pipe:
        signal.set_wakeup_fd(-1)
        os.close(_pipe.pop())  # which ends the thread


def _listen(read_end: int) -> None:
    with os.fdopen(read_end, "rb", buffering=0) as numbers:
        while number := numbers.read(1):
            if number[0] == signal.SIGINT:
                os.write(2, b"\ninterrupted\n")
                os._exit(CODE)
