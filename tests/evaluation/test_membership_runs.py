"""Membership inference from two trained runs: attack and control by the same command."""

import json
import shutil

import numpy as np
import pytest
import tiny_configs

from dermgan_jax import config as config_schema
from dermgan_jax.errors import UserError
from dermgan_jax.evaluation import membership
from dermgan_jax.features.feature_spaces import open_space
from dermgan_jax.runs.training_data import TrainingData


@pytest.fixture(scope="module")
def halves(tmp_path_factory):
    """Folder of two runs of the toy model."""
    folder = tmp_path_factory.mktemp("halves")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DERMGAN_CACHE", str(folder / "cache"))
        config = tiny_configs.toy()
        config.data.prepared_dir = str(folder / "prepared")
        membership.train_halves(config_schema.validate(config), folder)
        yield folder


def test_the_halves_are_of_different_groups(halves):
    first, second = (TrainingData(run).learned_from() for run in membership.runs_of(halves))
    assert not set(first.groups) & set(second.groups)
    membership.require_halves(membership.runs_of(halves))


def test_what_is_trained_is_not_trained_again(halves, capsys):
    logs = [(run / "metrics.jsonl").read_bytes() for run in membership.runs_of(halves)]
    membership.train_halves(None, halves)
    assert capsys.readouterr().out.count("trained already") == 2
    assert logs == [(run / "metrics.jsonl").read_bytes() for run in membership.runs_of(halves)]


def test_attack_and_control(halves):
    found = membership.membership(halves, open_space("pixels"), 40, 0)
    assert json.loads(json.dumps(found))["protocol"] == "membership:nearest:pixels:clean16:none"
    for name in ("attack", "control", "difference", "halves"):
        low, high = found[name]["interval"]
        assert low <= found[name]["value"] <= high
    first = TrainingData(membership.runs_of(halves)[0])
    held_out = sum(len(first.catalogue.indices(split)) for split in ("val", "test"))
    assert found["num_images"][0] == len(first.catalogue.indices("train"))
    assert found["num_images"][2] == held_out
    assert found["sentence"] in membership.lines(found)[-1]


def test_samples_that_are_training_images_give_themselves_away(halves, monkeypatch):
    """A generator that hands out its training images: the attack sees all, the control nothing."""

    def copies(workdir, num, drawing):
        images = np.asarray(TrainingData(workdir).learned_from().images[np.arange(num)])
        return images, sample(workdir, 1, drawing)[1]

    sample = membership.sample_for_evaluation
    monkeypatch.setattr(membership, "sample_for_evaluation", copies)
    num = min(len(TrainingData(run).learned_from().ids) for run in membership.runs_of(halves))
    found = membership.membership(halves, open_space("pixels"), num, 0)
    assert found["attack"]["value"] > 0.9
    assert found["halves"]["value"] > 0.9
    assert 0.3 < found["control"]["value"] < 0.7
    assert "tell of its training images" in found["sentence"]


def test_runs_that_do_not_belong_together_are_refused(halves, tmp_path):
    first, second = membership.runs_of(halves)
    with pytest.raises(UserError, match=r"learned from data\.half='second', not 'first'"):
        membership.require_halves((second, first))
    with pytest.raises(UserError, match="no --config says how to train it"):
        membership.train_halves(None, tmp_path)


def test_runs_of_another_recipe_than_the_images_are_told(halves):
    own = tiny_configs.toy()
    own.data.prepared_dir = str(halves / "elsewhere")
    assert membership.of_another_recipe(halves, config_schema.validate(own), "that of X") == []
    own.train.batch_size *= 2
    (told,) = membership.of_another_recipe(halves, config_schema.validate(own), "that of X")
    assert told.startswith("warning: ")
    assert "another recipe than that of X (train.batch_size)" in told
    (told,) = membership.of_another_recipe(halves, None, "")
    assert "is not known here" in told


def test_what_does_not_belong_together_is_refused_before_anything_is_trained(halves, tmp_path):
    config = config_schema.validate(tiny_configs.toy())
    first = membership.runs_of(halves)[0]
    with pytest.raises(UserError, match="is the work directory of a run"):
        membership.train_halves(config, first)
    shutil.copytree(first, tmp_path / "one" / "second")
    with pytest.raises(UserError, match=r"learned from data\.half='first', not 'second'"):
        membership.train_halves(config, tmp_path / "one")
    shutil.copytree(first, tmp_path / "two" / "first")
    other = tiny_configs.toy()
    other.train.batch_size *= 2
    other = config_schema.validate(other)
    with pytest.raises(UserError, match=r"differ in more than their half: train\.batch_size"):
        membership.train_halves(other, tmp_path / "two")
    (tmp_path / "two" / "first" / "config.json").write_text("{")
    with pytest.raises(UserError, match=r"config\.json"):
        membership.train_halves(config, tmp_path / "two")
    assert not (tmp_path / "one" / "first").exists()
    assert not (tmp_path / "two" / "second").exists()
    assert not (first / "first").exists()
