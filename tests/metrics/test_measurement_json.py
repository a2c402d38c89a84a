"""Measurements as JSON: nothing is lost, NaN is null, and files of early versions are read."""

import dataclasses
import json
import math

import pytest

from dermgan_jax.errors import UserError
from dermgan_jax.metrics.measurement import (
    ClassPair,
    Confusion,
    Measurement,
    Measurements,
    MetricValue,
    by_key,
)
from dermgan_jax.metrics.measurement_json import from_json, to_json

FID = MetricValue("fid", 80.0, "fid:0123/test", 30, {"mean": 50.0}, "lower", 60, 2.0, (70.0, 90.0))
BOUND = dataclasses.replace(FID, value=4.0, n_real=30)
PAIRS = (ClassPair(("mel", "nv"), 12.5, 20), ClassPair(("mel", "df"), 30.0, 9))
IOU = MetricValue("mask_iou", 0.5, "test", 9, {}, "higher")
ACCURACY = MetricValue("accuracy", 0.75, "val:argmax", 4, {}, "higher", interval=(0.3, 0.95))
MEASURED = by_key(
    Measurement(FID, real_against_real=BOUND, class_pairs=PAIRS),
    Measurement(
        IOU,
        direction="AtoB",
        split="test",
        identity=dataclasses.replace(IOU, value=0.7),
        mean_colour=dataclasses.replace(IOU, value=0.1),
    ),
    Measurement(ACCURACY, confusion=Confusion(("mel", "nv"), ((2, 1), (0, 1)))),
)


def through_text(measured: Measurements) -> Measurements:
    return from_json(json.loads(json.dumps(to_json(measured), allow_nan=False)))


def test_nothing_is_lost():
    assert list(MEASURED) == ["fid", "AtoB/test/mask_iou", "accuracy"]
    assert through_text(MEASURED) == MEASURED
    assert through_text({}) == {}


def test_numbers_that_are_not_finite_are_null_and_come_back_as_nan():
    broken = dataclasses.replace(
        FID, value=math.inf, details={"mean": math.nan}, std=math.nan, interval=(math.nan, 1.0)
    )
    nowhere = (ClassPair(("mel", "nv"), math.nan, 20),)
    measured = by_key(Measurement(broken, real_against_real=broken, class_pairs=nowhere))
    found = through_text(measured)["fid"]
    for value in (found.value, found.real_against_real):
        assert math.isnan(value.value)
        assert math.isnan(value.details["mean"])
        assert (value.std, value.interval) == (None, None)
        assert (value.n, value.n_real, value.protocol) == (30, 60, "fid:0123/test")
    assert math.isnan(found.class_pairs[0].value)
    assert found.nearest_classes is None


def with_old_keys(measured: Measurements) -> dict:
    """As versions before 0.2 wrote it: yardsticks are entries of their own."""
    found = {}
    for key, entry in to_json(measured).items():
        yardsticks = entry.pop("yardsticks")
        del entry["direction"], entry["split"]
        found[key] = entry
        for name, end in (
            ("real_against_real", "lower_bound"),
            ("identity", "identity"),
            ("mean_colour", "mean_colour"),
        ):
            if name in yardsticks:
                found[f"{key}_{end}"] = yardsticks[name]
        if "class_pairs" in yardsticks:
            pairs = yardsticks["class_pairs"]
            nearest = {**entry, "value": pairs[0]["value"], "n": pairs[0]["n"]}
            found[f"{key}_class_yardstick"] = {**nearest, "pairs": pairs}
    return found


def test_yardsticks_that_were_entries_of_their_own_are_read():
    old = with_old_keys(MEASURED)
    assert set(old) - set(MEASURED) == {
        "fid_lower_bound",
        "fid_class_yardstick",
        "AtoB/test/mask_iou_identity",
        "AtoB/test/mask_iou_mean_colour",
    }
    assert from_json(old) == MEASURED


def test_the_earliest_files_had_neither_intervals_nor_directions():
    plain = {"name": "swd", "value": 9.0, "protocol": "swd:test", "n": 64, "details": {"8x8": 9.0}}
    found = from_json({"swd": plain, "swd_lower_bound": {**plain, "value": 4.0}})["swd"]
    assert found.value == MetricValue("swd", 9.0, "swd:test", 64, {"8x8": 9.0}, "lower")
    assert found.real_against_real == dataclasses.replace(found.value, value=4.0)


@pytest.mark.parametrize("plain", [{"swd": 9.0}, {"swd": {"value": 9.0}}])
def test_anything_else_is_refused(plain):
    with pytest.raises(UserError, match="these are no measurements"):
        from_json(plain)
