"""What becomes an exit code, and what is said of it."""

import errno
import os
import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pytest
from command_line import call

from dermgan_jax import main
from dermgan_jax.data.image_sets import spool
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
        (OSError(errno.ENAMETOOLONG, "File name too long", "/a"), 2, "error: /a: File name too"),
        (OSError(errno.EROFS, "Read-only file system", "/a"), 2, "error: /a: Read-only file"),
        (OSError(errno.ESTALE, "Stale file handle", "/a"), 2, "of a network is gone; run again"),
        (OSError(errno.EMFILE, "Too many open files", "/a"), 2, "ulimit -n 65536 allows more"),
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


def test_cache_that_cannot_be_written_is_named_with_the_remedy(tmp_path, monkeypatch, capsys):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("DERMGAN_CACHE", str(tmp_path / "file" / "cache"))
    monkeypatch.delenv("JAX_COMPILATION_CACHE_DIR", raising=False)
    with pytest.raises(UserError, match=r"cache/spool cannot be written .* DERMGAN_CACHE"):
        spool([np.zeros((1, 2, 2, 3), np.uint8)])
    assert call("weights") == 0
    assert "note: compiled programs are not kept" in capsys.readouterr().err
    error = PermissionError(
        errno.EACCES, "Permission denied", str(tmp_path / "file/cache/prepared/a")
    )
    assert "Permission denied: name a folder" in main._remedy(error)
    error.filename = str(tmp_path / "elsewhere")
    told = main._remedy(error)
    assert "elsewhere: Permission denied: ask for permission, or name" in told
    assert "DERMGAN_CACHE" not in told
    error = FileNotFoundError(errno.ENOENT, "No usable temporary directory found in ['/tmp']")
    assert "TMPDIR" in main._remedy(error)


def test_names_that_cannot_be_printed_are_shown_all_the_same(tmp_path):
    folder = os.path.join(os.fsencode(tmp_path), b"m\xe9l")
    os.mkdir(folder)
    command = [sys.executable, "-m", "dermgan_jax.main", "generate", b"--workdir=" + folder]
    for coding in ("ascii", "utf-8"):
        done = subprocess.run(
            [*command, b"--out=" + folder + b"/out"],
            env={**os.environ, "PYTHONIOENCODING": coding},
            capture_output=True,
            check=False,
        )
        assert done.returncode == 2
        assert b"is not a work directory" in done.stderr
        assert b"Traceback" not in done.stderr
    done = subprocess.run(
        [sys.executable, "-m", "dermgan_jax.main", "--help"],
        env={**os.environ, "PYTHONIOENCODING": "ascii"},
        capture_output=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, b"")


def test_names_in_what_commands_print_move_no_cursor():
    program = (
        "from dermgan_jax import main\n"
        "main.main = lambda: print('mel\\x1b[2J\\u202e of n\\xe4vi\\n\\t', end='')\n"
        "main.run()"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout == "mel\\x1b[2J\\u202e of n\xe4vi\n\t".encode()


def coroutine_in(file):
    place = {}
    exec(compile("async def read(): pass", file, "exec"), place)
    return place["read"]()


@pytest.mark.parametrize(
    ("file", "message", "is_shown"),
    [
        ("/env/orbax/checkpoint/serialization.py", "while reading array index", False),
        ("/env/other/serialization.py", "Event loop is closed", False),
        ("/env/other/serialization.py", "while reading array index", True),
    ],
)
def test_reads_that_go_on_after_one_failed_are_not_shown(file, message, is_shown):
    read = coroutine_in(file)
    told = SimpleNamespace(
        exc_type=RuntimeError,
        exc_value=RuntimeError(message),
        exc_traceback=None,
        err_msg=None,
        object=read,
    )
    shown = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "__unraisablehook__", shown.append)
        main._without_late_reads(told)
    read.close()
    assert shown == ([told] if is_shown else [])


def test_closed_pipe_ends_a_command_without_a_trace_and_not_as_a_success():
    read, write = os.pipe()
    os.close(read)
    command = [sys.executable, "-m", "dermgan_jax.main", "train", "--help"]
    result = subprocess.run(command, stdout=write, stderr=subprocess.PIPE, text=True, check=False)
    os.close(write)
    assert (result.returncode, result.stderr) == (141, "")
