"""One process at a time trains in a work directory.

On a disk the lock is the operating system's and ends with the process, however that ends. A bucket
has none, nor have some disks of clusters: there the process leaves its name and renews it every few
seconds, and a name that is no longer renewed counts for nothing.
"""

import contextlib
import errno
import fcntl
import json
import os
import pathlib
import socket
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from typing import Any, NotRequired, TypedDict

from dermgan_jax import files, stored_json
from dermgan_jax.errors import UserError
from dermgan_jax.files import Path

RENEWED = 10.0  # seconds between two signs of life in a bucket
EXPIRED = 45.0  # seconds without one, after which the process is taken for dead
NAME = ".lock"
# What disks say that have no locks, as some of networks.
NO_LOCKS = (errno.ENOLCK, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS)


# Raises UserError if the lock was lost; to be called before anything is written.
RequireHeld = Callable[[], None]


@contextlib.contextmanager
def locked(folder: Path) -> Iterator[RequireHeld]:
    """Holds a work directory for this process.

    Raises:
      UserError: if another process holds it, or it cannot be written.
    """
    hold = _on_disk if files.is_local(folder) else _by_lease
    with hold(folder) as require_held:
        yield require_held


@contextlib.contextmanager
def _on_disk(folder: pathlib.Path) -> Iterator[RequireHeld]:
    try:
        files.make_folder(folder)
        file = open(folder / NAME, "a+", errors="replace")  # noqa: SIM115 (closed below)
    except OSError as error:
        raise UserError(f"{folder} cannot be used as a work directory: {error.strerror}") from error
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            file.seek(0)
            raise _in_use(folder, f"process {file.read().strip()[:40] or 'unknown'}") from error
        except OSError as error:
            if error.errno not in NO_LOCKS:
                raise
            print(
                f"note: the disk of {folder} has no locks ({error.strerror}), so the process that "
                "trains there renews a file instead",
                flush=True,
            )
            with _by_lease(folder) as require_held:
                yield require_held
            return
        file.truncate(0)
        file.write(f"{os.getpid()}\n")
        file.flush()
        yield lambda: None


@contextlib.contextmanager
def _by_lease(folder: Path) -> Iterator[RequireHeld]:
    lease = _Lease(folder / NAME)
    try:
        lease.acquire()
    except OSError as error:
        raise UserError(f"{folder} cannot be used as a work directory: {error}") from error
    try:
        yield lease.require_held
    finally:
        lease.release()


def _in_use(folder: Path, who: str) -> UserError:
    return UserError(
        f"another run ({who}) is using {folder}: wait for it, stop it, or use another --workdir"
    )


def _process_namespace() -> str:
    """What numbers of processes belong to: a start of a machine and a container; "" if unknown."""
    try:
        started = pathlib.Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        return f"{started} {os.readlink('/proc/self/ns/pid')}"
    except OSError:
        return ""


class _Held(TypedDict):
    id: str
    host: str
    process: int
    renewed: float
    namespace: NotRequired[str]


class _Lease:
    """A file that says who holds a folder, and when that was last true."""

    def __init__(self, file: Path):
        self.file = file
        self.own = {
            "id": uuid.uuid4().hex,
            "host": socket.gethostname(),
            "namespace": _process_namespace(),
            "process": os.getpid(),
        }
        self.taken_by: dict[str, Any] | None = None
        self.ended = threading.Event()
        self.thread = threading.Thread(target=self._renew, daemon=True)

    def acquire(self) -> None:
        """Waits for a dead process's lease to expire; refuses if it is renewed meanwhile."""
        found = self._read()
        if found is not None and not self._of_a_dead_process(found):
            self._wait_until_expired(found)
        self._write()
        # Two that begin at the same moment both write; the later one stays.
        time.sleep(1.0)
        now = self._read()
        if now is None or now["id"] != self.own["id"]:
            raise _in_use(self.file.parent, self._who(now or self.own))
        self.thread.start()

    def require_held(self) -> None:
        """Raises UserError if somebody else has it by now, as after a long loss of connection."""
        if self.taken_by is not None:
            raise _in_use(self.file.parent, self._who(self.taken_by))

    def release(self) -> None:
        """Removes the file, unless somebody else has it by now."""
        self.ended.set()
        self.thread.join()
        with contextlib.suppress(OSError):
            found = self._read()
            if found is not None and found["id"] == self.own["id"]:
                self.file.unlink(missing_ok=True)

    def _wait_until_expired(self, found: dict[str, Any]) -> None:
        said = False
        deadline = time.monotonic() + EXPIRED
        while time.monotonic() < deadline:
            now = self._read()
            if now is None:
                return
            if (now["id"], now["renewed"]) != (found["id"], found["renewed"]):
                raise _in_use(self.file.parent, self._who(now))
            if time.time() - now["renewed"] > EXPIRED:
                return
            if not said:
                said = True
                print(
                    f"{self.file.parent} was left locked by {self._who(now)}: looking for signs of "
                    f"life for up to {EXPIRED:.0f} s",
                    flush=True,
                )
            time.sleep(1.0)

    def _of_a_dead_process(self, found: dict[str, Any]) -> bool:
        """Whether it was left by a process of this machine that no longer runs."""
        namespace = self.own["namespace"]
        if not namespace or found.get("namespace") != namespace:
            return False
        try:
            os.kill(found["process"], 0)
        except ProcessLookupError:
            return True
        except PermissionError:
            return False
        return False

    def _renew(self) -> None:
        while not self.ended.wait(RENEWED):
            with contextlib.suppress(OSError):  # a short outage; it is tried again
                found = self._read()
                if found is not None and found["id"] != self.own["id"]:
                    self.taken_by = found
                    return
                self._write()

    def _write(self) -> None:
        files.write_text(self.file, json.dumps({**self.own, "renewed": time.time()}))

    def _read(self) -> dict[str, Any] | None:
        try:
            return stored_json.structure(stored_json.parse(self.file.read_bytes()), _Held)
        except FileNotFoundError:
            return None
        except ValueError:
            return None  # not ours, or cut short

    @staticmethod
    def _who(found: dict[str, Any]) -> str:
        return f"process {found['process']} on {found['host']}"
