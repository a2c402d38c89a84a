"""Pairs of classes of real images as a yardstick."""

import math

import numpy as np
import pytest

from dermgan_jax.data.labelling import Labelling
from dermgan_jax.metrics import yardstick
from dermgan_jax.metrics.measurement import Measurement, MetricValue

DISTANCES = {("a", "b"): math.nan, ("b", "c"): 0.9, ("a", "c"): 0.2}


@pytest.mark.parametrize(
    ("better", "names"),
    [("lower", ["a – c", "b – c", "a – b"]), ("higher", ["b – c", "a – c", "a – b"])],
)
def test_pair_least_apart_comes_first_and_one_without_a_number_last(better, names):
    def compute(one, other, *, seed, mirror):
        pair = tuple("abc"[side[0, 0]] for side in (one, other))
        return (MetricValue("kid", DISTANCES[pair], "test", len(one), {}, better),)

    labels = np.repeat(np.arange(3), 20)
    labelling = Labelling(("a", "b", "c"), labels)
    found = yardstick.class_against_class(compute, labels[:, None], labelling, n=20, seed=0)
    assert [pair.name for pair in found["kid"]] == names
    measured = Measurement(
        MetricValue("kid", 0.1, "test", 20, {}, better), class_pairs=found["kid"]
    )
    assert [pair.name for pair in measured.finite_class_pairs] == names[:2]
    assert measured.nearest_classes.name == names[0]
