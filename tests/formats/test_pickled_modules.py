"""Pickled networks are read, and nothing in the file is executed."""

import pickle

import numpy as np
import pytest

from dermgan_jax.errors import UserError
from dermgan_jax.formats.pickled_modules import read_networks
from tests import nvidia_pickles

TENSORS = {
    "b4.conv.weight": np.arange(24, dtype=np.float32).reshape(2, 3, 4),
    "b4.conv.noise_const": np.ones((2, 2), np.float32),
    "mapping.w_avg": np.float32(3) * np.ones(5, np.float32),
    "scale": np.array(2.5, np.float32),
}


def test_tensors_and_numbers_come_back_and_source_is_not_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    content = {"G_ema": nvidia_pickles.network(TENSORS, conv_clamp=256), "training_set_kwargs": {}}
    nvidia_pickles.save(tmp_path / "net.pkl", content)
    networks = read_networks(tmp_path / "net.pkl")
    assert list(networks) == ["G_ema"]
    found = networks["G_ema"].tensors
    assert found.keys() == TENSORS.keys()
    for name, tensor in TENSORS.items():
        assert found[name].dtype == tensor.dtype
        np.testing.assert_array_equal(found[name], tensor)
    assert networks["G_ema"].numbers["b4.conv.conv_clamp"] == 256
    assert not (tmp_path / "executed").exists()


def test_buffers_that_are_not_saved_with_the_state_are_left_out(tmp_path):
    buffers = {name: nvidia_pickles.embedded(np.ones(2, np.float32)) for name in ("a", "b")}
    module = nvidia_pickles.Module(_buffers=buffers, _non_persistent_buffers_set={"b"})
    nvidia_pickles.save(tmp_path / "net.pkl", {"D": module})
    assert list(read_networks(tmp_path / "net.pkl")["D"].tensors) == ["a"]


class Attack:
    """Asks for a program to be run."""

    def __reduce__(self):
        import os

        return os.system, ("touch executed",)


@pytest.mark.parametrize("place", ["top", "state", "meta"])
def test_a_pickle_that_asks_for_code_is_refused(tmp_path, monkeypatch, place):
    monkeypatch.chdir(tmp_path)
    content = {
        "top": {"G_ema": Attack()},
        "state": {"G_ema": nvidia_pickles.network(TENSORS, conv_clamp=Attack())},
        "meta": {"G_ema": nvidia_pickles.Module(_modules=Attack())},
    }[place]
    nvidia_pickles.save(tmp_path / "net.pkl", content)
    with pytest.raises(UserError, match=r"posix\.system, which is not a tensor: refused"):
        read_networks(tmp_path / "net.pkl")
    assert not (tmp_path / "executed").exists()


def test_damage_is_reported(tmp_path):
    nvidia_pickles.save(tmp_path / "net.pkl", {"G_ema": nvidia_pickles.network(TENSORS)})
    data = (tmp_path / "net.pkl").read_bytes()
    (tmp_path / "net.pkl").write_bytes(data[: len(data) // 2])
    with pytest.raises(UserError, match="not a complete pickle of networks"):
        read_networks(tmp_path / "net.pkl")
    with pytest.raises(UserError, match="cannot read"):
        read_networks(tmp_path / "none.pkl")


def test_other_files_hold_no_networks(tmp_path):
    (tmp_path / "numbers.pkl").write_bytes(pickle.dumps({"epoch": 3}))
    (tmp_path / "text.pkl").write_text("G_ema")
    assert read_networks(tmp_path / "numbers.pkl") == read_networks(tmp_path / "text.pkl") == {}
