"""SHA-256 of files, each read once."""

import hashlib
import pathlib

import pytest

from dermgan_jax.data import file_digests
from dermgan_jax.data.file_digests import UNREADABLE, digests


@pytest.fixture
def paths(tmp_path):
    found = [tmp_path / name for name in ("a.png", "b.png")]
    for path in found:
        path.write_bytes(path.name.encode())
    return found


@pytest.fixture
def reads(monkeypatch):
    """Counts the files that are read; files count as settled at once."""
    read, found = hashlib.file_digest, []

    def counted(file, name):
        found.append(file.name)
        return read(file, name)

    monkeypatch.setattr(hashlib, "file_digest", counted)
    monkeypatch.setattr(file_digests, "SETTLED", -1.0)
    return found


def in_a_new_process(monkeypatch):
    monkeypatch.setattr(file_digests, "_remembered", {})


def test_what_is_no_file_has_no_digest(paths, tmp_path):
    found = digests([paths[0], None, tmp_path / "c.png"], tmp_path / "kept", threads=1)
    assert found == [hashlib.sha256(b"a.png").hexdigest(), "", UNREADABLE]


def test_files_are_read_once(paths, reads, tmp_path, monkeypatch):
    first = digests(paths, tmp_path / "kept", threads=2)
    assert digests(paths, tmp_path / "kept", threads=2) == first
    in_a_new_process(monkeypatch)
    assert digests(paths, tmp_path / "kept", threads=2) == first
    assert len(reads) == 2


def test_changed_file_is_read_again(paths, reads, tmp_path, monkeypatch):
    first = digests(paths, tmp_path / "kept", threads=1)
    paths[1].write_bytes(b"other")
    in_a_new_process(monkeypatch)
    again = digests(paths, tmp_path / "kept", threads=1)
    assert [a == b for a, b in zip(first, again, strict=True)] == [True, False]
    assert len(reads) == 3


def test_file_that_may_still_change_unseen_is_read_again(paths, reads, tmp_path, monkeypatch):
    """A clock that ticks slowly gives a file that changes twice in a tick the same times."""
    monkeypatch.setattr(file_digests, "SETTLED", 60.0)
    digests(paths, tmp_path / "kept", threads=1)
    in_a_new_process(monkeypatch)
    digests(paths, tmp_path / "kept", threads=1)
    assert len(reads) == 4


def test_damaged_notes_are_made_anew(paths, reads, tmp_path, monkeypatch):
    first = digests(paths, tmp_path / "kept", threads=1)
    (notes,) = (tmp_path / "kept" / "digests").iterdir()
    notes.write_text("[")
    in_a_new_process(monkeypatch)
    assert digests(paths, tmp_path / "kept", threads=1) == first


def test_file_that_changes_while_it_is_read_is_read_again(paths, reads, tmp_path, monkeypatch):
    counted = hashlib.file_digest

    def changed_meanwhile(file, name):
        found = counted(file, name)
        if len(reads) == 1:
            pathlib.Path(file.name).write_bytes(b"other")
        return found

    monkeypatch.setattr(hashlib, "file_digest", changed_meanwhile)
    digests(paths, tmp_path / "kept", threads=1)
    in_a_new_process(monkeypatch)
    again = digests(paths, tmp_path / "kept", threads=1)
    assert again[0] == hashlib.sha256(b"other").hexdigest()
    assert len(reads) == 3


def test_many_files_come_in_their_order(tmp_path):
    found = [tmp_path / f"{i}.png" for i in range(file_digests.BATCH + 3)]
    for path in found[:: file_digests.CHUNK]:
        path.write_bytes(path.name.encode())
    told = digests(found, tmp_path / "kept", threads=2)
    for path, text in zip(found, told, strict=True):
        exists = int(path.stem) % file_digests.CHUNK == 0
        sound = hashlib.sha256(path.name.encode()).hexdigest()
        assert text == (sound if exists else UNREADABLE)
