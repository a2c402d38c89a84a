"""When, where and by which command a run was trained: sessions.jsonl in its work directory.

    {"session", "began", "command", "git", "host", and what `provenance.environment` says}
    {"session", "ended", "outcome"}

A run that was interrupted has a session for each time that it went on; a killed one has no end.
Times are in UTC. Lines are added and never changed; nothing of the program depends on them.
"""

import contextlib
import dataclasses
import datetime
import functools
import json
import os
import pathlib
import socket
import subprocess
import sys
import uuid
from collections.abc import Iterator
from typing import Any

import dermgan_jax
from dermgan_jax import files, stored_json
from dermgan_jax.files import Path
from dermgan_jax.runs import provenance
from dermgan_jax.runs.workdir import WorkDir

NAME = "sessions.jsonl"
STOPPED = "stopped"  # the outcome after an error, or Ctrl-C at once
_GIT_MAY_TAKE = 10.0  # seconds


@dataclasses.dataclass
class Session:
    """A training in progress.

    Attributes:
      outcome: how it ended, "stopped" until that is known.
    """

    outcome: str = STOPPED


def place(workdir: WorkDir) -> Path:
    """Where the file lies."""
    return workdir.path / NAME


@contextlib.contextmanager
def recorded(workdir: WorkDir) -> Iterator[Session]:
    """Writes down that a training begins and, when the block has ended, that and how it ended.

    Raises:
      UserError: if the file of earlier sessions is none, or too large.
    """
    name, session = uuid.uuid4().hex[:8], Session()
    _add(workdir, {"session": name, "began": _now(), **_facts()})
    try:
        yield session
    finally:
        ended = {"session": name, "ended": _now(), "outcome": session.outcome}
        try:
            _add(workdir, ended)
        except Exception as error:  # must not hide what the block raised, or undo its end
            files.tell_once(f"note: the end of this session is not in {place(workdir)}: {error}")


def _facts() -> dict[str, Any]:
    program, *words = sys.argv
    return {
        # Where the program lies is of no use to anybody else.
        "command": [os.path.basename(program), *words],
        "git": checkout(),
        "host": socket.gethostname(),
        **provenance.environment(),
    }


@functools.cache  # what is running is what was there when it began
def checkout() -> dict[str, Any] | None:
    """{"commit", "changed": whether files differ from it} of the checkout that is run; else None.

    An installed package is none, though its environment may lie in somebody's checkout.
    """
    folder = pathlib.Path(dermgan_jax.__file__).parent
    try:
        _git(folder, "ls-files", "--error-unmatch", "__init__.py")
        commit = _git(folder, "rev-parse", "HEAD").strip()
        changed = bool(_git(folder, "status", "--porcelain", "--untracked-files=no").strip())
    except (OSError, subprocess.SubprocessError):
        return None
    return {"commit": commit, "changed": changed}


def _git(folder: pathlib.Path, *words: str) -> str:
    return subprocess.run(
        ["git", "-C", str(folder), *words],
        env={**os.environ, "GIT_OPTIONAL_LOCKS": "0"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=True,
        timeout=_GIT_MAY_TAKE,
    ).stdout


def _now() -> str:
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")


def _add(workdir: WorkDir, line: dict[str, Any]) -> None:
    """Adds a line; the file is written anew, as buckets cannot append."""
    file, before = place(workdir), b""
    if stored_json.is_there(file):
        stored_json.require_size(file)
        before = file.read_bytes()
        if before and not before.endswith(b"\n"):
            before += b"\n"
    with files.replacing(file) as opened:
        # Words of a command need not be UTF-8: they are lone surrogates, which JSON escapes.
        opened.write(before + json.dumps(line).encode() + b"\n")
