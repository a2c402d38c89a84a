"""Damage of a file that is kept is noticed, once it is opened by another process."""

import numpy as np
import pytest

from dermgan_jax.data import array_checksums


@pytest.fixture
def file(tmp_path, monkeypatch):
    """A file of five chunks, of which the last is not whole."""
    monkeypatch.setattr(array_checksums, "CHUNK", 1000)
    path = tmp_path / "images.npy"
    path.write_bytes(np.random.default_rng(0).bytes(4300))
    array_checksums.write(path)
    return path


def flip(path, place):
    content = bytearray(path.read_bytes())
    content[place] ^= 1
    path.write_bytes(content)
    array_checksums._checked.clear()  # as in another process


@pytest.mark.parametrize("place", [0, 999, 1000, 4299])
def test_a_flipped_bit_anywhere_is_found(file, place):
    assert array_checksums.holds(file)
    flip(file, place)
    assert not array_checksums.holds(file)
    flip(file, place)
    assert array_checksums.holds(file)


def test_a_file_of_before_is_given_its_checksums(file):
    array_checksums.forget(file)
    assert array_checksums.holds(file)
    flip(file, 7)
    assert not array_checksums.holds(file)


@pytest.mark.parametrize("content", ["", "00000000\n", "hello"])
def test_checksums_of_another_file_are_made_anew(file, content):
    file.with_name("images.npy.crc32").write_text(content)
    array_checksums._checked.clear()
    assert array_checksums.holds(file)
    flip(file, 7)
    assert not array_checksums.holds(file)


def test_a_file_is_read_once(file, monkeypatch):
    assert array_checksums.holds(file)
    monkeypatch.setattr(array_checksums, "_computed", None)
    assert array_checksums.holds(file)


def test_of_a_large_file_other_parts_are_checked_each_time(file, monkeypatch):
    monkeypatch.setattr(array_checksums, "MOST", 2)
    flip(file, 4100)
    found = []
    for _ in range(200):
        array_checksums._checked.clear()
        found.append(array_checksums.holds(file))
    assert 40 < sum(found) < 180  # of five chunks two are checked, so that three in five pass
