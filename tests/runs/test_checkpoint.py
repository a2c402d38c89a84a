"""Which checkpoints are kept and found again, and what is said when they cannot be written."""

import json
import math
import os
import shutil

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import tiny_configs

from dermgan_jax import config as config_schema
from dermgan_jax.errors import UserError
from dermgan_jax.metrics import measurement_json
from dermgan_jax.metrics.measurement import Measurement, MetricValue, by_key
from dermgan_jax.runs import checksums
from dermgan_jax.runs.checkpoint import Checkpoints, abstract
from dermgan_jax.runs.state import Clock, TrainState
from dermgan_jax.runs.workdir import WorkDir

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


def facts_of(step):
    """As a run writes them down, with a mark of the step."""
    spec = {"height": 4, "width": 4, "channels": 3, "class_counts": [], "num_examples": 8}
    return {"split_hash": f"hash {step}", "classes": [], "data_spec": spec}


def opened(workdir, best_metric="swd", read_only=True, **fields):
    return Checkpoints(WorkDir(workdir), make_config(**fields), best_metric, read_only)


def measured(swd):
    """The value, and the inception score, which is better where it is higher: the same."""
    values = (MetricValue(n, swd, "p", 8, {}, b) for n, b in (("swd", "lower"), ("is", "higher")))
    return by_key(*map(Measurement, values))


def save_all(workdir, values, **fields):
    """As training does: writes down what was measured, then saves."""
    with opened(workdir, read_only=False, **fields) as checkpoints:
        for step, value in values.items():
            if value is not None:
                found = measured(value)
                row = {
                    "kind": "eval",
                    "step": step,
                    "images": 4 * step,
                    "seconds": 1.0,
                    "metrics": measurement_json.to_json(found),
                }
                with open(workdir / "metrics.jsonl", "a") as file:
                    file.write(json.dumps(row) + "\n")
                checkpoints.observe(step, 4 * step, found)
            checkpoints.save(state_at(step), step, facts_of(step))


def complete(workdir):
    names = [path.name for path in (workdir / "checkpoints").iterdir()]
    return sorted(int(name) for name in names if name.isdigit())


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """A folder in which the checkpoints of SWD were saved, keeping the last two and the best."""
    workdir = tmp_path_factory.mktemp("saved")
    save_all(workdir, SWD)
    return workdir


@pytest.fixture
def workdir(saved, tmp_path):
    """A copy of `saved`."""
    return shutil.copytree(saved, tmp_path / "run")


@pytest.mark.parametrize(
    ("keep_last", "keep_best", "kept"),
    [(2, 1, [20, 50, 60]), (1, 0, [60]), (1, 2, [20, 60]), (3, 1, [20, 40, 50, 60])],
)
def test_last_and_best_are_kept(tmp_path, keep_last, keep_best, kept):
    fields = {"checkpoint.keep_last": keep_last, "checkpoint.keep_best": keep_best}
    save_all(tmp_path, SWD, **fields)
    assert complete(tmp_path) == kept


def test_best_is_known_and_kept_when_the_run_is_continued(workdir):
    with opened(workdir) as checkpoints:
        assert checkpoints.best_step() == 20
    save_all(workdir, {70: 9.0})
    assert complete(workdir) == [20, 60, 70]


def test_best_may_be_asked_by_another_value_than_before(workdir):
    with opened(workdir, best_metric="is") as checkpoints:
        assert checkpoints.best_step() == 50


def test_there_is_no_best_before_the_first_evaluation(tmp_path):
    save_all(tmp_path, {10: None, 20: None})
    with opened(tmp_path) as checkpoints:
        assert checkpoints.best_step() is None
        assert checkpoints.steps() == [10, 20]


def test_value_that_is_no_number_is_never_the_best(tmp_path):
    save_all(tmp_path, {10: 3.0, 20: math.nan, 30: math.inf})
    with opened(tmp_path) as checkpoints:
        assert checkpoints.best_step() == 10
        assert checkpoints.steps() == [10, 20, 30]


def test_state_and_facts_come_back(workdir):
    with opened(workdir) as checkpoints:
        assert checkpoints.facts(50) == facts_of(50)
        state = checkpoints.restore(abstract(state_at(0), HERE), 50)
    jax.tree.map(np.testing.assert_array_equal, state, state_at(50))


