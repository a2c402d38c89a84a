"""What a run writes down about when, where and how it was trained."""

import json
import socket
import subprocess
import sys

import pytest
from etils import epath

import dermgan_jax
from dermgan_jax.runs import sessions
from dermgan_jax.runs.workdir import WorkDir


@pytest.fixture
def workdir(tmp_path):
    return WorkDir(tmp_path)


def lines(workdir):
    return [json.loads(line) for line in sessions.place(workdir).read_text().splitlines()]


def test_begin_end_and_circumstances_are_written_down(workdir, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["/home/somebody/bin/dermgan", "train", "--workdir=runs/a"])
    with sessions.recorded(workdir) as session:
        (began,) = lines(workdir)
        session.outcome = "finished"
    assert began["command"] == ["dermgan", "train", "--workdir=runs/a"]
    assert began["host"] == socket.gethostname()
    assert began["dermgan_jax"] == dermgan_jax.__version__
    assert {"jax", "flax", "devices", "git"} <= set(began)
    _, ended = lines(workdir)
    assert (ended["session"], ended["outcome"]) == (began["session"], "finished")
    assert ended["ended"] >= began["began"]


def fails(workdir):
    with sessions.recorded(workdir):
        raise KeyboardInterrupt


def test_sessions_are_added_and_what_stopped_one_is_not_hidden(workdir):
    with pytest.raises(KeyboardInterrupt):
        fails(workdir)
    first = sessions.place(workdir).read_text()
    with sessions.recorded(workdir) as session:
        session.outcome = "preempted"
    assert sessions.place(workdir).read_text().startswith(first)
    assert [line.get("outcome") for line in lines(workdir)] == [None, "stopped", None, "preempted"]
    assert len({line["session"] for line in lines(workdir)}) == 2


def test_earlier_lines_that_are_damaged_stay_as_they_are(workdir):
    before = b'{"session": \xff\n{"cut'
    sessions.place(workdir).write_bytes(before)
    with sessions.recorded(workdir):
        pass
    after = sessions.place(workdir).read_bytes()
    assert after.startswith(before + b"\n{")
    assert len(after.splitlines()) == 4


def test_an_end_that_cannot_be_written_is_told(workdir, capfd):
    with sessions.recorded(workdir) as session:
        session.outcome = "finished"
        sessions.place(workdir).unlink()
        sessions.place(workdir).mkdir()
    assert "the end of this session is not in" in capfd.readouterr().err


def test_bucket(tmp_path, monkeypatch):
    workdir = WorkDir(epath.Path(tmp_path))
    for _ in range(2):
        with sessions.recorded(workdir):
            pass
    assert len(lines(workdir)) == 4


def git(folder, *words):
    who = ["-c", "user.name=a", "-c", "user.email=a@b"]
    subprocess.run(["git", "-C", folder, *who, *words], check=True, capture_output=True)


def test_checkout_is_told_by_its_commit_and_whether_it_was_changed(tmp_path, monkeypatch):
    """A package that somebody's checkout does not hold, as one installed there, is none."""
    package = tmp_path / "dermgan_jax"
    package.mkdir()
    (package / "__init__.py").write_text("")
    monkeypatch.setattr(dermgan_jax, "__file__", str(package / "__init__.py"))
    told = sessions.checkout.__wrapped__
    assert told() is None
    git(tmp_path, "init", "-q")
    assert told() is None
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-q", "-m", "a")
    assert told()["changed"] is False
    assert len(told()["commit"]) == 40
    (package / "__init__.py").write_text("changed = True")
    assert told()["changed"] is True
    monkeypatch.setenv("PATH", "")
    assert told() is None
