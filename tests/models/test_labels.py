"""Labels, as every family that makes images from noise treats them."""

import numpy as np
import pytest
import tiny_configs

from dermgan_jax import config as config_schema
from dermgan_jax import registry
from dermgan_jax.data.records import DataSpec

FAMILIES = ("pgan", "stylegan2", "dcgan", "lapgan")


def built(family, conditional, class_counts=(3, 0, 1)):
    config = tiny_configs.TINY[family]()
    config.model.conditional = conditional
    side = config.data.resolution
    data = DataSpec(side, side, 3, class_counts, num_examples=4)
    return registry.load("model", family)(config_schema.validate(config), data)


@pytest.mark.parametrize("family", FAMILIES)
def test_labels_count_only_where_the_model_is_conditional(family):
    labels = np.array([2, 0])
    np.testing.assert_array_equal(built(family, True).one_hot(labels), [[0, 0, 1], [1, 0, 0]])
    assert built(family, False).one_hot(labels) is None


@pytest.mark.parametrize("family", FAMILIES)
def test_conditional_model_of_unlabelled_data_is_a_fault(family):
    (fault,) = built(family, True, ()).faults()
    assert fault.startswith("model.conditional is set but the data have no classes")
    assert built(family, True).faults() == built(family, False, ()).faults() == []


@pytest.mark.parametrize("family", FAMILIES)
def test_images_without_a_class_are_a_fault_of_a_conditional_model(family):
    (fault,) = built(family, True, (2, 0, 1)).faults()
    assert fault.startswith("1 of 4 training images have no class")
    assert built(family, False, (2, 0, 1)).faults() == []
