"""What a report says of a model that enlarges: bicubic beside it, and what it invents."""

import pytest

from dermgan_jax.metrics.measurement import Measurement, MetricValue
from dermgan_jax.report import upscaler
from dermgan_jax.report.html import environment
from dermgan_jax.report.run_record import RunRecord


def measurement(name, value, bicubic, better="higher", split="val"):
    own, other = (
        MetricValue(
            name, number, "protocol", 20, {}, better, std=0.1, interval=(number - 0.1, number + 0.1)
        )
        for number in (value, bicubic)
    )
    return Measurement(own, split=split, identity=other)


def record(*measured, split="val", images=3000):
    config = {
        "title": "",
        "model": {"name": "superres", "scale": 4, "pixel_kimg": 2.0},
        "data": {"resolution": 64, "dataset": "phantom"},
        "train": {"total_kimg": 4.0},
        "checkpoint": {"best_metric": ""},
    }
    metrics = {one.name: one for one in measured}
    row = {"kind": "eval", "step": 5, "images": images, "seconds": 1.0, "metrics": metrics}
    return RunRecord(config, [row] if metrics else [], {}, (), None)


@pytest.mark.parametrize(
    ("name", "value", "bicubic", "better", "told"),
    [
        ("psnr_y", 30.0, 29.0, "higher", "better than bicubic"),
        ("lpips", 0.3, 0.2, "lower", "worse than bicubic"),
        ("consistency", 0.2, 0.2, "lower", "as bicubic"),
        ("psnr_y", float("inf"), 29.0, "higher", ""),
    ],
)
def test_outcome_beside_bicubic(name, value, bicubic, better, told):
    assert upscaler.outcome(measurement(name, value, bicubic, better)) == told


def test_numbers_of_what_is_invented_stand_in_the_caution():
    parts = upscaler.parts(
        record(
            measurement("consistency", 0.03, 0.001, "lower"),
            measurement("mask_agreement", 0.8, 0.9),
        )
    )
    assert "7.6 of 255 grey levels" in parts["invented"]
    assert "bicubic" in parts["invented"]
    assert "outlines of lesions agree" in parts["invented"]
    assert parts["held_out"]
    assert parts["stages"].endswith("then adversarially")
    assert (parts["scale"], parts["small_side"]) == (4, 16)


def test_images_trained_on_are_called_so():
    parts = upscaler.parts(record(measurement("psnr_y", 30.0, 29.0, split="train")))
    assert not parts["held_out"]
    assert parts["metrics"][0]["images"] == "20 train images"


def test_nothing_measured_yet():
    parts = upscaler.parts(record())
    assert (parts["results"], parts["invented"]) == ([], "")
    assert "by pixels alone" in upscaler.stages(record())


def test_template_is_there():
    assert environment().get_template(upscaler.REPORT.template)
