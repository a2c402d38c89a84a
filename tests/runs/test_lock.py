"""The lock of a work directory, on a disk and in a bucket."""

import errno
import json
import os
import subprocess
import sys
import time

import pytest
from etils import epath

from dermgan_jax.errors import UserError
from dermgan_jax.runs import lock
from dermgan_jax.runs.lock import locked

HOLD = """
import pathlib, sys, time
from dermgan_jax.runs.lock import locked
with locked(pathlib.Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""


def test_work_directory_is_held_by_one_process_until_it_ends(tmp_path):
    folder = tmp_path / "run"
    command = [sys.executable, "-c", HOLD, str(folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "held\n"
        with pytest.raises(UserError, match=rf"another run \(process {process.pid}\) is using"):
            locked(folder).__enter__()
        process.kill()
    with locked(folder):
        pass


def test_work_directory_that_cannot_be_written_is_refused(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="cannot be used as a work directory"):
        locked(tmp_path / "file").__enter__()


@pytest.mark.parametrize("code", [errno.ENOLCK, errno.ENOTSUP, errno.ENOSYS])
def test_disk_without_locks_is_held_all_the_same(tmp_path, monkeypatch, capsys, code):
    def refuses(file, operation):
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(lock.fcntl, "flock", refuses)
    monkeypatch.setattr(lock, "RENEWED", 0.05)
    monkeypatch.setattr(lock, "EXPIRED", 2.0)
    with locked(tmp_path) as require_held:
        require_held()
        assert "has no locks" in capsys.readouterr().out
        with pytest.raises(UserError, match=rf"another run \(process {os.getpid()} on "):
            locked(tmp_path).__enter__()
    with locked(tmp_path):
        pass


@pytest.fixture
def bucket(tmp_path, monkeypatch):
    """A folder that is treated as one of a bucket, where signs of life come fast."""
    monkeypatch.setattr(lock, "RENEWED", 0.05)
    monkeypatch.setattr(lock, "EXPIRED", 2.0)
    return epath.Path(tmp_path)


def leave(bucket, **facts):
    """A lease as a process that ended leaves it."""
    own = {"id": "theirs", "host": "there", "namespace": "there", "process": 1, "renewed": 0.0}
    (bucket / lock.NAME).write_text(json.dumps({**own, **facts}))


def test_bucket_is_held_by_one_process_until_it_lets_go(bucket):
    with locked(bucket) as require_held:
        require_held()
        with pytest.raises(UserError, match=rf"another run \(process {os.getpid()} on "):
            locked(bucket).__enter__()
        require_held()
    assert not (bucket / lock.NAME).exists()
    with locked(bucket):
        pass


def test_bucket_that_was_left_is_taken_when_no_sign_of_life_comes(bucket, capsys):
    leave(bucket, renewed=time.time())
    began = time.monotonic()
    with locked(bucket) as require_held:
        require_held()
    assert time.monotonic() - began > lock.EXPIRED - 0.5
    assert "was left locked by process 1 on there" in capsys.readouterr().out


@pytest.mark.parametrize("same_container", [True, False])
def test_number_of_a_process_means_something_in_its_own_container_only(
    bucket, same_container, capsys
):
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    namespace = lock._process_namespace() if same_container else "another"
    leave(bucket, namespace=namespace, process=ended.pid, renewed=time.time())
    with locked(bucket):
        assert ("was left locked" in capsys.readouterr().out) != same_container


def test_whoever_lost_a_bucket_is_told(bucket):
    with locked(bucket) as require_held:
        leave(bucket, renewed=time.time())
        time.sleep(1.0)
        with pytest.raises(UserError, match=r"another run \(process 1 on there\) is using"):
            require_held()
    assert (bucket / lock.NAME).exists(), "the lease of another was removed"
