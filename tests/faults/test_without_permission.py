"""Folders that cannot be written, and users without a home or a name, as in containers.

The command lines run in a user namespace, where even root is a user without rights: of a number
that no list of users has.
"""

import json
import os
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from dermgan_jax import cache, files
from dermgan_jax.errors import UserError

UID = 54321
SCRIPT = Path(__file__).with_name("without_permission.py")
NAMESPACE = ["unshare", "--user", f"--map-user={UID}", f"--map-group={UID}"]
TRAIN = ["train", "--config=tests/tiny_configs.py:toy", "--config.train.total_kimg=0.032"]


def told(commands, **variables):
    """[exit code, what was said] of each command line."""
    if shutil.which("unshare") is None or subprocess.run([*NAMESPACE, "true"]).returncode:
        pytest.skip("this system lets nobody make a user namespace")
    kept = {"HOME", "DERMGAN_CACHE", "DERMGAN_WEIGHTS", "JAX_COMPILATION_CACHE_DIR"}
    found = subprocess.run(
        [*NAMESPACE, sys.executable, SCRIPT],
        input=json.dumps(commands),
        env={key: value for key, value in os.environ.items() if key not in kept} | variables,
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert not Path(__file__).parents[2].joinpath("~").exists()  # of a library that has no home
    lines = [json.loads(line) for line in found.stdout.splitlines() if line.startswith("[")]
    assert len(lines) == sum(command[0] not in ("set", "read only") for command in commands), (
        found.stderr[-2000:]
    )
    return lines


def test_without_a_home_everything_works_and_without_permission_all_is_said(tmp_path):
    (tmp_path / "tmp").mkdir()
    run, closed = tmp_path / "run", tmp_path / "closed"
    closed.mkdir()
    samples = f"--out={tmp_path / 'samples'}"
    at_home = [[*TRAIN, f"--workdir={run}"], ["generate", f"--workdir={run}", samples, "--num=4"]]
    evaluate = ["evaluate", f"--real={run}", f"--fake={run}", "--metrics=swd", "--num=8"]
    refused = {
        "report": ["report", f"--workdir={run}"],
        "continued": [*TRAIN[:2], f"--workdir={run}", "--config.train.total_kimg=0.064"],
        "new run": [*TRAIN, f"--workdir={closed / 'run'}"],
        "samples": ["generate", f"--workdir={run}", f"--out={closed / 'out'}", "--num=4"],
        "result": [*evaluate, f"--out={closed / 'evaluation.json'}"],
        "weights": ["weights", "--fetch=lpips_alex", f"--weights={closed}"],
    }
    of_cache = {"spool": [*evaluate, f"--out={tmp_path / 'evaluation.json'}"]}
    found = told(
        [
            *at_home,
            *(["read only", str(run)], ["read only", str(closed)]),
            *refused.values(),
            ["set", "DERMGAN_CACHE", str(closed / "cache")],
            *of_cache.values(),
        ],
        TMPDIR=str(tmp_path / "tmp"),
    )
    trained, *rest = found[: len(at_home)]
    assert trained[0] == 0, trained[1]
    assert f"there is no home directory: what is kept between runs lies in {tmp_path}" in trained[1]
    assert f"dermgan_jax-{UID}" in trained[1]
    assert all(code == 0 for code, _ in rest), rest
    for name, (code, said) in zip((*refused, *of_cache), found[len(at_home) :], strict=True):
        assert code == 2, (name, said)
        message = said[said.index("error: ") :]
        assert str(tmp_path) in message, name
        assert "ermission denied" in message or "cannot be written" in message, name
        assert len(message.splitlines()) < 4, name
    assert "DERMGAN_CACHE" in found[-1][1]


def test_a_cache_is_made_as_the_umask_says(tmp_path, monkeypatch):
    """A group shares a cache, if the umask lets it."""
    monkeypatch.setenv("DERMGAN_CACHE", str(tmp_path / "cache"))
    before = os.umask(0o002)
    try:
        folder = cache.usable_folder("prepared")
        files.write_once(folder / "a" / "b", lambda path: path.write_text("x"))
        files.write_text(folder / "c", "x")
    finally:
        os.umask(before)
    for path in (folder.parent, folder, folder / "a", folder / "a" / "b", folder / "c"):
        assert path.stat().st_mode & stat.S_IWGRP, path


def test_a_folder_among_temporary_files_is_one_s_own(tmp_path, monkeypatch):
    """Anybody could have made it before, or a link in its place."""
    monkeypatch.delenv("DERMGAN_CACHE", raising=False)
    (tmp_path / "file").touch()
    monkeypatch.setenv("HOME", str(tmp_path / "file" / "home"))
    monkeypatch.setattr(cache.tempfile, "tempdir", str(tmp_path))
    place = cache.cache_dir()
    assert place.parent == tmp_path
    assert stat.S_IMODE(place.stat().st_mode) == 0o700
    place.rmdir()
    place.symlink_to(tmp_path)
    with pytest.raises(UserError, match=r"somebody else's.*DERMGAN_CACHE"):
        cache.cache_dir()
