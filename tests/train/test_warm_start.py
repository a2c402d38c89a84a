"""Runs that begin with the networks of others, frozen layers, and ends out of patience."""

import json

import jax
import numpy as np
import pytest
from engine_probe import last_state, tiny

from dermgan_jax.errors import UserError
from dermgan_jax.evaluation import audit
from dermgan_jax.evaluation.image_sources import ImageSource
from dermgan_jax.runs import ancestry
from dermgan_jax.runs.workdir import WorkDir
from dermgan_jax.train import loop, warm_start


@pytest.fixture(scope="module")
def source(cache_dir, tmp_path_factory):
    """A finished run of pgan to 8x8."""
    config = tiny("pgan", cache_dir)
    workdir = tmp_path_factory.mktemp("source") / "run"
    assert loop.train(config, workdir) == loop.FINISHED
    return config, workdir


def by_name(tree):
    """Leaves by the names that init_from.json has."""
    return {
        jax.tree_util.keystr(path, simple=True, separator="/"): leaf
        for path, leaf in jax.tree.leaves_with_path(tree)
    }


def one_step(cache_dir, **fields):
    return tiny("pgan", cache_dir, **{"train.total_kimg": 0.008, **fields})


def test_a_run_begins_with_the_networks_of_another(source, cache_dir, tmp_path, capsys):
    """At twice the resolution; with a learning rate of 0 they are there unchanged."""
    trained = last_state(*source)
    still = {f"optimizers.{net}.learning_rate": 0.0 for net in ("g", "d")}
    config = one_step(
        cache_dir,
        **{"train.init_from": str(source[1]), "data.resolution": 16, **still},
        **{"model.batch_sizes": ((4, 8), (8, 8), (16, 8))},
    )
    assert loop.train(config, tmp_path / "run") == loop.FINISHED
    begun = last_state(config, tmp_path / "run")
    taken = json.loads((tmp_path / "run" / "init_from.json").read_text())
    assert taken["init_from"] == str(source[1])
    (ancestor,) = ancestry.ancestors(tmp_path / "run")
    assert ancestor == ancestry.lineage(source[1])[0]
    assert ancestor.images == "phantom:train (akiec, bcc, bkl, df, mel, nv, vasc)"
    assert not ancestry.beyond_own_images(tmp_path / "run")
    for net in ("g", "d"):
        assert taken[net]["taken"]
        assert taken[net]["fresh"]
        kept, theirs = (by_name(state.variables[net]) for state in (begun, trained))
        for name in taken[net]["taken"]:
            np.testing.assert_array_equal(kept[name], theirs[name])
        assert set(taken[net]["taken"]) | set(taken[net]["fresh"]) == set(kept)
    average, own = (by_name(state.ema["g"]) for state in (trained, begun))
    for name in taken["g"]["taken"]:
        if name.startswith("params/"):
            # One step of averaging has moved it a thousandth of the way to what is trained.
            np.testing.assert_allclose(own[name], average[name], atol=1e-3)
    said = capsys.readouterr().out
    assert f"tensors from {source[1]}" in said
    assert "held out" not in said


def test_images_that_networks_saw_before_are_not_forgotten(source, cache_dir, tmp_path, capsys):
    """Of another split and more classes, through two runs."""
    other = {"data.split_seed": 9, "data.classes": ("mel", "nv"), "model.conditional": False}
    first, second = tmp_path / "first", tmp_path / "second"
    for workdir, begun in ((first, source[1]), (second, first)):
        config = one_step(cache_dir, **other, **{"train.init_from": str(begun)})
        assert loop.train(config, workdir) == loop.FINISHED
        warning = "learned from phantom:train (akiec, bcc, bkl, df, mel, nv, vasc), not from this"
        assert warning in capsys.readouterr().out
    assert [each.workdir for each in ancestry.ancestors(second)] == [str(first), str(source[1])]
    assert [each.workdir for each in ancestry.beyond_own_images(second)] == [str(source[1])]
    drawn = ImageSource("samples", np.zeros((1, 8, 8, 3), np.uint8))
    (note,) = audit.not_compared(audit.Audit(str(second), "samples"), drawn)
    assert f"began with networks of {source[1]}, which learned from phantom:train" in note
    # Runs that began before this was written down.
    told = json.loads(WorkDir(first).init_from.read_text())
    del told["ancestors"]
    WorkDir(first).init_from.write_text(json.dumps(told))
    (unknown,) = ancestry.beyond_own_images(first)
    assert (unknown.workdir, unknown.images) == (str(source[1]), "images that are not known")