def test_saved_step_is_not_saved_again(workdir):
    with opened(workdir, read_only=False) as checkpoints:
        checkpoints.save(state_at(999), 60, {})
        checkpoints.wait()
        assert checkpoints.facts(60) == facts_of(60)


def test_state_may_be_donated_while_it_is_written(tmp_path):
    change = jax.jit(lambda state: jax.tree.map(lambda x: x + 1, state), donate_argnums=0)
    with opened(tmp_path, read_only=False) as checkpoints:
        state = state_at(1, size=100_000)
        checkpoints.save(state, 1, {})
        jax.block_until_ready(change(state))
    with opened(tmp_path) as checkpoints:
        restored = checkpoints.restore(abstract(state_at(0, size=100_000), HERE), 1)
    jax.tree.map(np.testing.assert_array_equal, restored, state_at(1, size=100_000))


def test_what_a_kill_left_is_ignored_and_makes_room(workdir):
    left = workdir / "checkpoints" / "70.orbax-checkpoint-tmp"
    shutil.copytree(workdir / "checkpoints" / "60", left)
    with opened(workdir) as checkpoints:
        assert checkpoints.steps() == [20, 50, 60]
    assert left.exists()
    save_all(workdir, {70: 3.0})
    assert not left.exists()
    with opened(workdir) as checkpoints:
        assert checkpoints.facts(70) == facts_of(70)


def test_state_of_another_model_is_refused_with_the_remedy(workdir):
    with opened(workdir) as checkpoints, pytest.raises(UserError) as raised:
        checkpoints.restore(abstract(state_at(0, size=4), HERE), 60)
    assert f"checkpoint {workdir / 'checkpoints' / '60'} cannot be read" in str(raised.value)
    assert "--checkpoint=STEP reads 20, 50" in str(raised.value)


def test_unreadable_facts_are_reported(workdir):
    next((workdir / "checkpoints" / "60" / "facts").rglob("metadata")).write_text("{")
    with opened(workdir) as checkpoints, pytest.raises(UserError, match="60 cannot be read"):
        checkpoints.facts(60)


def test_whatever_is_damaged_is_one_message(workdir):
    like = abstract(state_at(0), HERE)
    folder = workdir / "checkpoints" / "60"
    said = []
    for file in sorted(path for path in folder.rglob("*") if path.is_file()):
        whole = file.read_bytes()
        for spoil in (lambda file: file.write_bytes(b"{"), lambda file: file.unlink()):
            spoil(file)
            with opened(workdir) as checkpoints:
                try:
                    checkpoints.restore(like, 60)
                    checkpoints.facts(60)
                except UserError as error:
                    said.append(str(error))
            file.write_bytes(whole)
    assert len(said) > 5
    assert not any("elete" in text for text in said)


@pytest.mark.parametrize("num", [20, pytest.param(240, marks=pytest.mark.slow)])
def test_a_flipped_bit_is_never_read_as_if_it_were_saved(num, workdir):
    """Here and there, in every file in turn: an error, or what was saved."""
    folder = workdir / "checkpoints" / "60"
    files = sorted(file for file in folder.rglob("*") if file.is_file() and file.stat().st_size)
    like, expected = abstract(state_at(0), HERE), state_at(60)
    rng, refused = np.random.default_rng(0), 0
    for number in range(num):
        file = files[number % len(files)]
        whole = file.read_bytes()
        spoiled = bytearray(whole)
        spoiled[rng.integers(len(whole))] ^= 1 << rng.integers(8)
        file.write_bytes(spoiled)
        with opened(workdir) as checkpoints:
            try:
                state, facts = checkpoints.restore(like, 60), checkpoints.facts(60)
                jax.tree.map(np.testing.assert_array_equal, state, expected)
                assert facts == facts_of(60)
            except UserError:
                refused += 1
        file.write_bytes(whole)
    print(f"{num} bits: {refused} refused, {num - refused} without effect")
    assert refused > num / 4


def test_a_checkpoint_without_checksums_is_read(workdir, monkeypatch):
    monkeypatch.setattr(checksums, "with_checksums", lambda facts, state: dict(facts))
    save_all(workdir, {70: 1.5})
    with opened(workdir) as checkpoints:
        state = checkpoints.restore(abstract(state_at(0), HERE), 70)
        assert checkpoints.facts(70) == facts_of(70)
    jax.tree.map(np.testing.assert_array_equal, state, state_at(70))


