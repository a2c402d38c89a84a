"""Several processes that train one model together, and how they decide together.

They are joined before the first device is touched, from the environment that Slurm, Cloud TPU,
Open MPI or Kubernetes set. What depends on one host's clock or disk is decided by one process and
told to all; a fault of one ends all of them, with the same message.
"""

import hashlib
import os
import sys
import time
from collections.abc import Callable
from typing import NoReturn, TypeVar

import jax
import numpy as np
from jax.experimental import multihost_utils

from dermgan_jax import launcher
from dermgan_jax.errors import UserError
from dermgan_jax.launcher import GROUP_VARIABLES

T = TypeVar("T")

_LONGEST = 4000  # bytes of a message that is passed on
HEARTBEAT = 20  # seconds without a sign of life, after which a process is given up
GRACE = 2.0  # seconds that the first process waits for others to end by themselves


def join() -> None:
    """Calls `jax.distributed.initialize` if this process is one of several.

    Any launcher can name the group in DERMGAN_COORDINATOR (host:port), DERMGAN_NUM_PROCESSES and
    DERMGAN_PROCESS_ID. Under srun, mpirun and on TPU slices JAX finds these itself;
    DERMGAN_DISTRIBUTED=1 asks for that where the environment does not show it.

    Raises:
      UserError: if only some of the three variables are set.
    """
    given = launcher.group()
    if given:
        missing = [name for name in GROUP_VARIABLES if name not in given]
        if missing:
            raise UserError(f"{', '.join(given)} set but not {', '.join(missing)}: set all or none")
        coordinator, num_processes, process_id = given.values()
        jax.distributed.initialize(
            coordinator,
            int(num_processes),
            int(process_id),
            cluster_detection_method="deactivate",  # or Slurm would cut us down to one GPU
            heartbeat_timeout_seconds=HEARTBEAT,
        )
    elif launcher.shows_group():
        jax.distributed.initialize(heartbeat_timeout_seconds=HEARTBEAT)


def leave(code: int) -> NoReturn:
    """Ends this process after a fault, at once, so that the others notice and end too.

    An orderly end would wait for the others to come to theirs, while they wait for this one. The
    first process, which all others are connected to, gives those with the same fault time to tell.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    if is_first():
        time.sleep(GRACE)
    os._exit(code)


def is_first() -> bool:
    """Whether this process writes the files of a run."""
    return jax.process_index() == 0


def decide(choice: bool) -> bool:
    """What the first process chose, on every process."""
    if jax.process_count() == 1:
        return choice
    return bool(multihost_utils.broadcast_one_to_all(np.asarray(choice)))


def together(action: Callable[[], T]) -> T:
    """The result of `action` on each process, once all have done it without a fault.

    Every process has to call this at the same place.

    Raises:
      UserError: on every process, if it was raised on any, with the message of the first of these;
        likewise for an `OSError`.
    """
    if jax.process_count() == 1:
        return action()
    result, fault = None, ""
    try:
        result = action()
    except (UserError, OSError) as error:
        fault = str(error) or type(error).__name__
    _require_no_fault(fault)
    return result


def require_same(text: str, message: str) -> None:
    """Checks that all processes hold the same text, such as a hash.

    Every process has to call this at the same place.

    Raises:
      UserError: with the message, on every process, if they do not.
    """
    if jax.process_count() == 1:
        return
    digest = np.frombuffer(hashlib.sha256(text.encode()).digest(), np.uint8)
    if len(np.unique(np.asarray(multihost_utils.process_allgather(digest)), axis=0)) > 1:
        raise UserError(message)


def _require_no_fault(fault: str) -> None:
    told = fault.encode(errors="backslashreplace")[:_LONGEST].ljust(_LONGEST, b"\0")
    encoded = np.frombuffer(told, np.uint8)
    for message in np.asarray(multihost_utils.process_allgather(encoded)):
        text = message.tobytes().rstrip(b"\0").decode(errors="replace")
        if text:
            raise UserError(text)