def test_another_family_a_missing_run_and_a_missing_checkpoint(source, cache_dir, tmp_path):
    workdir = source[1]
    config = tiny("dcgan", cache_dir, **{"train.init_from": str(workdir)})
    with pytest.raises(UserError, match="a run of pgan: networks of dcgan can only begin"):
        loop.train(config, tmp_path / "run")
    with pytest.raises(UserError, match="is no work directory"):
        loop.train(one_step(cache_dir, **{"train.init_from": "nowhere:best"}), tmp_path / "run")
    with pytest.raises(UserError, match="no checkpoint '7'"):
        loop.train(one_step(cache_dir, **{"train.init_from": f"{workdir}:7"}), tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_leaves_that_are_lists():
    """As the heads of LPIPS, in the networks of a FastGAN."""
    own = {"params": {"heads": [np.zeros(2), np.zeros(3)], "trunk": {"kernel": np.zeros(4)}}}
    given = {"params": {"heads": [np.ones(2), np.ones(3)], "trunk": {"kernel": np.ones(5)}}}
    filled, taken = warm_start._filled(own, given)
    assert [float(head.sum()) for head in filled["params"]["heads"]] == [2, 3]
    assert taken == (("params/heads",), ("params/trunk/kernel",), ("params/trunk/kernel",))


def test_frozen_layers_stay(source, cache_dir, tmp_path):
    config = one_step(cache_dir, **{"train.init_from": str(source[1])})
    layers = sorted(last_state(*source).variables["d"]["params"])
    frozen = f"d/{layers[0]}"
    config = one_step(cache_dir, **{"train.init_from": str(source[1]), "train.freeze": (frozen,)})
    assert loop.train(config, tmp_path / "run") == loop.FINISHED
    before, after = last_state(*source), last_state(config, tmp_path / "run")

    def moved(layer):
        return [
            not np.array_equal(a, b)
            for a, b in zip(
                jax.tree.leaves(before.variables["d"]["params"][layer]),
                jax.tree.leaves(after.variables["d"]["params"][layer]),
                strict=True,
            )
        ]

    assert not any(moved(layers[0]))
    assert any(any(moved(layer)) for layer in layers[1:])


def test_a_frozen_layer_that_does_not_exist(cache_dir, tmp_path):
    with pytest.raises(UserError, match=r"train\.freeze names 'd/b64', which is no trained layer"):
        loop.train(one_step(cache_dir, **{"train.freeze": ("d/b64",)}), tmp_path / "run")
    with pytest.raises(UserError, match="leaves nothing to be trained"):
        loop.train(one_step(cache_dir, **{"train.freeze": ("d", "g")}), tmp_path / "run")


def test_training_ends_when_patience_does(cache_dir, tmp_path):
    """With a learning rate of 0 nothing improves: the run ends early, says so, and stays ended."""
    fields = {f"optimizers.{net}.learning_rate": 0.0 for net in ("g", "d")}
    fields |= {"train.patience_kimg": 0.016, "eval.every_kimg": 0.008, "ema.decay": 0.0}
    fields |= {"eval.budget_fraction": 1.0, "train.total_kimg": 0.064}
    config = tiny("dcgan", cache_dir, **fields)
    workdir = tmp_path / "run"
    assert loop.train(config, workdir) == loop.FINISHED
    rows = [json.loads(line) for line in (workdir / "metrics.jsonl").read_text().splitlines()]
    ended = [row for row in rows if row["kind"] == "event"][-1]
    assert ended["event"] == "finished"
    assert ended["images"] < 64
    assert "early: swd has not improved for" in ended["detail"]
    assert loop.train(config, workdir) == loop.FINISHED
    again = [json.loads(line) for line in (workdir / "metrics.jsonl").read_text().splitlines()]
    assert max(row["images"] for row in again) == ended["images"]