def test_other_values_and_other_facts_are_found(workdir):
    facts = checksums.with_checksums({"classes": ["mel"]}, state_at(1))
    assert not checksums.facts_fault(facts)
    assert not checksums.state_fault(facts, state_at(1))
    assert checksums.facts_fault({**facts, "classes": ["nv"]})
    assert checksums.state_fault(facts, state_at(2)) == (
        "clock/step and 3 more is not what was saved"
    )


@pytest.mark.parametrize("name", ["a[x]b", "a*", "a?b", "a\\b"])
def test_path_below_which_nothing_could_be_read_again(tmp_path, name):
    for folder in (tmp_path / name, tmp_path / name / "run"):
        with pytest.raises(UserError, match="cannot be read again: choose another --workdir"):
            opened(folder, read_only=False)
    assert not (tmp_path / name).exists()


def test_path_that_is_no_utf8(tmp_path):
    with pytest.raises(UserError, match="is not UTF-8"):
        opened(tmp_path / os.fsdecode(b"m\xe9l"), read_only=False)


@pytest.mark.parametrize("name", ["a b", "ä", "a{b}", "a%b'c"])
def test_path_with_other_characters_is_fine(tmp_path, name):
    save_all(tmp_path / name, {10: None})
    with opened(tmp_path / name) as checkpoints:
        state = checkpoints.restore(abstract(state_at(0), HERE), 10)
    jax.tree.map(np.testing.assert_array_equal, state, state_at(10))


def test_first_checkpoint_is_read_back_before_training_goes_on(tmp_path, monkeypatch):
    with opened(tmp_path, read_only=False) as checkpoints:
        save = checkpoints.manager.save

        def loses_data(step, **named):
            save(step, **named)
            checkpoints.manager.wait_until_finished()
            for file in (tmp_path / "checkpoints" / str(step) / "state").rglob("d/*"):
                file.unlink()

        monkeypatch.setattr(checkpoints.manager, "save", loses_data)
        with pytest.raises(UserError, match="first checkpoint was written but cannot be read back"):
            checkpoints.save(state_at(1), 1, {})
        checkpoints.save(state_at(2), 2, {})  # only the first is read


@pytest.mark.parametrize(
    "fault", [OSError(28, "No space left on device"), ValueError("x RESOURCE_EXHAUSTED: quota")]
)
def test_fault_of_the_storage_comes_with_the_remedy(fault, tmp_path, monkeypatch):
    with opened(tmp_path, read_only=False) as checkpoints:
        monkeypatch.setattr(checkpoints.manager, "save", failing(fault))
        with pytest.raises(UserError, match="Free disk space or fix the permissions"):
            checkpoints.save(state_at(1), 1, {})


@pytest.mark.parametrize("fault", [KeyError("swd"), TypeError("no array"), ValueError("no shape")])
def test_fault_of_the_program_is_not_blamed_on_the_disk(fault, tmp_path, monkeypatch):
    with opened(tmp_path, read_only=False) as checkpoints, monkeypatch.context() as patch:
        patch.setattr(checkpoints.manager, "save", failing(fault))
        patch.setattr(checkpoints.manager, "wait_until_finished", failing(fault))
        with pytest.raises(type(fault)) as raised:
            checkpoints.save(state_at(1), 1, {})
        assert raised.value is fault
        with pytest.raises(type(fault)) as raised:
            checkpoints.wait()
        assert raised.value is fault


def test_facts_that_are_no_json_are_our_own_fault(tmp_path):
    def save():
        with opened(tmp_path, read_only=False) as checkpoints:
            checkpoints.save(state_at(1), 1, {"split_hash": object()})

    with pytest.raises(TypeError):
        save()


def test_fault_elsewhere_is_not_hidden_by_one_of_the_last_save(tmp_path, monkeypatch):
    with pytest.raises(KeyError), opened(tmp_path, read_only=False) as checkpoints:  # noqa: PT012
        monkeypatch.setattr(checkpoints.manager, "close", failing(OSError(28, "full")))
        raise KeyError("metric")


def failing(fault):
    def fail(*arguments, **named):
        raise fault

    return fail
