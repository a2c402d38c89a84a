"""What a run says of its evaluations."""

import math

from dermgan_jax.config import experiment, with_values
from dermgan_jax.metrics.measurement import Measurement, MetricValue
from dermgan_jax.models.contract import Stage
from dermgan_jax.runs.state import Clock
from dermgan_jax.train import log as training_log
from dermgan_jax.train.log import Reports, TrainingLog


class Kept:
    """Stands for metrics.jsonl and for the display: keeps what it is given."""

    def __init__(self):
        self.rows = []

    write = note = lambda self, row: self.rows.append(row)


def test_values_that_are_not_defined_yet_are_named_without_a_number():
    metrics, display = Kept(), Kept()
    log = TrainingLog(metrics, display, None, {}, Clock(0, 0, 0))
    measured = {
        name: Measurement(MetricValue(name, value, "protocol", 4, {}, "higher"))
        for name, value in (("auroc", math.nan), ("psnr", 31.25), ("spread", math.nan))
    }
    log.evaluation(Clock(2, 2000, 0), 1.0, measured)
    assert display.rows == ["psnr 31.25, auroc, spread not measurable yet at 2.0 kimg"]
    assert metrics.rows[0]["metrics"] is measured


class Display:
    """Keeps the images shown at each move."""

    def __init__(self):
        self.moves = []

    def update(self, images, stage, alpha, metrics):
        self.moves.append((images, stage, dict(metrics)))


class Model:
    config = with_values(experiment("pgan"), {"train.log_every_steps": 50, "train.total_kimg": 1.0})

    def iteration_images(self, stage):
        return 8


def test_display_moves_between_rows_where_steps_are_slow(monkeypatch):
    now = [0.0]
    monkeypatch.setattr(training_log.time, "monotonic", lambda: now[0])
    metrics, display = Kept(), Display()
    reports = Reports(TrainingLog(metrics, display, None, {}, Clock(0, 0, 0)), Model())
    stage = Stage((4, 4), 8, {})
    for step in range(4):
        now[0] += 1.5
        reports.add({}, [stage], Clock(step, 8 * step, 8 * step))
    # At 3 and 6 seconds; reports are read while the next call is under way.
    assert display.moves == [(8, "4x4", {}), (24, "4x4", {})]
    assert not metrics.rows
