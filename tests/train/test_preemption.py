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


# Whoever starts the tests may have signals ignored, which a child inherits.
HEARD = "import signal; signal.signal(signal.SIGHUP, signal.SIG_DFL)\n"


def start(naps):
    return subprocess.Popen(
        [sys.executable, "-c", HEARD + RUN, str(naps)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
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


def test_hangup_stays_ignored_under_nohup():
    with subprocess.Popen(
        ["nohup", sys.executable, "-c", RUN, "1"], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout.readline() == b"ready\n"
        process.send_signal(signal.SIGHUP)
        assert process.stdout.readline() == b"not noted\n"


IN_A_TERMINAL = """
import sys, time
from dermgan_jax.train.preemption import Preemption
with Preemption() as preemption:
    print("ready", flush=True)
    while not preemption.requested(0):
        time.sleep(0.01)
    print("nobody reads this", flush=True)
    open(sys.argv[1], "w").write("saved")
"""


# Forks while it has one thread only, which a process that runs tests has not.
CLOSES_IT = """
import os, pty, sys
child, terminal = pty.fork()
if not child:
    os.execv(sys.executable, [sys.executable, "-c", *sys.argv[1:]])
assert os.read(terminal, 100).strip() == b"ready"
os.close(terminal)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


def test_a_terminal_that_closes_stops_the_run_which_goes_on_to_save(tmp_path):
    command = [sys.executable, "-c", CLOSES_IT, HEARD + IN_A_TERMINAL, str(tmp_path / "out")]
    assert subprocess.run(command, timeout=60).returncode == 0
    assert (tmp_path / "out").read_text() == "saved"
