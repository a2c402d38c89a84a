"""Values within subgroups as they are printed and kept."""

import json

import numpy as np

from dermgan_jax.evaluation.subgroup_values import (
    WIDTH,
    Cell,
    Subgroup,
    subgroup_values,
    text,
    unmatched,
)
from dermgan_jax.metrics.measure import Request
from dermgan_jax.metrics.measurement import MetricValue

RANDOM = np.random.default_rng(0)
REAL, FAKE = RANDOM.integers(0, 256, (2, 120, 16, 16, 3), np.uint8)
TONES = np.array(["very light", "unknown", "dark", "tan"]).repeat(30)


def measured(columns, metrics=("kd:pixels",)):
    return subgroup_values(REAL, FAKE, columns, Request(metrics, 0, False, None))


def test_tones_stand_from_dark_to_light_and_the_unknown_last():
    found = measured({"tone": (TONES, TONES)})
    assert [each.value for each in found] == ["dark", "tan", "very light", "unknown"]
    (note,) = unmatched({"tone": (TONES, np.array(["dark", "unknown"]))})
    assert "tone could not be told of 30 real and 1 synthetic images" in note
    assert unmatched({"class": (np.array(["nv"]), np.array(["nv"]))}) == []


def test_a_column_of_real_images_alone_says_why_there_is_no_value():
    sex = np.array(["female", "male"]).repeat(60)
    found = measured({"sex": (sex, None)}, ("kd:pixels", "prdc:pixels"))
    assert found[0].cells["kd:pixels"].reason == "reals only"
    assert found[0].cells["recall:pixels"].value is not None
    (note,) = unmatched({"sex": (sex, None)})
    assert "sex is known of real images only" in note
    assert "recall and coverage" in note


def test_tables_are_no_wider_than_a_terminal_and_leave_nothing_out():
    value = MetricValue("kd:lite0", 0.123, "p", 60, {}, "lower", interval=(0.1111, 0.1333))
    names = [f"precision:space{i}" for i in range(7)]
    group = Subgroup("tone", "very light", 60, 60, True, dict.fromkeys(names, Cell(value)))
    lines = text([group, group]).splitlines()
    assert max(map(len, lines)) <= WIDTH
    assert all(sum(name in line for line in lines) == 1 for name in names)
    assert sum(line.count("[0.111, 0.133]") for line in lines) == 2 * len(names)


def test_a_value_that_is_not_finite_can_be_kept():
    same = np.full_like(REAL, 7)
    found = subgroup_values(
        same, same, {"c": (np.zeros(120, int).astype(str),) * 2}, Request(("mifd:pixels",), 0)
    )
    plain = json.dumps([each.to_json() for each in found], allow_nan=False)
    assert "mifd:pixels" in plain
