"""dermgan on a host whose evaluations take long to write down, if it is the first of several.

It prints at which steps this process evaluates.
"""

import os
import time

from dermgan_jax import main
from dermgan_jax.runs.metrics_log import MetricsLog
from dermgan_jax.train.evaluator import Evaluator

SECONDS = 1.0

write, measure = MetricsLog.write, Evaluator.measure


def slow_write(self, row):
    if row["kind"] == "eval" and os.environ["DERMGAN_PROCESS_ID"] == "0":
        time.sleep(SECONDS)
    write(self, row)


def told_measure(self, state, clock, stage):
    print(f"evaluates at step {clock.step}")
    return measure(self, state, clock, stage)


if __name__ == "__main__":
    MetricsLog.write, Evaluator.measure = slow_write, told_measure
    main.run()
