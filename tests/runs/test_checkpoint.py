import shutil

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import tiny_configs

from dermgan_jax import config as config_schema
from dermgan_jax.errors import UserError
from dermgan_jax.runs.checkpoint import Checkpoints, abstract
from dermgan_jax.runs.state import Clock, TrainState

SWD = {10: 5.0, 20: 1.0, 30: 4.0, 40: None, 50: 3.0, 60: 2.0}  # step -> value, if evaluated
HERE = jax.sharding.SingleDeviceSharding(jax.devices()[0])


def make_config(**fields):
    config = tiny_configs.toy()
    config.update_from_flattened_dict(fields)
    return config_schema.validate(config)


def state_at(step, size=3):
    params = {"w": jnp.full((size,), step, jnp.float32)}
    return TrainState(
        Clock(*jnp.full((3,), step, jnp.int32)), {"g": {"params": params}}, {}, {}, {}
    )


def save_all(folder, config, values):
    with Checkpoints(folder, config) as checkpoints:
        for step, value in values.items():
            metrics = {} if value is None else {"swd": value, "swd_lower_bound": 0.5}
            checkpoints.save(state_at(step), step, {"split_hash": f"hash {step}"}, metrics)


def complete(folder):
    return sorted(int(path.name) for path in folder.iterdir() if path.name.isdigit())


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """A folder in which the checkpoints of SWD were saved, keeping the last two and the best."""
    folder = tmp_path_factory.mktemp("saved") / "checkpoints"
    save_all(folder, make_config(), SWD)
    return folder


@pytest.fixture
def folder(saved, tmp_path):
    """A copy of `saved`."""
    return shutil.copytree(saved, tmp_path / "checkpoints")


@pytest.mark.parametrize(
    ("keep_last", "keep_best", "kept"),
    [(2, 1, [20, 50, 60]), (1, 0, [60]), (1, 2, [20, 60]), (3, 1, [20, 40, 50, 60])],
)
def test_last_and_best_are_kept(tmp_path, keep_last, keep_best, kept):
    config = make_config(**{"checkpoint.keep_last": keep_last, "checkpoint.keep_best": keep_best})
    save_all(tmp_path, config, SWD)
    assert complete(tmp_path) == kept


def test_best_is_known_and_kept_when_the_run_is_continued(folder):
    with Checkpoints(folder, make_config(), read_only=True) as checkpoints:
        assert checkpoints.best_step() == 20
    save_all(folder, make_config(), {70: 9.0})
    assert complete(folder) == [20, 60, 70]


def test_there_is_no_best_before_the_first_evaluation(tmp_path):
    save_all(tmp_path, make_config(), {10: None, 20: None})
    with Checkpoints(tmp_path, make_config(), read_only=True) as checkpoints:
        assert checkpoints.best_step() is None
        assert checkpoints.steps() == [10, 20]


def test_state_and_facts_come_back(folder):
    with Checkpoints(folder, make_config(), read_only=True) as checkpoints:
        assert checkpoints.facts(50) == {"split_hash": "hash 50"}
        state = checkpoints.restore(abstract(state_at(0), HERE), 50)
    jax.tree.map(np.testing.assert_array_equal, state, state_at(50))


def test_saved_step_is_not_saved_again(folder):
    with Checkpoints(folder, make_config()) as checkpoints:
        checkpoints.save(state_at(999), 60, {}, {})
        checkpoints.wait()
        assert checkpoints.facts(60) == {"split_hash": "hash 60"}


def test_state_may_be_donated_while_it_is_written(tmp_path):
    change = jax.jit(lambda state: jax.tree.map(lambda x: x + 1, state), donate_argnums=0)
    with Checkpoints(tmp_path, make_config()) as checkpoints:
        state = state_at(1, size=100_000)
        checkpoints.save(state, 1, {}, {})
        jax.block_until_ready(change(state))
    with Checkpoints(tmp_path, make_config(), read_only=True) as checkpoints:
        restored = checkpoints.restore(abstract(state_at(0, size=100_000), HERE), 1)
    jax.tree.map(np.testing.assert_array_equal, restored, state_at(1, size=100_000))


def test_what_a_kill_left_is_ignored_and_makes_room(folder):
    left = folder / "70.orbax-checkpoint-tmp"
    shutil.copytree(folder / "60", left)
    with Checkpoints(folder, make_config(), read_only=True) as checkpoints:
        assert checkpoints.steps() == [20, 50, 60]
    assert left.exists()
    save_all(folder, make_config(), {70: 3.0})
    assert not left.exists()
    with Checkpoints(folder, make_config(), read_only=True) as checkpoints:
        assert checkpoints.facts(70) == {"split_hash": "hash 70"}


def test_state_of_another_model_is_refused_with_the_remedy(folder):
    checkpoints = Checkpoints(folder, make_config(), read_only=True)
    with checkpoints, pytest.raises(UserError) as raised:
        checkpoints.restore(abstract(state_at(0, size=4), HERE), 60)
    assert f"checkpoint {folder / '60'} cannot be read" in str(raised.value)
    assert "continue from step 50" in str(raised.value)


def test_unreadable_facts_are_reported(folder):
    next((folder / "60" / "facts").rglob("metadata")).write_text("{")
    checkpoints = Checkpoints(folder, make_config(), read_only=True)
    with checkpoints, pytest.raises(UserError, match="60 cannot be read"):
        checkpoints.facts(60)
