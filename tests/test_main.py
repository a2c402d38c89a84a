"""What becomes an exit code, and what is said of it."""

import errno
import os
import subprocess
import sys

import pytest
from command_line import call

from dermgan_jax import main
from dermgan_jax.errors import GateError, UserError

Aiohttp = type("ClientConnectorError", (OSError,), {"__module__": "aiohttp.client_exceptions"})


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (UserError("mend it"), 2, "error: mend it"),
        (GateError("copies"), 3, "no: copies"),
        (KeyboardInterrupt(), 130, "interrupted"),
        (MemoryError("8 GiB"), 2, "not enough memory: 8 GiB"),
        (OSError(errno.ENOSPC, "full", "/a/b"), 2, "the disk is full while writing /a/b"),
        (IsADirectoryError(errno.EISDIR, "Is a directory", "/a"), 2, "error: /a: Is a directory"),
        (Aiohttp("no such host"), 2, "the bucket cannot be used: ClientConnectorError"),
    ],
)
def test_error_becomes_a_code_and_a_sentence(error, code, said, monkeypatch, capsys):
    def fail(words):
        raise error

    monkeypatch.setattr(main, "dispatch", fail)
    assert call() == code
    assert said in capsys.readouterr().err


@pytest.mark.parametrize("error", [ValueError("ours"), FileNotFoundError(2, "gone", "/a")])
def test_error_of_ours_is_not_hidden(error, monkeypatch):
    def fail(words):
        raise error

    monkeypatch.setattr(main, "dispatch", fail)
    with pytest.raises(type(error)):
        call()


def test_closed_pipe_ends_a_command_without_a_trace_and_not_as_a_success():
    read, write = os.pipe()
    os.close(read)
    command = [sys.executable, "-m", "dermgan_jax.main", "train", "--help"]
    result = subprocess.run(command, stdout=write, stderr=subprocess.PIPE, text=True, check=False)
    os.close(write)
    assert (result.returncode, result.stderr) == (141, "")
