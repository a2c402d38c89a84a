"""Told to stop, once or twice, while Python cannot listen."""

import signal
import subprocess
import sys

import pytest

# A call into C that holds no lock but takes long, as XLA's compiler does.
RUN = """
import ctypes, sys
from dermgan_jax.train.preemption import Preemption
with Preemption() as preemption:
    print("ready", flush=True)
    sleep = ctypes.CDLL(None).usleep
    for _ in range(int(sys.argv[1])):
        sleep(900_000)
    print("noted" if preemption.requested(0) else "not noted", flush=True)
"""


def start(naps):
    return subprocess.Popen(
        [sys.executable, "-c", RUN, str(naps)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_first_signal_is_told_at_once_and_noted(number):
    with start(2) as process:
        assert process.stdout.readline() == "ready\n"
        process.send_signal(number)
        assert process.stderr.readline() == "\n"
        assert "stopping after this step" in process.stderr.readline()
        assert process.stdout.readline() == "noted\n"
    assert process.returncode == 0


def test_second_signal_ends_the_process_at_once():
    with start(60) as process:
        process.stdout.readline()
        process.send_signal(signal.SIGINT)
        process.stderr.readline()
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=20) == 130
        assert "stopped at once" in process.stderr.read()
