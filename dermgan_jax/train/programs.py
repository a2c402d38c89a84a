"""The programs of a run, compiled in threads while the host says for what it waits."""

import threading
import time
from collections.abc import Callable, Hashable
from typing import Any, NamedTuple

import jax

POLL = 0.1  # seconds between two looks at whether to stop


class StoppedWaitingError(Exception):
    """The run was asked to stop before its next program was compiled."""


class Waiting(NamedTuple):
    """For what a run waits.

    Attributes:
      program: in words.
      seconds: since waiting began.
    """

    program: str
    seconds: float


class Programs:
    """Compiles each program once, and runs it.

    Args:
      stopping: whether to give up waiting.
      tell: is told from time to time what is waited for, and once with None that it is over.
    """

    def __init__(
        self,
        stopping: Callable[[], bool] = lambda: False,
        tell: Callable[[Waiting | None], None] = lambda waiting: None,
    ):
        self.stopping = stopping
        self.tell = tell
        self._programs: dict[Hashable, _Program] = {}

    def get(
        self, key: Hashable, name: str, trace: Callable[[], "jax.stages.Traced"]
    ) -> Callable[..., Any]:
        """The compiled program of a key, once it is there.

        Args:
          key: of the program.
          name: in words.
          trace: gives the program; called in a thread, for an unknown key only.

        Raises:
          StoppedWaitingError: compiling goes on.
          Exception: whatever tracing or compiling raised.
        """
        if key not in self._programs:
            self._programs[key] = _Program(trace)
        program = self._programs[key]
        began, told = time.monotonic(), False
        while not program.finished.wait(POLL if told else 0):
            if self.stopping():
                raise StoppedWaitingError
            told = True
            self.tell(Waiting(name, time.monotonic() - began))
        if told:
            self.tell(None)
        if program.error is not None:
            raise program.error
        return program.compiled

    def has(self, key: Hashable) -> bool:
        """Whether getting the program would wait for nothing."""
        return key in self._programs and self._programs[key].finished.is_set()


class _Program:
    """A program that a thread compiles; of several processes each does it here and now, as their
    compilers wait for each other."""

    def __init__(self, trace: Callable[[], "jax.stages.Traced"]):
        self.trace = trace
        self.finished = threading.Event()
        self.compiled: Callable[..., Any] | None = None
        self.error: BaseException | None = None
        if jax.process_count() > 1:
            self.compile()
            return
        thread = threading.Thread(target=self.compile, daemon=True)
        thread.start()
        _compiling.add(thread)

    def compile(self) -> None:
        try:
            self.compiled = self.trace().lower().compile()
        except BaseException as error:  # raised where the program is asked for
            self.error = error
        del self.trace  # and the arguments that it knows
        self.finished.set()


_compiling: set[threading.Thread] = set()


def still_compiling() -> bool:
    """Whether a thread compiles, which nothing but the end of the process can stop."""
    return any(thread.is_alive() for thread in _compiling)


def abstract(array: jax.Array) -> jax.ShapeDtypeStruct:
    """Shape, type and place of an argument."""
    # Arrays of the host have no place; the guard of the loop refuses them where they are used.
    place = getattr(array, "sharding", None)
    return jax.ShapeDtypeStruct(array.shape, array.dtype, sharding=place)
