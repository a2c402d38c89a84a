"""Any value of any field of any family: a message that names the field, or a step that can be made.

pytest -m slow -s tests/faults/test_odd_values.py
"""

import collections
import random

import jax
import pytest
import tiny_configs
from odd_values import odd_values, with_value

from dermgan_jax import config, registry
from dermgan_jax.commands import configuration
from dermgan_jax.data.catalogue import catalogue
from dermgan_jax.errors import UserError
from dermgan_jax.planning import abstract_step
from dermgan_jax.studies import augmentation_config, comparison_config, segmentation_config
from dermgan_jax.train import schedule, start

MODELS = registry.names("model")
# Fields that no network depends on: that they are accepted is all there is to it.
BESIDE = ("data.", "eval.", "checkpoint.", "title", "seed")


@pytest.fixture(scope="module")
def data():
    """Name of a family -> the catalogue of its tiny experiment."""
    return {name: catalogue(config.validate(tiny_configs.TINY[name]()).data) for name in MODELS}


@pytest.fixture
def outcomes():
    found = collections.Counter()
    yield found
    print(dict(found))


def outcome(name, key, value, data):
    """What becomes of one value, in words; an error that is no UserError is a fault."""
    given = with_value(tiny_configs.TINY[name](), key, value)
    if faults := config.faults(given):
        assert any(key.partition(".")[0] in line for line in faults), (key, value, faults)
        return "refused by its bounds or type"
    if key.startswith(BESIDE):
        return "accepted"
    try:
        model = start.build_model(config.validate(given), data[name])
        start.require_memory(model, 1)
    except UserError:
        return "refused by the model"
    for stage in schedule.all_stages(model)[-1:]:
        abstract_step.trace(model, stage, jax.devices()[:1])
    return "accepted, and its step traced"


@pytest.mark.parametrize("name", MODELS)
def test_a_sample(name, data, outcomes):
    cases = list(odd_values(tiny_configs.TINY[name]()))
    rng = random.Random(name)
    traced = 1
    for key, value in rng.sample(cases, 50):
        if not traced and not config.faults(with_value(tiny_configs.TINY[name](), key, value)):
            continue
        found = outcome(name, key, value, data)
        traced -= found == "accepted, and its step traced"
        outcomes[found] += 1
    assert outcomes["refused by its bounds or type"] > 20


@pytest.mark.slow
@pytest.mark.parametrize("name", MODELS)
def test_every_value(name, data, outcomes):
    for key, value in odd_values(tiny_configs.TINY[name]()):
        try:
            outcomes[outcome(name, key, value, data)] += 1
        except Exception as error:
            raise AssertionError(f"{key} = {value!r}") from error


STUDIES = {
    "augmentation_study:phantom": augmentation_config.experiments,
    "segmentation_study:phantom": segmentation_config.experiments,
    "study_p1:phantom": comparison_config.experiments,
}


@pytest.mark.parametrize("name", STUDIES)
def test_values_of_studies(name, outcomes):
    """Of the fields that are a study's own, and of the groups that are experiments."""
    study = configuration.parse([f"--config={name}"])
    usual = config.flatten(study)
    own = {key: value for key, value in usual.items() if key.count(".") < 2}
    for key, value in odd_values(config.unflatten(own)):
        if key.startswith(("data.", "study", "title", "target")):
            continue
        given = config.unflatten(usual | {key: value})
        try:
            STUDIES[name](given)
            outcomes["accepted"] += 1
        except UserError:
            outcomes["refused"] += 1
    assert outcomes["refused"] > 50
