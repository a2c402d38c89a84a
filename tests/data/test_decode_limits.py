"""Threads that decode share the memory that there is."""

import os
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from dermgan_jax.data.decode import header_size, read_image
from dermgan_jax.data.decode_limits import Room
from dermgan_jax.data.faults import DataError


def test_no_more_is_taken_than_there_is():
    room, lock = Room(100), threading.Lock()
    taken, most = 0, 0

    def work(size):
        nonlocal taken, most
        with room.taken(size):
            with lock:
                taken += min(size, 100)
                most = max(most, taken)
            with room.taken(1000):  # of which this thread has enough
                pass
            with lock:
                taken -= min(size, 100)

    with ThreadPoolExecutor(8) as pool:
        for future in [pool.submit(work, size) for size in (30, 60, 90, 500, 10) * 40]:
            future.result(timeout=60)
    assert 90 <= most <= 100
    assert taken == 0


def test_room_is_given_back_after_an_error():
    room = Room(100)
    with pytest.raises(KeyError), room.taken(100):
        raise KeyError
    with room.taken(100):
        pass


@pytest.mark.parametrize("name", ["a.png", "a.dcm"])
def test_a_pipe_is_no_image_and_not_waited_for(tmp_path, name):
    os.mkfifo(tmp_path / name)
    for read in (lambda path: read_image(path, 3), header_size):
        with pytest.raises(DataError, match="is no file but a pipe"):
            read(tmp_path / name)
