"""A damaged newest checkpoint: the one before it is taken, which is said, and nothing is lost."""

import jax
import numpy as np
import pytest
from engine_probe import last_state, tiny

from dermgan_jax.errors import UserError
from dermgan_jax.runs.checkpoint import DAMAGED
from dermgan_jax.runs.restore import restore
from dermgan_jax.train import finiteness, loop
from dermgan_jax.train.loop import FINISHED


@pytest.fixture
def run(cache_dir, tmp_path):
    """A finished run with several checkpoints, and its configuration."""
    config = tiny("toy", cache_dir, **{"checkpoint.keep_last": 3})
    loop.train(config, tmp_path / "run")
    return config, tmp_path / "run"


def steps(workdir):
    return sorted(int(path.name) for path in (workdir / "checkpoints").glob("[0-9]*"))


def damage(workdir, step):
    """Changes bytes of the largest file, which holds arrays; a single one may lie between them."""
    folder = workdir / "checkpoints" / str(step)
    file = max((f for f in folder.rglob("*") if f.is_file()), key=lambda f: f.stat().st_size)
    content = bytearray(file.read_bytes())
    for position in range(len(content) // 4, 3 * len(content) // 4, 16):
        content[position] ^= 1
    file.write_bytes(content)


def test_training_goes_on_from_the_one_before(run, capsys):
    config, workdir = run
    expected, before = last_state(config, workdir), steps(workdir)
    damage(workdir, before[-1])
    capsys.readouterr()
    assert loop.train(config, workdir) == FINISHED
    said = capsys.readouterr().out
    assert f"checkpoints/{before[-1]}" in said
    assert f"training goes on from step {before[-2]}" in said
    kept = list((workdir / DAMAGED).iterdir())
    assert [path.name.partition("-")[0] for path in kept] == [str(before[-1])]
    assert steps(workdir) == before
    jax.tree.map(np.testing.assert_array_equal, last_state(config, workdir), expected)


def test_samples_are_drawn_from_the_one_before_which_is_said(run):
    _, workdir = run
    before = steps(workdir)
    damage(workdir, before[-1])
    restored = restore(workdir)
    assert restored.step == before[-2]
    assert f"that of step {before[-2]} is read instead" in restored.warnings[0]
    with pytest.raises(UserError, match=f"--checkpoint=STEP reads .*{before[-2]}"):
        restore(workdir, str(before[-1]))
    assert steps(workdir) == before


def test_where_none_can_be_read_all_stay(run):
    config, workdir = run
    before = steps(workdir)
    for step in before:
        damage(workdir, step)
    with pytest.raises(UserError, match=f"checkpoints/{before[-1]}"):
        loop.train(config, workdir)
    assert steps(workdir) == before
    assert not (workdir / DAMAGED).exists()


@pytest.mark.parametrize("part", ["variables", "ema"])
def test_what_is_not_finite_is_not_saved(part, run):
    config, workdir = run
    state = last_state(config, workdir)
    finiteness.require_finite(state)
    tree = jax.tree.map(np.copy, getattr(state, part))
    tree["g"]["params"]["w"][0, 0] = np.inf
    with pytest.raises(UserError, match="weights g/params/w became NaN or infinite"):
        finiteness.require_finite(state.replace(**{part: tree}))
