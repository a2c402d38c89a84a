import jax
import jax.numpy as jnp
import numpy as np
import pytest
import tiny_configs
from ml_collections import ConfigDict
from toy_model import ToyModel

from dermgan_jax import config as config_schema
from dermgan_jax.data.records import DataSpec
from dermgan_jax.runs.state import Clock, init_moments, init_state
from dermgan_jax.train.step import ema_decay


def toy(seed=0):
    config = tiny_configs.toy()
    config.seed = seed
    return ToyModel(config_schema.validate(config), DataSpec(4, 4, 3, (), 8))


def test_clock_looks_at_the_curriculum_every_interval():
    clock, seen = Clock(0, 0, 0), []
    for _ in range(6):
        clock = clock.advance(16, schedule_interval=3)
        seen.append(tuple(clock))
    assert seen == [
        (1, 16, 0), (2, 32, 0), (3, 48, 48), (4, 64, 48), (5, 80, 48), (6, 96, 96),
    ]  # fmt: skip


@pytest.mark.parametrize("interval", [1, 3, 4])
def test_clock_on_a_device_agrees_with_that_on_the_host(interval):
    @jax.jit
    def advance(clock, images):
        return clock.advance(images, interval)

    host, device = Clock(0, 0, 0), Clock(*jnp.zeros((3,), jnp.int32))
    for images in (8, 8, 4, 4, 16, 2, 2):
        host, device = host.advance(images, interval), advance(device, images)
        assert tuple(map(int, device)) == tuple(host)
        assert {value.dtype for value in device} == {np.dtype(np.int32)}


def test_initial_state_follows_from_the_seed():
    first, again, other = init_state(toy()), init_state(toy()), init_state(toy(seed=1))
    jax.tree.map(np.testing.assert_array_equal, first, again)
    assert not np.array_equal(
        first.variables["g"]["params"]["w"], other.variables["g"]["params"]["w"]
    )
    assert tuple(map(int, first.clock)) == (0, 0, 0)


def test_average_starts_at_the_weights_in_memory_of_its_own():
    state = init_state(toy())
    assert set(state.ema) == {"g"}
    weights, average = state.variables["g"]["params"]["w"], state.ema["g"]["params"]["w"]
    np.testing.assert_array_equal(weights, average)
    assert weights.unsafe_buffer_pointer() != average.unsafe_buffer_pointer()  # both are donated


def test_averaged_nets_replace_the_trained_ones():
    state = init_state(toy())
    state = state.replace(ema=jax.tree.map(jnp.zeros_like, state.ema))
    assert not state.averaged["g"]["params"]["w"].any()
    assert state.averaged["d"] is state.variables["d"]


def test_fresh_moments_are_zero_for_every_net():
    model = toy()
    moments = init_moments(model, init_state(model).variables)
    assert set(moments) == {"g", "d"}
    assert all(not leaf.any() for leaf in jax.tree.leaves(moments))


@pytest.mark.parametrize(
    ("half_life_kimg", "ramp_up", "images_seen", "expected"),
    [
        (0.0, 0.0, 500, 0.9),
        (0.5, 0.0, 0, 0.5 ** (32 / 500)),
        (0.5, 0.05, 0, 0.0),
        (0.5, 0.05, 2000, 0.5 ** (32 / 100)),
        (0.5, 0.05, 20000, 0.5 ** (32 / 500)),
    ],
)
def test_decay_of_the_average(half_life_kimg, ramp_up, images_seen, expected):
    """Values by hand from StyleGAN2-ADA's rule; without a half-life the fixed decay holds."""
    fields = ConfigDict({"decay": 0.9, "half_life_kimg": half_life_kimg, "ramp_up": ramp_up})
    assert float(ema_decay(fields, 32, images_seen)) == pytest.approx(expected, rel=1e-6)
