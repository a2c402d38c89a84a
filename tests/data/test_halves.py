"""Training splits of one half of the groups: `data.half`."""

import numpy as np
import pytest

from dermgan_jax import config as config_schema
from dermgan_jax.config import experiment
from dermgan_jax.data.catalogue import catalogue
from dermgan_jax.data.check import cautions
from dermgan_jax.data.splits import HALVES, halves
from dermgan_jax.errors import UserError


def phantoms(**fields):
    config = experiment("pgan")
    config.data.update({"num_images": 300, **fields})
    return config


def groups_of(listed, split):
    return {listed.records[row].group for row in listed.indices(split)}


def test_halves_divide_the_training_groups_and_nothing_else():
    every = catalogue(phantoms().data)
    first, second = (catalogue(phantoms(half=half).data) for half in HALVES)
    assert groups_of(first, "train") | groups_of(second, "train") == groups_of(every, "train")
    assert not groups_of(first, "train") & groups_of(second, "train")
    for half in (first, second):
        assert half.split_hash == every.split_hash
        for split in ("val", "test"):
            assert groups_of(half, split) == groups_of(every, split)
        share = np.array(half.class_counts("train")) / every.class_counts("train")
        assert abs(share - 0.5).max() < 0.2
    (note,) = [each for each in cautions(first, phantoms(half="first").data) if "half" in each]
    assert "training images are of the first half of the groups only" in note


def test_a_half_does_not_hang_on_the_order_of_images():
    labels, groups = np.array([0, 0, 0, 1, 1, 1, 1]), list("aabcddd")
    of_image = halves(labels, groups, 3)
    assert of_image[0] == of_image[1]
    assert len(set(of_image[4:])) == 1
    order = np.array([3, 6, 0, 2, 5, 1, 4])
    again = halves(labels[order], [groups[i] for i in order], 3)
    assert (again == of_image[order]).all()


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"half": "third"}, "data.half is 'third'; expected one of nothing, first, second"),
        ({"half": "first", "split": "all"}, "data.half is of the training split"),
    ],
)
def test_what_is_no_half_is_refused(fields, message):
    with pytest.raises(UserError, match=message):
        config_schema.validate(phantoms(**fields))


def test_configurations_of_before_are_as_they_were():
    assert "data.half" not in config_schema.computed_fields(phantoms())
    assert "data.half" in config_schema.computed_fields(phantoms(half="first"))
