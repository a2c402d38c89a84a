"""Which sets can be compared pair by pair, and how their values are summed up."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from image_pairs import noisy_ramps

from dermgan_jax.errors import UserError
from dermgan_jax.metrics import psnr
from dermgan_jax.metrics.paired import of_pairs, summarise


def test_summary_of_known_values():
    found = summarise(np.array([1.0, 2.0, 3.0, 4.0]))
    assert found.mean == 2.5
    assert found.std == pytest.approx(1.2909944)
    assert found.standard_error == pytest.approx(0.6454972)
    assert found.interval == pytest.approx((0.4457397, 4.5542603))  # t(3) at 97.5 % is 3.1824463
    assert found.num_infinite == 0


def test_infinite_values_are_left_out_and_counted():
    a, b = noisy_ramps()
    found = psnr.paired(np.concatenate([a, a[:1]]), np.concatenate([b, a[:1]]))
    assert found.num_infinite == 1
    assert found.mean == pytest.approx(psnr.paired(a, b).mean)
    assert psnr.paired(a, a).mean == np.inf


def test_one_pair_has_no_interval():
    a, b = noisy_ramps()
    found = psnr.paired(a[:1], b[:1])
    assert (found.std, found.standard_error, found.interval) == (None, None, None)


@pytest.mark.parametrize("num_devices", [1, 8])
@pytest.mark.parametrize("batch_size", [1, 4, 64])
def test_batches_and_devices_do_not_change_values(num_devices, batch_size, monkeypatch):
    devices = jax.local_devices()[:num_devices]
    monkeypatch.setattr(jax, "local_devices", lambda: devices)
    a, b = np.random.default_rng(0).random((2, 11, 3, 3, 1), np.float32)
    gap = jax.jit(lambda x, y: jnp.abs(x - y).mean(axis=(1, 2, 3)))
    found = of_pairs(gap, a, b, batch_size)
    np.testing.assert_allclose(found, np.abs(a - b).mean(axis=(1, 2, 3)), rtol=1e-6)


@pytest.mark.parametrize(
    ("a", "b", "message"),
    [
        (np.zeros((2, 8, 8, 3), np.uint8), np.zeros((3, 8, 8, 3), np.uint8), "need the same"),
        (np.zeros((2, 8, 8, 3), np.uint8), np.zeros((2, 8, 8, 1), np.uint8), "need the same"),
        (np.zeros((0, 8, 8, 3), np.uint8), np.zeros((0, 8, 8, 3), np.uint8), "no images"),
        (np.zeros((2, 3, 8, 8), np.uint8), np.zeros((2, 3, 8, 8), np.uint8), "1 or 3 channels"),
        (np.zeros((2, 8, 8, 3), np.int64), np.zeros((2, 8, 8, 3), np.int64), "uint8 or float"),
        (np.full((2, 8, 8, 3), 9.0), np.zeros((2, 8, 8, 3)), r"outside \[-1, 1\]"),
        (np.zeros((2, 8, 8, 3)), np.full((2, 8, 8, 3), np.nan), "or nan"),
    ],
)
def test_sets_that_are_no_pairs_are_named(a, b, message):
    with pytest.raises(UserError, match=message):
        psnr.paired(a, b)
