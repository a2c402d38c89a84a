"""What a run says of its evaluations."""

import math

from dermgan_jax.metrics.measurement import Measurement, MetricValue
from dermgan_jax.runs.state import Clock
from dermgan_jax.train.log import TrainingLog


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
