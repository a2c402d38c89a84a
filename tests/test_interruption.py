"""Ctrl-C outside of training."""

import signal
import subprocess
import sys

import pytest

# Calls into C that hold no lock but take long, as XLA's compiler does.
PROGRAM = """
import ctypes, signal, sys
from dermgan_jax import interruption
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell may have had it ignored
{before}
interruption.end_at_once()
{after}
try:
    print("ready", flush=True)
    for _ in range({naps}):
        ctypes.CDLL(None).usleep(900_000)
except KeyboardInterrupt:
    print("raised", flush=True)
print("end", flush=True)
"""


def interrupted(before="", after="", naps=60):
    """(exit code, output after the signal, errors)."""
    program = PROGRAM.format(before=before, after=after, naps=naps)
    with subprocess.Popen(
        [sys.executable, "-c", program],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout.readline() == "ready\n"
        process.send_signal(signal.SIGINT)
        out, errors = process.communicate(timeout=30)
    return process.returncode, out, errors


def test_a_library_at_work_is_not_waited_for():
    assert interrupted() == (130, "", "\ninterrupted\n")


def test_a_command_may_have_an_end_of_its_own():
    code, out, _ = interrupted(after="interruption.raise_in_python()", naps=3)
    assert (code, out) == (0, "raised\nend\n")


def test_where_it_is_ignored_it_stays_so():
    ignored = "signal.signal(signal.SIGINT, signal.SIG_IGN)"
    assert interrupted(before=ignored, naps=1) == (0, "end\n", "")


@pytest.mark.parametrize("delay", [0.2, 0.6])
def test_no_import_falls_over_it(delay, tmp_path):
    """Wherever it comes."""
    command = [sys.executable, "-m", "dermgan_jax", "doctor"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(timeout=delay)
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=30)
    assert process.returncode in (130, 0)
    assert b"Traceback" not in errors
